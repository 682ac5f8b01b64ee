/* Temperature and conformal sets from labelled cells that training has not seen. */
#include "label.h"

#include "sc_calibrate.h"
#include "sc_text.h"

#include <stdlib.h>
#include <string.h>

enum { N_BINS = 15 };

typedef struct calibration {
    const label_opts *o;
    sc_over *s;
    sc_reader *in;
    sc_infer *x;
    const sc_strs *classes;
    int32_t node;
    const char *key;   /* of the labels */
    sc_strs cells;     /* those to use */
    sc_names *is_used; /* NULL: all */
    float *probs;      /* n x classes */
    int32_t *truth;
    int64_t n, cap, n_named; /* n_named: of `cells`, those met */
} calibration;

static sc_status read_cells(calibration *c, const char *path, sc_err *err)
{
    SC_TRY(sc_text_names(path, &c->cells, err));
    return sc_names_new(&c->is_used, &c->cells, err);
}

static sc_status class_of(const calibration *c, const sc_table *obs, const sc_col *col, int64_t i,
                          int32_t *code, sc_err *err)
{
    char buf[64], near[256];
    const char *unlabeled = c->s->net.unlabeled;
    *code = -1;
    if (sc_col_is_missing(col, i))
        return SC_OK;
    const char *text = sc_col_text(col, i, buf, sizeof buf);
    for (int64_t k = 0; k < c->classes->n; k++)
        if (strcmp(sc_strs_at(c->classes, k), text) == 0)
            *code = (int32_t)k;
    if (*code >= 0 || (unlabeled && strcmp(text, unlabeled) == 0))
        return SC_OK;
    sc_strs_near(c->classes, text, near, sizeof near);
    return sc_fail(err, SC_EDATA,
                   "%s: cell '%s' has '%s' in obs column '%s', which is no class of the model%s%s",
                   c->o->calibrate, sc_strs_at(&obs->names, i), text, c->key,
                   near[0] ? "; near: " : "", near);
}

static sc_status room(calibration *c, int64_t more, sc_err *err)
{
    if (c->n + more <= c->cap)
        return SC_OK;
    c->cap = 2 * (c->n + more);
    SC_TRY(sc_resize(&c->truth, (size_t)c->cap, sizeof *c->truth, err));
    return sc_resize(&c->probs, (size_t)(c->cap * c->classes->n), sizeof *c->probs, err);
}

/* Keeps the labelled ones among rows [at, at + n) of the block. */
static sc_status take_rows(calibration *c, const sc_table *obs, int64_t at, int64_t n, sc_err *err)
{
    const sc_col *col = sc_table_find(obs, c->key);
    const int64_t k = c->classes->n;
    SC_TRY(sc_infer_run(c->x, at, n, SC_DRAW_MEAN, 0, 0, err));
    const float *p = sc_infer_value(c->x, c->node);
    for (int64_t i = 0; i < n; i++) {
        int32_t code;
        if (c->is_used) {
            const bool is_named = sc_names_find(c->is_used, sc_strs_at(&obs->names, at + i)) >= 0;
            c->n_named += is_named;
            if (!is_named)
                continue;
        }
        SC_TRY(class_of(c, obs, col, at + i, &code, err));
        if (code < 0 || sc_infer_n_counts(c->x, at + i) == 0)
            continue;
        c->truth[c->n] = code;
        memcpy(c->probs + c->n * k, p + i * k, (size_t)k * sizeof *p);
        c->n++;
    }
    return SC_OK;
}

static sc_status read_all(calibration *c, sc_err *err)
{
    const sc_over_opts *v = &c->o->over;
    const sc_keys keys = {.layer = v->layer,
                          .batch = v->batch_key,
                          .n_cat_covs = v->cat_covariates.n,
                          .n_cont_covs = v->cont_covariates.n,
                          .cat_covs = v->cat_covariates.items,
                          .cont_covs = v->cont_covariates.items};
    char note[SC_ERR_MAX];
    sc_block *b = NULL;
    sc_table *obs = NULL;
    sc_status st;
    SC_TRY(sc_require_obs(sc_reader_header(c->in), c->key, err));
    SC_TRY(sc_infer_open(&c->x, &c->s->net, sc_reader_header(c->in), &keys, &c->node, 1, c->s->pool,
                         c->s->kernels, note, sizeof note, err));
    while ((st = sc_reader_next(c->in, &b, err)) == SC_OK) {
        const int64_t n = sc_block_n_rows(b);
        SC_TRY(sc_infer_block(c->x, b, err));
        SC_TRY(sc_block_obs(b, &obs, err));
        SC_TRY(room(c, n, err));
        for (int64_t at = 0; at < n; at += SC_INFER_ROWS)
            SC_TRY(take_rows(c, obs, at, n - at < SC_INFER_ROWS ? n - at : SC_INFER_ROWS, err));
    }
    SC_TRY(st == SC_END ? SC_OK : st);
    if (c->is_used && c->n_named < c->cells.n)
        return sc_fail(err, SC_EDATA, "%s has %lld of the %lld cells that '%s' names",
                       c->o->calibrate, (long long)c->n_named, (long long)c->cells.n,
                       c->o->calibrate_cells);
    return c->n ? SC_OK
                : sc_fail(err, SC_EDATA, "%s has no cell with a class of the model in '%s'",
                          c->o->calibrate, c->key);
}

static sc_status learn(calibration *c, sc_label_rules *r, sc_err *err)
{
    const int64_t k = c->classes->n;
    const double before = sc_calibration_error(c->n, k, c->probs, c->truth, N_BINS);
    r->temperature = sc_temperature_fit(c->n, k, c->probs, c->truth);
    sc_label_temper(c->n, k, r->temperature, c->probs);
    sc_cli_note(&label_tool, c->o,
                "temperature %.3g from %lld cells: their calibration error was %.3f, and is %.3f",
                r->temperature, (long long)c->n, before,
                sc_calibration_error(c->n, k, c->probs, c->truth, N_BINS));
    if (!r->has_sets)
        return SC_OK;
    SC_TRY(sc_conformal_floor(c->n, k, c->probs, c->truth, c->o->conformal, &r->set_floor, err));
    if (r->set_floor > 0)
        sc_cli_note(&label_tool, c->o, "sets hold the classes with a probability of %.3g or more",
                    r->set_floor);
    else
        sc_cli_note(&label_tool, c->o, "%lld cells are too few for a coverage of %g: sets hold all",
                    (long long)c->n, c->o->conformal);
    return SC_OK;
}

sc_status label_calibrate(const label_opts *o, sc_over *s, int32_t node, const sc_strs *classes,
                          sc_label_rules *r, sc_err *err)
{
    calibration c = {.o = o, .s = s, .classes = classes, .node = node};
    const char *own = s->net.cats[SC_IN_LABELS - SC_IN_BATCH].key;
    sc_status st;
    c.key = o->label_key ? o->label_key : own;
    if (!c.key)
        return sc_fail(err, SC_EUSAGE, "--calibrate needs --label-key: the model names no column");
    if (o->calibrate_cells)
        SC_GOTO(st, read_cells(&c, o->calibrate_cells, err), out);
    SC_GOTO(st, sc_reader_open_path(&c.in, o->calibrate, err), out);
    st = read_all(&c, err);
    if (st != SC_OK && !strstr(err->msg, o->calibrate))
        st = sc_err_prefix(err, st, "%s", o->calibrate);
    if (st != SC_OK)
        goto out;
    st = learn(&c, r, err);
out:
    sc_infer_close(c.x);
    sc_reader_close(c.in);
    sc_names_free(c.is_used);
    sc_strs_free(&c.cells);
    free(c.probs);
    free(c.truth);
    return st;
}

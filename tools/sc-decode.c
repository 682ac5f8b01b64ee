/* Decodes cells: normalized expression, and whatever else a model gives for a cell. */
#include "sc_decode.h"
#include "sc_over.h"
#include "sc_repeat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct decode_opts {
    sc_common common;
    sc_over_opts over;
    const char *what, *transform_batch, *library_size;
    int latent;
    int64_t n_samples;
    bool each_sample, sample_protein_mixing;
} decode_opts;

enum { LATENT_MEAN, LATENT_SAMPLE };
enum { MAX_WHAT = 32, MAX_BYTES = 220 * 1000 * 1000 };

static const sc_param params[] = {
    SC_STRING(decode_opts, what, "what", "NAME[,NAME]",
              "outputs of the model, px_scale if none is named; an unknown name lists them"),
    SC_STRING(decode_opts, library_size, "library-size", "N|latent",
              "multiply px_scale by this, or by each cell's own library size"),
    SC_CHOICE(decode_opts, latent, "latent", LATENT_MEAN, "mean|sample",
              "decode the mean of q(z|x), or draws from it"),
    SC_INT(decode_opts, n_samples, "n-samples", 1, 1, 1000000,
           "draws to average with --latent sample"),
    SC_BOOL(decode_opts, each_sample, "each-sample", 0,
            "a row for each draw, numbered in obs column sample, in place of their mean"),
    SC_BOOL(decode_opts, sample_protein_mixing, "sample-protein-mixing", 0,
            "draw which proteins are background, in place of their probabilities"),
    SC_STRING(decode_opts, transform_batch, "transform-batch", "B[,B]",
              "decode every cell as one of this batch; of several, the mean"),
    SC_OVER_PARAMS(decode_opts, over),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-decode",
    .brief = "normalized expression and other outputs of a model",
    .operands = "MODEL [IN]",
    .min_operands = 1,
    .max_operands = 2,
    .flags = SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT | SC_TOOL_PG,
    .params = params,
    .opts_size = sizeof(decode_opts),
    .example = "sc-decode --library-size 1e4 model.scm counts.scz > decoded.scz",
};

typedef enum place { IN_LAYERS, IN_VAR, IN_OBS, IN_OBSM } place;

/* SC_INFER_ROWS x n_cols of each output */
typedef struct scratch {
    float *values[MAX_WHAT];
} scratch;

typedef struct decoder {
    const decode_opts *o;
    sc_over s;
    sc_decoding how;
    sc_mixing mixing;
    int n;
    sc_wanted wanted[MAX_WHAT];
    place places[MAX_WHAT];
    float factors[MAX_WHAT];
    char paths[MAX_WHAT][160];
    scratch *of_thread;
    sc_header kept; /* of the input, without genes that the model does not know */
    sc_subset genes;
    int32_t *order; /* the model's gene of each kept one */
} decoder;

static place place_of(const sc_wanted *w)
{
    if (w->kind == SC_OUT_VARS)
        return w->is_constant ? IN_VAR : IN_LAYERS;
    return w->kind == SC_OUT_CELL && w->n_cols == 1 ? IN_OBS : IN_OBSM;
}

static sc_status add_wanted(decoder *d, const char *name, sc_err *err)
{
    sc_wanted *w = &d->wanted[d->n];
    if (d->n == MAX_WHAT)
        return sc_fail(err, SC_EUSAGE, "--what names more than %d outputs", MAX_WHAT);
    SC_TRY(sc_wanted_find(w, &d->s.net, name, err));
    for (int k = 0; k < d->n; k++)
        if (strcmp(d->wanted[k].name, name) == 0)
            return sc_fail(err, SC_EUSAGE, "--what names '%s' twice", name);
    d->factors[d->n] = 1;
    d->places[d->n] = place_of(w);
    (void)snprintf(d->paths[d->n], sizeof *d->paths, "%s%s",
                   d->places[d->n] == IN_LAYERS ? "layers/"
                   : d->places[d->n] == IN_OBSM ? "obsm/"
                                                : "",
                   w->name);
    d->n++;
    return SC_OK;
}

static sc_status find_wanted(decoder *d, sc_err *err)
{
    char name[128];
    for (const char *s = d->o->what ? d->o->what : "px_scale";; s++) {
        const size_t len = strcspn(s, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)(len < 127 ? len : 127), s);
        SC_TRY(add_wanted(d, name, err));
        s += len;
        if (!*s)
            return SC_OK;
    }
}

/* px_scale times a number, or times the cell's library size, which is px_rate. */
static sc_status set_library(decoder *d, const char *size, sc_err *err)
{
    for (int k = 0; k < d->n; k++) {
        if (strcmp(d->wanted[k].name, "px_scale") != 0)
            continue;
        if (strcmp(size, "latent") == 0) {
            sc_wanted rate;
            SC_TRY(sc_wanted_find(&rate, &d->s.net, "px_rate", err));
            d->wanted[k].node = rate.node;
            return SC_OK;
        }
        char *end = NULL;
        const float n = strtof(size, &end);
        if (end == size || *end || !isfinite(n) || n <= 0)
            return sc_fail(err, SC_EUSAGE,
                           "option '--library-size' takes a number above 0 or 'latent', not '%s'",
                           size);
        d->factors[k] = n;
        return SC_OK;
    }
    return sc_fail(err, SC_EUSAGE, "--library-size is for px_scale, which --what does not name");
}

static sc_status set_mixing(decoder *d, sc_err *err)
{
    bool is_used = false;
    SC_TRY(sc_mixing_find(&d->mixing, &d->s.net, err));
    for (int k = 0; k < d->n; k++)
        is_used = is_used || sc_mixing_makes(d->wanted[k].name);
    if (!is_used)
        return sc_fail(err, SC_EUSAGE,
                       "--sample-protein-mixing is for protein_denoised, protein_with_background "
                       "and py_scale, of which --what names none");
    d->how.mixing = &d->mixing;
    return SC_OK;
}

/* One draw is little work for a cell, so that blocks go side by side, as many as may be in memory:
 * what is decoded, its bytes, and those compressed; and half a block's worth of a few of the
 * model's nodes. */
static void choose_blocks(decoder *d)
{
    int64_t n_cols = d->s.net.dims.n_vars;
    for (int k = 0; k < d->n; k++)
        n_cols += d->wanted[k].is_constant ? 0 : d->wanted[k].n_cols;
    const int64_t most = MAX_BYTES / (SC_BLOCK_ROWS * 3 * (int64_t)sizeof(float)) / n_cols;
    const bool is_one = d->how.n_draws == 1 && d->how.batches.n <= 1 && !d->o->each_sample;
    d->s.by_block = is_one && (most > 1 || sc_pool_size(d->s.pool) == 1);
    d->s.most = most < SC_THREADS_MAX ? (int)most : 0;
}

static sc_status check_opts(decoder *d, sc_err *err)
{
    const decode_opts *o = d->o;
    if (o->latent == LATENT_MEAN && (o->n_samples > 1 || o->each_sample))
        return sc_fail(err, SC_EUSAGE, "--n-samples and --each-sample need --latent sample");
    SC_TRY(find_wanted(d, err));
    if (o->library_size)
        SC_TRY(set_library(d, o->library_size, err));
    if (o->transform_batch)
        SC_TRY(sc_batch_list_parse(&d->how.batches, &d->s.net, o->transform_batch, err));
    if (o->sample_protein_mixing)
        SC_TRY(set_mixing(d, err));
    d->how.draw = o->latent == LATENT_SAMPLE ? SC_DRAW_SAMPLE : SC_DRAW_MEAN;
    d->how.seed = (uint64_t)o->common.seed;
    d->how.n_draws = o->each_sample ? 1 : o->n_samples;
    choose_blocks(d);
    return sc_alloc(&d->of_thread, (size_t)sc_pool_size(d->s.pool), sizeof *d->of_thread, err);
}

/* What a thread has to decode into, from its first block on. */
static sc_status scratch_of(decoder *d, int tid, float ***values, sc_err *err)
{
    *values = d->of_thread[tid].values;
    for (int k = 0; k < d->n; k++)
        if (!(*values)[k])
            SC_TRY(sc_alloc(&(*values)[k], (size_t)(SC_INFER_ROWS * d->wanted[k].n_cols),
                            sizeof(float), err));
    return SC_OK;
}

static sc_status fresh_column(sc_table *t, const char *name, sc_col **c, sc_err *err)
{
    if (sc_table_find(t, name))
        SC_TRY(sc_table_drop(t, name, err));
    return sc_table_add(t, name, SC_COL_REAL, c, err);
}

/* Names of proteins, or of classes: those come first among the labels' levels, the unlabelled value
 * last. */
static sc_status name_columns(const decoder *d, const sc_wanted *w, sc_mat *m, sc_err *err)
{
    const sc_net *net = &d->s.net;
    const sc_strs *names = w->kind == SC_OUT_PROTEINS ? &net->proteins
                           : w->kind == SC_OUT_CLASSES
                               ? &net->cats[SC_IN_LABELS - SC_IN_BATCH].levels
                               : NULL;
    if (!names || names->n < w->n_cols)
        return SC_OK;
    for (int64_t j = 0; j < w->n_cols; j++)
        SC_TRY(
            sc_strs_push(&m->col_names, sc_strs_at(names, j), strlen(sc_strs_at(names, j)), err));
    return SC_OK;
}

static sc_status add_to_header(decoder *d, sc_header *h, int k, sc_err *err)
{
    const sc_wanted *w = &d->wanted[k];
    sc_col *c = NULL;
    if (d->places[k] == IN_LAYERS)
        return sc_header_add(h, d->paths[k], SC_REAL, false, d->genes.n_new, NULL, err);
    if (d->places[k] == IN_OBSM) {
        sc_mat *m = NULL;
        SC_TRY(sc_header_add(h, d->paths[k], SC_REAL, false, w->n_cols, &m, err));
        return name_columns(d, w, m, err);
    }
    if (d->places[k] == IN_OBS)
        return fresh_column(&h->obs, w->name, &c, err);
    float **values;
    SC_TRY(scratch_of(d, 0, &values, err));
    SC_TRY(sc_decode_constant(d->s.x, w, values[k], err));
    SC_TRY(fresh_column(&h->var, w->name, &c, err));
    for (int64_t j = 0; j < d->genes.n_new; j++)
        c->v.r[j] = (double)(d->factors[k] * values[k][d->order[j]]);
    return SC_OK;
}

static sc_status begin(decoder *d, sc_err *err)
{
    const decode_opts *o = d->o;
    sc_header h = {0};
    sc_status st = SC_OK;
    SC_TRY(sc_over_genes(&d->s, &d->genes, &d->order, err));
    SC_TRY(sc_header_copy(&d->kept, sc_reader_header(d->s.in), err));
    if (d->genes.n_new < d->genes.n_old)
        SC_TRY(sc_subset_header(&d->genes, &d->kept, err));
    if (o->each_sample)
        SC_TRY(sc_repeat_header(&d->kept, o->n_samples, err));
    SC_GOTO(st, sc_header_copy(&h, &d->kept, err), out);
    for (int k = 0; k < d->n; k++)
        SC_GOTO(st, add_to_header(d, &h, k, err), out);
    st = sc_over_begin(&d->s, &h, err);
out:
    sc_header_free(&h);
    return st;
}

/* Row `to` of an output's matrix from a row of what was decoded. */
static void put_row(const decoder *d, int k, const float *v, sc_dense *m, int64_t to)
{
    float *row = m->values + to * m->n_cols;
    for (int64_t j = 0; j < m->n_cols; j++)
        row[j] = d->factors[k] * v[d->places[k] == IN_LAYERS ? d->order[j] : j];
}

/* What decodes a piece, and where to. */
typedef struct hand {
    sc_infer *x;
    float **values;
} hand;

/* One draw of the piece's cells (or, averaged, all). */
static sc_status decode_draw(const decoder *d, const hand *h, const sc_piece *p, int64_t draw,
                             sc_dense *m, sc_err *err)
{
    sc_decoding how = d->how;
    how.first_draw = p->draw + draw;
    for (int64_t at = 0, n; at < p->n_cells; at += n) {
        n = sc_infer_piece(h->x, p->n_cells - at);
        SC_TRY(sc_decode_rows(h->x, p->cell + at, n, &how, d->wanted, d->n, h->values, err));
        for (int k = 0; k < d->n; k++)
            for (int64_t i = 0; i < n && m[k].values; i++)
                put_row(d, k, h->values[k] + i * d->wanted[k].n_cols, &m[k],
                        (at + i) * p->n_draws + draw);
    }
    return SC_OK;
}

static sc_status set_column(sc_block *b, const char *name, const sc_dense *m, sc_err *err)
{
    sc_table *obs = NULL;
    sc_col *c = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    SC_TRY(fresh_column(obs, name, &c, err));
    for (int64_t i = 0; i < m->n_rows; i++)
        c->v.r[i] = (double)m->values[i];
    sc_block_touch(b, NULL);
    return SC_OK;
}

/* Decodes a piece into the block that has its rows. */
static sc_status decode_piece(void *ctx, int tid, sc_infer *x, const sc_piece *p, sc_block *b,
                              sc_err *err)
{
    decoder *d = ctx;
    sc_dense m[MAX_WHAT] = {{0}};
    hand h = {.x = x};
    sc_status st = SC_OK;
    SC_TRY(scratch_of(d, tid, &h.values, err));
    for (int k = 0; k < d->n; k++) {
        if (d->places[k] == IN_VAR)
            continue;
        m[k] = (sc_dense){p->n_cells * p->n_draws,
                          d->places[k] == IN_LAYERS ? d->genes.n_new : d->wanted[k].n_cols, NULL};
        SC_GOTO(st, sc_alloc(&m[k].values, (size_t)(m[k].n_rows * m[k].n_cols), sizeof(float), err),
                out);
    }
    for (int64_t draw = 0; draw < p->n_draws; draw++)
        SC_GOTO(st, decode_draw(d, &h, p, draw, m, err), out);
    for (int k = 0; k < d->n; k++) {
        if (d->places[k] == IN_OBS)
            SC_GOTO(st, set_column(b, d->wanted[k].name, &m[k], err), out);
        else if (d->places[k] != IN_VAR)
            SC_GOTO(st, sc_block_set_dense(b, d->paths[k], &m[k], err), out);
    }
out:
    for (int k = 0; k < d->n; k++)
        sc_dense_free(&m[k]);
    return st;
}

static sc_status run(void *opts, sc_err *err)
{
    const decode_opts *o = opts;
    decoder d = {.o = o};
    int32_t nodes[MAX_WHAT + 3];
    int n = 0;
    sc_status st;
    SC_GOTO(st, sc_over_open(&d.s, &tool, &o->common, &o->over, true, err), out);
    SC_GOTO(st, check_opts(&d, err), out);
    while (n < d.n) {
        nodes[n] = d.wanted[n].node;
        n++;
    }
    for (int k = 0; k < 3 && d.how.mixing; k++)
        nodes[n++] = d.mixing.nodes[k];
    SC_GOTO(st, sc_over_match(&d.s, nodes, n, err), out);
    SC_GOTO(st, begin(&d, err), out);
    const sc_over_rows rows = {&d.kept, &d.genes, o->each_sample ? o->n_samples : 0, decode_piece,
                               &d};
    SC_GOTO(st, sc_over_write(&d.s, &rows, err), out);
    st = sc_over_commit(&d.s, err);
out:
    for (int t = 0; d.of_thread && t < sc_pool_size(d.s.pool); t++)
        for (int k = 0; k < d.n; k++)
            free(d.of_thread[t].values[k]);
    free(d.of_thread);
    free(d.how.batches.codes);
    free(d.order);
    sc_subset_free(&d.genes);
    sc_header_free(&d.kept);
    sc_over_blame(&d.s, st, err);
    sc_over_close(&d.s);
    return st;
}

int main(int argc, char **argv)
{
    decode_opts o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}

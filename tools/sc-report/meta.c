#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

sc_status report_put(report_buf *b, const void *bytes, size_t n, sc_err *err)
{
    if (n > b->cap - b->n) {
        const size_t cap = 2 * (b->n + n);
        SC_TRY(sc_resize(&b->p, cap, 1, err));
        b->cap = cap;
    }
    if (n)
        memcpy(b->p + b->n, bytes, n);
    b->n += n;
    return SC_OK;
}

static json_t *json_of_strs(const sc_strs *s)
{
    json_t *a = json_array();
    for (int64_t i = 0; i < s->n; i++)
        json_array_append_new(a, json_string(sc_strs_at(s, i)));
    return a;
}

static json_t *json_of_records(const sc_strs *s)
{
    json_t *a = json_array();
    for (int64_t i = 0; i < s->n; i++)
        json_array_append_new(a, json_loads(sc_strs_at(s, i), 0, NULL));
    return a;
}

enum { MISSING = 65535, STEPS = 65534 };

/* n numbers, `stride` apart, in 16 bits: low + step * code. Whole numbers stay exact where their
 * range allows. */
static sc_status put_numbers(report_buf *b, const float *v, int64_t n, int64_t stride, double *low,
                             double *step, sc_err *err)
{
    double high = -INFINITY;
    bool is_whole = true;
    *low = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        const double x = (double)v[i * stride];
        if (!isfinite(x))
            continue;
        *low = fmin(*low, x);
        high = fmax(high, x);
        is_whole = is_whole && !(x < floor(x) || x > floor(x));
    }
    if (!(*low <= high))
        *low = high = 0;
    *step = is_whole && high - *low <= STEPS ? 1 : (high - *low) / STEPS;
    for (int64_t i = 0; i < n; i++) {
        const double x = (double)v[i * stride];
        const unsigned code = !isfinite(x) ? MISSING
                              : *step > 0  ? (unsigned)lrint((x - *low) / *step)
                                           : 0;
        const uint8_t two[] = {(uint8_t)code, (uint8_t)(code >> 8)};
        SC_TRY(report_put(b, two, 2, err));
    }
    return SC_OK;
}

static sc_status put_column(report_buf *b, const sc_vector *v, json_t *columns, sc_err *err)
{
    if (v->kind == SC_VECTOR_NUMBER) {
        double low, step;
        SC_TRY(put_numbers(b, v->number, v->n, 1, &low, &step, err));
        json_array_append_new(columns,
                              json_pack("{s:s,s:f,s:f,s:s}", "name", v->name, "low", low, "step",
                                        step, "unit", v->is_log1p ? "log(1 + count)" : ""));
        return SC_OK;
    }
    for (int64_t i = 0; i < v->n; i++) {
        const uint8_t code = v->code[i] < 0 ? 255 : (uint8_t)v->code[i];
        SC_TRY(report_put(b, &code, 1, err));
    }
    json_array_append_new(
        columns, json_pack("{s:s,s:o}", "name", v->name, "levels", json_of_strs(&v->levels)));
    return SC_OK;
}

static sc_status put_rep(report_buf *b, const report_rep *r, json_t *reps, sc_err *err)
{
    const char *key = r->mat->path + 5;
    json_t *dims = json_array();
    sc_status st = SC_OK;
    for (int d = 0; d < r->n_dims && st == SC_OK; d++) {
        double low, step;
        char name[64];
        const bool is_umap = strcmp(key, "X_umap") == 0, is_pca = strcmp(key, "X_pca") == 0;
        (void)snprintf(name, sizeof name,
                       is_umap  ? "UMAP %d"
                       : is_pca ? "PC %d"
                                : "Z_%d",
                       is_umap || is_pca ? d + 1 : d);
        st = put_numbers(b, r->values + d, r->n, r->n_dims, &low, &step, err);
        json_array_append_new(
            dims, json_pack("{s:s,s:f,s:f}", "name",
                            r->mat->col_names.n ? sc_strs_at(&r->mat->col_names, d) : name, "low",
                            low, "step", step));
    }
    json_array_append_new(reps, json_pack("{s:s,s:o}", "name", key, "dims", dims));
    return st;
}

static json_t *json_of_genes(const report_cells *c)
{
    const report_genes *g = &c->genes;
    if (g->mat < 0)
        return json_null();
    const sc_mat *m = &c->header->mats[g->mat];
    const sc_table *var = strcmp(m->path, "raw/X") == 0 ? &c->header->raw_var : &c->header->var;
    json_t *names = json_array(), *most = json_array();
    for (int64_t k = 0; k < g->n; k++) {
        json_array_append_new(names, json_string(sc_strs_at(&var->names, g->at[k])));
        json_array_append_new(most, json_real(round((double)g->most[g->at[k]] * 1e4) / 1e4));
    }
    return json_pack("{s:s,s:s,s:I,s:i,s:i,s:o,s:o}", "matrix", m->path, "unit",
                     g->is_log ? "log(1 + count)" : sc_matkind_name(m->kind), "n_there",
                     (json_int_t)g->n_there, "shades", REPORT_SHADES, "chunk", REPORT_CHUNK,
                     "names", names, "most", most);
}

static json_t *json_of_categories(const sc_net *net)
{
    json_t *a = json_array();
    for (int k = 0; k < (int)(sizeof net->cats / sizeof *net->cats); k++)
        if (net->cats[k].key)
            json_array_append_new(a, json_pack("{s:s,s:o}", "key", net->cats[k].key, "levels",
                                               json_of_strs(&net->cats[k].levels)));
    return a;
}

sc_status report_matched(const sc_net *net, const sc_header *h, int64_t *n, sc_err *err)
{
    sc_names *there = NULL;
    *n = 0;
    SC_TRY(sc_names_new(&there, &h->var.names, err));
    for (int64_t j = 0; j < net->var.names.n; j++)
        *n += sc_names_find(there, sc_strs_at(&net->var.names, j)) >= 0;
    sc_names_free(there);
    return SC_OK;
}

static json_t *json_of_model(const sc_net *net, int64_t n_matched)
{
    const sc_plugin *p = net->handle.plugin;
    return json_pack("{s:s,s:s,s:o,s:O?,s:O?,s:I,s:I,s:I,s:o,s:o,s:s?}", "variant", p->name,
                     "brief", p->brief ? p->brief : "", "options", sc_net_options(net), "training",
                     net->training, "history", net->history, "n_genes",
                     (json_int_t)net->var.names.n, "n_matched", (json_int_t)n_matched, "n_proteins",
                     (json_int_t)net->proteins.n, "categories", json_of_categories(net), "records",
                     json_of_records(&net->records), "isa", (const char *)NULL);
}

static sc_status put_loadings(report_buf *b, const report_loadings *l, const sc_net *net,
                              json_t **json, sc_err *err)
{
    *json = json_null();
    if (!l->w)
        return SC_OK;
    *json = json_pack("{s:o,s:I}", "genes", json_of_strs(&net->var.names), "d", (json_int_t)l->d);
    const uint32_t one = 1;
    if (*(const uint8_t *)&one == 1)
        return report_put(b, l->w, (size_t)(net->var.names.n * l->d) * sizeof *l->w, err);
    return sc_fail(err, SC_EIO, "reports are written on little-endian machines only");
}

/* A line each, so a line break inside a name becomes a blank. */
static sc_status put_names(report_buf *b, const sc_strs *names, sc_err *err)
{
    for (int64_t i = 0; i < names->n; i++) {
        const char *name = sc_strs_at(names, i);
        for (; *name; name++)
            SC_TRY(report_put(b, *name == '\n' ? " " : name, 1, err));
        SC_TRY(report_put(b, "\n", 1, err));
    }
    return SC_OK;
}

sc_status report_meta(const report_opts *o, const report_cells *c, const sc_net *net,
                      const report_loadings *l, const char *record, char **json, report_buf *bytes,
                      sc_err *err)
{
    json_t *columns = json_array(), *reps = json_array(), *loadings = NULL, *all = NULL;
    sc_status st = SC_OK;
    for (int k = 0; k < c->n_columns && st == SC_OK; k++)
        st = put_column(bytes, &c->columns[k], columns, err);
    for (int k = 0; k < c->n_reps && st == SC_OK; k++)
        st = put_rep(bytes, &c->reps[k], reps, err);
    if (st == SC_OK)
        st = put_loadings(bytes, l, net, &loadings, err);
    if (st == SC_OK)
        st = put_names(bytes, &c->names, err);
    json_t *model = st == SC_OK ? json_of_model(net, c->n_matched) : NULL;
    if (model)
        all = json_pack("{s:s,s:s?,s:I,s:I,s:I,s:o,s:O,s:O,s:o,s:O,s:o,s:o}", "version", SC_VERSION,
                        "title", o->title, "n", (json_int_t)c->n, "n_total", (json_int_t)c->n_total,
                        "n_vars", (json_int_t)c->header->var.n_rows, "model", model, "columns",
                        columns, "reps", reps, "genes", json_of_genes(c), "loadings", loadings,
                        "records", json_of_records(&c->header->records), "run",
                        json_loads(record, 0, NULL));
    *json = all ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(all);
    json_decref(columns);
    json_decref(reps);
    json_decref(loadings);
    if (st == SC_OK && !*json)
        st = sc_fail(err, SC_ENOMEM, "out of memory");
    return st;
}

#include "sc_decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sc_status sc_wanted_find(sc_wanted *w, const sc_net *net, const char *name, sc_err *err)
{
    const sc_built *g = net->g;
    const int at = sc_graph_output(g, name);
    if (at < 0) {
        char list[512];
        size_t used = 0;
        list[0] = '\0';
        for (int i = 0; i < g->n_outputs && used < sizeof list; i++)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                     g->outputs[i].name);
        return sc_fail(err, SC_EUSAGE, "model '%s' has no output '%s'; it has %s",
                       net->handle.plugin->name, name, list);
    }
    const sc_gnode *n = &g->nodes[g->outputs[at].node];
    *w = (sc_wanted){g->outputs[at].name, g->outputs[at].node, n->n_cols, g->outputs[at].kind,
                     n->reps == 0};
    return SC_OK;
}

sc_status sc_batch_list_parse(sc_batch_list *b, const sc_net *net, const char *names, sc_err *err)
{
    char name[512];
    size_t n_names = 1;
    *b = (sc_batch_list){0};
    for (const char *s = names; *s; s++)
        n_names += *s == ',';
    SC_TRY(sc_alloc(&b->codes, n_names, sizeof *b->codes, err));
    if (sc_infer_batch(net, names, &b->codes[0], NULL) == SC_OK) {
        b->n = 1;
        return SC_OK;
    }
    for (const char *s = names;; s++) {
        const size_t len = strcspn(s, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)(len < 511 ? len : 511), s);
        SC_TRY(sc_infer_batch(net, name, &b->codes[b->n], err));
        for (int i = 0; i < b->n; i++)
            if (b->codes[i] == b->codes[b->n])
                return sc_fail(err, SC_EUSAGE, "batch '%s' is named twice", name);
        b->n++;
        s += len;
        if (!*s)
            return SC_OK;
    }
}

typedef struct sums {
    int n;
    double **of; /* by output */
} sums;

static void sums_free(sums *s)
{
    for (int k = 0; k < s->n; k++)
        free(s->of[k]);
    free(s->of);
}

static sc_status sums_new(sums *s, const sc_wanted *wanted, int n_wanted, int64_t n, sc_err *err)
{
    *s = (sums){0};
    SC_TRY(sc_alloc(&s->of, (size_t)n_wanted, sizeof *s->of, err));
    for (; s->n < n_wanted; s->n++)
        SC_TRY(sc_alloc(&s->of[s->n], (size_t)(n * wanted[s->n].n_cols), sizeof **s->of, err));
    return SC_OK;
}

/* A draw of the rows from `from` on. */
typedef struct run {
    sc_infer *x;
    const sc_decoding *how;
    int64_t from;
    uint32_t draw_no;
    float *room; /* how->mixing: a row of proteins */
} run;

/* An output's value at row i: its own, or the one that all rows have. Lent until the next. */
static const float *row_of(const run *r, const sc_wanted *w, int64_t i)
{
    if (!r->how->mixing || !sc_mixing_makes(w->name))
        return sc_infer_value(r->x, w->node) + (w->is_constant ? 0 : i * w->n_cols);
    sc_mixing_row(r->how->mixing, w->name, r->x, r->from, i, r->how->seed, r->draw_no, r->room);
    return r->room;
}

static sc_status run_one(run *r, int64_t n, int64_t draw, int batch, sc_err *err)
{
    const sc_decoding *how = r->how;
    r->draw_no = (uint32_t)(how->first_draw + draw) + 1;
    sc_infer_transform(r->x, how->batches.n ? how->batches.codes[batch] : -1);
    return sc_infer_run(r->x, r->from, n, how->draw, how->seed, r->draw_no, err);
}

static sc_status average(run *r, int64_t n, const sc_wanted *wanted, sums *s, sc_err *err)
{
    const int n_batches = r->how->batches.n ? r->how->batches.n : 1;
    for (int64_t d = 0; d < r->how->n_draws; d++)
        for (int b = 0; b < n_batches; b++) {
            SC_TRY(run_one(r, n, d, b, err));
            for (int k = 0; k < s->n; k++)
                for (int64_t i = 0; i < n; i++) {
                    const float *v = row_of(r, &wanted[k], i);
                    double *sum = s->of[k] + i * wanted[k].n_cols;
                    for (int64_t j = 0; j < wanted[k].n_cols; j++)
                        sum[j] += (double)v[j];
                }
        }
    return SC_OK;
}

static sc_status average_all(run *r, int64_t n, double n_runs, const sc_wanted *wanted,
                             int n_wanted, float *const *out, sc_err *err)
{
    sums s;
    sc_status st = sums_new(&s, wanted, n_wanted, n, err);
    if (st == SC_OK)
        st = average(r, n, wanted, &s, err);
    for (int k = 0; k < n_wanted && st == SC_OK; k++)
        for (int64_t i = 0; i < n * wanted[k].n_cols; i++)
            out[k][i] = (float)(s.of[k][i] / n_runs);
    sums_free(&s);
    return st;
}

sc_status sc_decode_rows(sc_infer *x, int64_t from, int64_t n, const sc_decoding *how,
                         const sc_wanted *wanted, int n_wanted, float *const *out, sc_err *err)
{
    const double n_runs = (double)(how->n_draws * (how->batches.n ? how->batches.n : 1));
    run r = {.x = x, .how = how, .from = from};
    sc_status st;
    if (how->mixing)
        SC_TRY(sc_alloc(&r.room, (size_t)how->mixing->n_proteins, sizeof *r.room, err));
    if (n_runs > 1) {
        st = average_all(&r, n, n_runs, wanted, n_wanted, out, err);
    } else {
        st = run_one(&r, n, 0, 0, err);
        for (int k = 0; k < n_wanted && st == SC_OK; k++)
            for (int64_t i = 0; i < n; i++)
                memcpy(out[k] + i * wanted[k].n_cols, row_of(&r, &wanted[k], i),
                       (size_t)wanted[k].n_cols * sizeof(float));
    }
    free(r.room);
    return st;
}

sc_status sc_decode_constant(sc_infer *x, const sc_wanted *wanted, float *out, sc_err *err)
{
    SC_TRY(sc_infer_constant(x, wanted->node, err));
    memcpy(out, sc_infer_value(x, wanted->node), (size_t)wanted->n_cols * sizeof *out);
    return SC_OK;
}

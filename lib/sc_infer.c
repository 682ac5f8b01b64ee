#include "sc_infer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct sc_infer {
    const sc_net *net;
    sc_pool *pool;
    sc_plan plan;
    sc_exec_f32 *e;
    char *path; /* of the counts */
    bool is_sparse, in_order;
    int32_t *to_model; /* gene of the data -> gene of the model, -1 */
    int n_coders, slot[SC_IN_MAX];
    sc_coder coders[SC_IN_MAX];
    const char *cont[SC_IN_MAX], *size_factor;
    int64_t n_cont;
    sc_minibuf *buf; /* all rows of the block */
    int64_t n_rows;
};

static sc_status match_genes(sc_infer *x, const sc_header *h, sc_err *err)
{
    const sc_strs *have = &h->var.names, *want = &x->net->var.names;
    sc_names *names = NULL;
    int64_t n_missing = 0, first = -1, last = -1;
    SC_TRY(sc_names_new(&names, have, err));
    sc_status st = sc_alloc(&x->to_model, (size_t)have->n, sizeof *x->to_model, err);
    for (int64_t j = 0; st == SC_OK && j < have->n; j++)
        x->to_model[j] = -1;
    x->in_order = true;
    for (int64_t j = 0; st == SC_OK && j < want->n; j++) {
        const int64_t at = sc_names_find(names, sc_strs_at(want, j));
        if (at < 0) {
            first = first < 0 ? j : first;
            n_missing++;
            continue;
        }
        x->to_model[at] = (int32_t)j;
        x->in_order = x->in_order && at > last;
        last = at;
    }
    if (n_missing)
        st = sc_fail(err, SC_EDATA,
                     "the data lack %lld of the model's %lld genes ('%s' is the first)",
                     (long long)n_missing, (long long)want->n, sc_strs_at(want, first));
    sc_names_free(names);
    return st;
}

/* Codes are needed for the categories that the wanted nodes depend on. */
static sc_status open_category(sc_infer *x, const sc_header *h, int input, const char *named,
                               sc_err *err)
{
    const int s = input - SC_IN_BATCH;
    const sc_category *c = &x->net->cats[s];
    if (!c->key)
        return SC_OK; /* a single category: code 0 */
    x->slot[x->n_coders] = s;
    return sc_coder_open(&x->coders[x->n_coders++], h, named ? named : c->key, &c->levels, err);
}

static sc_status open_inputs(sc_infer *x, const sc_header *h, const sc_keys *k, sc_err *err)
{
    const sc_built *g = x->net->g;
    bool seen[SC_IN_BATCH + SC_IN_MAX] = {0};
    for (int i = 0; i < x->plan.n_fwd; i++) {
        const sc_gnode *n = &g->nodes[x->plan.fwd[i]];
        if (n->op != SC_OP_INPUT || seen[n->input])
            continue;
        seen[n->input] = true;
        if (n->input == SC_IN_CONT_COVS) {
            x->n_cont = x->net->dims.n_cont_covs;
            for (int64_t c = 0; c < x->n_cont; c++) {
                x->cont[c] = k->n_cont_covs ? k->cont_covs[c] : sc_strs_at(&x->net->cont_covs, c);
                SC_TRY(sc_require_obs(h, x->cont[c], err));
            }
        } else if (n->input == SC_IN_SIZE_FACTOR) {
            x->size_factor = k->size_factor ? k->size_factor : x->net->size_factor;
            SC_TRY(sc_require_obs(h, x->size_factor, err));
        } else if (n->input >= SC_IN_BATCH) {
            const int cov = n->input - SC_IN_CAT_COV_0;
            const char *named = n->input == SC_IN_BATCH           ? k->batch
                                : n->input == SC_IN_LABELS        ? k->labels
                                : cov >= 0 && cov < k->n_cat_covs ? k->cat_covs[cov]
                                                                  : NULL;
            SC_TRY(open_category(x, h, n->input, named, err));
        }
    }
    return SC_OK;
}

sc_status sc_infer_open(sc_infer **out, const sc_net *net, const sc_header *h, const sc_keys *keys,
                        const int32_t *nodes, int n_nodes, sc_pool *pool, const sc_kernels *k,
                        char *note, size_t note_len, sc_err *err)
{
    sc_infer *x = NULL;
    int mat = -1;
    sc_status st;
    *out = NULL;
    SC_TRY(sc_alloc(&x, 1, sizeof *x, err));
    x->net = net;
    x->pool = pool;
    const char *layer = keys->layer ? keys->layer : net->layer;
    SC_GOTO(st, sc_header_counts(h, layer, &mat, note, note_len, err), fail);
    x->path = strdup(h->mats[mat].path);
    x->is_sparse = h->mats[mat].is_sparse;
    SC_GOTO(st, match_genes(x, h, err), fail);
    SC_GOTO(st, sc_plan_make(&x->plan, net->g, 1U << SC_ROWS_ALL, 0, nodes, n_nodes, err), fail);
    SC_GOTO(st, open_inputs(x, h, keys, err), fail);
    SC_GOTO(st, sc_exec_new_f32(&x->e, net->g, SC_INFER_ROWS, false, pool, k, err), fail);
    memcpy(sc_exec_weights_f32(x->e), net->weights, (size_t)net->g->n_params * sizeof(float));
    *out = x;
    return SC_OK;
fail:
    sc_infer_close(x);
    return st;
}

/* A new buffer when a block has more rows than any before. */
static sc_status rows_room(sc_infer *x, int64_t n, sc_err *err)
{
    if (x->buf && n <= x->buf->n_rows)
        return SC_OK;
    sc_minibuf_free(x->buf);
    x->buf = NULL;
    SC_TRY(sc_minibuf_new(&x->buf, n, err));
    return x->n_cont ? sc_alloc(&x->buf->cont_covs, (size_t)(n * x->n_cont), sizeof(float), err)
                     : SC_OK;
}

static sc_status not_a_count(sc_infer *x, sc_block *b, int64_t i, int32_t gene, float v,
                             sc_err *err)
{
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    return sc_fail(err, SC_EDATA, "cell '%s', gene '%s': %g is not a count",
                   sc_strs_at(&obs->names, i), sc_strs_at(&x->net->var.names, gene), (double)v);
}

typedef struct pair {
    int32_t gene;
    float v;
} pair;

static int by_gene(const void *a, const void *b)
{
    return ((const pair *)a)->gene - ((const pair *)b)->gene;
}

static sc_status sort_row(sc_minibuf *m, int64_t k0, int64_t k1, sc_err *err)
{
    pair *p = NULL;
    SC_TRY(sc_alloc(&p, (size_t)(k1 - k0), sizeof *p, err));
    for (int64_t k = k0; k < k1; k++)
        p[k - k0] = (pair){m->indices[k], m->values[k]};
    qsort(p, (size_t)(k1 - k0), sizeof *p, by_gene);
    for (int64_t k = k0; k < k1; k++) {
        m->indices[k] = p[k - k0].gene;
        m->values[k] = p[k - k0].v;
    }
    free(p);
    return SC_OK;
}

static sc_status take_counts(sc_infer *x, sc_block *b, sc_err *err)
{
    sc_minibuf *m = x->buf;
    sc_csr *s = NULL;
    sc_dense *d = NULL;
    if (x->is_sparse)
        SC_TRY(sc_block_sparse(b, x->path, &s, err));
    else
        SC_TRY(sc_block_dense(b, x->path, &d, err));
    SC_TRY(sc_minibuf_room(m, s ? s->indptr[x->n_rows] : x->n_rows * d->n_cols, err));
    int64_t nnz = 0;
    m->indptr[0] = 0;
    for (int64_t i = 0; i < x->n_rows; i++) {
        const int64_t k0 = s ? s->indptr[i] : i * d->n_cols,
                      k1 = s ? s->indptr[i + 1] : k0 + d->n_cols;
        const int64_t from = nnz;
        for (int64_t k = k0; k < k1; k++) {
            const int32_t gene = x->to_model[s ? s->indices[k] : k - k0];
            const float v = s ? s->values[k] : d->values[k];
            if (gene < 0 || v == 0)
                continue;
            if (!(v > 0) || isinf(v))
                return not_a_count(x, b, i, gene, v, err);
            m->indices[nnz] = gene;
            m->values[nnz++] = v;
        }
        if (!x->in_order)
            SC_TRY(sort_row(m, from, nnz, err));
        m->indptr[i + 1] = nnz;
    }
    sc_minibuf_lgamma(m, nnz, m->values, m->lgamma_x1);
    return SC_OK;
}

sc_status sc_infer_block(sc_infer *x, sc_block *b, sc_err *err)
{
    sc_table *obs = NULL;
    x->n_rows = sc_block_n_rows(b);
    SC_TRY(rows_room(x, x->n_rows, err));
    SC_TRY(take_counts(x, b, err));
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int64_t i = 0; i < x->n_rows; i++) {
        const char *name = sc_strs_at(&obs->names, i);
        x->buf->keys[i] = XXH3_64bits(name, strlen(name));
    }
    for (int c = 0; c < x->n_coders; c++) {
        sc_coder_reset(&x->coders[c]);
        SC_TRY(sc_coder_block(&x->coders[c], b, err));
    }
    for (int64_t c = 0; c < x->n_cont; c++)
        SC_TRY(sc_numbers_block(b, x->cont[c], x->n_cont, x->buf->cont_covs + c, err));
    return x->size_factor ? sc_numbers_block(b, x->size_factor, 1, x->buf->size_factor, err)
                          : SC_OK;
}

sc_status sc_infer_run(sc_infer *x, int64_t from, int64_t n, sc_draw draw, uint64_t seed,
                       uint32_t draw_no, sc_err *err)
{
    static const int32_t one_category[SC_INFER_ROWS] = {0};
    const sc_minibuf *m = x->buf;
    sc_mini mini = {.n = n,
                    .keys = m->keys + from,
                    .indptr = m->indptr + from,
                    .indices = m->indices,
                    .values = m->values,
                    .lgamma_x1 = m->lgamma_x1,
                    .cont_covs = m->cont_covs ? m->cont_covs + from * x->n_cont : NULL,
                    .size_factor = m->size_factor + from};
    for (int s = 0; s < SC_IN_MAX; s++)
        mini.codes[s][0] = mini.codes[s][1] = one_category;
    for (int c = 0; c < x->n_coders; c++)
        mini.codes[x->slot[c]][0] = mini.codes[x->slot[c]][1] = x->coders[c].codes + from;
    const sc_run run = {.mini = {&mini}, .draw = draw, .seed = seed, .epoch = draw_no};
    return sc_exec_forward_f32(x->e, &x->plan, &run, err);
}

const float *sc_infer_value(const sc_infer *x, int32_t node)
{
    return sc_exec_value_f32(x->e, node);
}

void sc_infer_close(sc_infer *x)
{
    if (!x)
        return;
    sc_plan_free(&x->plan);
    sc_exec_free_f32(x->e);
    for (int i = 0; i < x->n_coders; i++)
        sc_coder_close(&x->coders[i]);
    sc_minibuf_free(x->buf);
    free(x->to_model);
    free(x->path);
    free(x);
}

#include "sc_genes.h"
#include "sc_infer_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Genes that may be missing count as 0, and note says so. share: see sc_keys. */
static sc_status match_genes(sc_infer *x, const sc_header *h, double share, char *note,
                             size_t note_len, sc_err *err)
{
    sc_genes m;
    if (share <= 0)
        share = x->net->min_gene_overlap;
    SC_TRY(sc_genes_match(&m, &h->var, &x->net->var, share > 0 ? share : 1, err));
    x->to_model = m.to_model;
    x->in_order = m.in_order;
    x->is_same = true;
    for (int64_t j = 0; j < h->var.n_rows; j++)
        x->is_same = x->is_same && m.to_model[j] == j;
    const size_t used = strlen(note);
    if (m.note[0] && used < note_len)
        (void)snprintf(note + used, note_len - used, "%s%s", used ? "; " : "", m.note);
    return SC_OK;
}

/* What the user named must be there, whether the wanted nodes depend on it or not. */
static sc_status check_named(const sc_header *h, const sc_keys *k, sc_err *err)
{
    const char *const names[] = {k->batch, k->labels, k->panel, k->size_factor};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i])
            SC_TRY(sc_require_obs(h, names[i], err));
    return SC_OK;
}

/* Codes are needed for the categories that the wanted nodes depend on. */
static sc_status open_category(sc_infer *x, const sc_header *h, int input, const char *named,
                               sc_err *err)
{
    const int s = input - SC_IN_BATCH;
    const bool by_batch = input == SC_IN_PANEL && !x->net->cats[s].key;
    const sc_category *c = &x->net->cats[by_batch ? 0 : s];
    if (!c->key)
        return SC_OK; /* a single category: code 0 */
    x->slot[x->n_coders] = s;
    return sc_coder_open(&x->coders[x->n_coders++], h, named ? named : c->key, &c->levels, err);
}

static sc_status open_inputs(sc_infer *x, const sc_header *h, const sc_keys *k, sc_err *err)
{
    const sc_built *g = x->net->g;
    bool seen[SC_IN_BATCH + SC_IN_MAX] = {0};
    if (k->n_cat_covs && k->n_cat_covs != x->net->dims.n_cat_covs)
        return sc_fail(err, SC_EUSAGE, "the model has %d categorical covariates, and %d are named",
                       (int)x->net->dims.n_cat_covs, k->n_cat_covs);
    if (k->n_cont_covs && k->n_cont_covs != x->net->dims.n_cont_covs)
        return sc_fail(err, SC_EUSAGE, "the model has %d continuous covariates, and %d are named",
                       (int)x->net->dims.n_cont_covs, k->n_cont_covs);
    for (int i = 0; i < x->plan.n_fwd; i++) {
        const sc_gnode *n = &g->nodes[x->plan.fwd[i]];
        if (n->op != SC_OP_INPUT || seen[n->input])
            continue;
        seen[n->input] = true;
        if (n->input == SC_IN_CONT_COVS) {
            x->n_cont = x->net->dims.n_cont_covs;
            for (int64_t c = 0; c < x->n_cont; c++) {
                const char *name =
                    k->n_cont_covs ? k->cont_covs[c] : sc_strs_at(&x->net->cont_covs, c);
                SC_TRY(sc_numbers_add(&x->numbers, h, name, err));
            }
        } else if (n->input == SC_IN_PROTEINS) {
            SC_TRY(sc_proteins_open(&x->proteins, h,
                                    k->proteins ? k->proteins : x->net->protein_key,
                                    &x->net->proteins, err));
        } else if (n->input == SC_IN_SIZE_FACTOR) {
            x->size_factor = k->size_factor ? k->size_factor : x->net->size_factor;
            SC_TRY(sc_require_obs(h, x->size_factor, err));
        } else if (n->input >= SC_IN_BATCH) {
            const int cov = n->input - SC_IN_CAT_COV_0;
            const bool by_batch =
                n->input == SC_IN_PANEL && !x->net->cats[SC_IN_PANEL - SC_IN_BATCH].key;
            const char *named = n->input == SC_IN_BATCH || by_batch ? k->batch
                                : n->input == SC_IN_PANEL           ? k->panel
                                : n->input == SC_IN_LABELS          ? k->labels
                                : cov >= 0 && cov < k->n_cat_covs   ? k->cat_covs[cov]
                                                                    : NULL;
            SC_TRY(open_category(x, h, n->input, named, err));
        }
    }
    return SC_OK;
}

/* Whether a plan does without the counts but for their sum, which minified cells carry. */
static bool needs_counts(const sc_plan *p, const sc_built *g)
{
    for (int i = 0; i < p->n_fwd; i++) {
        const sc_gnode *n = &g->nodes[p->fwd[i]];
        for (int k = 0; k < n->n_in && n->op != SC_OP_ROW_SUM; k++) {
            const sc_gnode *in = &g->nodes[n->in[k]];
            if (in->op == SC_OP_INPUT && (in->input == SC_IN_COUNTS || in->input == SC_IN_PROTEINS))
                return true;
        }
    }
    return false;
}

static bool takes_likelihood(const sc_plan *p, const sc_built *g)
{
    for (int i = 0; i < p->n_fwd; i++) {
        const int op = (int)g->nodes[p->fwd[i]].op;
        if (op == SC_OP_OBSERVE || op == SC_OP_LOG_PROB)
            return true;
    }
    return false;
}

/* Minified cells are taken as such where that will do, and encoded anew where counts are needed. */
static sc_status plan_stored(sc_infer *x, const sc_header *h, const int32_t *nodes, int n_nodes,
                             sc_err *err)
{
    SC_TRY(sc_minify_find(&x->stored, h, x->net, err));
    if (!x->stored.is_minified)
        return SC_OK;
    sc_given given[32];
    for (int i = 0; i < x->stored.n_given; i++)
        given[i].node = x->stored.given[i].node;
    SC_TRY(sc_plan_make_given(&x->plan, x->net->g, nodes, n_nodes, given, x->stored.n_given, err));
    x->is_stored = !needs_counts(&x->plan, x->net->g);
    if (x->is_stored)
        return SC_OK;
    sc_plan_free(&x->plan);
    return x->stored.has_counts ? SC_OK
                                : sc_fail(err, SC_EDATA,
                                          "the cells are minified and have no counts, which this "
                                          "needs");
}

static sc_status plan_encoded(sc_infer *x, const sc_header *h, const char *layer,
                              const int32_t *nodes, int n_nodes, char *note, size_t note_len,
                              sc_err *err)
{
    int mat = -1;
    SC_TRY(sc_header_counts(h, layer, &mat, note, note_len, err));
    x->is_sparse = h->mats[mat].is_sparse;
    x->path = strdup(h->mats[mat].path);
    return sc_plan_make(&x->plan, x->net->g, 1U << SC_ROWS_ALL, 0, nodes, n_nodes, err);
}

static sc_status plan_again(sc_infer *x, const int32_t *nodes, int n_nodes, sc_err *err)
{
    sc_minified q;
    sc_given given[32];
    SC_TRY(sc_minify_names(&q, x->net, err));
    for (int i = 0; i < q.n_given; i++)
        given[i].node = q.given[i].node;
    return sc_plan_make_given(&x->again, x->net->g, nodes, n_nodes, given, q.n_given, err);
}

sc_status sc_infer_open(sc_infer **out, const sc_net *net, const sc_header *h, const sc_keys *keys,
                        const int32_t *nodes, int n_nodes, sc_pool *pool, const sc_kernels *k,
                        char *note, size_t note_len, sc_err *err)
{
    sc_infer *x = NULL;
    sc_status st;
    *out = NULL;
    if (note_len)
        note[0] = 0;
    SC_TRY(sc_alloc(&x, 1, sizeof *x, err));
    x->net = net;
    x->pool = pool;
    x->k = k;
    SC_GOTO(st, plan_stored(x, h, nodes, n_nodes, err), fail);
    if (!x->is_stored)
        SC_GOTO(st,
                plan_encoded(x, h, keys->layer ? keys->layer : net->layer, nodes, n_nodes, note,
                             note_len, err),
                fail);
    SC_GOTO(st, plan_again(x, nodes, n_nodes, err), fail);
    assert(sc_net_has(net, &x->plan));
    x->needs_lgamma = takes_likelihood(&x->plan, net->g) || takes_likelihood(&x->again, net->g);
    if (x->needs_lgamma)
        sc_log_factorial_init(&x->factorials);
    SC_GOTO(st, match_genes(x, h, keys->min_gene_overlap, note, note_len, err), fail);
    SC_GOTO(st, check_named(h, keys, err), fail);
    SC_GOTO(st, open_inputs(x, h, keys, err), fail);
    *out = x;
    return SC_OK;
fail:
    sc_infer_close(x);
    return st;
}

bool sc_infer_is_stored(const sc_infer *x)
{
    return x->is_stored;
}

int64_t sc_infer_piece(const sc_infer *x, int64_t left)
{
    /* 4 MiB a node; a thread that works alone, beside others, is as fast with an eighth of it */
    const int64_t values = sc_pool_size(x->pool) > 1 ? 1 << 20 : 1 << 17;
    int64_t n = values / x->net->dims.n_vars / 16 * 16;
    n = n < 32 ? 32 : n > SC_INFER_ROWS ? SC_INFER_ROWS : n;
    return left < n ? left : n;
}

const sc_net *sc_infer_net(const sc_infer *x)
{
    return x->net;
}

const int32_t *sc_infer_genes(const sc_infer *x)
{
    return x->to_model;
}

sc_status sc_infer_batch(const sc_net *net, const char *name, int32_t *code, sc_err *err)
{
    const sc_category *c = &net->cats[0];
    if (!c->key)
        return sc_fail(err, SC_EUSAGE, "the model was fitted without batches");
    *code = sc_level_find(&c->levels, name);
    if (*code >= 0)
        return SC_OK;
    char near[256];
    sc_strs_near(&c->levels, name, near, sizeof near);
    return sc_fail(err, SC_EUSAGE, "the model knows no batch '%s'%s%s%s", name,
                   near[0] ? "; did you mean " : "", near, near[0] ? "?" : "");
}

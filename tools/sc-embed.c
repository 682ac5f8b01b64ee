/* Adds the model's latent representation of each cell to the stream. */
#include "sc_minify.h"
#include "sc_over.h"
#include "sc_repeat.h"
#include "sc_space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct embed_opts {
    sc_common common;
    sc_over_opts over;
    const char *key;
    int latent, minify;
    int64_t n_samples;
    bool variance, to_obs, each_sample;
} embed_opts;

enum { LATENT_MEAN, LATENT_SAMPLE, LATENT_MODE };
enum { MINIFY_NOT, MINIFY, MINIFY_WITH_COUNTS };
enum { LN_SAMPLES = 5000 }; /* of a logistic-normal mean, as scvi-tools draws */

static const sc_param params[] = {
    SC_STRING(embed_opts, key, "key", "NAME", "name in obsm; default X_ and the variant"),
    SC_CHOICE(embed_opts, latent, "latent", LATENT_MEAN, "mean|sample|mode",
              "mean of q(z|x), a draw, or softmax of the mean (ln)"),
    SC_INT(embed_opts, n_samples, "n-samples", 1, 1, 1000000,
           "draws to average with --latent sample"),
    SC_BOOL(embed_opts, each_sample, "each-sample", 0,
            "a row for each draw, numbered in obs column sample, in place of their mean"),
    SC_BOOL(embed_opts, variance, "variance", 0, "add the variance of q(z|x) as NAME_var"),
    SC_BOOL(embed_opts, to_obs, "to-obs", 0, "add the dimensions to obs as Z_0, Z_1, ..."),
    SC_FLAG(embed_opts, minify, "minify", "with-counts",
            "put the posterior and the library size in place of the counts, or beside them"),
    SC_OVER_PARAMS(embed_opts, over),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-embed",
    .brief = "latent representation of cells",
    .operands = "MODEL [IN]",
    .min_operands = 1,
    .max_operands = 2,
    .flags = SC_TOOL_FLOW | SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT | SC_TOOL_PG,
    .params = params,
    .opts_size = sizeof(embed_opts),
    .example = "sc-embed model.scm counts.scz > embedded.scz",
};

typedef struct embedder {
    const embed_opts *o;
    sc_over s;
    int32_t z, mean, var; /* nodes: latent as decoded, mean and variance of q */
    int64_t n_latent;
    bool is_ln, draws;
    int64_t n_draws; /* to average */
    char path[256];
    int n_kept;
    struct {
        char path[272];
        int32_t node;
    } kept[34]; /* what goes beside it: the variance, all of the posterior */
    int32_t nodes[36];
    sc_header rows; /* what --each-sample repeats */
} embedder;

static sc_status check_opts(const embed_opts *o, sc_err *err)
{
    SC_TRY(sc_cli_check_key("key", o->key, err));
    if (o->latent != LATENT_SAMPLE && (o->n_samples > 1 || o->each_sample))
        return sc_fail(err, SC_EUSAGE, "--n-samples and --each-sample need --latent sample");
    return o->minify && o->each_sample
               ? sc_fail(err, SC_EUSAGE, "--minify keeps no draws: it can't go with --each-sample")
               : SC_OK;
}

static sc_status find_nodes(embedder *m, const sc_net *net, sc_err *err)
{
    const int site = sc_graph_site(net->g, "z"), out = sc_graph_output(net->g, "latent");
    if (site < 0 || out < 0)
        return sc_fail(err, SC_EUSAGE, "model '%s' has no latent 'z'", net->handle.plugin->name);
    const sc_gnode *z = &net->g->nodes[net->g->sites[site].node];
    m->z = net->g->outputs[out].node;
    m->mean = z->q.a.id;
    m->var = z->q.b.id;
    m->is_ln = m->z != net->g->sites[site].node;
    m->n_latent = z->n_cols;
    if (m->o->latent == LATENT_MODE && !m->is_ln)
        return sc_fail(err, SC_EUSAGE, "--latent mode is for models with --latent-distribution ln");
    m->draws = m->o->latent == LATENT_SAMPLE || (m->is_ln && m->o->latent == LATENT_MEAN);
    m->n_draws = !m->draws || m->o->each_sample  ? 1
                 : m->o->latent == LATENT_SAMPLE ? m->o->n_samples
                                                 : LN_SAMPLES;
    m->s.by_block = !m->o->each_sample && m->n_draws == 1;
    return SC_OK;
}

/*
 * Rows [at, at + n) of a piece's cells: the mean, or the average of draws, into every n_draws-th
 * row of z from row `draw` on; likewise what is kept beside it.
 */
static sc_status embed_rows(const embedder *m, sc_infer *x, const sc_piece *p, int64_t draw,
                            int64_t at, int64_t n, sc_dense *z, sc_dense *kept, sc_err *err)
{
    const int64_t d = m->n_latent;
    const int64_t n_draws = m->n_draws;
    double *sum = NULL;
    SC_TRY(sc_alloc(&sum, (size_t)(n * d), sizeof *sum, err));
    sc_status st = SC_OK;
    for (int64_t k = 0; k < n_draws && st == SC_OK; k++) {
        st = sc_infer_run(x, p->cell + at, n, m->draws ? SC_DRAW_SAMPLE : SC_DRAW_MEAN,
                          (uint64_t)m->o->common.seed, (uint32_t)(p->draw + draw + k) + 1, err);
        const float *v = sc_infer_value(x, m->z);
        for (int64_t i = 0; i < n * d; i++)
            sum[i] += (double)v[i];
    }
    for (int64_t i = 0; i < n && st == SC_OK; i++) {
        const int64_t to = (at + i) * p->n_draws + draw;
        for (int64_t j = 0; j < d; j++)
            z->values[to * d + j] = (float)(sum[i * d + j] / (double)n_draws);
        for (int k = 0; k < m->n_kept; k++)
            memcpy(kept[k].values + to * kept[k].n_cols,
                   sc_infer_value(x, m->kept[k].node) + i * kept[k].n_cols,
                   (size_t)kept[k].n_cols * sizeof(float));
    }
    free(sum);
    return st;
}

/* An obs column that may have been there before. */
static sc_status fresh_column(sc_table *obs, const char *name, sc_col **c, sc_err *err)
{
    if (sc_table_find(obs, name))
        SC_TRY(sc_table_drop(obs, name, err));
    return sc_table_add(obs, name, SC_COL_REAL, c, err);
}

static sc_status add_columns(const embedder *m, sc_block *b, const float *z, sc_err *err)
{
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int64_t d = 0; d < m->n_latent; d++) {
        char name[32];
        sc_col *c = NULL;
        (void)snprintf(name, sizeof name, "Z_%d", (int)d);
        SC_TRY(fresh_column(obs, name, &c, err));
        for (int64_t i = 0; i < obs->n_rows; i++)
            c->v.r[i] = (double)z[i * m->n_latent + d];
    }
    sc_block_touch(b, NULL);
    return SC_OK;
}

static sc_status add_library(const sc_infer *x, sc_block *b, sc_err *err)
{
    sc_table *obs = NULL;
    sc_col *c = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    SC_TRY(fresh_column(obs, SC_MINIFY_LIBRARY, &c, err));
    for (int64_t i = 0; i < obs->n_rows; i++)
        c->v.r[i] = sc_infer_total(x, i);
    sc_block_touch(b, NULL);
    return SC_OK;
}

/* Embeds a piece into the block that has its rows. */
static sc_status embed_piece(void *ctx, int tid, sc_infer *x, const sc_piece *p, sc_block *b,
                             sc_err *err)
{
    const embedder *m = ctx;
    const int64_t n = p->n_cells * p->n_draws, d = m->n_latent;
    sc_dense z = {n, d, NULL}, kept[34] = {{0}};
    sc_status st;
    (void)tid;
    SC_GOTO(st, sc_alloc(&z.values, (size_t)(n * d), sizeof(float), err), out);
    for (int k = 0; k < m->n_kept; k++) {
        kept[k] = (sc_dense){n, m->s.net.g->nodes[m->kept[k].node].n_cols, NULL};
        SC_GOTO(st, sc_alloc(&kept[k].values, (size_t)(n * kept[k].n_cols), sizeof(float), err),
                out);
    }
    for (int64_t draw = 0; draw < p->n_draws; draw++)
        for (int64_t at = 0; at < p->n_cells; at += SC_INFER_ROWS)
            SC_GOTO(st,
                    embed_rows(m, x, p, draw, at,
                               p->n_cells - at < SC_INFER_ROWS ? p->n_cells - at : SC_INFER_ROWS,
                               &z, kept, err),
                    out);
    if (m->o->to_obs)
        SC_GOTO(st, add_columns(m, b, z.values, err), out);
    if (m->o->minify)
        SC_GOTO(st, add_library(x, b, err), out);
    SC_GOTO(st, sc_block_set_dense(b, m->path, &z, err), out);
    for (int k = 0; k < m->n_kept; k++)
        SC_GOTO(st, sc_block_set_dense(b, m->kept[k].path, &kept[k], err), out);
out:
    sc_dense_free(&z);
    for (int k = 0; k < m->n_kept; k++)
        sc_dense_free(&kept[k]);
    return st;
}

static void keep(embedder *m, const char *path, int32_t node)
{
    (void)snprintf(m->kept[m->n_kept].path, sizeof m->kept->path, "%s", path);
    m->kept[m->n_kept++].node = node;
}

/* What is written, and under which names. */
static sc_status lay_out(embedder *m, sc_header *h, sc_err *err)
{
    const embed_opts *o = m->o;
    const sc_net *net = &m->s.net;
    char var[272];
    (void)snprintf(m->path, sizeof m->path, o->key ? "obsm/%s" : "obsm/X_%s",
                   o->key ? o->key : net->handle.plugin->name);
    (void)snprintf(var, sizeof var, "%s_var", m->path);
    SC_TRY(sc_header_copy(&m->rows, sc_reader_header(m->s.in), err));
    if (o->each_sample)
        SC_TRY(sc_repeat_header(&m->rows, o->n_samples, err));
    SC_TRY(sc_header_copy(h, &m->rows, err));
    SC_TRY(sc_header_add(h, m->path, SC_REAL, false, m->n_latent, NULL, err));
    SC_TRY(sc_space_set(h, m->path + strlen("obsm/"), net, err));
    if (o->variance) {
        keep(m, var, m->var);
        SC_TRY(sc_header_add(h, var, SC_REAL, false, m->n_latent, NULL, err));
    }
    if (o->minify) {
        sc_minified names;
        SC_TRY(sc_minify_names(&names, net, err));
        for (int i = 0; i < names.n_given; i++)
            keep(m, names.given[i].path, names.given[i].node);
        SC_TRY(sc_minify_header(&names, h, net, o->minify == MINIFY_WITH_COUNTS, err));
    }
    for (int64_t d = 0; d < m->n_latent && o->to_obs; d++) {
        char name[32];
        sc_col *c = NULL;
        (void)snprintf(name, sizeof name, "Z_%d", (int)d);
        SC_TRY(fresh_column(&h->obs, name, &c, err));
    }
    return SC_OK;
}

static sc_status match(embedder *m, sc_err *err)
{
    m->nodes[0] = m->z;
    m->nodes[1] = m->mean;
    for (int k = 0; k < m->n_kept; k++)
        m->nodes[2 + k] = m->kept[k].node;
    SC_TRY(sc_over_match(&m->s, m->nodes, 2 + m->n_kept, err));
    return m->o->minify && sc_infer_is_stored(m->s.x)
               ? sc_fail(err, SC_EDATA, "the cells are minified already")
               : SC_OK;
}

/* The weights that lead to what is written; all of them where minified cells, which tell by which
 * model they are, come or go. */
static sc_status mark_weights(void *ctx, const sc_over *s, bool *weights, sc_err *err)
{
    embedder *m = ctx;
    sc_plan p;
    int n = 0;
    SC_TRY(find_nodes(m, &s->net, err));
    if (m->o->minify || sc_minify_is(sc_reader_header(s->in))) {
        memset(weights, true, (size_t)s->net.g->n_weights * sizeof *weights);
        return SC_OK;
    }
    m->nodes[n++] = m->z;
    m->nodes[n++] = m->mean;
    m->nodes[n++] = m->var;
    SC_TRY(sc_plan_make(&p, s->net.g, 1U << SC_ROWS_ALL, 0, m->nodes, n, err));
    sc_plan_weights(&p, s->net.g, weights);
    sc_plan_free(&p);
    sc_space_weights(s->net.g, weights);
    return SC_OK;
}

static sc_status run(void *opts, sc_err *err)
{
    const embed_opts *o = opts;
    embedder m = {.o = o};
    const sc_over_wish wish = {mark_weights, &m};
    sc_header h = {0};
    sc_status st;
    SC_GOTO(st, check_opts(o, err), out);
    SC_GOTO(st, sc_over_open_for(&m.s, &tool, &o->common, &o->over, true, &wish, err), out);
    SC_GOTO(st, lay_out(&m, &h, err), out);
    SC_GOTO(st, match(&m, err), out);
    SC_GOTO(st, sc_over_begin(&m.s, &h, err), out);
    const sc_over_rows rows = {&m.rows, NULL, o->each_sample ? o->n_samples : 0, embed_piece, &m};
    SC_GOTO(st, sc_over_write(&m.s, &rows, err), out);
    st = sc_over_commit(&m.s, err);
out:
    sc_header_free(&h);
    sc_header_free(&m.rows);
    sc_over_blame(&m.s, st, err);
    sc_over_close(&m.s);
    return st;
}

int main(int argc, char **argv)
{
    embed_opts o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}

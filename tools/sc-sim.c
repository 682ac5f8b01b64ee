/* Counts from a known truth, block by block. */
#include "sc_cli.h"
#include "sc_sim.h"
#include "sc_stream.h"
#include "sc_threads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct sim_opts {
    sc_common common;
    int64_t n_obs, n_vars, n_types, n_batches, n_latent;
    double depth, dispersion, separation, batch_effect;
    bool mock;
} sim_opts;

static const sc_param params[] = {
    SC_INT(sim_opts, n_obs, "n-obs", 0, 0, 1e12, "cells; 0: 3000, with --mock 200"),
    SC_INT(sim_opts, n_vars, "n-vars", 0, 0, 1e6, "genes; 0: 2000, with --mock 100"),
    SC_INT(sim_opts, n_types, "n-types", 0, 0, 1000, "cell types; 0: 8, with --mock 3"),
    SC_INT(sim_opts, n_batches, "n-batches", 1, 1, 1000, "batches, a cell in each as likely"),
    SC_INT(sim_opts, n_latent, "latent-dim", 10, 1, 1000, "factors that genes load on"),
    SC_REAL(sim_opts, depth, "depth", 0, 0, 1e7,
            "median library size, counts; 0: 0.3 a gene, with --mock 2 a gene"),
    SC_REAL(sim_opts, dispersion, "dispersion", 2, 1e-3, 1e6,
            "median of the genes' inverse dispersion; a large one comes near Poisson counts"),
    SC_REAL(sim_opts, separation, "separation", 1, 0, 4,
            "how far types lie apart, in expression; 0.3 makes subtypes"),
    SC_REAL(sim_opts, batch_effect, "batch-effect", 0.3, 0, 2,
            "standard deviation of a gene's log change in a batch, where there are several"),
    SC_BOOL(sim_opts, mock, "mock", false, "small and instant"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-sim",
    .brief = "Simulates counts from a known truth.",
    .operands = "",
    .max_operands = 0,
    .flags = SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT | SC_TOOL_PG,
    .params = params,
    .opts_size = sizeof(sim_opts),
    .example = "sc-sim --n-obs 10000 --n-batches 2 > sim.scz",
};

static void choose(sim_opts *o)
{
    if (!o->n_obs)
        o->n_obs = o->mock ? 200 : 3000;
    if (!o->n_vars)
        o->n_vars = o->mock ? 100 : 2000;
    if (!o->n_types)
        o->n_types = o->mock ? 3 : 8;
    if (o->depth <= 0)
        o->depth = (o->mock ? 2 : 0.3) * (double)o->n_vars;
}

/* "type_1" ... "type_n", as wide as the last one, so that names sort as they count. */
static sc_status push_numbered(sc_strs *to, const char *what, int64_t from, int64_t upto,
                               int64_t last, sc_err *err)
{
    char name[64];
    const int width = snprintf(NULL, 0, "%" PRId64, last);
    for (int64_t k = from; k <= upto; k++) {
        const int len = snprintf(name, sizeof name, "%s_%0*" PRId64, what, width, k);
        SC_TRY(sc_strs_push(to, name, (size_t)len, err));
    }
    return SC_OK;
}

static sc_status add_var(const sc_sim *sim, sc_table *var, sc_err *err)
{
    const sc_sim_opts *o = &sim->opts;
    sc_col *marker_of = NULL, *change = NULL, *theta = NULL;
    var->n_rows = o->n_vars;
    SC_TRY(push_numbered(&var->names, "gene", 1, o->n_vars, o->n_vars, err));
    SC_TRY(sc_table_add(var, "marker_of", SC_COL_CATEGORY, &marker_of, err));
    SC_TRY(push_numbered(&marker_of->categories, "type", 1, o->n_types, o->n_types, err));
    for (int64_t j = 0; j < o->n_vars; j++)
        marker_of->v.code[j] = sim->marker_of[j];
    SC_TRY(sc_table_add(var, "marker_log_change", SC_COL_REAL, &change, err));
    for (int64_t j = 0; j < o->n_vars; j++)
        change->v.r[j] = sim->marker[j];
    SC_TRY(sc_table_add(var, "inverse_dispersion", SC_COL_REAL, &theta, err));
    for (int64_t j = 0; j < o->n_vars; j++)
        theta->v.r[j] = sim->theta[j];
    return SC_OK;
}

static sc_status add_obs(const sc_sim *sim, sc_table *obs, sc_err *err)
{
    const sc_sim_opts *o = &sim->opts;
    sc_col *col = NULL;
    SC_TRY(sc_table_add(obs, "cell_type", SC_COL_CATEGORY, &col, err));
    SC_TRY(push_numbered(&col->categories, "type", 1, o->n_types, o->n_types, err));
    SC_TRY(sc_table_add(obs, "batch", SC_COL_CATEGORY, &col, err));
    SC_TRY(push_numbered(&col->categories, "batch", 1, o->n_batches, o->n_batches, err));
    return sc_table_add(obs, "library_size", SC_COL_REAL, &col, err);
}

static sc_status add_matrices(const sc_sim *sim, sc_header *h, sc_err *err)
{
    const sc_sim_opts *o = &sim->opts;
    sc_mat *m = NULL;
    SC_TRY(sc_header_add(h, "X", SC_COUNTS, true, -1, &m, err));
    SC_TRY(sc_header_add(h, "obsm/X_true", SC_REAL, false, o->n_latent, &m, err));
    SC_TRY(sc_header_add(h, "varm/loadings_true", SC_REAL, false, o->n_latent, &m, err));
    SC_TRY(sc_alloc(&m->varm.values, (size_t)(o->n_vars * o->n_latent), sizeof(float), err));
    m->varm.n_rows = o->n_vars;
    m->varm.n_cols = o->n_latent;
    for (int64_t j = 0; j < o->n_vars; j++)
        if (sim->factor[j] >= 0)
            m->varm.values[j * o->n_latent + sim->factor[j]] = (float)sim->loading[j];
    return SC_OK;
}

static sc_status make_header(const sim_opts *o, const sc_sim *sim, sc_header *h, sc_err *err)
{
    h->n_obs = o->n_obs;
    SC_TRY(add_var(sim, &h->var, err));
    SC_TRY(add_obs(sim, &h->obs, err));
    SC_TRY(add_matrices(sim, h, err));
    SC_TRY(sc_alloc(&h->uns, 3, 1, err));
    h->uns[0] = '{';
    h->uns[1] = '}';
    if (o->common.no_pg)
        return SC_OK;
    return sc_header_record(h, tool.name, o->common.argc, o->common.argv, err);
}

/* A wave is a block for each thread. While the others draw one, the caller writes the last. */
typedef struct wave {
    int64_t first, n_blocks;
    sc_sim_cells *cells; /* one a block */
    sc_status *status;
    sc_err *err;
} wave;

typedef struct job {
    const sim_opts *opts;
    const sc_sim *sim;
    sc_pool *pool;
    sc_writer *out;
    wave waves[2], *drawn, *written; /* drawn now, written now */
    sc_status status;                /* of writing */
    sc_err err;
} job;

static int64_t rows_of(const sim_opts *o, const wave *w, int64_t k)
{
    const int64_t left = o->n_obs - (w->first + k * SC_BLOCK_ROWS);
    return left < SC_BLOCK_ROWS ? left : SC_BLOCK_ROWS;
}

static sc_status block_obs(const job *j, const wave *w, int64_t k, sc_table *obs, sc_err *err)
{
    const sc_sim_cells *cells = &w->cells[k];
    const int64_t first = w->first + k * SC_BLOCK_ROWS, n = rows_of(j->opts, w, k);
    obs->n_rows = n;
    SC_TRY(push_numbered(&obs->names, "cell", first + 1, first + n, j->opts->n_obs, err));
    SC_TRY(add_obs(j->sim, obs, err));
    for (int64_t i = 0; i < n; i++) {
        obs->cols[0].v.code[i] = cells->type[i];
        obs->cols[1].v.code[i] = cells->batch[i];
        obs->cols[2].v.r[i] = cells->library[i];
    }
    return SC_OK;
}

static sc_status put_block(job *j, wave *w, int64_t k, sc_err *err)
{
    sc_table obs = {0};
    sc_block *b = NULL;
    sc_status st;
    SC_GOTO(st, sc_block_new(&b, rows_of(j->opts, w, k), err), out);
    SC_GOTO(st, block_obs(j, w, k, &obs, err), out);
    SC_GOTO(st, sc_block_set_obs(b, &obs, err), out);
    SC_GOTO(st, sc_block_set_sparse(b, "X", &w->cells[k].x, err), out);
    SC_GOTO(st, sc_block_set_dense(b, "obsm/X_true", &w->cells[k].latent, err), out);
    st = sc_writer_put(j->out, b, err);
out:
    sc_table_free(&obs);
    sc_block_free(b);
    return st;
}

static void draw_block(void *ctx, int64_t k, int tid)
{
    job *j = ctx;
    wave *w = j->drawn;
    (void)tid;
    w->status[k] = sc_sim_draw(j->sim, w->first + k * SC_BLOCK_ROWS, rows_of(j->opts, w, k),
                               &w->cells[k], &w->err[k]);
}

static void step(void *ctx, int tid, int n)
{
    job *j = ctx;
    (void)n;
    if (tid == 0)
        for (int64_t k = 0; k < j->written->n_blocks && j->status == SC_OK; k++)
            j->status = put_block(j, j->written, k, &j->err);
    sc_pool_tiles(j->pool, tid, j->drawn->n_blocks, draw_block, j);
}

static sc_status draw_all(job *j, sc_err *err)
{
    const int64_t n_obs = j->opts->n_obs, per_wave = sc_pool_size(j->pool);
    const int64_t n_blocks = n_obs / SC_BLOCK_ROWS + (n_obs % SC_BLOCK_ROWS != 0);
    int turn = 0;
    for (int64_t at = 0; at < n_blocks + per_wave; at += per_wave, turn ^= 1) {
        j->drawn = &j->waves[turn];
        j->written = &j->waves[turn ^ 1];
        const int64_t left = n_blocks > at ? n_blocks - at : 0;
        j->drawn->first = at * SC_BLOCK_ROWS;
        j->drawn->n_blocks = left < per_wave ? left : per_wave;
        sc_pool_run(j->pool, step, j);
        if (j->status != SC_OK) {
            *err = j->err;
            return j->status;
        }
        for (int64_t k = 0; k < j->drawn->n_blocks; k++)
            if (j->drawn->status[k] != SC_OK) {
                *err = j->drawn->err[k];
                return j->drawn->status[k];
            }
    }
    return sc_writer_finish(j->out, err);
}

static sc_status write_cells(const sim_opts *o, const sc_sim *sim, sc_writer *out, sc_err *err)
{
    job j = {.opts = o, .sim = sim, .out = out};
    sc_status st;
    SC_GOTO(st, sc_pool_new(&j.pool, (int)o->common.n_threads, err), out);
    const size_t n = (size_t)sc_pool_size(j.pool);
    for (int k = 0; k < 2; k++) {
        SC_GOTO(st, sc_alloc(&j.waves[k].cells, n, sizeof(sc_sim_cells), err), out);
        SC_GOTO(st, sc_alloc(&j.waves[k].status, n, sizeof(sc_status), err), out);
        SC_GOTO(st, sc_alloc(&j.waves[k].err, n, sizeof(sc_err), err), out);
    }
    st = draw_all(&j, err);
out:
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; j.waves[k].cells && i < sc_pool_size(j.pool); i++)
            sc_sim_cells_free(&j.waves[k].cells[i]);
        free(j.waves[k].cells);
        free(j.waves[k].status);
        free(j.waves[k].err);
    }
    sc_pool_free(j.pool);
    return st;
}

static sc_status run(const sim_opts *o, sc_err *err)
{
    const sc_sim_opts truth = {.n_vars = o->n_vars,
                               .n_types = o->n_types,
                               .n_batches = o->n_batches,
                               .n_latent = o->n_latent,
                               .depth = o->depth,
                               .dispersion = o->dispersion,
                               .separation = o->separation,
                               .batch_effect = o->batch_effect,
                               .seed = (uint64_t)o->common.seed};
    sc_output file = {.fd = -1};
    sc_header h = {0};
    sc_writer *out = NULL;
    sc_sim *sim = NULL;
    sc_status st;
    SC_GOTO(st, sc_sim_new(&sim, &truth, err), out);
    SC_GOTO(st, make_header(o, sim, &h, err), out);
    SC_GOTO(st, sc_output_open(&file, o->common.output, true, err), out);
    SC_GOTO(st, sc_writer_open(&out, file.fd, file.name, &h, err), out);
    SC_GOTO(st, write_cells(o, sim, out, err), out);
    st = sc_output_commit(&file, err);
out:
    sc_writer_close(out);
    sc_output_abandon(&file);
    sc_header_free(&h);
    sc_sim_free(sim);
    return st;
}

int main(int argc, char **argv)
{
    sim_opts o;
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &o, argc, argv, &err);
    if (st == SC_OK) {
        choose(&o);
        st = run(&o, &err);
    }
    sc_cli_free(&o);
    return sc_cli_exit(&tool, st, &err);
}

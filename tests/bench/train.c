/*
 * Milliseconds a training step takes, the whole of it: minibatch, forward, backward, Adam.
 *
 *   build/bench/train [MODEL GENES BATCH THREADS [EPOCHS]]
 *
 * MODEL is scvi, ldvae or another with defaults, or NAME:LIKELIHOOD (scvi:nb). Without arguments:
 * the table of the README. Cells are drawn, 10 % of their counts stored. The last columns are the
 * least time that this machine needs for such a step (roof.h), taken before and behind each epoch,
 * and its share in the step's; with ROOF set in the environment, also of what it is made.
 */
#include "roof.h"
#include "sc_net.h"
#include "sc_param.h"
#include "sc_philox.h"
#include "sc_train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MINIBATCHES = 40, EPOCHS_MAX = 1000, LABELS = 8 };

/* Of each epoch; what the roof is there comes from behind it and from before. */
typedef struct clocks {
    int n;
    double wall, cpu, least, walls[EPOCHS_MAX], cpus[EPOCHS_MAX], leasts[EPOCHS_MAX],
        shares[EPOCHS_MAX];
    const sc_net *net;
    sc_pool *pool;
    load step; /* what one has to do */
    int64_t n_steps;
    sc_status st;
    sc_err *err;
} clocks;

static double read_clock(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t, int n)
{
    qsort(t, (size_t)n, sizeof *t, by_value);
    return t[n / 2];
}

/* The least time of a step just now, in seconds. */
static double least_now(clocks *c)
{
    roof r;
    const load *l = &c->step;
    if (c->st == SC_OK)
        c->st = roof_measure(&r, c->net->g->n_params, c->pool, sc_kernels_get(NULL), c->err);
    if (c->st != SC_OK)
        return 0;
    if (getenv("ROOF"))
        printf("  %.0f GFLOP/s, exp %.3f log %.3f lgamma %.3f ns, memory %.1f cache %.1f GB/s; "
               "products %.2f, transcendental %.2f, memory %.2f, cache %.2f ms\n",
               1e-9 / r.flop, 1e9 * r.exp, 1e9 * r.log, 1e9 * r.lgamma, 1e-9 / r.memory,
               1e-9 / r.cache, 1e3 * l->flops * r.flop,
               1e3 * (l->exps * r.exp + l->logs * r.log + l->lgammas * r.lgamma),
               1e3 * l->memory * r.memory, 1e3 * l->cache * r.cache);
    return roof_seconds(&r, l);
}

static void tick(void *ctx, const sc_epoch_report *r)
{
    clocks *c = ctx;
    const double wall = read_clock(CLOCK_MONOTONIC) - c->wall,
                 cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID) - c->cpu, least = least_now(c);
    if (r->epoch > 1 && c->n < EPOCHS_MAX) { /* the first one warms up */
        c->walls[c->n] = wall / (double)c->n_steps;
        c->cpus[c->n] = cpu / (double)c->n_steps;
        c->leasts[c->n] = (c->least + least) / 2;
        c->shares[c->n] = c->leasts[c->n] / c->walls[c->n];
        c->n++;
    }
    c->least = least;
    c->wall = read_clock(CLOCK_MONOTONIC);
    c->cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* One cell in five has a label; the others' code is that of no class. */
static sc_status draw_labels(sc_cells *c, sc_err *err)
{
    int32_t **codes = &c->codes[SC_IN_LABELS - SC_IN_BATCH];
    c->dims.n_labels = LABELS;
    SC_TRY(sc_alloc(codes, (size_t)c->n_obs, sizeof **codes, err));
    for (int64_t i = 0; i < c->n_obs; i++)
        (*codes)[i] = (int32_t)(i % 5 ? LABELS : i / 5 % LABELS);
    return SC_OK;
}

/* A row: one gene in ten is there; small counts are the most frequent. */
static sc_status draw_row(sc_cells *c, int64_t i, float *u, int32_t *index, float *value,
                          sc_err *err)
{
    int64_t n = 0;
    sc_fill_uniform((sc_key){1, 0, (uint32_t)i, 0}, c->n_vars, u);
    for (int64_t j = 0; j < c->n_vars; j++)
        if (u[j] < 0.1F) {
            index[n] = (int32_t)j;
            value[n] = fminf(255, ceilf(-2 * logf(10 * u[j] + 1e-9F) + 1e-3F));
            c->totals[i] += (double)value[n++];
        }
    return sc_packed_add(c->counts, n, index, value, err);
}

static sc_status draw_cells(sc_cells *c, int64_t n_obs, int64_t n_vars, sc_err *err)
{
    int32_t *index = NULL;
    float *u = NULL, *value = NULL;
    sc_status st;
    c->n_obs = n_obs;
    c->n_vars = c->dims.n_vars = n_vars;
    c->dims.n_batch = 1;
    SC_GOTO(st, sc_packed_new(&c->counts, n_vars, 0, err), out);
    SC_GOTO(st, sc_alloc(&c->totals, (size_t)n_obs, sizeof *c->totals, err), out);
    /* nobody looks at the loss: its constant stays 0 */
    SC_GOTO(st, sc_alloc(&c->log_factorial, (size_t)n_obs, sizeof(double), err), out);
    SC_GOTO(st, sc_alloc(&c->codes[0], (size_t)n_obs, sizeof **c->codes, err), out);
    SC_GOTO(st, draw_labels(c, err), out);
    SC_GOTO(st, sc_alloc(&index, (size_t)n_vars, sizeof *index, err), out);
    SC_GOTO(st, sc_alloc(&value, (size_t)n_vars, sizeof *value, err), out);
    SC_GOTO(st, sc_alloc(&u, (size_t)n_vars, sizeof *u, err), out);
    for (int64_t i = 0; i < n_obs; i++)
        SC_GOTO(st, draw_row(c, i, u, index, value, err), out);
    st = sc_packed_end(c->counts, err);
out:
    free(index);
    free(value);
    free(u);
    return st;
}

static sc_status set_likelihood(const sc_plugin *p, void *opts, const char *value, sc_err *err)
{
    for (const sc_param *q = p->params; q->name; q++) {
        if (strcmp(q->name, "gene-likelihood") != 0)
            continue;
        int i = 0;
        for (const char *c = q->choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL, i++)
            if (strncmp(c, value, strlen(value)) == 0 && strchr("|", c[strlen(value)])) {
                memcpy((char *)opts + q->offset, &i, sizeof i);
                return SC_OK;
            }
    }
    return sc_fail(err, SC_EUSAGE, "no likelihood '%s'", value);
}

static sc_status open_net(sc_net *net, const char *spec, const sc_cells *cells, sc_err *err)
{
    char name[64];
    const char *likelihood = strchr(spec, ':');
    (void)snprintf(name, sizeof name, "%.*s",
                   likelihood ? (int)(likelihood - spec) : (int)sizeof name - 1, spec);
    SC_TRY(sc_net_new(net, name, NULL, err));
    if (likelihood)
        SC_TRY(set_likelihood(net->handle.plugin, net->opts, likelihood + 1, err));
    net->dims = cells->dims;
    SC_TRY(sc_net_build(net, err));
    sc_net_init(net, 0);
    const int mean = sc_graph_weight_from(net->g, SC_INIT_LIBRARY_LOG_MEANS),
              var = sc_graph_weight_from(net->g, SC_INIT_LIBRARY_LOG_VARS);
    int64_t n_empty;
    if (mean >= 0 && var >= 0)
        sc_cells_library(cells, net->weights + net->g->weights[mean].offset,
                         net->weights + net->g->weights[var].offset, &n_empty);
    return SC_OK;
}

static sc_status count_step(clocks *c, const sc_net *net, const sc_cells *cells, int64_t batch,
                            sc_err *err)
{
    double nnz = 0;
    for (int64_t i = 0; i < cells->n_obs; i++)
        nnz += (double)sc_packed_count(cells->counts, i);
    return load_count(&c->step, net->g, batch, nnz / (double)cells->n_obs, err);
}

static sc_status measure(const char *spec, int64_t n_vars, int64_t batch, int threads,
                         int64_t epochs, sc_err *err)
{
    sc_cells cells = {0};
    sc_net net = {0};
    sc_pool *pool = NULL;
    static clocks c; /* too large for the stack */
    sc_train_opts o = {.max_epochs = epochs + 1,
                       .batch_size = batch,
                       .lr = -1,
                       .eps = -1,
                       .weight_decay = -1,
                       .n_epochs_kl_warmup = -1,
                       .max_kl_weight = 1,
                       .train_size = 1,
                       .validation_size = 0};
    sc_status st;
    const int64_t steps = batch > 512 ? MINIBATCHES / 4 : MINIBATCHES;
    SC_GOTO(st, draw_cells(&cells, batch * steps, n_vars, err), out);
    SC_GOTO(st, open_net(&net, spec, &cells, err), out);
    SC_GOTO(st, sc_pool_new(&pool, threads, err), out);
    c = (clocks){.net = &net, .pool = pool, .n_steps = steps, .err = err};
    SC_GOTO(st, count_step(&c, &net, &cells, batch, err), out);
    SC_GOTO(st, sc_train(&net, &cells, &o, pool, sc_kernels_get(NULL), tick, &c, err), out);
    SC_GOTO(st, c.st, out);
    const double wall = median(c.walls, c.n);
    printf("%-10s %6lld %6lld %8d %8.3f %8.3f %10.0f %8.3f %5.0f%%\n", spec, (long long)n_vars,
           (long long)batch, threads, 1e3 * wall, 1e3 * median(c.cpus, c.n), (double)batch / wall,
           1e3 * median(c.leasts, c.n), 100 * median(c.shares, c.n));
    (void)fflush(stdout);
out:
    sc_cells_free(&cells);
    sc_net_free(&net);
    sc_pool_free(pool);
    return st;
}

static sc_status table(sc_err *err)
{
    static const struct {
        const char *model;
        int64_t genes, batch;
    } lines[] = {{"scvi", 2000, 128},  {"scvi", 2000, 1024},    {"scvi:nb", 2000, 128},
                 {"scvi", 10000, 128}, {"scvi:nb", 10000, 128}, {"ldvae", 1000, 128},
                 {"ldvae", 2000, 128}, {"scanvi", 2000, 128}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (int threads = 1; threads <= 4 && threads <= sc_threads_default(); threads += 3)
            SC_TRY(measure(lines[i].model, lines[i].genes, lines[i].batch, threads, 7, err));
    return SC_OK;
}

int main(int argc, char **argv)
{
    sc_err err = {0};
    printf("model       genes  batch  threads  ms/step   ms-CPU    cells/s least-ms  roof\n");
    const sc_status st = argc < 5 ? table(&err)
                                  : measure(argv[1], atoll(argv[2]), atoll(argv[3]), atoi(argv[4]),
                                            argc > 5 ? atoll(argv[5]) : 7, &err);
    if (st != SC_OK)
        (void)fprintf(stderr, "train: %s\n", err.msg);
    return st == SC_OK ? 0 : 1;
}

#include "sample.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* Features are the kept genes, then the model's proteins. */
typedef struct correlator {
    sampler *m;
    int64_t n_features;
    int n;
    sc_correlation **of; /* one for each batch to decode with */
} correlator;

static sc_status begin(correlator *c, sc_err *err)
{
    const sampler *m = c->m;
    int64_t memory = m->o->memory;
    if (memory == 0)
        memory = (int64_t)sysconf(_SC_AVPHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE) / 4 * 3;
    SC_TRY(sc_alloc(&c->of, (size_t)n_batches(m), sizeof(sc_correlation *), err));
    for (; c->n < n_batches(m); c->n++)
        SC_TRY(sc_correlation_new(&c->of[c->n], c->n_features, m->o->correlation != PEARSON,
                                  memory / n_batches(m), m->s.pool, m->s.kernels, err));
    return SC_OK;
}

/* As scvi-tools takes them: denoised genes are never 0, proteins may be. */
static void take_logs(const sampler *m, int64_t n, float *rows, int64_t n_features)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n_features; j++) {
            float *v = &rows[i * n_features + j];
            *v = (float)(j < m->genes.n_new ? log((double)*v + 1e-8) : log1p((double)*v));
        }
}

static sc_status add_rows(correlator *c, int batch, int64_t n, sc_err *err)
{
    const sampler *m = c->m;
    const side *genes = &m->sides[GENES], *proteins = &m->sides[PROTEINS];
    const int64_t n_genes = m->genes.n_new;
    float *rows = NULL;
    SC_TRY(sc_alloc(&rows, (size_t)(n * c->n_features), sizeof *rows, err));
    for (int64_t i = 0; i < n; i++) {
        float *to = rows + i * c->n_features;
        for (int64_t j = 0; j < n_genes; j++)
            to[j] = genes->values[i * genes->n_cols + m->order[j]];
        for (int64_t j = 0; n_genes + j < c->n_features; j++)
            to[n_genes + j] = proteins->values[i * proteins->n_cols + j];
    }
    if (m->o->log_transform)
        take_logs(m, n, rows, c->n_features);
    const sc_status st = sc_correlation_add(c->of[batch], rows, n, err);
    free(rows);
    return st;
}

static sc_status one_block(void *ctx, sc_block *b, sc_err *err)
{
    correlator *c = ctx;
    sampler *m = c->m;
    const int64_t n_rows = sc_block_n_rows(b);
    for (int64_t at = 0, n; at < n_rows; at += n) {
        n = sc_infer_piece(m->s.x, n_rows - at);
        for (int64_t draw = 0; draw < m->n_samples; draw++)
            for (int k = 0; k < n_batches(m); k++) {
                SC_TRY(draw_rows(m, at, n, draw, k, err));
                SC_TRY(add_rows(c, k, n, err));
            }
    }
    return SC_OK;
}

static const char *name_of(const correlator *c, int64_t j)
{
    const sampler *m = c->m;
    return j < m->genes.n_new ? sc_strs_at(&sc_reader_header(m->s.in)->var.names, m->genes.kept[j])
                              : sc_strs_at(&m->s.net.proteins, j - m->genes.n_new);
}

/* Features x features; over several batches the mean. */
static sc_status print(correlator *c, sc_err *err)
{
    const int64_t n = c->n_features;
    FILE *out = c->m->s.text;
    const double **r = NULL;
    sc_status st = SC_OK;
    SC_TRY(sc_alloc(&r, (size_t)c->n, sizeof(double *), err));
    for (int k = 0; k < c->n && st == SC_OK; k++)
        st = sc_correlation_finish(c->of[k], &r[k], err);
    for (int64_t i = -1; i < n && st == SC_OK; i++) {
        fputs(i >= 0 ? name_of(c, i) : c->m->n_sides > PROTEINS ? "feature" : "gene", out);
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; i >= 0 && k < c->n; k++)
                sum += r[k][i * n + j] / c->n;
            if (i < 0)
                fprintf(out, "\t%s", name_of(c, j));
            else
                fprintf(out, "\t%.9g", sum);
        }
        fputc('\n', out);
    }
    free(r);
    return st;
}

sc_status correlate(sampler *m, sc_err *err)
{
    correlator c = {.m = m, .n_features = m->genes.n_new};
    sc_status st;
    if (m->n_sides > PROTEINS)
        c.n_features += m->sides[PROTEINS].n_cols;
    SC_GOTO(st, begin(&c, err), out);
    SC_GOTO(st, sc_over_each(&m->s, one_block, &c, err), out);
    st = print(&c, err);
out:
    for (int k = 0; k < c.n; k++)
        sc_correlation_free(c.of[k]);
    free(c.of);
    return st;
}

/* Posterior predictive counts of cells, or how genes correlate in denoised draws. */
#include "sc_correlation.h"
#include "sc_decode.h"
#include "sc_minify.h"
#include "sc_over.h"
#include "sc_predict.h"
#include "sc_repeat.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct sample_opts {
    sc_common common;
    sc_over_opts over;
    const char *transform_batch;
    int latent, correlation;
    int64_t n_samples, memory;
    double max_poisson_rate, rna_size_factor;
} sample_opts;

enum { LATENT_SAMPLE, LATENT_MEAN };
enum { CORRELATION_NOT, CORRELATION, SPEARMAN, PEARSON };

static const sc_param params[] = {
    SC_INT(sample_opts, n_samples, "n-samples", 0, 0, 1000000,
           "draws a cell; 0: one, or with --correlation 10"),
    SC_CHOICE(sample_opts, latent, "latent", LATENT_SAMPLE, "sample|mean",
              "draw the latents too, or take the mean of q(z|x)"),
    SC_REAL(sample_opts, max_poisson_rate, "max-poisson-rate", 1e8, 1e-3, 1e15,
            "larger rates are cut to this"),
    SC_STRING(sample_opts, transform_batch, "transform-batch", "B[,B]",
              "decode every cell as one of this batch; of several, the mean"),
    SC_FLAG(sample_opts, correlation, "correlation", "spearman|pearson",
            "print how genes correlate over denoised draws, in place of counts"),
    SC_REAL(sample_opts, rna_size_factor, "rna-size-factor", 1000, 1e-6, 1e15,
            "library size of the denoised draws"),
    SC_SIZE(sample_opts, memory, "memory", 0,
            "what Spearman's ranks may take; 0: three quarters of what is free"),
    SC_OVER_PARAMS(sample_opts, over),
    SC_PARAM_END};

static const sc_tool tool = {"sc-sample",
                             "posterior predictive counts",
                             "MODEL [IN]",
                             1,
                             2,
                             SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT | SC_TOOL_PG,
                             params,
                             sizeof(sample_opts),
                             "sc-sample --n-samples 25 model.scm counts.scz > predicted.scz"};

typedef struct sampler {
    const sample_opts *o;
    sc_over s;
    int64_t n_samples;
    sc_batch_list batches;
    sc_predictor p;
    int32_t scale, shape; /* nodes: px_scale and px_r, for --correlation */
    bool is_real;         /* the draws are no counts: a normal distribution */
    sc_header kept;
    sc_subset genes;
    int32_t *order;
    float *values; /* SC_INFER_ROWS x the model's genes */
    int n_correlations;
    sc_correlation **correlations; /* one for each batch to decode with */
} sampler;

static int n_batches(const sampler *m)
{
    return m->batches.n ? m->batches.n : 1;
}

static sc_status find_nodes(sampler *m, sc_err *err)
{
    const sample_opts *o = m->o;
    m->n_samples = o->n_samples ? o->n_samples : o->correlation ? 10 : 1;
    if (o->transform_batch)
        SC_TRY(sc_batch_list_parse(&m->batches, &m->s.net, o->transform_batch, err));
    if (!o->correlation) {
        SC_TRY(sc_predict_find(&m->p, &m->s.net, o->max_poisson_rate, err));
        m->is_real = m->p.d.kind == SC_NORMAL_SD || m->p.d.kind == SC_NORMAL_VAR;
        return sc_over_match(&m->s, m->p.nodes, m->p.n_nodes, err);
    }
    sc_wanted scale, shape;
    SC_TRY(sc_predict_find(&m->p, &m->s.net, o->max_poisson_rate, err));
    if (m->p.d.kind != SC_NB && m->p.d.kind != SC_ZINB)
        return sc_fail(err, SC_EUSAGE,
                       "--correlation is for models of negative binomial counts (nb, zinb)");
    SC_TRY(sc_wanted_find(&scale, &m->s.net, "px_scale", err));
    SC_TRY(sc_wanted_find(&shape, &m->s.net, "px_r", err));
    m->scale = scale.node;
    m->shape = shape.node;
    return sc_over_match(&m->s, (const int32_t[]){m->scale, m->shape}, 2, err);
}

static sc_status begin(sampler *m, sc_err *err)
{
    sc_header h = {0};
    sc_status st;
    SC_TRY(sc_header_copy(&m->kept, sc_reader_header(m->s.in), err));
    SC_TRY(sc_minify_undo(&m->kept, err));
    sc_minify_drop_counts(&m->kept);
    SC_TRY(sc_subset_header(&m->genes, &m->kept, err));
    if (m->n_samples > 1)
        SC_TRY(sc_repeat_header(&m->kept, m->n_samples, err));
    SC_GOTO(st, sc_header_copy(&h, &m->kept, err), out);
    SC_GOTO(st,
            sc_header_add(&h, "X",
                          m->is_real         ? SC_REAL
                          : m->batches.n > 1 ? SC_COUNTS_FRACTIONAL
                                             : SC_COUNTS,
                          !m->is_real, m->genes.n_new, NULL, err),
            out);
    st = sc_over_begin(&m->s, &h, err);
out:
    sc_header_free(&h);
    return st;
}

/* One draw of rows [from, from + n) of the block, decoded for one batch, into values. */
static sc_status draw_rows(sampler *m, int64_t from, int64_t n, int64_t draw, int batch,
                           sc_err *err)
{
    const sample_opts *o = m->o;
    const uint64_t seed = (uint64_t)o->common.seed;
    const uint32_t no = (uint32_t)draw + 1;
    sc_infer_transform(m->s.x, m->batches.n ? m->batches.codes[batch] : -1);
    SC_TRY(sc_infer_run(m->s.x, from, n, o->latent == LATENT_MEAN ? SC_DRAW_MEAN : SC_DRAW_SAMPLE,
                        seed, no, err));
    if (o->correlation)
        sc_predict_denoised(m->s.x, m->scale, m->shape, o->rna_size_factor, from, n, seed, no,
                            m->s.pool, m->values);
    else
        sc_predict_rows(&m->p, m->s.x, from, n, seed, no, m->s.pool, m->values);
    return SC_OK;
}

/* All draws of a piece: its rows x kept genes; over several batches their mean. */
static sc_status fill(sampler *m, const sc_piece *p, float *to, sc_err *err)
{
    const int64_t n_vars = m->genes.n_new, n_model = m->s.net.dims.n_vars;
    const float share = 1 / (float)n_batches(m);
    for (int64_t draw = 0; draw < p->n_draws; draw++)
        for (int64_t at = 0, n; at < p->n_cells; at += n) {
            n = sc_infer_piece(m->s.x, p->n_cells - at);
            for (int b = 0; b < n_batches(m); b++) {
                SC_TRY(draw_rows(m, p->cell + at, n, p->draw + draw, b, err));
                for (int64_t i = 0; i < n; i++)
                    for (int64_t j = 0; j < n_vars; j++)
                        to[((at + i) * p->n_draws + draw) * n_vars + j] +=
                            share * m->values[i * n_model + m->order[j]];
            }
        }
    return SC_OK;
}

static sc_status to_sparse(const sc_dense *d, sc_csr *s, sc_err *err)
{
    int64_t nnz = 0;
    *s = (sc_csr){.n_rows = d->n_rows, .n_cols = d->n_cols};
    for (int64_t k = 0; k < d->n_rows * d->n_cols; k++)
        nnz += d->values[k] != 0;
    SC_TRY(sc_alloc(&s->indptr, (size_t)d->n_rows + 1, sizeof *s->indptr, err));
    SC_TRY(sc_alloc(&s->indices, (size_t)nnz, sizeof *s->indices, err));
    SC_TRY(sc_alloc(&s->values, (size_t)nnz, sizeof *s->values, err));
    nnz = 0;
    for (int64_t i = 0; i < d->n_rows; i++) {
        for (int64_t j = 0; j < d->n_cols; j++) {
            const float v = d->values[i * d->n_cols + j];
            if (v != 0) {
                s->indices[nnz] = (int32_t)j;
                s->values[nnz++] = v;
            }
        }
        s->indptr[i + 1] = nnz;
    }
    return SC_OK;
}

/* Draws a piece's counts into the block that has its rows. */
static sc_status sample_piece(sampler *m, const sc_piece *p, sc_block *b, sc_err *err)
{
    sc_dense d = {p->n_cells * p->n_draws, m->genes.n_new, NULL};
    sc_csr s = {0};
    sc_status st;
    SC_TRY(sc_alloc(&d.values, (size_t)(d.n_rows * d.n_cols), sizeof(float), err));
    SC_GOTO(st, fill(m, p, d.values, err), out);
    if (m->is_real) {
        SC_GOTO(st, sc_block_set_dense(b, "X", &d, err), out);
    } else {
        SC_GOTO(st, to_sparse(&d, &s, err), out);
        SC_GOTO(st, sc_block_set_sparse(b, "X", &s, err), out);
    }
    st = sc_writer_put(m->s.out, b, err);
out:
    sc_dense_free(&d);
    sc_csr_free(&s);
    return st;
}

static sc_status sample_block(void *ctx, sc_block *b, sc_err *err)
{
    sampler *m = ctx;
    if (m->n_samples == 1)
        return sample_piece(m, &(sc_piece){0, sc_block_n_rows(b), 0, 1}, b, err);
    sc_status st = SC_OK;
    for (sc_piece p = {0}; st == SC_OK && sc_repeat_next(&p, sc_block_n_rows(b), m->n_samples);) {
        sc_block *rows = NULL;
        st = sc_repeat_block(&rows, b, &m->kept, &p, err);
        if (st == SC_OK)
            st = sample_piece(m, &p, rows, err);
        sc_block_free(rows);
    }
    return st;
}

static sc_status begin_correlations(sampler *m, sc_err *err)
{
    const sample_opts *o = m->o;
    int64_t memory = o->memory;
    if (memory == 0)
        memory = (int64_t)sysconf(_SC_AVPHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE) / 4 * 3;
    SC_TRY(sc_alloc(&m->correlations, (size_t)n_batches(m), sizeof *m->correlations, err));
    for (; m->n_correlations < n_batches(m); m->n_correlations++)
        SC_TRY(sc_correlation_new(&m->correlations[m->n_correlations], m->genes.n_new,
                                  o->correlation != PEARSON, memory / n_batches(m), m->s.pool,
                                  m->s.kernels, err));
    return SC_OK;
}

static sc_status correlate_block(void *ctx, sc_block *b, sc_err *err)
{
    sampler *m = ctx;
    const int64_t n_rows = sc_block_n_rows(b), n_vars = m->genes.n_new,
                  n_model = m->s.net.dims.n_vars;
    for (int64_t at = 0, n; at < n_rows; at += n) {
        n = sc_infer_piece(m->s.x, n_rows - at);
        for (int64_t draw = 0; draw < m->n_samples; draw++)
            for (int k = 0; k < n_batches(m); k++) {
                float *row = NULL;
                SC_TRY(draw_rows(m, at, n, draw, k, err));
                SC_TRY(sc_alloc(&row, (size_t)(n * n_vars), sizeof *row, err));
                for (int64_t i = 0; i < n; i++)
                    for (int64_t j = 0; j < n_vars; j++)
                        row[i * n_vars + j] = m->values[i * n_model + m->order[j]];
                const sc_status st = sc_correlation_add(m->correlations[k], row, n, err);
                free(row);
                SC_TRY(st);
            }
    }
    return SC_OK;
}

/* Genes x genes; over several batches the mean. */
static sc_status print_correlations(sampler *m, sc_err *err)
{
    const int64_t n = m->genes.n_new;
    const sc_strs *names = &sc_reader_header(m->s.in)->var.names;
    const double **r = NULL;
    sc_status st = SC_OK;
    SC_TRY(sc_alloc(&r, (size_t)m->n_correlations, sizeof *r, err));
    for (int k = 0; k < m->n_correlations && st == SC_OK; k++)
        st = sc_correlation_finish(m->correlations[k], &r[k], err);
    for (int64_t i = -1; i < n && st == SC_OK; i++) {
        fputs(i < 0 ? "gene" : sc_strs_at(names, m->genes.kept[i]), m->s.text);
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; i >= 0 && k < m->n_correlations; k++)
                sum += r[k][i * n + j] / m->n_correlations;
            if (i < 0)
                fprintf(m->s.text, "\t%s", sc_strs_at(names, m->genes.kept[j]));
            else
                fprintf(m->s.text, "\t%.9g", sum);
        }
        fputc('\n', m->s.text);
    }
    free(r);
    return st;
}

static sc_status correlate(sampler *m, sc_err *err)
{
    SC_TRY(begin_correlations(m, err));
    SC_TRY(sc_over_each(&m->s, correlate_block, m, err));
    return print_correlations(m, err);
}

static sc_status sample(sampler *m, sc_err *err)
{
    SC_TRY(begin(m, err));
    return sc_over_each(&m->s, sample_block, m, err);
}

static sc_status run(const sample_opts *o, sc_err *err)
{
    sampler m = {.o = o};
    sc_status st;
    SC_GOTO(st, sc_over_open(&m.s, &tool, &o->common, &o->over, !o->correlation, err), out);
    SC_GOTO(st, find_nodes(&m, err), out);
    SC_GOTO(st, sc_over_genes(&m.s, &m.genes, &m.order, err), out);
    SC_GOTO(st,
            sc_alloc(&m.values, (size_t)(SC_INFER_ROWS * m.s.net.dims.n_vars), sizeof(float), err),
            out);
    SC_GOTO(st, o->correlation ? correlate(&m, err) : sample(&m, err), out);
    st = sc_over_commit(&m.s, err);
out:
    for (int k = 0; k < m.n_correlations; k++)
        sc_correlation_free(m.correlations[k]);
    free(m.correlations);
    free(m.values);
    free(m.order);
    free(m.batches.codes);
    sc_subset_free(&m.genes);
    sc_header_free(&m.kept);
    sc_over_close(&m.s);
    return st;
}

int main(int argc, char **argv)
{
    sample_opts o;
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&o, &err);
    const int code = sc_cli_exit(&tool, st, &err);
    sc_cli_free(&o);
    return code;
}

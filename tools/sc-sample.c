/* Posterior predictive counts of cells, or how genes correlate in denoised draws. */
#include "sc-sample/sample.h"
#include "sc_minify.h"
#include "sc_repeat.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RATE = 100000000, SIZE_FACTOR = 1000 };

static const sc_param params[] = {
    SC_INT(sample_opts, n_samples, "n-samples", 0, 0, 1000000,
           "draws a cell; 0: one, or with --correlation 10"),
    SC_CHOICE(sample_opts, latent, "latent", LATENT_SAMPLE, "sample|mean",
              "draw the latents too, or take the mean of q(z|x)"),
    SC_REAL(sample_opts, max_poisson_rate, "max-poisson-rate", MAX_RATE, 1e-3, 1e15,
            "larger rates are cut to this"),
    SC_STRING(sample_opts, transform_batch, "transform-batch", "B[,B]",
              "decode every cell as one of this batch; of several, the mean"),
    SC_FLAG(sample_opts, correlation, "correlation", "spearman|pearson",
            "print how genes and proteins correlate over denoised draws, in place of counts"),
    SC_BOOL(sample_opts, log_transform, "log-transform", 0,
            "with --correlation=pearson, correlate the logs of the draws"),
    SC_REAL(sample_opts, rna_size_factor, "rna-size-factor", SIZE_FACTOR, 1e-6, 1e15,
            "library size of the denoised draws' genes"),
    SC_SIZE(sample_opts, memory, "memory", 0,
            "what Spearman's ranks may take; 0: three quarters of what is free"),
    SC_OVER_PARAMS(sample_opts, over),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-sample",
    .brief = "posterior predictive counts",
    .operands = "MODEL [IN]",
    .min_operands = 1,
    .max_operands = 2,
    .flags = SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT | SC_TOOL_PG,
    .params = params,
    .opts_size = sizeof(sample_opts),
    .example = "sc-sample --n-samples 25 model.scm counts.scz > predicted.scz",
};

static sc_status find_side(sampler *m, int which, int32_t *nodes, int *n_nodes, sc_err *err)
{
    const sample_opts *o = m->o;
    const sc_input input = which == GENES ? SC_IN_COUNTS : SC_IN_PROTEINS;
    side *s = &m->sides[which];
    SC_TRY(sc_predict_find(&s->counts, &m->s.net, input, o->max_poisson_rate, err));
    s->n_cols = s->counts.n_cols;
    SC_TRY(sc_alloc(&s->values, (size_t)(SC_INFER_ROWS * s->n_cols), sizeof(float), err));
    if (!o->correlation) {
        for (int k = 0; k < s->counts.n_nodes; k++)
            nodes[(*n_nodes)++] = s->counts.nodes[k];
        return SC_OK;
    }
    sc_denoiser *d = &s->denoiser;
    SC_TRY(sc_denoiser_find(d, &m->s.net, input, o->rna_size_factor, err));
    nodes[(*n_nodes)++] = d->mean;
    nodes[(*n_nodes)++] = d->shape;
    if (d->background)
        nodes[(*n_nodes)++] = d->background;
    return SC_OK;
}

static bool cuts_rates(const sample_opts *o)
{
    return o->max_poisson_rate < MAX_RATE || o->max_poisson_rate > MAX_RATE;
}

/* Options that mean nothing beside others. */
static sc_status check(const sample_opts *o, sc_err *err)
{
    const bool sizes = o->rna_size_factor < SIZE_FACTOR || o->rna_size_factor > SIZE_FACTOR;
    if (o->log_transform && o->correlation != PEARSON)
        return sc_fail(err, SC_EUSAGE,
                       "--log-transform is for --correlation=pearson: ranks do not change by logs");
    if (sizes && !o->correlation)
        return sc_fail(err, SC_EUSAGE, "--rna-size-factor is for --correlation");
    if (o->memory && (!o->correlation || o->correlation == PEARSON))
        return sc_fail(err, SC_EUSAGE, "--memory is for --correlation=spearman, which keeps ranks");
    if (cuts_rates(o) && o->correlation)
        return sc_fail(err, SC_EUSAGE,
                       "--max-poisson-rate is for counts, and --correlation draws none");
    return SC_OK;
}

static sc_status find_nodes(sampler *m, sc_err *err)
{
    const sample_opts *o = m->o;
    int32_t nodes[4 * N_SIDES];
    int n = 0;
    SC_TRY(check(o, err));
    m->n_samples = o->n_samples ? o->n_samples : o->correlation ? 10 : 1;
    if (o->transform_batch)
        SC_TRY(sc_batch_list_parse(&m->batches, &m->s.net, o->transform_batch, err));
    for (; m->n_sides < (m->s.net.dims.n_proteins > 0 ? N_SIDES : PROTEINS); m->n_sides++)
        SC_TRY(find_side(m, m->n_sides, nodes, &n, err));
    const sc_dist_kind kind = m->sides[GENES].counts.d.kind;
    m->is_real = kind == SC_NORMAL_SD || kind == SC_NORMAL_VAR;
    if (m->is_real && cuts_rates(o))
        return sc_fail(err, SC_EUSAGE,
                       "--max-poisson-rate is for counts, and the model's likelihood is normal");
    (void)snprintf(m->protein_path, sizeof m->protein_path, "obsm/%s",
                   m->s.net.protein_key ? m->s.net.protein_key : "protein_expression");
    return sc_over_match(&m->s, nodes, n, err);
}

static sc_matkind kind_of(const sampler *m, bool is_real)
{
    return is_real ? SC_REAL : m->batches.n > 1 ? SC_COUNTS_FRACTIONAL : SC_COUNTS;
}

static sc_status add_proteins(const sampler *m, sc_header *h, sc_err *err)
{
    const sc_strs *names = &m->s.net.proteins;
    sc_mat *mat = NULL;
    SC_TRY(sc_header_add(h, m->protein_path, kind_of(m, false), false, m->sides[PROTEINS].n_cols,
                         &mat, err));
    for (int64_t j = 0; j < names->n; j++)
        SC_TRY(
            sc_strs_push(&mat->col_names, sc_strs_at(names, j), strlen(sc_strs_at(names, j)), err));
    return SC_OK;
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
            sc_header_add(&h, "X", kind_of(m, m->is_real), !m->is_real, m->genes.n_new, NULL, err),
            out);
    if (m->n_sides > PROTEINS)
        SC_GOTO(st, add_proteins(m, &h, err), out);
    st = sc_over_begin(&m->s, &h, err);
out:
    sc_header_free(&h);
    return st;
}

sc_status draw_rows(sampler *m, int64_t from, int64_t n, int64_t draw, int batch, sc_err *err)
{
    const sample_opts *o = m->o;
    const uint64_t seed = (uint64_t)o->common.seed;
    const uint32_t no = (uint32_t)draw + 1;
    sc_infer_transform(m->s.x, m->batches.n ? m->batches.codes[batch] : -1);
    SC_TRY(sc_infer_run(m->s.x, from, n, o->latent == LATENT_MEAN ? SC_DRAW_MEAN : SC_DRAW_SAMPLE,
                        seed, no, err));
    for (int k = 0; k < m->n_sides; k++) {
        const side *s = &m->sides[k];
        if (o->correlation)
            sc_denoise_rows(&s->denoiser, m->s.x, from, n, seed, no, m->s.pool, s->values);
        else
            sc_predict_rows(&s->counts, m->s.x, from, n, seed, no, m->s.pool, s->values);
    }
    return SC_OK;
}

/* Adds a share of what was drawn for n cells to rows `step` apart; order NULL: all columns. */
static void add_share(const side *s, int64_t n, float share, const int32_t *order, sc_dense *to,
                      int64_t from, int64_t step)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < to->n_cols; j++)
            to->values[(from + i * step) * to->n_cols + j] +=
                share * s->values[i * s->n_cols + (order ? order[j] : j)];
}

/* All draws of a piece: its rows x kept genes, and proteins; over several batches their mean. */
static sc_status fill(sampler *m, const sc_piece *p, sc_dense to[N_SIDES], sc_err *err)
{
    const float share = 1 / (float)n_batches(m);
    for (int64_t draw = 0; draw < p->n_draws; draw++)
        for (int64_t at = 0, n; at < p->n_cells; at += n) {
            n = sc_infer_piece(m->s.x, p->n_cells - at);
            for (int b = 0; b < n_batches(m); b++) {
                SC_TRY(draw_rows(m, p->cell + at, n, p->draw + draw, b, err));
                for (int k = 0; k < m->n_sides; k++)
                    add_share(&m->sides[k], n, share, k == GENES ? m->order : NULL, &to[k],
                              at * p->n_draws + draw, p->n_draws);
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
static sc_status sample_piece(void *ctx, int tid, sc_infer *x, const sc_piece *p, sc_block *b,
                              sc_err *err)
{
    sampler *m = ctx;
    sc_dense d[N_SIDES] = {{0}};
    sc_csr s = {0};
    sc_status st;
    (void)tid;
    (void)x; /* which is m->s.x */
    for (int k = 0; k < m->n_sides; k++) {
        d[k].n_rows = p->n_cells * p->n_draws;
        d[k].n_cols = k == GENES ? m->genes.n_new : m->sides[k].n_cols;
        SC_GOTO(st, sc_alloc(&d[k].values, (size_t)(d[k].n_rows * d[k].n_cols), sizeof(float), err),
                out);
    }
    SC_GOTO(st, fill(m, p, d, err), out);
    if (m->is_real) {
        SC_GOTO(st, sc_block_set_dense(b, "X", &d[GENES], err), out);
    } else {
        SC_GOTO(st, to_sparse(&d[GENES], &s, err), out);
        SC_GOTO(st, sc_block_set_sparse(b, "X", &s, err), out);
    }
    if (m->n_sides > PROTEINS)
        SC_GOTO(st, sc_block_set_dense(b, m->protein_path, &d[PROTEINS], err), out);
out:
    for (int k = 0; k < m->n_sides; k++)
        sc_dense_free(&d[k]);
    sc_csr_free(&s);
    return st;
}

static sc_status sample(sampler *m, sc_err *err)
{
    SC_TRY(begin(m, err));
    const sc_over_rows rows = {&m->kept, NULL, m->n_samples > 1 ? m->n_samples : 0, sample_piece,
                               m};
    return sc_over_write(&m->s, &rows, err);
}

static sc_status run(void *opts, sc_err *err)
{
    const sample_opts *o = opts;
    sampler m = {.o = o};
    sc_status st;
    SC_GOTO(st, sc_over_open(&m.s, &tool, &o->common, &o->over, !o->correlation, err), out);
    SC_GOTO(st, find_nodes(&m, err), out);
    SC_GOTO(st, sc_over_genes(&m.s, &m.genes, &m.order, err), out);
    SC_GOTO(st, o->correlation ? correlate(&m, err) : sample(&m, err), out);
    st = sc_over_commit(&m.s, err);
out:
    for (int k = 0; k < N_SIDES; k++)
        free(m.sides[k].values);
    free(m.order);
    free(m.batches.codes);
    sc_subset_free(&m.genes);
    sc_header_free(&m.kept);
    sc_over_blame(&m.s, st, err);
    sc_over_close(&m.s);
    return st;
}

int main(int argc, char **argv)
{
    sample_opts o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}

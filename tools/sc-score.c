/* ELBO, its parts and marginal log-likelihood of each cell under a model. */
#include "sc_over.h"
#include "sc_print.h"

#include <math.h>
#include <stdlib.h>

typedef struct score_opts {
    sc_common common;
    sc_over_opts over;
    int latent, compat;
    int64_t n_samples, n_mc_samples;
    bool mean, marginal_ll;
} score_opts;

enum { LATENT_SAMPLE, LATENT_MEAN };
enum { COMPAT_NONE, COMPAT_SCVI_TOOLS };
enum { N_MC_SAMPLES = 1000 };
enum { MAX_TERMS = 32, ML = 3, ML_SE = 1 }; /* ML: columns of the marginal log-likelihood */

static const sc_param params[] = {
    SC_CHOICE(score_opts, latent, "latent", LATENT_SAMPLE, "sample|mean",
              "score at draws from q(z|x), or at its mean"),
    SC_INT(score_opts, n_samples, "n-samples", 1, 1, 1000000, "draws to average"),
    SC_BOOL(score_opts, mean, "mean", 0, "one row: the mean over cells"),
    SC_BOOL(score_opts, marginal_ll, "marginal-ll", 0,
            "add log p(x) by importance sampling, its standard error and effective sample size"),
    SC_INT(score_opts, n_mc_samples, "n-mc-samples", N_MC_SAMPLES, 2, 100000000,
           "draws for --marginal-ll"),
    SC_CHOICE(score_opts, compat, "compat", COMPAT_NONE, "none|scvi-tools",
              "with --marginal-ll, the importance weights that scvi-tools takes"),
    SC_OVER_PARAMS(score_opts, over),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-score",
    .brief = "Prints the ELBO and its parts for each cell.",
    .operands = "MODEL [IN]",
    .min_operands = 1,
    .max_operands = 2,
    .flags = SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT,
    .params = params,
    .opts_size = sizeof(score_opts),
    .example = "sc-score --mean model.scm counts.scz",
};

typedef struct scorer {
    const score_opts *o;
    sc_over s;
    int n_cols; /* elbo, reconstruction, kl_z, kl_l, further terms, marginal_ll ... */
    const char *names[MAX_TERMS];
    int column[MAX_TERMS]; /* of each term; -1: not part of the ELBO */
    int n_nodes;
    int32_t nodes[MAX_TERMS + 1 + 5 * 16];
    double **rows; /* of each thread: its block's rows x (n_cols + ML) */
    double total[MAX_TERMS + ML];
    int64_t n_cells;
} scorer;

static void want(scorer *s, int32_t node)
{
    if (node)
        s->nodes[s->n_nodes++] = node;
}

static void lay_out(scorer *s)
{
    static const char *const fixed[] = {"elbo", "reconstruction", "kl_z", "kl_l"};
    const sc_built *g = s->s.net.g;
    for (s->n_cols = 0; s->n_cols < 4; s->n_cols++)
        s->names[s->n_cols] = fixed[s->n_cols];
    for (int t = 0; t < g->n_terms; t++) {
        const sc_term_role r = g->terms[t].spec.role;
        const bool is_of_all = g->nodes[g->terms[t].node].stream == SC_ROWS_ALL;
        s->column[t] = !is_of_all                    ? -1
                       : r == SC_TERM_RECONSTRUCTION ? 1
                       : r == SC_TERM_KL_Z           ? 2
                       : r == SC_TERM_KL_L           ? 3
                       : r == SC_TERM_OTHER          ? -1
                                                     : s->n_cols;
        if (is_of_all && r == SC_TERM_KL)
            s->names[s->n_cols++] = g->terms[t].name;
        if (is_of_all)
            want(s, g->terms[t].node);
    }
    const int out = sc_graph_output(g, "log_weight");
    if (out >= 0 && s->o->marginal_ll)
        want(s, g->outputs[out].node);
    for (int i = 0; i < g->n_sites; i++) {
        const sc_gnode *z = &g->nodes[g->sites[i].node];
        const int32_t of_z[] = {g->sites[i].node, z->q.a.id, z->q.b.id, z->p.a.id, z->p.b.id};
        for (int k = 0; k < 5 && z->stream == SC_ROWS_ALL; k++)
            want(s, of_z[k]);
    }
}

/* Sums of exp(w - top) and of its square, kept while draws come by. */
typedef struct weights {
    double top, sum, square;
} weights;

static void add_weight(weights *a, double w)
{
    if (w > a->top) {
        const double k = exp(a->top - w);
        *a = (weights){w, a->sum * k + 1, a->square * k * k + 1};
    } else {
        a->sum += exp(w - a->top);
        a->square += exp(2 * (w - a->top));
    }
}

static sc_status marginal(const scorer *s, sc_infer *x, int64_t from, int64_t n, double *rows,
                          sc_err *err)
{
    const score_opts *o = s->o;
    const double m = (double)o->n_mc_samples;
    weights *a = NULL;
    SC_TRY(sc_alloc(&a, (size_t)n, sizeof *a, err));
    for (int64_t i = 0; i < n; i++)
        a[i].top = -INFINITY;
    sc_status st = SC_OK;
    for (int64_t k = 0; k < o->n_mc_samples && st == SC_OK; k++) {
        st = sc_infer_run(x, from, n, SC_DRAW_SAMPLE, (uint64_t)o->common.seed, (uint32_t)k + 1,
                          err);
        for (int64_t i = 0; i < n && st == SC_OK; i++)
            add_weight(&a[i], sc_infer_log_weight(x, i, o->compat == COMPAT_SCVI_TOOLS));
    }
    for (int64_t i = 0; i < n; i++) {
        double *row = rows + i * (s->n_cols + ML) + s->n_cols;
        const double share = a[i].square / (a[i].sum * a[i].sum);
        row[0] = a[i].top + log(a[i].sum / m);
        row[1] = sqrt(fmax(0, share - 1 / m));
        row[2] = 1 / share;
    }
    free(a);
    return st;
}

static sc_status elbo(const scorer *s, sc_infer *x, int64_t from, int64_t n, double *rows,
                      sc_err *err)
{
    const score_opts *o = s->o;
    const sc_built *g = s->s.net.g;
    const int64_t width = s->n_cols + ML, draws = o->latent == LATENT_MEAN ? 1 : o->n_samples;
    for (int64_t i = 0; i < n * width; i++)
        rows[i] = 0;
    for (int64_t k = 0; k < draws; k++) {
        SC_TRY(sc_infer_run(x, from, n, o->latent ? SC_DRAW_MEAN : SC_DRAW_SAMPLE,
                            (uint64_t)o->common.seed, (uint32_t)k + 1, err));
        for (int t = 0; t < g->n_terms; t++)
            for (int64_t i = 0; i < n && s->column[t] >= 0; i++) {
                const double v = (double)sc_infer_value(x, g->terms[t].node)[i] / (double)draws;
                rows[i * width + s->column[t]] += v;
                rows[i * width] -= v;
            }
    }
    return SC_OK;
}

static void print_row(scorer *s, const char *name, const double *row)
{
    const int n = s->n_cols + (s->o->marginal_ll ? ML : 0);
    char text[SC_REAL_TEXT + 1] = "\t";
    fputs(name, s->s.text);
    for (int c = 0; c < n; c++)
        (void)fwrite(text, 1, 1 + sc_print_real(text + 1, row[c]), s->s.text);
    fputc('\n', s->s.text);
}

static sc_status score_block(void *ctx, int tid, sc_infer *x, sc_block *b, sc_err *err)
{
    scorer *s = ctx;
    const int64_t n_rows = sc_block_n_rows(b), width = s->n_cols + ML;
    free(s->rows[tid]);
    SC_TRY(sc_alloc(&s->rows[tid], (size_t)(n_rows * width), sizeof **s->rows, err));
    for (int64_t at = 0, n; at < n_rows; at += n) {
        n = sc_infer_piece(x, n_rows - at);
        SC_TRY(elbo(s, x, at, n, s->rows[tid] + at * width, err));
        if (s->o->marginal_ll)
            SC_TRY(marginal(s, x, at, n, s->rows[tid] + at * width, err));
    }
    return SC_OK;
}

static sc_status print_block(void *ctx, int tid, sc_block *b, sc_err *err)
{
    scorer *s = ctx;
    const int64_t n_rows = sc_block_n_rows(b), width = s->n_cols + ML;
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int64_t i = 0; i < n_rows; i++) {
        const double *row = s->rows[tid] + i * width;
        if (!s->o->mean)
            print_row(s, sc_strs_at(&obs->names, i), row);
        for (int64_t c = 0; c < width; c++)
            s->total[c] += c == s->n_cols + ML_SE ? row[c] * row[c] : row[c];
    }
    s->n_cells += n_rows;
    return SC_OK;
}

static void print_head(scorer *s)
{
    fputs("cell", s->s.text);
    for (int c = 0; c < s->n_cols; c++)
        fprintf(s->s.text, "\t%s", s->names[c]);
    fputs(s->o->marginal_ll ? "\tmarginal_ll\tmarginal_ll_se\tmarginal_ll_ess\n" : "\n", s->s.text);
}

/* Options that mean nothing beside others. */
static sc_status check(const score_opts *o, sc_err *err)
{
    if (!o->marginal_ll && (o->n_mc_samples != N_MC_SAMPLES || o->compat != COMPAT_NONE))
        return sc_fail(err, SC_EUSAGE, "--n-mc-samples and --compat are for --marginal-ll");
    if (o->latent == LATENT_MEAN && o->n_samples > 1)
        return sc_fail(err, SC_EUSAGE, "--n-samples needs --latent sample: there is one mean");
    return SC_OK;
}

static sc_status run(void *opts, sc_err *err)
{
    const score_opts *o = opts;
    scorer s = {.o = o};
    const sc_over_work work = {score_block, print_block, &s};
    int n_threads = 0;
    sc_status st;
    SC_TRY(check(o, err));
    SC_GOTO(st, sc_over_open(&s.s, &tool, &o->common, &o->over, false, err), out);
    lay_out(&s);
    /* many draws are work enough to share the cells of one block among the threads */
    s.s.by_block = !o->marginal_ll && (o->latent == LATENT_MEAN || o->n_samples == 1);
    n_threads = sc_pool_size(s.s.pool);
    SC_GOTO(st, sc_alloc(&s.rows, (size_t)n_threads, sizeof *s.rows, err), out);
    SC_GOTO(st, sc_over_match(&s.s, s.nodes, s.n_nodes, err), out);
    print_head(&s);
    SC_GOTO(st, sc_over_blocks(&s.s, &work, err), out);
    s.total[s.n_cols + ML_SE] = sqrt(s.total[s.n_cols + ML_SE]); /* cells err independently */
    for (int c = 0; c < s.n_cols + ML; c++)
        s.total[c] /= (double)s.n_cells;
    if (o->mean)
        print_row(&s, "mean", s.total);
    st = sc_over_commit(&s.s, err);
out:
    for (int k = 0; s.rows && k < n_threads; k++)
        free(s.rows[k]);
    free(s.rows);
    sc_over_blame(&s.s, st, err);
    sc_over_close(&s.s);
    return st;
}

int main(int argc, char **argv)
{
    score_opts o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}

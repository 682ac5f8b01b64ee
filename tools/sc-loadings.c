/* Prints the loadings of a linearly decoded model: genes x latent dimensions, or the top genes in
 * each direction. */
#include "sc_cli.h"
#include "sc_loadings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct loadings_opts {
    sc_common common;
    int64_t top;
    bool sort;
} loadings_opts;

static const sc_param params[] = {
    SC_INT(loadings_opts, top, "top", 0, 0, 1000000,
           "the N genes with the largest and smallest loadings; 0: all genes"),
    SC_BOOL(loadings_opts, sort, "sort", 0,
            "dimensions by the variance they explain, each with its largest loading positive"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-loadings",
    .brief = "loadings of a linearly decoded model",
    .operands = "MODEL",
    .min_operands = 1,
    .max_operands = 1,
    .flags = SC_TOOL_OUTPUT,
    .params = params,
    .opts_size = sizeof(loadings_opts),
    .example = "sc-loadings ldvae.scm --top 5",
};

/* Loadings in the order in which the dimensions are printed. */
typedef struct table {
    const sc_strs *genes;
    float *w;       /* genes x d */
    int64_t d, *at; /* the columns, d */
} table;

static float loading(const table *t, int64_t gene, int64_t k)
{
    return t->w[gene * t->d + t->at[k]];
}

/*
 * A dimension with the prior's unit variance adds the sum of its squared loadings to the variance
 * of the linear predictor. A model says nothing about the sign of a dimension, so the largest
 * loading of each (the first gene's of equal ones) decides it.
 */
static sc_status sort_dimensions(table *t, sc_err *err)
{
    double *explained = NULL;
    SC_TRY(sc_alloc(&explained, (size_t)t->d, sizeof *explained, err));
    for (int64_t k = 0; k < t->d; k++) {
        float top = 0;
        for (int64_t j = 0; j < t->genes->n; j++) {
            const float x = t->w[j * t->d + k];
            explained[k] += (double)x * (double)x;
            top = fabsf(x) > fabsf(top) ? x : top;
        }
        for (int64_t j = 0; j < t->genes->n && top < 0; j++)
            t->w[j * t->d + k] = -t->w[j * t->d + k];
    }
    for (int64_t n = 1; n < t->d;
         n++) { /* insertion: dimensions are few, and equal ones keep their order */
        int64_t k = n;
        for (const int64_t x = t->at[n]; k > 0; k--) {
            if (!(explained[t->at[k - 1]] < explained[x]))
                break;
            t->at[k] = t->at[k - 1];
            t->at[k - 1] = x;
        }
    }
    free(explained);
    return SC_OK;
}

static void print_all(FILE *f, const table *t)
{
    fputs("gene", f);
    for (int64_t k = 0; k < t->d; k++)
        fprintf(f, "\tZ_%d", (int)t->at[k]);
    fputc('\n', f);
    for (int64_t j = 0; j < t->genes->n; j++) {
        fputs(sc_strs_at(t->genes, j), f);
        for (int64_t k = 0; k < t->d; k++)
            fprintf(f, "\t%.9g", (double)loading(t, j, k));
        fputc('\n', f);
    }
}

typedef struct ranked {
    float w;
    int64_t gene;
} ranked;

static int by_loading(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->w != y->w)
        return x->w > y->w ? -1 : 1;
    return (x->gene > y->gene) - (x->gene < y->gene);
}

static sc_status print_top(FILE *f, const table *t, int64_t top, sc_err *err)
{
    const int64_t n = t->genes->n, shown = top < n ? top : n;
    ranked *r = NULL;
    SC_TRY(sc_alloc(&r, (size_t)n, sizeof *r, err));
    fputs("factor\tdirection\trank\tgene\tloading\n", f);
    for (int64_t k = 0; k < t->d; k++) {
        for (int64_t j = 0; j < n; j++)
            r[j] = (ranked){loading(t, j, k), j};
        qsort(r, (size_t)n, sizeof *r, by_loading);
        for (int64_t i = 0; i < 2 * shown; i++) {
            const ranked *at = i < shown ? &r[i] : &r[n - 1 - (i - shown)];
            fprintf(f, "Z_%d\t%s\t%d\t%s\t%.9g\n", (int)t->at[k], i < shown ? "top" : "bottom",
                    (int)(i % shown) + 1, sc_strs_at(t->genes, at->gene), (double)at->w);
        }
    }
    free(r);
    return SC_OK;
}

static sc_status print(FILE *f, const loadings_opts *o, table *t, sc_err *err)
{
    SC_TRY(sc_alloc(&t->at, (size_t)t->d, sizeof *t->at, err));
    for (int64_t k = 0; k < t->d; k++)
        t->at[k] = k;
    if (o->sort)
        SC_TRY(sort_dimensions(t, err));
    if (o->top)
        return print_top(f, t, o->top, err);
    print_all(f, t);
    return SC_OK;
}

static sc_status run(void *opts, sc_err *err)
{
    const loadings_opts *o = opts;
    sc_net net = {0};
    sc_output out = {.fd = -1};
    table t = {.genes = &net.var.names};
    FILE *f = NULL;
    sc_status st;
    SC_GOTO(st, sc_net_read(&net, o->common.operands[0], err), out);
    SC_GOTO(st, sc_loadings(&net, &t.w, &t.d, err), out);
    SC_GOTO(st, sc_output_open(&out, o->common.output, false, err), out);
    f = fdopen(dup(out.fd), "w");
    if (!f) {
        st = sc_fail_errno(err, "%s", out.name);
        goto out;
    }
    st = print(f, o, &t, err);
    const bool is_bad = ferror(f) != 0;
    if ((fclose(f) != 0 || is_bad) && st == SC_OK)
        st = sc_fail_errno(err, "%s", out.name);
    if (st == SC_OK)
        st = sc_output_commit(&out, err);
out:
    sc_output_abandon(&out);
    free(t.w);
    free(t.at);
    sc_net_free(&net);
    return st;
}

int main(int argc, char **argv)
{
    loadings_opts o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}

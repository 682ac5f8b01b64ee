/* Prints the loadings of a linearly decoded model: genes x latent dimensions, or the top genes in
 * each direction. */
#include "sc_cli.h"
#include "sc_loadings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct loadings_opts {
    sc_common common;
    int64_t top;
} loadings_opts;

static const sc_param params[] = {
    SC_INT(loadings_opts, top, "top", 0, 0, 1000000,
           "the N genes with the largest and smallest loadings; 0: all genes"),
    SC_PARAM_END};

static const sc_tool tool = {"sc-loadings",
                             "loadings of a linearly decoded model",
                             "MODEL",
                             1,
                             1,
                             SC_TOOL_OUTPUT,
                             params,
                             sizeof(loadings_opts),
                             "sc-loadings ldvae.scm --top 5"};

static void print_all(FILE *f, const sc_strs *genes, const float *w, int64_t d)
{
    fputs("gene", f);
    for (int64_t k = 0; k < d; k++)
        fprintf(f, "\tZ_%d", (int)k);
    fputc('\n', f);
    for (int64_t j = 0; j < genes->n; j++) {
        fputs(sc_strs_at(genes, j), f);
        for (int64_t k = 0; k < d; k++)
            fprintf(f, "\t%.9g", (double)w[j * d + k]);
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

static sc_status print_top(FILE *f, const sc_strs *genes, const float *w, int64_t d, int64_t top,
                           sc_err *err)
{
    const int64_t n = genes->n, shown = top < n ? top : n;
    ranked *r = NULL;
    SC_TRY(sc_alloc(&r, (size_t)n, sizeof *r, err));
    fputs("factor\tdirection\trank\tgene\tloading\n", f);
    for (int64_t k = 0; k < d; k++) {
        for (int64_t j = 0; j < n; j++)
            r[j] = (ranked){w[j * d + k], j};
        qsort(r, (size_t)n, sizeof *r, by_loading);
        for (int64_t i = 0; i < 2 * shown; i++) {
            const ranked *at = i < shown ? &r[i] : &r[n - 1 - (i - shown)];
            fprintf(f, "Z_%d\t%s\t%d\t%s\t%.9g\n", (int)k, i < shown ? "top" : "bottom",
                    (int)(i % shown) + 1, sc_strs_at(genes, at->gene), (double)at->w);
        }
    }
    free(r);
    return SC_OK;
}

static sc_status run(const loadings_opts *o, sc_err *err)
{
    sc_net net = {0};
    sc_output out = {.fd = -1};
    float *w = NULL;
    int64_t d = 0;
    FILE *f = NULL;
    sc_status st;
    SC_GOTO(st, sc_net_read(&net, o->common.operands[0], err), out);
    SC_GOTO(st, sc_loadings(&net, &w, &d, err), out);
    SC_GOTO(st, sc_output_open(&out, o->common.output, false, err), out);
    f = fdopen(dup(out.fd), "w");
    if (!f) {
        st = sc_fail_errno(err, "%s", out.name);
        goto out;
    }
    if (o->top)
        st = print_top(f, &net.var.names, w, d, o->top, err);
    else
        print_all(f, &net.var.names, w, d);
    const bool is_bad = ferror(f) != 0;
    if ((fclose(f) != 0 || is_bad) && st == SC_OK)
        st = sc_fail_errno(err, "%s", out.name);
    if (st == SC_OK)
        st = sc_output_commit(&out, err);
out:
    sc_output_abandon(&out);
    free(w);
    sc_net_free(&net);
    return st;
}

int main(int argc, char **argv)
{
    loadings_opts o;
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&o, &err);
    const int code = sc_cli_exit(&tool, st, &err);
    sc_cli_free(&o);
    return code;
}

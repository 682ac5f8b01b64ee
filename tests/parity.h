/*
 * For tests against ../shared/parity: one case's cells, ready for the executor. The checks
 * themselves are in parity.inc, which is included once for each executor. Whoever includes this
 * needs all of it, and one case at a time.
 */
#ifndef TESTS_PARITY_H
#define TESTS_PARITY_H

#include "npy.h"
#include "sc_cli.h"
#include "sc_net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_ROWS = 512 };

typedef struct inputs { /* one case's cells, ready for the executor */
    int64_t n;
    int64_t *indptr;
    int32_t *indices, *codes[SC_IN_MAX];
    float *values;
    double *log_factorial;
    float *cont, *size_factor, *proteins;
    const float *gate; /* of gradients, by element of the flat weights: 0 or 1; NULL: all pass */
    const bool *moves; /* of surgery, by weight; NULL: all */
    uint64_t keys[MAX_ROWS];
    int32_t zeros[MAX_ROWS];
} inputs;

static inline const char *root(void)
{
    const char *s = getenv("SLUICE_SHARED");
    return s ? s : "../shared";
}

static double setting_of(const char *dir, const char *name)
{
    char path[1200];
    (void)snprintf(path, sizeof path, "%s/case.json", dir);
    json_t *j = json_load_file(path, 0, NULL);
    const json_t *w = json_object_get(json_object_get(j, "train_reference"), name);
    assert_true(json_is_number(w));
    const double x = json_number_value(w);
    json_decref(j);
    return x;
}

static inline void set_option(sc_net *net, const char *name, double value)
{
    char text[64];
    sc_err err = {0};
    (void)snprintf(text, sizeof text, "%.17g", value);
    if (sc_params_set(net->handle.plugin->params, net->opts, name, text, &err) != SC_OK)
        fail_msg("%s", err.msg);
}

static bool has_array(const char *dir, const char *folder, const char *name)
{
    char path[1200];
    (void)snprintf(path, sizeof path, "%s/%s/%s.npy", dir, folder, name);
    return access(path, R_OK) == 0;
}

static bool read_codes_in(int32_t **to, const char *folder, const char *name, int col)
{
    npy a;
    if (!has_array(folder, ".", name) || !npy_read(&a, "%s/%s.npy", folder, name))
        return false;
    const size_t n = a.dims[0], k = a.n_dims > 1 ? a.dims[1] : 1;
    *to = calloc(n, sizeof **to);
    for (size_t i = 0; i < n; i++)
        (*to)[i] = (int32_t)npy_at(&a, i * k + (size_t)col);
    npy_free(&a);
    return true;
}

static float *read_floats_in(const char *folder, const char *name)
{
    npy a;
    assert_true(npy_read(&a, "%s/%s.npy", folder, name));
    float *to = calloc(a.n, sizeof *to);
    for (size_t i = 0; i < a.n; i++)
        to[i] = (float)npy_at(&a, i);
    npy_free(&a);
    return to;
}

static inline float *read_floats(const char *dir, const char *name)
{
    char folder[1200];
    (void)snprintf(folder, sizeof folder, "%s/input", dir);
    return read_floats_in(folder, name);
}

/* input: the case's folder of them, "input" or "ref_input" */
static void load_from(inputs *in, const sc_net *net, const char *of_case, const char *input)
{
    char dir[1200];
    npy x;
    (void)snprintf(dir, sizeof dir, "%s/%s", of_case, input);
    memset(in, 0, sizeof *in);
    assert_true(npy_read(&x, "%s/X.npy", dir));
    const size_t n = x.dims[0], g = x.dims[1];
    in->n = (int64_t)n;
    assert_true(n <= MAX_ROWS);
    in->indptr = calloc(n + 1, sizeof *in->indptr);
    in->indices = calloc(x.n, sizeof *in->indices);
    in->values = calloc(x.n, sizeof *in->values);
    in->log_factorial = calloc(n, sizeof *in->log_factorial);
    int64_t k = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < g; j++) {
            const double v = npy_at(&x, i * g + j);
            if (v != 0) {
                in->indices[k] = (int32_t)j;
                in->values[k++] = (float)v;
                in->log_factorial[i] += lgamma(v + 1);
            }
        }
        in->indptr[i + 1] = k;
        in->keys[i] = i;
    }
    npy_free(&x);
    for (int s = 0; s < SC_IN_MAX; s++)
        in->codes[s] = NULL;
    (void)read_codes_in(&in->codes[0], dir, "batch", 0);
    (void)read_codes_in(&in->codes[SC_IN_LABELS - SC_IN_BATCH], dir, "labels", 0);
    for (int i = 0; i < net->dims.n_cat_covs; i++)
        assert_true(
            read_codes_in(&in->codes[SC_IN_CAT_COV_0 - SC_IN_BATCH + i], dir, "cat_covs", i));
    if (net->dims.n_panels == net->dims.n_batch && in->codes[0])
        (void)read_codes_in(&in->codes[SC_IN_PANEL - SC_IN_BATCH], dir, "batch", 0);
    in->proteins = net->dims.n_proteins ? read_floats_in(dir, "proteins") : NULL;
    in->cont = net->dims.n_cont_covs ? read_floats_in(dir, "cont_covs") : NULL;
    in->size_factor = net->dims.has_size_factor ? read_floats_in(dir, "size_factor") : NULL;
}

static void load(inputs *in, const sc_net *net, const char *dir)
{
    load_from(in, net, dir, "input");
}

/* Counts and labels of some cells: a minibatch of another row stream. */
static void pick_cells(inputs *to, const inputs *from, const npy *cells)
{
    const int labels = SC_IN_LABELS - SC_IN_BATCH;
    const size_t nnz = (size_t)from->indptr[from->n];
    memset(to, 0, sizeof *to);
    to->n = (int64_t)cells->n;
    to->indptr = calloc(cells->n + 1, sizeof *to->indptr);
    to->indices = calloc(nnz, sizeof *to->indices);
    to->values = calloc(nnz, sizeof *to->values);
    to->log_factorial = calloc(cells->n, sizeof *to->log_factorial);
    to->codes[labels] = calloc(cells->n, sizeof **to->codes);
    int64_t at = 0;
    for (size_t i = 0; i < cells->n; i++) {
        const int64_t row = (int64_t)npy_at(cells, i);
        for (int64_t k = from->indptr[row]; k < from->indptr[row + 1]; k++, at++) {
            to->indices[at] = from->indices[k];
            to->values[at] = from->values[k];
        }
        to->indptr[i + 1] = at;
        to->keys[i] = (uint64_t)row;
        to->log_factorial[i] = from->log_factorial[row];
        to->codes[labels][i] = from->codes[labels][row];
    }
}

/* n_proteins x n_panels: 1 where any cell of the panel has a count of the protein. */
static void observed_proteins(const inputs *in, const sc_dims *dims, float *to)
{
    const int32_t *panel = in->codes[SC_IN_PANEL - SC_IN_BATCH];
    memset(to, 0, (size_t)(dims->n_proteins * dims->n_panels) * sizeof *to);
    for (int64_t i = 0; i < in->n; i++)
        for (int64_t p = 0; p < dims->n_proteins; p++)
            if (in->proteins[i * dims->n_proteins + p] > 0)
                to[p * dims->n_panels + panel[i]] = 1;
}

static void unload(inputs *in)
{
    free(in->indptr);
    free(in->indices);
    free(in->values);
    free(in->log_factorial);
    free(in->cont);
    free(in->size_factor);
    free(in->proteins);
    for (int s = 0; s < SC_IN_MAX; s++)
        free(in->codes[s]);
}

static sc_mini mini_of(const inputs *in, int64_t n)
{
    sc_mini m = {.n = n,
                 .keys = in->keys,
                 .indptr = in->indptr,
                 .indices = in->indices,
                 .values = in->values,
                 .log_factorial = in->log_factorial,
                 .cont_covs = in->cont,
                 .size_factor = in->size_factor,
                 .proteins = in->proteins};
    for (int s = 0; s < SC_IN_MAX; s++)
        m.codes[s][0] = m.codes[s][1] = in->codes[s] ? in->codes[s] : in->zeros;
    return m;
}

#endif

/*
 * Models that scvi-tools trained, against the numbers that it gives (../shared/parity), for every SCVI and LinearSCVI case
 * in the folder: values, losses, gradients, and the weights after three steps of Adam; in double and in float.
 */
#include "npy.h"
#include "sc_net.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MAX_ROWS = 512 };

typedef struct inputs { /* one case's cells, ready for the executor */
    int64_t n;
    int64_t *indptr;
    int32_t *indices, *codes[SC_IN_MAX];
    float *values, *lgamma;
    float *cont, *size_factor;
    uint64_t keys[MAX_ROWS];
    int32_t zeros[MAX_ROWS];
} inputs;

static const char *root(void)
{
    const char *s = getenv("SLUICE_SHARED");
    return s ? s : "../shared";
}

static double kl_weight_of(const char *dir)
{
    char path[1200];
    (void)snprintf(path, sizeof path, "%s/case.json", dir);
    json_t *j = json_load_file(path, 0, NULL);
    const json_t *w = json_object_get(json_object_get(j, "train_reference"), "kl_weight");
    assert_true(json_is_number(w));
    const double x = json_number_value(w);
    json_decref(j);
    return x;
}

static bool read_codes(int32_t **to, const char *dir, const char *name, int col)
{
    npy a;
    if (!npy_read(&a, "%s/input/%s.npy", dir, name))
        return false;
    const size_t n = a.dims[0], k = a.n_dims > 1 ? a.dims[1] : 1;
    *to = calloc(n, sizeof **to);
    for (size_t i = 0; i < n; i++)
        (*to)[i] = (int32_t)npy_at(&a, i * k + (size_t)col);
    npy_free(&a);
    return true;
}

static float *read_floats(const char *dir, const char *name)
{
    npy a;
    assert_true(npy_read(&a, "%s/input/%s.npy", dir, name));
    float *to = calloc(a.n, sizeof *to);
    for (size_t i = 0; i < a.n; i++)
        to[i] = (float)npy_at(&a, i);
    npy_free(&a);
    return to;
}

static void load(inputs *in, const sc_net *net, const char *dir)
{
    npy x;
    memset(in, 0, sizeof *in);
    assert_true(npy_read(&x, "%s/input/X.npy", dir));
    const size_t n = x.dims[0], g = x.dims[1];
    in->n = (int64_t)n;
    assert_true(n <= MAX_ROWS);
    in->indptr = calloc(n + 1, sizeof *in->indptr);
    in->indices = calloc(x.n, sizeof *in->indices);
    in->values = calloc(x.n, sizeof *in->values);
    in->lgamma = calloc(x.n, sizeof *in->lgamma);
    int64_t k = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < g; j++) {
            const double v = npy_at(&x, i * g + j);
            if (v != 0) {
                in->indices[k] = (int32_t)j;
                in->values[k] = (float)v;
                in->lgamma[k++] = (float)lgamma(v + 1);
            }
        }
        in->indptr[i + 1] = k;
        in->keys[i] = i;
    }
    npy_free(&x);
    for (int s = 0; s < SC_IN_MAX; s++)
        in->codes[s] = NULL;
    (void)read_codes(&in->codes[0], dir, "batch", 0);
    (void)read_codes(&in->codes[SC_IN_LABELS - SC_IN_BATCH], dir, "labels", 0);
    for (int i = 0; i < net->dims.n_cat_covs; i++)
        assert_true(read_codes(&in->codes[SC_IN_CAT_COV_0 - SC_IN_BATCH + i], dir, "cat_covs", i));
    in->cont = net->dims.n_cont_covs ? read_floats(dir, "cont_covs") : NULL;
    in->size_factor = net->dims.has_size_factor ? read_floats(dir, "size_factor") : NULL;
}

static void unload(inputs *in)
{
    free(in->indptr);
    free(in->indices);
    free(in->values);
    free(in->lgamma);
    free(in->cont);
    free(in->size_factor);
    for (int s = 0; s < SC_IN_MAX; s++)
        free(in->codes[s]);
}

static sc_mini mini_of(const inputs *in, int64_t n)
{
    sc_mini m = {.n = n, .keys = in->keys, .indptr = in->indptr, .indices = in->indices, .values = in->values,
                 .lgamma_x1 = in->lgamma, .cont_covs = in->cont, .size_factor = in->size_factor};
    for (int s = 0; s < SC_IN_MAX; s++)
        m.codes[s][0] = m.codes[s][1] = in->codes[s] ? in->codes[s] : in->zeros;
    return m;
}

#define T double
#define S(name) name##_f64
#define TOLERANCE 1e-9
#define TOLERANCE_GRAD 1e-6
#define TOLERANCE_AFTER 1e-6
#define TOLERANCE_AFTER_Z 1e-6
#include "parity.inc"
#undef T
#undef S
#undef TOLERANCE
#undef TOLERANCE_GRAD
#undef TOLERANCE_AFTER
#undef TOLERANCE_AFTER_Z
#define T float
#define S(name) name##_f32
#define TOLERANCE 1e-5
#define TOLERANCE_GRAD 1e-4
#define TOLERANCE_AFTER 2e-5
#define TOLERANCE_AFTER_Z 1e-4
#include "parity.inc"

static void each_case(void (*check)(const char *dir))
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/parity", root());
    DIR *d = opendir(path);
    if (!d)
        skip();
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (strncmp(e->d_name, "scvi_", 5) != 0 && strncmp(e->d_name, "ldvae_", 6) != 0)
            continue;
        char dir[1024];
        (void)snprintf(dir, sizeof dir, "%s/%s", path, e->d_name);
        check(dir);
        n++;
    }
    closedir(d);
    assert_true(n > 0);
}

static void in_double(void **state)
{
    (void)state;
    each_case(check_case_f64);
}

static void in_float(void **state)
{
    (void)state;
    each_case(check_case_f32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_double), cmocka_unit_test(in_float)};
    return cmocka_run_group_tests_name("parity with scvi-tools", tests, NULL, NULL);
}

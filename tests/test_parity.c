/*
 * Models that scvi-tools trained, against the numbers that it gives (../shared/parity), for every
 * SCVI, LinearSCVI, SCANVI and TOTALVI case in the folder: values, losses, gradients, and the
 * weights after three steps of Adam; in double and in float. Pyro's scANVI and totalVI's adversary
 * likewise, in double.
 */
#include "parity.h"
#include "sc_loadings.h"

#include <dirent.h>

/* Protein counts run into thousands: their lgammas cancel, and float has less to offer. */
static double of_case(const char *dir, double usual, double of_proteins)
{
    return strstr(dir, "/totalvi_") ? of_proteins : usual;
}

/* Losses are the model's alone; the adversary has a test of its own. Its weights come last, so
 * those of the model stay where they are. */
static void leave_out_adversary(sc_net *net)
{
    const sc_param *params = net->handle.plugin->params;
    sc_err err = {0};
    if (strcmp(net->handle.plugin->name, "totalvi") != 0)
        return;
    assert_int_equal(sc_params_set(params, net->opts, "adversarial-classifier", "no", &err), SC_OK);
    sc_graph_free(net->g);
    assert_int_equal(sc_graph_build(&net->g, net->model, net->opts, &net->dims, &err), SC_OK);
}

#define T double
#define S(name) name##_f64
#define TOLERANCE 1e-9
#define TOLERANCE_TERM 1e-9
#define TOLERANCE_GRAD 1e-6
#define TOLERANCE_AFTER 1e-6
#define TOLERANCE_AFTER_Z 1e-6
#include "parity.inc"

#include "parity_pyro.inc"

#include "parity_totalvi.inc"

#undef T
#undef S
#undef TOLERANCE
#undef TOLERANCE_TERM
#undef TOLERANCE_GRAD
#undef TOLERANCE_AFTER
#undef TOLERANCE_AFTER_Z
#define T float
#define S(name) name##_f32
#define TOLERANCE 1e-5
#define TOLERANCE_TERM of_case(dir, 1e-5, 1e-4)
#define TOLERANCE_GRAD 1e-4
#define TOLERANCE_AFTER of_case(dir, 2e-5, 1e-4)
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
        if (strncmp(e->d_name, "scvi_", 5) != 0 && strncmp(e->d_name, "ldvae_", 6) != 0 &&
            strncmp(e->d_name, "scanvi_", 7) != 0 && strncmp(e->d_name, "totalvi_", 8) != 0)
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

static void scanvi_of_pyro(void **state)
{
    (void)state;
    check_pyro("pyro_scanvi_l5");
    check_pyro("pyro_scanvi_l10");
}

static void check_loadings(const char *dir)
{
    char path[1200];
    sc_net net;
    sc_err err = {0};
    float *w = NULL;
    int64_t d = 0;
    if (!has_expected_f32(dir, "loadings"))
        return;
    (void)snprintf(path, sizeof path, "%s/model.pt", dir);
    assert_int_equal(sc_net_read(&net, path, &err), SC_OK);
    assert_int_equal(sc_loadings(&net, &w, &d, &err), SC_OK);
    compare_f32(dir, "loadings", w, net.dims.n_vars * d, 1e-6);
    free(w);
    sc_net_free(&net);
}

static void loadings(void **state)
{
    (void)state;
    each_case(check_loadings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_double), cmocka_unit_test(in_float), cmocka_unit_test(scanvi_of_pyro),
        cmocka_unit_test(totalvi_adversary), cmocka_unit_test(loadings)};
    return cmocka_run_group_tests_name("parity with scvi-tools", tests, NULL, NULL);
}

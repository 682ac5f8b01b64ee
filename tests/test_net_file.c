/* A model's tensors are those of its graph: each once, of its shape, finite. */
#include "built.h"
#include "sc_stream.h"
#include "tiny.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void ok(sc_status st, const sc_err *err)
{
    if (st != SC_OK)
        fail_msg("%s", err->msg);
}

/* The file of a small model, taken apart. */
static sc_model_file small(void)
{
    const sc_dims dims = {.n_vars = 3, .n_batch = 1, .n_panels = 1};
    const int fd = memfd_create("sluice-test", MFD_CLOEXEC);
    sc_model_file f = {0};
    sc_net net;
    sc_err err = {0};
    assert_true(fd >= 0);
    tiny_net(&net, "scvi", "n-hidden=4,n-latent=4", &dims);
    for (const char *const *g = (const char *const[]){"a", "b", "c", NULL}; *g; g++)
        ok(sc_strs_push(&net.var.names, *g, 1, &err), &err);
    net.var.n_rows = 3;
    ok(sc_net_write(&net, fd, "small", &err), &err);
    sc_net_free(&net);
    (void)lseek(fd, 0, SEEK_SET);
    ok(sc_model_file_read(&f, fd, "small", &err), &err);
    (void)close(fd);
    return f;
}

static sc_status read_again(const sc_model_file *f, sc_err *err)
{
    const int fd = memfd_create("sluice-test", MFD_CLOEXEC);
    char path[64];
    sc_net net;
    assert_true(fd >= 0);
    ok(sc_model_file_write(f, fd, "changed", err), err);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const sc_status st = sc_net_read(&net, path, err);
    if (st == SC_OK)
        sc_net_free(&net);
    (void)close(fd);
    return st;
}

static void refused(sc_model_file *f, sc_status expected, const char *why)
{
    sc_err err = {0};
    assert_int_equal(read_again(f, &err), expected);
    if (!strstr(err.msg, why))
        fail_msg("expected '%s', got '%s'", why, err.msg);
    sc_model_file_free(f);
}

static sc_tensor *tensor(const sc_model_file *f, const char *name)
{
    for (int i = 0; i < f->n_tensors; i++)
        if (strcmp(f->tensors[i].name, name) == 0)
            return &f->tensors[i];
    fail_msg("no tensor '%s'", name);
    return NULL;
}

static void a_model_comes_back(void **state)
{
    (void)state;
    sc_model_file f = small();
    sc_err err = {0};
    ok(read_again(&f, &err), &err);
    sc_model_file_free(&f);
}

static void values_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    sc_model_file f = small();
    tensor(&f, "px_r")->values[2] = NAN;
    refused(&f, SC_EDATA, "tensor 'px_r' has a value that is not finite, nan");
    f = small();
    tensor(&f, "z_encoder.mean_encoder.bias")->values[0] = -INFINITY;
    refused(&f, SC_EDATA, "'z_encoder.mean_encoder.bias' has a value that is not finite, -inf");
}

/* As many tensors as there must be, one of them twice and another never. */
static void a_tensor_that_is_there_twice_does_not_stand_for_another(void **state)
{
    (void)state;
    sc_model_file f = small();
    sc_tensor *t = tensor(&f, "z_encoder.var_encoder.bias");
    free(t->name);
    t->name = strdup("z_encoder.mean_encoder.bias");
    refused(&f, SC_EFORMAT, "no tensor 'z_encoder.var_encoder.bias'");
    f = small();
    t = tensor(&f, "px_r");
    free(t->name);
    t->name = strdup("px_s");
    refused(&f, SC_EFORMAT, "tensor 'px_s' is none of model 'scvi'");
    f = small();
    t = tensor(&f, "z_encoder.mean_encoder.weight"); /* square */
    t->n_dims = 1;
    t->dims[0] *= t->dims[1];
    refused(&f, SC_EFORMAT, "another shape");
}

int main(void)
{
    if (!use_built_plugins())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back),
        cmocka_unit_test(values_that_are_not_finite_are_refused),
        cmocka_unit_test(a_tensor_that_is_there_twice_does_not_stand_for_another)};
    return cmocka_run_group_tests_name("files of models", tests, NULL, NULL);
}

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

static int file_of(const sc_model_file *f, char *path, size_t len)
{
    const int fd = memfd_create("sluice-test", MFD_CLOEXEC);
    sc_err err = {0};
    assert_true(fd >= 0);
    ok(sc_model_file_write(f, fd, "changed", &err), &err);
    (void)snprintf(path, len, "/proc/self/fd/%d", fd);
    return fd;
}

static sc_status read_again(const sc_model_file *f, sc_err *err)
{
    char path[64];
    sc_net net;
    const int fd = file_of(f, path, sizeof path);
    const sc_status st = sc_net_read(&net, path, err);
    if (st == SC_OK)
        sc_net_free(&net);
    (void)close(fd);
    return st;
}

/* Those weights alone that wanted marks, on n_threads. net is for sc_net_free in any case. */
static sc_status read_some(sc_net *net, const char *path, const bool *wanted, int n_threads,
                           sc_err *err)
{
    sc_net_source *src;
    sc_pool *pool = NULL;
    ok(sc_pool_new(&pool, n_threads, err), err);
    ok(sc_net_open(net, &src, path, err), err);
    const sc_status st = sc_net_weights(net, src, wanted, pool, err);
    sc_net_source_close(src);
    sc_pool_free(pool);
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

static void weights_that_no_one_wants_are_left_out_but_not_their_damage(void **state)
{
    (void)state;
    enum { MOST = 64 };
    sc_model_file f = small();
    sc_net all, some;
    sc_err err = {0};
    char path[64];
    bool wanted[MOST];
    int fd = file_of(&f, path, sizeof path);
    ok(sc_net_read(&all, path, &err), &err);
    (void)close(fd);
    tensor(&f, "px_r")->values[2] = NAN;
    fd = file_of(&f, path, sizeof path);
    const int px_r = sc_graph_weight(all.g, "px_r");
    assert_true(all.g->n_weights <= MOST);
    for (int w = 0; w < all.g->n_weights; w++)
        wanted[w] = w != px_r;
    ok(read_some(&some, path, wanted, 1, &err), &err);
    for (int w = 0; w < all.g->n_weights; w++) {
        const sc_gweight *g = &all.g->weights[w];
        for (int64_t k = g->offset; k < g->offset + g->rows * g->cols; k++)
            assert_true(some.weights[k] == (w == px_r ? 0 : all.weights[k]));
    }
    sc_net_free(&some);
    unsigned char byte; /* the last one of the last tensor, which the end mark follows */
    const off_t at = lseek(fd, 0, SEEK_END) - 24 - 48 - 17 - 1;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    memset(wanted, false, sizeof wanted);
    assert_int_equal(read_some(&some, path, wanted, 1, &err), SC_EFORMAT);
    assert_non_null(strstr(err.msg, "is damaged"));
    assert_null(strstr(err.msg, "head"));
    sc_net_free(&some);
    sc_net_free(&all);
    sc_model_file_free(&f);
    (void)close(fd);
}

static void many_threads_read_what_one_does(void **state)
{
    (void)state;
    const sc_dims dims = {.n_vars = 1000, .n_batch = 1, .n_panels = 1};
    sc_model_file f = {0};
    sc_net net, one, four;
    sc_err err = {0};
    char path[64];
    tiny_net(&net, "scvi", "n-hidden=256,n-latent=4", &dims);
    for (int j = 0; j < 1000; j++) {
        char gene[16];
        const int n = snprintf(gene, sizeof gene, "g%d", j);
        ok(sc_strs_push(&net.var.names, gene, (size_t)n, &err), &err);
    }
    net.var.n_rows = 1000;
    int fd = memfd_create("sluice-test", MFD_CLOEXEC);
    ok(sc_net_write(&net, fd, "large", &err), &err);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ok(sc_net_read(&one, path, &err), &err);
    ok(read_some(&four, path, NULL, 4, &err), &err);
    assert_memory_equal(one.weights, net.weights, (size_t)net.g->n_params * sizeof(float));
    assert_memory_equal(four.weights, net.weights, (size_t)net.g->n_params * sizeof(float));
    sc_net_free(&four);
    (void)lseek(fd, 0, SEEK_SET);
    ok(sc_model_file_read(&f, fd, "large", &err), &err);
    (void)close(fd);
    f.tensors[0].values[7] = INFINITY; /* the first that is wrong is told of, whoever has it */
    f.tensors[f.n_tensors - 1].values[0] = NAN;
    fd = file_of(&f, path, sizeof path);
    assert_int_equal(read_some(&four, path, NULL, 4, &err), SC_EDATA);
    assert_non_null(strstr(err.msg, f.tensors[0].name));
    sc_net_free(&four);
    sc_net_free(&one);
    sc_net_free(&net);
    sc_model_file_free(&f);
    (void)close(fd);
}

int main(void)
{
    if (!use_built_plugins())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back),
        cmocka_unit_test(values_that_are_not_finite_are_refused),
        cmocka_unit_test(weights_that_no_one_wants_are_left_out_but_not_their_damage),
        cmocka_unit_test(many_threads_read_what_one_does),
        cmocka_unit_test(a_tensor_that_is_there_twice_does_not_stand_for_another)};
    return cmocka_run_group_tests_name("files of models", tests, NULL, NULL);
}

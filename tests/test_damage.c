/*
 * A stream or a model that was cut anywhere, or in which any bit was flipped, is refused: with one
 * sentence, without a crash, and without taking memory that its bytes don't pay for.
 */
#include "sc_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_VARS = 120, N_ROWS = 50, N_CUTS = 200, N_FLIPS = 1000 };

typedef struct bytes {
    unsigned char *p;
    size_t n;
} bytes;
static void ok(sc_status st, const sc_err *err)
{
    if (st != SC_OK)
        fail_msg("%s", err->msg);
}

static void push_name(sc_strs *s, const char *stem, int k)
{
    sc_err e;
    char name[40];
    const int n = snprintf(name, sizeof name, "%s-%d", stem, k);
    ok(sc_strs_push(s, name, (size_t)n, &e), &e);
}

static bytes slurp(int fd)
{
    bytes b = {NULL, (size_t)lseek(fd, 0, SEEK_END)};
    b.p = malloc(b.n);
    assert_int_equal(pread(fd, b.p, b.n, 0), (ssize_t)b.n);
    close(fd);
    return b;
}

static int memory_file(void)
{
    const int fd = memfd_create("sluice-test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void fill_block(sc_block *b, int block, uint32_t *seed)
{
    sc_err e;
    sc_table t = {.n_rows = N_ROWS};
    sc_col *c;
    sc_csr m = {N_ROWS, N_VARS, calloc(N_ROWS + 1, sizeof(int64_t)),
                calloc(N_ROWS * N_VARS, sizeof(int32_t)), calloc(N_ROWS * N_VARS, sizeof(float))};
    sc_dense d = {N_ROWS, 3, calloc(N_ROWS * 3, sizeof(float))};
    int64_t k = 0;
    for (int i = 0; i < N_ROWS; i++) {
        push_name(&t.names, "cell", block * N_ROWS + i);
        for (int j = 0; j < N_VARS; j++)
            if (next(seed) % 8 == 0) {
                m.indices[k] = j;
                m.values[k++] = (float)(1 + next(seed) % 400);
            }
        m.indptr[i + 1] = k;
        d.values[3 * i] = (float)next(seed) * 1e-9F;
    }
    ok(sc_table_add(&t, "group", SC_COL_CATEGORY, &c, &e), &e);
    for (int i = 0; i < N_ROWS; i++)
        c->v.code[i] = (int32_t)(next(seed) % 3);
    ok(sc_table_add(&t, "size", SC_COL_REAL, &c, &e), &e);
    for (int i = 0; i < N_ROWS; i++)
        c->v.r[i] = next(seed);
    ok(sc_block_set_obs(b, &t, &e), &e);
    ok(sc_block_set_sparse(b, "X", &m, &e), &e);
    ok(sc_block_set_dense(b, "obsm/Z", &d, &e), &e);
}

static bytes make_stream(void)
{
    sc_err e;
    sc_col *c;
    sc_writer *w;
    uint32_t seed = 7;
    const int fd = memory_file();
    sc_header h = {.n_obs = -1, .uns = strdup("{}")};
    for (int j = 0; j < N_VARS; j++)
        push_name(&h.var.names, "gene", j);
    h.var.n_rows = N_VARS;
    ok(sc_table_add(&h.obs, "group", SC_COL_CATEGORY, &c, &e), &e);
    for (int k = 0; k < 3; k++)
        push_name(&c->categories, "group", k);
    ok(sc_table_add(&h.obs, "size", SC_COL_REAL, &c, &e), &e);
    ok(sc_header_add(&h, "X", SC_COUNTS, true, -1, NULL, &e), &e);
    ok(sc_header_add(&h, "obsm/Z", SC_REAL, false, 3, NULL, &e), &e);
    ok(sc_writer_open(&w, fd, "out", &h, &e), &e);
    for (int k = 0; k < 3; k++) {
        sc_block *b;
        ok(sc_block_new(&b, N_ROWS, &e), &e);
        fill_block(b, k, &seed);
        ok(sc_writer_put(w, b, &e), &e);
        sc_block_free(b);
    }
    ok(sc_writer_finish(w, &e), &e);
    sc_writer_close(w);
    sc_header_free(&h);
    return slurp(fd);
}

static bytes make_model(void)
{
    sc_err e;
    float w[600];
    uint32_t seed = 11;
    sc_tensor t[2] = {{(char[]){"decoder.weight"}, 2, {60, 10}, w},
                      {(char[]){"px_r"}, 1, {120}, w}};
    sc_model_file m = {
        .meta = (char[]){"{\"variant\":\"ldvae\",\"options\":{\"n_latent\":10},\"history\":{"
                         "\"columns\":[\"epoch\",\"elbo_train\"],"
                         "\"rows\":[[0,12.5],[1,null]]}}"},
        .n_tensors = 2,
        .tensors = t};
    const int fd = memory_file();
    for (int k = 0; k < 600; k++)
        w[k] = (float)next(&seed) * 1e-10F;
    for (int j = 0; j < N_VARS; j++)
        push_name(&m.var.names, "gene", j);
    m.var.n_rows = N_VARS;
    ok(sc_model_file_write(&m, fd, "m", &e), &e);
    sc_strs_free(&m.var.names);
    return slurp(fd);
}

/* For tests/fuzz/run and the tests of tools, which ask for them. */
static void leave_seed(bytes b, const char *suffix)
{
    const char *dir = getenv("SLUICE_SEEDS");
    char path[4096];
    if (!dir)
        return;
    (void)snprintf(path, sizeof path, "%s/seed.%s", dir, suffix);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
    (void)fclose(f);
}

/* Reads and decodes everything, as a tool that needs all of it would. */
static sc_status read_cells(sc_reader *in, sc_err *err)
{
    sc_block *b;
    sc_status st;
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        sc_table *obs;
        sc_csr *x;
        sc_dense *z;
        SC_TRY(sc_block_obs(b, &obs, err));
        SC_TRY(sc_block_sparse(b, "X", &x, err));
        SC_TRY(sc_block_dense(b, "obsm/Z", &z, err));
    }
    return st == SC_END ? SC_OK : st;
}

static sc_status read_all(const unsigned char *p, size_t n, sc_err *err)
{
    sc_reader *in;
    const int fd = memory_file();
    assert_int_equal(write(fd, p, n), (ssize_t)n);
    lseek(fd, 0, SEEK_SET);
    err->msg[0] = 0;
    sc_status st = sc_reader_open_any(&in, fd, "in", err);
    if (st == SC_OK) {
        if (sc_reader_is_model(in)) {
            sc_model_file m;
            st = sc_model_file_from(&m, in, err);
            if (st == SC_OK)
                sc_model_file_free(&m);
        } else {
            st = read_cells(in, err);
        }
        sc_reader_close(in);
    }
    close(fd);
    return st;
}

static void refused(const unsigned char *p, size_t n, const char *how, size_t where)
{
    sc_err e;
    const sc_status st = read_all(p, n, &e);
    if (st != SC_EFORMAT || !e.msg[0])
        fail_msg("%s at %zu: status %d, '%s'", how, where, (int)st, e.msg);
}

static void cuts_are_refused(bytes b)
{
    sc_err e;
    for (int k = 0; k < N_CUTS; k++) {
        const size_t n = (size_t)k * (b.n - 1) / (N_CUTS - 1);
        refused(b.p, n, "cut", n);
        if (n >= 8) {
            assert_int_equal(read_all(b.p, n, &e), SC_EFORMAT);
            assert_string_equal(e.msg, "in: stream ends early");
        }
    }
}

static void flips_are_refused(bytes b)
{
    uint32_t seed = 1;
    for (int k = 0; k < N_FLIPS; k++) {
        const size_t at = k < 400 ? (size_t)k * b.n / 400 : next(&seed) % b.n;
        const unsigned char bit = (unsigned char)(1u << next(&seed) % 8);
        b.p[at] ^= bit;
        refused(b.p, b.n, "flip", at);
        b.p[at] ^= bit;
    }
}

/* The heads, where every size stands, are few: each of their bits. */
static void flips_in_the_first_head(bytes b)
{
    for (size_t at = 0; at < 8 + 48; at++)
        for (int bit = 0; bit < 8; bit++) {
            b.p[at] ^= (unsigned char)(1u << bit);
            refused(b.p, b.n, "flip", at);
            b.p[at] ^= (unsigned char)(1u << bit);
        }
}

static void more_is_refused(bytes b)
{
    unsigned char *p = calloc(2, b.n);
    memcpy(p, b.p, b.n);
    refused(p, b.n + 1, "a byte more", b.n);
    memcpy(p + b.n, b.p, b.n);
    refused(p, 2 * b.n, "twice", b.n);
    free(p);
}

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static void all_of_it(bytes b)
{
    sc_err e;
    ok(read_all(b.p, b.n, &e), &e);
    const long before = peak_kib();
    cuts_are_refused(b);
    flips_are_refused(b);
    flips_in_the_first_head(b);
    more_is_refused(b);
    ok(read_all(b.p, b.n, &e), &e);
    assert_true(peak_kib() - before < 256 * 1024); /* sanitizers hold on to what was freed */
    free(b.p);
}

static void a_damaged_stream(void **state)
{
    (void)state;
    const bytes b = make_stream();
    leave_seed(b, "scz");
    all_of_it(b);
}

static void a_damaged_model(void **state)
{
    (void)state;
    const bytes b = make_model();
    leave_seed(b, "scm");
    all_of_it(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_stream),
        cmocka_unit_test(a_damaged_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

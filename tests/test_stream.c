/* The stream: what is written comes back, frames are shared and copied, and the end must agree. */
#include "sc_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_VARS = 300, N_BLOCKS = 3, ROWS = 40 };

static void ok(sc_status st, const sc_err *err)
{
    if (st != SC_OK)
        fail_msg("%s", err->msg);
}

static int temp_fd(void)
{
    char path[] = "/tmp/sluice-test-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

static void push(sc_strs *s, const char *text)
{
    sc_err e;
    ok(sc_strs_push(s, text, strlen(text), &e), &e);
}

static void make_header(sc_header *h)
{
    sc_err e;
    sc_col *c;
    sc_mat *m;
    char name[32];
    *h = (sc_header){.n_obs = -1, .uns = strdup("{\"made\":\"here\"}")};
    for (int j = 0; j < N_VARS; j++) {
        (void)snprintf(name, sizeof name, "gene-%d", j);
        push(&h->var.names, name);
    }
    h->var.n_rows = N_VARS;
    ok(sc_table_add(&h->var, "mean", SC_COL_REAL, &c, &e), &e);
    c->v.r[7] = 0.1;
    ok(sc_table_add(&h->obs, "batch", SC_COL_CATEGORY, &c, &e), &e);
    push(&c->categories, "v2");
    push(&c->categories, "v3");
    ok(sc_table_add(&h->obs, "n", SC_COL_INT, &c, &e), &e);
    ok(sc_table_add(&h->obs, "note", SC_COL_STRING, &c, &e), &e);
    ok(sc_table_add(&h->obs, "ok", SC_COL_BOOL, &c, &e), &e);
    ok(sc_header_add(h, "X", SC_COUNTS, true, -1, NULL, &e), &e);
    ok(sc_header_add(h, "layers/half", SC_REAL, true, -1, NULL, &e), &e);
    ok(sc_header_add(h, "obsm/P", SC_COUNTS, false, 2, &m, &e), &e);
    push(&m->col_names, "CD3");
    push(&m->col_names, "CD4");
    ok(sc_header_add(h, "varm/W", SC_REAL, false, 1, &m, &e), &e);
    m->varm = (sc_dense){N_VARS, 1, calloc(N_VARS, sizeof(float))};
    m->varm.values[3] = -0.5F;
}

/* Entry (i, j) is there if hash is low; its value a count of up to 70000. */
static float value_at(int64_t i, int j)
{
    const uint32_t u = (uint32_t)i * 2654435761U + (uint32_t)j * 40503U;
    const uint32_t v = (u ^ u >> 15) * 2246822519U;
    return v % 9 ? 0 : (float)(1 + (v >> 8) % 3 + (v % 5000 == 0 ? 70000 : 0));
}

static void make_csr(sc_csr *m, int64_t row0, float scale)
{
    int64_t k = 0;
    *m = (sc_csr){.n_rows = ROWS, .n_cols = N_VARS};
    m->indptr = calloc(ROWS + 1, sizeof *m->indptr);
    m->indices = calloc((size_t)ROWS * N_VARS, sizeof *m->indices);
    m->values = calloc((size_t)ROWS * N_VARS, sizeof *m->values);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < N_VARS; j++)
            if (value_at(row0 + i, j) > 0) {
                m->indices[k] = j;
                m->values[k++] = scale * value_at(row0 + i, j);
            }
        m->indptr[i + 1] = k;
    }
}

static void make_block(sc_block *b, int64_t row0)
{
    sc_err e;
    sc_csr m;
    sc_col *c;
    sc_table t = {.n_rows = ROWS};
    char name[32];
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(name, sizeof name, "cell-%lld", (long long)(row0 + i));
        push(&t.names, name);
    }
    ok(sc_table_add(&t, "batch", SC_COL_CATEGORY, &c, &e), &e);
    push(&c->categories, "v3"); /* another order than the header's */
    push(&c->categories, "v2");
    for (int i = 0; i < ROWS - 1; i++)
        c->v.code[i] = i % 2;
    ok(sc_table_add(&t, "n", SC_COL_INT, &c, &e), &e);
    c->v.i[0] = INT64_MIN;
    c->v.i[1] = INT64_MAX;
    c->missing = calloc(ROWS, 1);
    c->missing[5] = 1;
    ok(sc_table_add(&t, "note", SC_COL_STRING, &c, &e), &e);
    ok(sc_table_add(&t, "ok", SC_COL_BOOL, &c, &e), &e);
    c->v.b[9] = 1;
    ok(sc_block_set_obs(b, &t, &e), &e);
    make_csr(&m, row0, 1);
    ok(sc_block_set_sparse(b, "X", &m, &e), &e);
    make_csr(&m, row0, 0.5F);
    ok(sc_block_set_sparse(b, "layers/half", &m, &e), &e);
    sc_dense d = {ROWS, 2, calloc(ROWS * 2, sizeof(float))};
    d.values[3] = 400;
    ok(sc_block_set_dense(b, "obsm/P", &d, &e), &e);
}

static void write_stream(int fd)
{
    sc_err e;
    sc_header h;
    sc_writer *w;
    make_header(&h);
    ok(sc_writer_open(&w, fd, "out", &h, &e), &e);
    for (int k = 0; k < N_BLOCKS; k++) {
        sc_block *b;
        ok(sc_block_new(&b, ROWS, &e), &e);
        make_block(b, k * ROWS);
        ok(sc_writer_put(w, b, &e), &e);
        sc_block_free(b);
    }
    ok(sc_writer_finish(w, &e), &e);
    sc_writer_close(w);
    sc_header_free(&h);
}

static void check_block(sc_block *b, int64_t row0)
{
    sc_err e;
    sc_csr want, *x;
    sc_dense *d;
    sc_table *t;
    char buf[64];
    assert_int_equal(sc_block_row0(b), row0);
    assert_int_equal(sc_block_n_rows(b), ROWS);
    make_csr(&want, row0, 1);
    ok(sc_block_sparse(b, "X", &x, &e), &e);
    const size_t nnz = (size_t)want.indptr[ROWS];
    assert_memory_equal(x->indptr, want.indptr, sizeof *x->indptr * (ROWS + 1));
    assert_memory_equal(x->indices, want.indices, sizeof *x->indices * nnz);
    assert_memory_equal(x->values, want.values, sizeof *x->values * nnz);
    ok(sc_block_sparse(b, "layers/half", &x, &e), &e);
    assert_memory_equal(x->indices, want.indices, sizeof *x->indices * nnz);
    for (size_t k = 0; k < nnz; k++)
        assert_true(x->values[k] == 0.5F * want.values[k]);
    sc_csr_free(&want);
    ok(sc_block_dense(b, "obsm/P", &d, &e), &e);
    assert_true(d->values[3] == 400 && d->values[0] == 0);
    ok(sc_block_obs(b, &t, &e), &e);
    (void)snprintf(buf, sizeof buf, "cell-%lld", (long long)(row0 + 1));
    assert_string_equal(sc_strs_at(&t->names, 1), buf);
    assert_string_equal(sc_col_text(sc_table_find(t, "batch"), 0, buf, sizeof buf), "v3");
    assert_string_equal(sc_col_text(sc_table_find(t, "batch"), ROWS - 1, buf, sizeof buf), "");
    assert_true(sc_table_find(t, "n")->v.i[1] == INT64_MAX);
    assert_true(sc_col_is_missing(sc_table_find(t, "n"), 5));
    assert_string_equal(sc_col_text(sc_table_find(t, "ok"), 9, buf, sizeof buf), "True");
}

static void comes_back(void **state)
{
    (void)state;
    sc_err e;
    sc_reader *in;
    sc_block *b;
    const int fd = temp_fd();
    write_stream(fd);
    lseek(fd, 0, SEEK_SET);
    ok(sc_reader_open(&in, fd, "in", &e), &e);
    const sc_header *h = sc_reader_header(in);
    assert_string_equal(sc_strs_at(&h->var.names, N_VARS - 1), "gene-299");
    assert_true(h->var.cols[0].v.r[7] == 0.1);
    assert_true(h->mats[sc_header_find(h, "varm/W")].varm.values[3] == -0.5F);
    assert_string_equal(h->uns, "{\"made\":\"here\"}");
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < N_BLOCKS; k++) {
            ok(sc_reader_next(in, &b, &e), &e);
            check_block(b, k * ROWS);
        }
        assert_int_equal(sc_reader_next(in, &b, &e), SC_END);
        assert_int_equal(sc_reader_next(in, &b, &e), SC_END);
        ok(sc_reader_rewind(in, &e), &e);
    }
    sc_reader_close(in);
    close(fd);
}

/* Reads fd and writes what came, after `change`. */
static int copy_stream(int from, void (*change)(sc_header *, sc_block *))
{
    sc_err e;
    sc_reader *in;
    sc_writer *w;
    sc_block *b;
    sc_header h;
    sc_status st;
    const int to = temp_fd();
    lseek(from, 0, SEEK_SET);
    ok(sc_reader_open(&in, from, "in", &e), &e);
    ok(sc_header_copy(&h, sc_reader_header(in), &e), &e);
    if (change)
        change(&h, NULL);
    ok(sc_writer_open(&w, to, "out", &h, &e), &e);
    while ((st = sc_reader_next(in, &b, &e)) == SC_OK) {
        if (change)
            change(NULL, b);
        ok(sc_writer_put(w, b, &e), &e);
    }
    assert_int_equal(st, SC_END);
    ok(sc_writer_finish(w, &e), &e);
    sc_writer_close(w);
    sc_header_free(&h);
    sc_reader_close(in);
    return to;
}

static void assert_same_file(int a, int b)
{
    const off_t n = lseek(a, 0, SEEK_END);
    assert_int_equal(n, lseek(b, 0, SEEK_END));
    char *p = malloc((size_t)n), *q = malloc((size_t)n);
    assert_int_equal(pread(a, p, (size_t)n, 0), n);
    assert_int_equal(pread(b, q, (size_t)n, 0), n);
    assert_memory_equal(p, q, (size_t)n);
    free(p);
    free(q);
}

/* Touched but unchanged, everything is encoded anew, to the same bytes as frames that were copied.
 */
static void touch_all(sc_header *h, sc_block *b)
{
    sc_err e;
    sc_csr *m;
    sc_table *t;
    if (h)
        return;
    ok(sc_block_sparse(b, "X", &m, &e), &e);
    ok(sc_block_sparse(b, "layers/half", &m, &e), &e);
    ok(sc_block_obs(b, &t, &e), &e);
    sc_block_touch(b, "X");
    sc_block_touch(b, "layers/half");
    sc_block_touch(b, NULL);
}

static void copies_are_equal(void **state)
{
    (void)state;
    const int fd = temp_fd();
    write_stream(fd);
    const int plain = copy_stream(fd, NULL), touched = copy_stream(fd, touch_all);
    assert_same_file(fd, plain);
    assert_same_file(fd, touched);
    close(fd);
    close(plain);
    close(touched);
}

/* What sc-norm does: X stays as a layer, and X itself changes in place. */
static void keep_counts(sc_header *h, sc_block *b)
{
    sc_err e;
    sc_csr *m;
    if (h) {
        ok(sc_header_add(h, "layers/counts", SC_COUNTS, true, -1, NULL, &e), &e);
        sc_header_drop(h, "layers/half");
        return;
    }
    ok(sc_block_sparse(b, "X", &m, &e), &e); /* lent with the block, whatever is added to it */
    ok(sc_block_alias(b, "layers/counts", "X", &e), &e);
    for (int64_t k = 0; k < m->indptr[m->n_rows]; k++)
        m->values[k] *= 0.25F;
    sc_block_touch(b, "X");
}

static void alias_keeps_the_old(void **state)
{
    (void)state;
    sc_err e;
    sc_reader *in;
    sc_block *b;
    sc_csr *x, *c;
    const int fd = temp_fd();
    write_stream(fd);
    const int to = copy_stream(fd, keep_counts);
    lseek(to, 0, SEEK_SET);
    ok(sc_reader_open(&in, to, "in", &e), &e);
    ok(sc_reader_next(in, &b, &e), &e);
    ok(sc_block_sparse(b, "X", &x, &e), &e);
    ok(sc_block_sparse(b, "layers/counts", &c, &e), &e);
    for (int64_t k = 0; k < c->indptr[c->n_rows]; k++)
        assert_true(c->values[k] == 4 * x->values[k] && c->indices[k] == x->indices[k]);
    assert_int_equal(sc_block_sparse(b, "layers/half", &x, &e), SC_EDATA);
    sc_reader_close(in);
    close(fd);
    close(to);
}

static void drop_rows(sc_header *h, sc_block *b)
{
    static const int64_t rows[] = {0, 3, ROWS - 1};
    sc_err e;
    if (!h) {
        sc_header all;
        make_header(&all);
        ok(sc_block_take_rows(b, &all, rows, 3, &e), &e);
        sc_header_free(&all);
    }
}

static void rows_are_taken(void **state)
{
    (void)state;
    sc_err e;
    sc_reader *in;
    sc_block *b;
    sc_table *t;
    sc_csr *x;
    const int fd = temp_fd();
    write_stream(fd);
    const int to = copy_stream(fd, drop_rows);
    lseek(to, 0, SEEK_SET);
    ok(sc_reader_open(&in, to, "in", &e), &e);
    ok(sc_reader_next(in, &b, &e), &e);
    ok(sc_reader_next(in, &b, &e), &e);
    assert_int_equal(sc_block_row0(b), 3);
    ok(sc_block_obs(b, &t, &e), &e);
    assert_string_equal(sc_strs_at(&t->names, 1), "cell-43");
    ok(sc_block_sparse(b, "X", &x, &e), &e);
    for (int64_t k = x->indptr[1]; k < x->indptr[2]; k++)
        assert_true(x->values[k] == value_at(43, x->indices[k]));
    sc_reader_close(in);
    close(fd);
    close(to);
}

/* A pipe goes back too, once it is told to keep, even from the middle. */
static void pipes_rewind(void **state)
{
    (void)state;
    sc_err e;
    sc_reader *in;
    sc_block *b;
    int p[2];
    const int fd = temp_fd();
    write_stream(fd);
    const off_t n = lseek(fd, 0, SEEK_END);
    char *bytes = malloc((size_t)n);
    assert_int_equal(pread(fd, bytes, (size_t)n, 0), n);
    assert_int_equal(pipe(p), 0);
    assert_true(n < 65536);
    assert_int_equal(write(p[1], bytes, (size_t)n), n);
    close(p[1]);
    ok(sc_reader_open(&in, p[0], "pipe", &e), &e);
    ok(sc_reader_keep(in, &e), &e);
    ok(sc_reader_next(in, &b, &e), &e);
    ok(sc_reader_rewind(in, &e), &e);
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < N_BLOCKS; k++) {
            ok(sc_reader_next(in, &b, &e), &e);
            check_block(b, k * ROWS);
        }
        assert_int_equal(sc_reader_next(in, &b, &e), SC_END);
        ok(sc_reader_rewind(in, &e), &e);
    }
    sc_reader_close(in);
    close(p[0]);
    close(fd);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),          cmocka_unit_test(copies_are_equal),
        cmocka_unit_test(alias_keeps_the_old), cmocka_unit_test(rows_are_taken),
        cmocka_unit_test(pipes_rewind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

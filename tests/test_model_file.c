/* The model file, and what a writer refuses to write. */
#include "sc_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static void ok(sc_status st, const sc_err *err)
{
    if (st != SC_OK)
        fail_msg("%s", err->msg);
}

static int temp_fd(void)
{
    const int fd = memfd_create("sluice-test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void push(sc_strs *s, const char *text)
{
    sc_err e;
    ok(sc_strs_push(s, text, strlen(text), &e), &e);
}

static void models_come_back(void **state)
{
    (void)state;
    sc_err e;
    sc_model_file m = {0}, back;
    sc_reader *in;
    float w[6] = {1.5F, -2, 0, 3e-38F, 7, 1e30F};
    sc_tensor t[2] = {{(char[]){"w"}, 2, {2, 3}, w}, {(char[]){"none"}, 1, {0}, w}};
    const int fd = temp_fd();
    push(&m.var.names, "g1");
    push(&m.var.names, "g2");
    m.var.n_rows = 2;
    m.meta = (char[]){"{\"variant\":\"scvi\"}"};
    m.n_tensors = 2;
    m.tensors = t;
    ok(sc_model_file_write(&m, fd, "m.scm", &e), &e);
    sc_strs_free(&m.var.names);
    lseek(fd, 0, SEEK_SET);
    ok(sc_model_file_read(&back, fd, "m.scm", &e), &e);
    const sc_tensor *r = sc_model_file_find(&back, "w");
    assert_non_null(r);
    assert_memory_equal(r->values, w, sizeof w);
    assert_int_equal(r->dims[1], 3);
    assert_string_equal(sc_strs_at(&back.var.names, 1), "g2");
    assert_null(sc_model_file_find(&back, "v"));
    sc_model_file_free(&back);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(sc_reader_open(&in, fd, "m.scm", &e), SC_EFORMAT);
    assert_string_equal(e.msg, "m.scm: is a model, where cells are needed, as sc-read makes");
    close(fd);
}

/* One block of two cells and three genes; what is wrong with it is up to the caller. */
typedef struct fixture {
    sc_header h;
    sc_csr x;
    sc_table obs;
} fixture;

static void make(fixture *f)
{
    sc_err e;
    sc_col *c;
    *f = (fixture){.h = {.n_obs = -1}, .obs = {.n_rows = 2}};
    push(&f->h.var.names, "g1");
    push(&f->h.var.names, "g2");
    push(&f->h.var.names, "g3");
    f->h.var.n_rows = 3;
    ok(sc_table_add(&f->h.obs, "batch", SC_COL_CATEGORY, &c, &e), &e);
    push(&c->categories, "one");
    ok(sc_header_add(&f->h, "X", SC_COUNTS, true, -1, NULL, &e), &e);
    push(&f->obs.names, "c1");
    push(&f->obs.names, "c2");
    ok(sc_table_add(&f->obs, "batch", SC_COL_CATEGORY, &c, &e), &e);
    f->x = (sc_csr){2, 3, calloc(3, sizeof(int64_t)), calloc(3, sizeof(int32_t)),
                    calloc(3, sizeof(float))};
    f->x.indptr[1] = f->x.indptr[2] = 2;
    f->x.indices[1] = 2;
    f->x.values[0] = f->x.values[1] = 1;
}

/* Writes it (taking its parts) and gives what was said of it. */
static sc_status put(fixture *f, sc_err *err)
{
    sc_err e;
    sc_writer *w;
    sc_block *b;
    const int fd = temp_fd();
    sc_status st = sc_writer_open(&w, fd, "out", &f->h, err);
    ok(sc_block_new(&b, 2, &e), &e);
    ok(sc_block_set_obs(b, &f->obs, &e), &e);
    ok(sc_block_set_sparse(b, "X", &f->x, &e), &e);
    if (st == SC_OK)
        st = sc_writer_put(w, b, err);
    if (st == SC_OK)
        st = sc_writer_finish(w, err);
    sc_block_free(b);
    sc_writer_close(w);
    sc_header_free(&f->h);
    close(fd);
    return st;
}

static void writers_refuse(void **state)
{
    (void)state;
    sc_err e;
    fixture f;
    make(&f);
    ok(put(&f, &e), &e);
    make(&f);
    f.x.indices[1] = 3;
    assert_int_equal(put(&f, &e), SC_EDATA);
    assert_string_equal(e.msg, "'X' from row 0 on: row 0 has column 3 after 0, of 3 columns");
    make(&f);
    f.x.indices[1] = 0;
    assert_int_equal(put(&f, &e), SC_EDATA);
    make(&f);
    f.x.indptr[1] = 5;
    assert_int_equal(put(&f, &e), SC_EDATA);
    make(&f);
    f.x.n_cols = 4;
    assert_int_equal(put(&f, &e), SC_EDATA);
    assert_string_equal(e.msg, "'X' is sparse with 4 columns, and the header says sparse with 3");
    make(&f);
    f.obs.cols[0].v.code[1] = 1;
    assert_int_equal(put(&f, &e), SC_EDATA);
    make(&f);
    push(&f.obs.cols[0].categories, "two");
    f.obs.cols[0].v.code[1] = 0;
    assert_int_equal(put(&f, &e), SC_EDATA);
    assert_string_equal(e.msg, "obs column 'batch' has 'two', which its header does not list");
    make(&f);
    ok(sc_header_add(&f.h, "obsm/Z", SC_REAL, false, 2, NULL, &e), &e);
    assert_int_equal(put(&f, &e), SC_EDATA);
    assert_string_equal(e.msg, "a block has no matrix 'obsm/Z'");
    make(&f);
    f.h.n_obs = 3;
    assert_int_equal(put(&f, &e), SC_EDATA);
    make(&f);
    f.h.mats[0].n_cols = 2;
    assert_int_equal(put(&f, &e), SC_EFORMAT);
    make(&f);
    f.h.uns = strdup("[1]");
    assert_int_equal(put(&f, &e), SC_EFORMAT);
    assert_string_equal(e.msg, "uns is not a JSON object");
}

/* Zeros shrink ten thousand times; a reader takes them because the writer pads. */
static void zeros_are_padded(void **state)
{
    (void)state;
    enum { SIDE = 2000 };
    sc_err e;
    sc_tensor t = {(char[]){"w"}, 2, {SIDE, SIDE}, calloc(SIDE * SIDE, sizeof(float))};
    sc_model_file m = {.meta = (char[]){"{}"}, .n_tensors = 1, .tensors = &t}, back;
    const int fd = temp_fd();
    ok(sc_model_file_write(&m, fd, "m", &e), &e);
    const off_t n = lseek(fd, 0, SEEK_END);
    assert_true(n > SIDE * SIDE / 64 && n < SIDE * SIDE / 60);
    lseek(fd, 0, SEEK_SET);
    ok(sc_model_file_read(&back, fd, "m", &e), &e);
    assert_memory_equal(back.tensors[0].values, t.values, SIDE * SIDE * sizeof(float));
    sc_model_file_free(&back);
    free(t.values);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_come_back),
        cmocka_unit_test(writers_refuse),
        cmocka_unit_test(zeros_are_padded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

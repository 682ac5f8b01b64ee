/* Blocks on several threads: they are handed on in order, and the first error is the one told. */
#include "sc_each.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_BLOCKS = 40, ROWS = 3 };

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

static void put_block(sc_writer *out, int n)
{
    sc_err e = {0};
    sc_block *b;
    sc_table obs = {.n_rows = ROWS};
    sc_dense x = {ROWS, 1, calloc(ROWS, sizeof(float))};
    ok(sc_block_new(&b, ROWS, &e), &e);
    for (int i = 0; i < ROWS; i++) {
        char name[32];
        const int len = snprintf(name, sizeof name, "cell-%d", n * ROWS + i);
        ok(sc_strs_push(&obs.names, name, (size_t)len, &e), &e);
        x.values[i] = (float)(n * ROWS + i);
    }
    ok(sc_block_set_obs(b, &obs, &e), &e);
    ok(sc_block_set_dense(b, "X", &x, &e), &e);
    ok(sc_writer_put(out, b, &e), &e);
    sc_block_free(b);
}

/* A stream of one gene whose value is the cell's number. */
static int make_stream(sc_header *h)
{
    sc_err e = {0};
    sc_writer *out;
    const int fd = temp_fd();
    *h = (sc_header){.n_obs = -1, .uns = strdup("{}")};
    ok(sc_strs_push(&h->var.names, "gene", 4, &e), &e);
    h->var.n_rows = 1;
    ok(sc_header_add(h, "X", SC_REAL, false, -1, NULL, &e), &e);
    ok(sc_writer_open(&out, fd, "test", h, &e), &e);
    for (int n = 0; n < N_BLOCKS; n++)
        put_block(out, n);
    ok(sc_writer_finish(out, &e), &e);
    sc_writer_close(out);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

typedef struct trip {
    int64_t next; /* first row of the block whose turn it is */
    int64_t bad;  /* blocks from this row on fail */
} trip;

static sc_status halve(void *ctx, int tid, sc_block *b, sc_err *err)
{
    const trip *t = ctx;
    sc_dense *x;
    (void)tid;
    SC_TRY(sc_block_dense(b, "X", &x, err));
    const int64_t row = sc_block_row0(b);
    usleep((useconds_t)(row * 7919 % 13 * 100)); /* so that late blocks overtake early ones */
    if (row >= t->bad)
        return sc_fail(err, SC_EDATA, "row %d is bad", (int)row);
    for (int i = 0; i < ROWS; i++)
        x->values[i] /= 2;
    sc_block_touch(b, "X");
    return SC_OK;
}

static sc_status in_order(void *ctx, int tid, sc_block *b, sc_err *err)
{
    trip *t = ctx;
    sc_dense *x;
    (void)tid;
    SC_TRY(sc_block_dense(b, "X", &x, err));
    assert_int_equal(sc_block_row0(b), t->next);
    assert_true(x->values[1] == (float)(t->next + 1) / 2);
    t->next += ROWS;
    return SC_OK;
}

/* The bytes that come out with so many threads; 0: without a pool. */
static size_t bytes_of(int n_threads, unsigned char *p, size_t cap)
{
    sc_err e = {0};
    sc_header h;
    sc_reader *in;
    sc_writer *out;
    sc_pool *pool = NULL;
    trip t = {0, INT64_MAX};
    const sc_each each = {.work = halve, .turn = in_order, .ctx = &t};
    const int fd = make_stream(&h), to = temp_fd();
    if (n_threads)
        ok(sc_pool_new(&pool, n_threads, &e), &e);
    ok(sc_reader_open(&in, fd, "test", &e), &e);
    ok(sc_writer_open(&out, to, "out", &h, &e), &e);
    ok(sc_reader_each(in, out, pool, &each, &e), &e);
    ok(sc_writer_finish(out, &e), &e);
    assert_int_equal(t.next, N_BLOCKS * ROWS);
    const ssize_t n = pread(to, p, cap, 0);
    assert_true(n > 0 && (size_t)n < cap);
    sc_writer_close(out);
    sc_reader_close(in);
    sc_pool_free(pool);
    sc_header_free(&h);
    close(fd);
    close(to);
    return (size_t)n;
}

static sc_status next_of_hand(void *ctx, sc_block **b, sc_err *err)
{
    trip *t = ctx;
    if (t->bad == 0)
        return SC_END;
    t->bad--;
    sc_dense x = {ROWS, 1, calloc(ROWS, sizeof(float))};
    sc_table obs = {.n_rows = ROWS};
    for (int i = 0; i < ROWS; i++)
        ok(sc_strs_push(&obs.names, "cell", 4, err), err);
    ok(sc_block_new(b, ROWS, err), err);
    ok(sc_block_set_obs(*b, &obs, err), err);
    ok(sc_block_set_dense(*b, "X", &x, err), err);
    return SC_OK;
}

static void blocks_may_come_from_elsewhere(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        sc_err e = {0};
        sc_header h;
        sc_pool *pool;
        sc_reader *in;
        sc_writer *out;
        sc_block *b;
        trip left = {0, N_BLOCKS};
        const sc_each each = {.ctx = &left, .take = next_of_hand};
        const int fd = make_stream(&h), to = temp_fd();
        int n = 0;
        ok(sc_pool_new(&pool, threads, &e), &e);
        ok(sc_writer_open(&out, to, "out", &h, &e), &e);
        ok(sc_reader_each(NULL, out, pool, &each, &e), &e);
        ok(sc_writer_finish(out, &e), &e);
        assert_int_equal(lseek(to, 0, SEEK_SET), 0);
        ok(sc_reader_open(&in, to, "out", &e), &e);
        while (sc_reader_next(in, &b, &e) == SC_OK)
            n += (int)sc_block_n_rows(b);
        assert_int_equal(n, N_BLOCKS * ROWS);
        sc_reader_close(in);
        sc_writer_close(out);
        sc_pool_free(pool);
        sc_header_free(&h);
        close(fd);
        close(to);
    }
}

static void threads_change_no_byte(void **state)
{
    (void)state;
    static const size_t cap = 1 << 20;
    unsigned char *one = calloc(cap, 1), *many = calloc(cap, 1);
    const size_t n = bytes_of(0, one, cap);
    for (int threads = 1; threads <= 6; threads++) {
        assert_int_equal(bytes_of(threads, many, cap), n);
        assert_memory_equal(one, many, n);
    }
    free(one);
    free(many);
}

static void the_first_error_is_told(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        sc_err e = {0};
        sc_header h;
        sc_reader *in;
        sc_pool *pool;
        trip t = {0, 11 * ROWS};
        const sc_each each = {.work = halve, .turn = in_order, .ctx = &t};
        const int fd = make_stream(&h);
        ok(sc_pool_new(&pool, threads, &e), &e);
        ok(sc_reader_open(&in, fd, "test", &e), &e);
        assert_int_equal(sc_reader_each(in, NULL, pool, &each, &e), SC_EDATA);
        assert_string_equal(e.msg, "row 33 is bad");
        assert_int_equal(t.next, 11 * ROWS); /* those before it were handed on, none behind */
        sc_reader_close(in);
        sc_pool_free(pool);
        sc_header_free(&h);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_change_no_byte),
                                       cmocka_unit_test(blocks_may_come_from_elsewhere),
                                       cmocka_unit_test(the_first_error_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

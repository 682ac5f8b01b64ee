/* Threads and random numbers: the two things that decide whether a run can be repeated. */
#include "sc_kernels.h"
#include "sc_philox.h"
#include "sc_threads.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_TILES = 1000, N_PHASES = 100 };

typedef struct phases {
    sc_pool *pool;
    int64_t cell[2][N_TILES]; /* plain memory: a missing barrier shows under -fsanitize=thread */
    int64_t own[16];
} phases;

static void sum_neighbours(void *ctx, int64_t tile, int tid)
{
    phases *p = ctx;
    (void)tid;
    p->cell[1][tile] = p->cell[0][tile] + p->cell[0][(tile + 1) % N_TILES];
}

static void copy_back(void *ctx, int64_t tile, int tid)
{
    phases *p = ctx;
    (void)tid;
    p->cell[0][tile] = p->cell[1][tile] % 1000003;
}

static void many_phases(void *ctx, int tid, int n)
{
    phases *p = ctx;
    for (int i = 0; i < N_PHASES; i++) {
        sc_pool_tiles(p->pool, tid, N_TILES, sum_neighbours, p);
        sc_pool_tiles(p->pool, tid, N_TILES, copy_back, p);
        p->own[tid] = i;
        sc_pool_barrier(p->pool, tid);
        for (int t = 0; t < n; t++)
            if (p->own[t] != i)
                abort();
        sc_pool_barrier(p->pool, tid);
    }
}

static void test_pool_same_result_for_any_threads(void **state)
{
    (void)state;
    phases *one = calloc(2, sizeof *one), *many = one + 1;
    for (int n = 1; n <= 9; n += 2) {
        sc_err err = {0};
        assert_int_equal(sc_pool_new(&many->pool, n, &err), SC_OK);
        assert_int_equal(sc_pool_size(many->pool), n);
        for (int i = 0; i < N_TILES; i++)
            many->cell[0][i] = i;
        sc_pool_run(many->pool, many_phases, many);
        sc_pool_for(many->pool, N_TILES, sum_neighbours, many);
        if (n == 1)
            *one = *many;
        assert_memory_equal(one->cell, many->cell, sizeof one->cell);
        sc_pool_free(many->pool);
    }
    free(one);
}

enum { N_FEW = 20 };

/* How often each tile of a phase was run. */
typedef struct few {
    sc_pool *pool;
    int64_t times[N_FEW];
} few;

static void count_tile(void *ctx, int64_t tile, int tid)
{
    few *f = ctx;
    (void)tid;
    f->times[tile]++;
}

/* Phases of 0 to N_FEW tiles, fewer than there are threads among them. */
static void short_phases(void *ctx, int tid, int n)
{
    const few *f = ctx;
    (void)n;
    for (int i = 0; i < 10 * N_FEW; i++)
        sc_pool_tiles(f->pool, tid, i % (N_FEW + 1), count_tile, ctx);
}

static void test_each_tile_runs_once(void **state)
{
    (void)state;
    for (int n = 1; n <= 9; n++) {
        few one = {0}, more = {0};
        sc_err err = {0};
        assert_int_equal(sc_pool_new(&more.pool, n, &err), SC_OK);
        for (int i = 0; i < 10 * N_FEW; i++)
            for (int64_t tile = 0; tile < i % (N_FEW + 1); tile++)
                one.times[tile]++;
        sc_pool_run(more.pool, short_phases, &more);
        assert_memory_equal(one.times, more.times, sizeof one.times);
        sc_pool_free(more.pool);
    }
}

enum { N_ASIDE = 200 };

/* Two stages: what the first writes, the second reads. */
typedef struct offered {
    phases p;
    int64_t first[N_ASIDE], second[N_ASIDE];
    int64_t round;
} offered;

static void write_first(void *ctx, int64_t tile, int tid)
{
    offered *o = ctx;
    (void)tid;
    o->first[tile] += o->round;
}

static void read_all(void *ctx, int64_t tile, int tid)
{
    offered *o = ctx;
    (void)tid;
    for (int i = 0; i < N_ASIDE; i++)
        o->second[tile] += o->first[i];
}

static void test_work_aside_is_done_once_and_in_order(void **state)
{
    (void)state;
    offered *o = calloc(1, sizeof *o);
    for (int n = 1; n <= 4; n++) {
        sc_err err = {0};
        int64_t first = 0, second = 0;
        assert_int_equal(sc_pool_new(&o->p.pool, n, &err), SC_OK);
        memset(o->first, 0, sizeof o->first);
        memset(o->second, 0, sizeof o->second);
        sc_pool_aside_end(o->p.pool); /* none was offered */
        for (o->round = 1; o->round < 40; o->round++) {
            const sc_aside stages[] = {
                {N_ASIDE, write_first, o}, {0, NULL, NULL}, {N_ASIDE, read_all, o}};
            sc_pool_aside(o->p.pool, 3, stages);
            if (o->round % 4) /* else all is left for the end */
                sc_pool_run(o->p.pool, many_phases, &o->p);
            sc_pool_aside_end(o->p.pool);
            first += o->round;
            second += N_ASIDE * first;
            for (int i = 0; i < N_ASIDE; i++) {
                assert_int_equal(o->first[i], first);
                assert_int_equal(o->second[i], second);
            }
        }
        sc_pool_free(o->p.pool);
    }
    free(o);
}

static void test_pool_refuses(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_pool *pool = NULL;
    assert_int_equal(sc_pool_new(&pool, -1, &err), SC_EUSAGE);
    assert_null(pool);
    assert_int_equal(sc_pool_new(&pool, SC_THREADS_MAX + 1, &err), SC_EUSAGE);
    assert_string_equal(err.msg, "1025 threads are asked for, the range is 1 to 1024");
    sc_pool_free(NULL);
    assert_int_equal(sc_pool_new(&pool, 0, &err), SC_OK);
    assert_int_equal(sc_pool_size(pool), sc_threads_default());
    sc_pool_free(pool);
}

static void test_philox_known_answers(void **state)
{
    (void)state;
    /* the vectors that the authors of Philox publish with Random123 */
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } kat[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        uint32_t out[4];
        sc_philox_block(kat[i].counter, kat[i].key, out);
        assert_memory_equal(out, kat[i].out, sizeof out);
    }
}

static void test_streams_are_prefixes(void **state)
{
    (void)state;
    const sc_key key = {42, 1, 2, 3}, other = {42, 1, 2, 4};
    uint32_t u[103], v[103];
    float f[103], g[103];
    sc_rng rng = sc_rng_new(key);

    sc_fill_u32(key, 103, u);
    for (int n = 0; n <= 103; n++) {
        memset(v, 0, sizeof v);
        sc_fill_u32(key, n, v);
        assert_memory_equal(u, v, (size_t)n * sizeof *u);
    }
    for (int i = 0; i < 103; i++)
        assert_int_equal(sc_rng_u32(&rng), u[i]);
    sc_fill_u32(other, 103, v);
    assert_int_not_equal(u[0], v[0]);

    sc_fill_normal(key, 103, f);
    sc_fill_normal(key, 50, g);
    assert_memory_equal(f, g, 50 * sizeof *f);
    sc_fill_uniform(key, 103, f);
    for (int i = 0; i < 103; i++)
        assert_true(f[i] == (float)(u[i] >> 8) / 16777216.0f);
}

/* rows drawn together, in lanes, are the streams of their keys */
static void test_rows_are_streams(void **state)
{
    (void)state;
    static const char *const isas[] = {"avx512", "avx2", "base"};
    enum { ROWS = 7, WIDEST = 200 };
    sc_key keys[ROWS];
    float mask[ROWS * WIDEST], normal[ROWS * WIDEST], want[WIDEST];
    for (uint32_t i = 0; i < ROWS; i++)
        keys[i] = (sc_key){UINT64_C(3) << 33 | i, i * i, 5, i % 3};
    for (int isa = 0; isa < 3; isa++) {
        const sc_kernels *k = sc_kernels_get(isas[isa]);
        for (int n = 1; k && n <= WIDEST; n += n < 40 ? 1 : 53) {
            k->masks(ROWS, keys, 0.9f, 1.5f, n, mask);
            k->normals(ROWS, keys, n, normal);
            for (int i = 0; i < ROWS; i++) {
                sc_fill_uniform(keys[i], n, want);
                for (int j = 0; j < n; j++)
                    assert_true(mask[i * n + j] == (want[j] < 0.9f ? 1.5f : 0.0f));
                sc_fill_normal(keys[i], n, want);
                for (int j = 0; j < n; j++)
                    assert_true(fabsf(normal[i * n + j] - want[j]) < 2e-6f);
            }
        }
    }
}

static void test_normal_is_normal(void **state)
{
    (void)state;
    enum { N = 200000 };
    const sc_key key = {7, 0, 0, 0};
    float *x = malloc(N * sizeof *x);
    uint32_t *u = malloc(N * sizeof *u);
    double m1 = 0, m2 = 0, m4 = 0, worst = 0;
    int n_inside = 0;

    sc_fill_normal(key, N, x);
    sc_fill_u32(key, N, u);
    for (int i = 0; i < N; i++) {
        const double r = sqrt(-2 * log((u[i & ~1] + 1.0) * 0x1p-32));
        const double turn = u[i | 1] * 0x1p-32 * 6.28318530717958647693;
        const double want = i % 2 ? r * cos(turn) : r * sin(turn), v = (double)x[i];
        worst = fmax(worst, fabs(v - want) / (1e-9 + fabs(want)));
        m1 += v / N;
        m2 += v * v / N;
        m4 += v * v * v * v / N;
        n_inside += fabs(v) < 1.959963984540054;
    }
    assert_true(worst < 1e-6);
    assert_true(fabs(m1) < 0.01 && fabs(m2 - 1) < 0.015 && fabs(m4 - 3) < 0.1);
    assert_true(abs(n_inside - N * 19 / 20) < 500); /* 5 standard deviations */
    free(x);
    free(u);
}

static void test_shuffle_is_fair(void **state)
{
    (void)state;
    enum { TRIALS = 24000 };
    int count[4][4][4] = {{{0}}};
    for (uint32_t t = 0; t < TRIALS; t++) {
        int64_t p[4] = {0, 1, 2, 3};
        sc_shuffle((sc_key){1, t, 0, 0}, 4, p);
        assert_int_equal(p[0] + p[1] + p[2] + p[3], 6);
        count[p[0]][p[1]][p[2]]++;
    }
    double chi2 = 0; /* 23 degrees of freedom: above 58 once in 10,000 */
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++)
            for (int c = 0; c < 4; c++) {
                const int is_perm = a != b && b != c && a != c;
                const double expect = TRIALS / 24.0, d = count[a][b][c] - expect;
                if (is_perm)
                    chi2 += d * d / expect;
                else
                    assert_int_equal(count[a][b][c], 0);
            }
    assert_true(chi2 < 58);

    sc_rng rng = sc_rng_new((sc_key){3, 0, 0, 0});
    for (int i = 0; i < 1000; i++) {
        assert_true(sc_rng_below(&rng, 3) < 3);
        assert_int_equal(sc_rng_below(&rng, 1), 0);
        const double u = sc_rng_uniform(&rng);
        assert_true(u >= 0 && u < 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_same_result_for_any_threads),
        cmocka_unit_test(test_each_tile_runs_once),
        cmocka_unit_test(test_work_aside_is_done_once_and_in_order),
        cmocka_unit_test(test_pool_refuses),
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_streams_are_prefixes),
        cmocka_unit_test(test_rows_are_streams),
        cmocka_unit_test(test_normal_is_normal),
        cmocka_unit_test(test_shuffle_is_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

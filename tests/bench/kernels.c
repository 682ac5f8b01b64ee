/*
 * The roof of this machine and what the kernels reach of it, on one thread:
 *
 *   build/bench/kernels [avx512|avx2|base]
 *
 * Runs are interleaved, so that a neighbour who takes the core slows all alike, and the medians are
 * shown. OpenBLAS is looked for at run time; without it its columns say "-".
 */
#include "sc_kernels.h"
#include "sc_philox.h"
#include "sc_threads.h"

#include <dlfcn.h>
#include <immintrin.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 101, ELEMENTS = 2000 };

static double read_clock(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double now(void) /* this thread's own time: a stolen core does not count */
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t, int n)
{
    qsort(t, (size_t)n, sizeof *t, by_value);
    return t[n / 2];
}

static float *floats(int64_t n, float low, float high)
{
    float *x = aligned_alloc(64, (size_t)(n + 16) / 16 * 64);
    if (!x)
        exit(1);
    sc_fill_uniform((sc_key){1, 0, 0, 0}, n, x);
    for (int64_t i = 0; i < n; i++)
        x[i] = low + (high - low) * x[i];
    return x;
}

typedef void sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                   int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void product(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                     float *c, int ldc, bool add);

static sgemm *find_openblas(const char *core)
{
    static const char *const names[] = {
        "libopenblas.so.0", "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0"};
    setenv("OPENBLAS_CORETYPE", core, 0); /* 0.3.21 takes newer CPUs for a Prescott */
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    sgemm *f = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !f; i++) {
        void *lib = dlopen(names[i], RTLD_NOW);
        void *symbol = lib ? dlsym(lib, "cblas_sgemm") : NULL;
        memcpy(&f, &symbol, sizeof f);
        void *name = f ? dlsym(lib, "openblas_get_corename") : NULL;
        char *(*core_name)(void) = NULL;
        memcpy(&core_name, &name, sizeof core_name);
        if (core_name)
            printf("openblas: its kernels for %s\n", core_name());
    }
    return f;
}

/* ten independent chains of fused multiply-adds in registers: GFLOP/s */
#define PEAK(name, isa, vec, set1, fmadd, width)                                                   \
    __attribute__((target(isa), noinline)) static double name(void)                                \
    {                                                                                              \
        const vec x = set1(0.999999f), y = set1(1e-6f);                                            \
        vec a = x, b = y, c = x, d = y, e = x, f = y, g = x, h = y, i = x, j = y;                  \
        const double start = now();                                                                \
        for (int r = 0; r < 100000; r++) {                                                         \
            a = fmadd(a, x, y), b = fmadd(b, x, y), c = fmadd(c, x, y), d = fmadd(d, x, y);        \
            e = fmadd(e, x, y), f = fmadd(f, x, y), g = fmadd(g, x, y), h = fmadd(h, x, y);        \
            i = fmadd(i, x, y), j = fmadd(j, x, y);                                                \
            __asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e));                    \
            __asm__ volatile("" : "+x"(f), "+x"(g), "+x"(h), "+x"(i), "+x"(j));                    \
        }                                                                                          \
        return 100000.0 * 10 * 2 * width / (now() - start) * 1e-9;                                 \
    }
PEAK(peak_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, 16)
PEAK(peak_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, 8)

static double peak(const sc_kernels *k)
{
    double t[ROUNDS];
    if (k->width < 8)
        return NAN;
    for (int r = 0; r < ROUNDS; r++)
        t[r] = k->width == 16 ? peak_avx512() : peak_avx2();
    return median(t, ROUNDS);
}

static void bench_gemm(const sc_kernels *k, double roof)
{
    static const struct {
        int form, m, n, k;
        const char *what;
    } all[] = {{0, 128, 2000, 128, "decoder head, forward"},
               {1, 128, 128, 2000, "its gradient by the input"},
               {2, 128, 2000, 128, "its gradient by the weights"},
               {0, 128, 128, 128, "hidden layer, forward"},
               {1, 128, 128, 128, "hidden layer, by the input"},
               {2, 128, 128, 128, "hidden layer, by the weights"},
               {0, 128, 240, 128, "a tile of 240 genes, forward"},
               {1, 128, 128, 240, "a tile of 240 genes, by the input"},
               {2, 128, 240, 128, "a tile of 240 genes, by the weights"},
               {0, 128, 2000, 10, "linear decoder, 10 factors"},
               {0, 1, 2000, 128, "one cell"}};
    product *const own[] = {k->gemm_nn, k->gemm_nt, k->gemm_tn};
    sgemm *blas = find_openblas(k->width == 16 ? "SkylakeX" : "Haswell");
    float *a = floats(2000 * 128, -1, 1), *b = floats(2000 * 128, -1, 1);
    float *c = floats(2000 * 128, 0, 0);

    printf("%-3s %5s %5s %5s  %9s %9s %6s %6s  (GFLOP/s)\n", "", "m", "n", "k", k->isa, "openblas",
           "ratio", "roof");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const int m = all[i].m, n = all[i].n, q = all[i].k, form = all[i].form;
        const int lda = form == 2 ? m : q, ldb = form == 1 ? q : n;
        const double flop = 2.0 * m * n * q;
        const int repeat = 1 + (int)(1e7 / flop);
        double t[2][ROUNDS];
        for (int r = 0; r < ROUNDS; r++) {
            double start = now();
            for (int j = 0; j < repeat; j++)
                own[form](m, n, q, a, lda, b, ldb, c, n, false);
            t[0][r] = (now() - start) / repeat;
            start = now();
            for (int j = 0; j < repeat && blas; j++)
                blas(101, form == 2 ? 112 : 111, form == 1 ? 112 : 111, m, n, q, 1, a, lda, b, ldb,
                     0, c, n);
            t[1][r] = (now() - start) / repeat;
        }
        double ratio[ROUNDS]; /* of neighbours in time: both ran on the same machine, so to say */
        for (int r = 0; r < ROUNDS; r++)
            ratio[r] = t[1][r] / t[0][r];
        const double o = flop / median(t[0], ROUNDS) * 1e-9;
        const double p = flop / median(t[1], ROUNDS) * 1e-9;
        printf("%-3s %5d %5d %5d  %9.1f ", form == 0 ? "nn" : form == 1 ? "nt" : "tn", m, n, q, o);
        if (blas)
            printf("%9.1f %6.2f", p, median(ratio, ROUNDS));
        else
            printf("%9s %6s", "-", "-");
        printf(" %5.0f%%  %s\n", 100 * o / roof, all[i].what);
    }
    free(a);
    free(b);
    free(c);
}

typedef void elementwise(int64_t n, const float *x, float *y);

static void show(const char *name, double seconds, double n, const char *unit)
{
    printf("%-14s %8.3f ns per %s\n", name, seconds / n * 1e9, unit);
}

static void bench_elementwise(const sc_kernels *k)
{
    elementwise *const f[] = {k->exp, k->log, k->log1p, k->sigmoid, k->softplus, k->softmax};
    static const char *const names[] = {"exp", "log", "log1p", "sigmoid", "softplus", "softmax"};
    float *x = floats(ELEMENTS, 0.01f, 9), *y = floats(ELEMENTS, 0, 0), *d = floats(ELEMENTS, 0, 0);
    double t[9][ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        double start;
        for (int i = 0; i < 6; i++) {
            start = now();
            for (int j = 0; j < 20; j++)
                f[i](ELEMENTS, x, y);
            t[i][r] = (now() - start) / 20;
        }
        start = now();
        for (int j = 0; j < 20; j++)
            k->lgamma_diff(ELEMENTS, x, x, y, d);
        t[6][r] = (now() - start) / 20;
        start = now();
        for (int i = 0; i < ELEMENTS; i++)
            y[i] = expf(x[i]);
        t[7][r] = now() - start;
        start = now();
        for (int i = 0; i < ELEMENTS; i++)
            y[i] = (float)(lgamma((double)x[i] + 1) - lgamma((double)x[i]));
        t[8][r] = now() - start;
    }
    for (int i = 0; i < 6; i++)
        show(names[i], median(t[i], ROUNDS), ELEMENTS, "element");
    show("lgamma_diff", median(t[6], ROUNDS), ELEMENTS, "element, with its derivative");
    show("expf of libm", median(t[7], ROUNDS), ELEMENTS, "element");
    show("lgamma of libm", median(t[8], ROUNDS), ELEMENTS, "element, twice, without derivative");
    free(x);
    free(y);
    free(d);
}

/* 128 cells, 2,000 genes, 8 % stored */
enum { CELLS = 128, STORED = ELEMENTS * 8 / 100, HIDDEN = 128, CELL_KERNELS = 7 };

typedef struct cells {
    float *mu, *theta, *logit, *d, *w, *y, *head, *state;
    float value[STORED];
    int32_t index[STORED];
} cells;

/* What kernel number `what` does for a cell; Adam is for all of them at once. */
static double one_cell(const sc_kernels *k, cells *c, int what)
{
    const int64_t n = ELEMENTS * HIDDEN;
    const sc_adam_args adam = {1e-3f, 0.9f, 0.999f, 0.01f, 0, 0.1f, 0.03f};
    float by_library;
    switch (what) {
    case 0:
    case 1:
        return k->zinb_row(ELEMENTS, STORED, c->index, c->value, c->mu, c->theta,
                           what ? NULL : c->logit, 1e-3f, c->d, c->d + ELEMENTS,
                           c->d + 2 * ELEMENTS);
    case 2:
        return k->zinb_row(ELEMENTS, 0, c->index, c->value, c->mu, c->theta, c->logit, 1e-3f, c->d,
                           c->d + ELEMENTS, c->d + 2 * ELEMENTS);
    case 3:
        k->sparse_row(STORED, c->index, c->value, c->w, HIDDEN, c->y, HIDDEN);
        return 0;
    case 4:
        k->adam(1, n, c->state, c->state + n, c->state + 2 * n, n, c->state + 3 * n, n, &adam);
        return 0;
    default:
        return k->head_row(&(sc_head_row){
            ELEMENTS, STORED, c->index, c->value, c->logit, c->theta, c->head,
            what == 5 ? c->logit : NULL, 800, 1e-3f, c->head + ELEMENTS, c->head + 2 * ELEMENTS,
            c->head + 3 * ELEMENTS, c->head + 4 * ELEMENTS, &by_library});
    }
}

static void bench_cells(const sc_kernels *k)
{
    cells c = {.mu = floats(ELEMENTS, 0.01f, 2),
               .theta = floats(ELEMENTS, 0.1f, 6),
               .logit = floats(ELEMENTS, -4, 2),
               .d = floats(3 * ELEMENTS, 0, 0),
               .w = floats(ELEMENTS * HIDDEN, -1, 1),
               .y = floats(HIDDEN, 0, 0),
               .head = floats(6 * ELEMENTS, 0.1f, 1),
               .state = floats(4 * ELEMENTS * HIDDEN, 0.01f, 1)};
    double t[CELL_KERNELS][ROUNDS], sum = 0;
    for (int i = 0; i < STORED; i++) {
        c.index[i] = i * ELEMENTS / STORED;
        c.value[i] = (float)(1 + i % 5);
    }
    for (int r = 0; r < ROUNDS; r++) {
        for (int what = 0; what < CELL_KERNELS; what++) {
            const double start = now();
            for (int i = 0; i < (what == 4 ? 1 : CELLS); i++)
                sum += one_cell(k, &c, what);
            t[what][r] = now() - start;
        }
    }
    show("zinb_row", median(t[0], ROUNDS), CELLS * ELEMENTS, "cell and gene, 8 % stored");
    show("nb_row", median(t[1], ROUNDS), CELLS * ELEMENTS, "cell and gene, 8 % stored");
    show("zinb_row", median(t[2], ROUNDS), CELLS * ELEMENTS, "cell and gene, none stored");
    show("zinb head_row", median(t[5], ROUNDS), CELLS * ELEMENTS, "cell and gene, 8 % stored");
    show("nb head_row", median(t[6], ROUNDS), CELLS * ELEMENTS, "cell and gene, 8 % stored");
    show("sparse_row", median(t[3], ROUNDS), CELLS * STORED * HIDDEN,
         "stored entry and hidden unit");
    show("adam", median(t[4], ROUNDS), ELEMENTS * HIDDEN, "weight");
    if (isnan(sum))
        puts("the likelihood is NaN");
    float *const all[] = {c.mu, c.theta, c.logit, c.d, c.w, c.y, c.head, c.state};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void bench_memory(const sc_kernels *k)
{
    static const int64_t sizes[] = {4096, 65536, 1 << 20, 32 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t n = sizes[i] / 2;
        const int repeat = (int)((16 << 20) / n) + 1;
        float *x = floats(n, 0, 1), *y = floats(n, 0, 1);
        double t[9];
        for (int r = 0; r < 9; r++) {
            const double start = now();
            for (int j = 0; j < repeat; j++)
                k->axpy(n, 1e-9f, x, y);
            t[r] = (now() - start) / repeat;
        }
        printf("y += a x       %8.1f GB/s over %lld KiB\n", 12e-9 * (double)n / median(t, 9),
               (long long)(sizes[i] * 4 / 1024));
        free(x);
        free(y);
    }
}

static void nothing(void *ctx, int64_t tile, int tid)
{
    (void)ctx;
    (void)tile;
    (void)tid;
}

static void phases(void *ctx, int tid, int n)
{
    (void)n;
    for (int i = 0; i < 1000; i++)
        sc_pool_barrier(ctx, tid);
}

static void bench_pool(void)
{
    for (int n = 1; n <= sc_threads_default(); n *= 2) {
        sc_err err = {0};
        sc_pool *pool;
        double t[2][ROUNDS];
        if (sc_pool_new(&pool, n, &err) != SC_OK) {
            fprintf(stderr, "bench: %s\n", err.msg);
            exit(1);
        }
        for (int r = 0; r < ROUNDS; r++) {
            double start = read_clock(CLOCK_MONOTONIC);
            sc_pool_run(pool, phases, pool);
            t[0][r] = (read_clock(CLOCK_MONOTONIC) - start) / 1000;
            start = read_clock(CLOCK_MONOTONIC);
            for (int i = 0; i < 100; i++)
                sc_pool_for(pool, 12, nothing, NULL);
            t[1][r] = (read_clock(CLOCK_MONOTONIC) - start) / 100;
        }
        printf("%2d threads     %8.2f us a barrier, %.2f us a run of 12 empty tiles\n", n,
               median(t[0], ROUNDS) * 1e6, median(t[1], ROUNDS) * 1e6);
        sc_pool_free(pool);
    }
}

int main(int argc, char **argv)
{
    const sc_kernels *k = sc_kernels_get(argc > 1 ? argv[1] : NULL);
    if (!k) {
        fprintf(stderr, "bench: no kernels '%s' here\n", argv[1]);
        return 2;
    }
    const double roof = peak(k);
    printf("%s: %.1f GFLOP/s in fused multiply-adds from registers\n", k->isa, roof);
    bench_gemm(k, roof);
    bench_elementwise(k);
    bench_cells(k);
    bench_memory(k);
    bench_pool();
    return 0;
}

/*
 * Two products with one wide matrix Y that comes from other threads' caches: P = A^T Y, whose
 * sums run down Y's columns, and Q = Y B^T, whose run along its rows. ROWS of Y at a time stay in
 * the first-level cache for both, and those behind them are asked for meanwhile, a line with each
 * few multiply-adds: the CPU does not see rows far apart coming, and waits where too many are asked
 * for at once.
 */
#include "isa.h"
#include "vec.h"

enum {
    MOST = W == 16 ? 12 : W / 2 + 2, /* so many sums, twice, are in registers */
    ROWS = 16,
    STRIP = 2 * W,
    LINE = 16
};

/* How many of n to take at once: parts as even as can be. */
static int part_of(int n)
{
    int part = n, parts = 1;
    for (; part > MOST; part = (n + parts - 1) / parts)
        parts++;
    return part;
}

/* P, mr x STRIP, (+)= A^T (A rows x mr) times a strip of Y */
static inline __attribute__((always_inline)) void down(int mr, int rows, const float *a,
                                                       int64_t lda, const float *y,
                                                       const float *ahead, int64_t ld, float *p,
                                                       bool add)
{
    vf sum[MOST][2];
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++) {
        sum[i][0] = add ? v_load(p + i * SC_THIN_COLUMNS) : v_set(0);
        sum[i][1] = add ? v_load(p + i * SC_THIN_COLUMNS + W) : v_set(0);
    }
#pragma GCC unroll 2
    for (int k = 0; k < rows; k++) {
        const vf x0 = v_load(y), x1 = v_load(y + W);
        __builtin_prefetch(ahead);
#pragma GCC unroll 12
        for (int i = 0; i < mr; i++) {
            const vf s = v_set(a[i]);
            sum[i][0] = v_fma(s, x0, sum[i][0]);
            sum[i][1] = v_fma(s, x1, sum[i][1]);
        }
        a += lda;
        y += ld;
        ahead += ld;
    }
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++) {
        v_store(p + i * SC_THIN_COLUMNS, sum[i][0]);
        v_store(p + i * SC_THIN_COLUMNS + W, sum[i][1]);
    }
}

#if SC_ISA_WIDTH == 16
#define EVEN(a, b)                                                                                 \
    __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODD(a, b)                                                                                  \
    __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#elif SC_ISA_WIDTH == 8
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#else
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
#endif

/* n <= W vectors to their sums, a lane each */
static inline __attribute__((always_inline)) vf fold(int n, const vf *x)
{
    vf t[W];
#pragma GCC unroll 16
    for (int i = 0; i < W; i++)
        t[i] = i < n ? x[i] : v_set(0);
#pragma GCC unroll 4
    for (int half = W / 2; half; half /= 2)
#pragma GCC unroll 8
        for (int i = 0; i < half; i++)
            t[i] = EVEN(t[2 * i], t[2 * i + 1]) + ODD(t[2 * i], t[2 * i + 1]);
    return t[0];
}

/* Q, rows (1 or 2) x nr, ldq apart, (+)= rows of Y, whole strips of them, times nr rows of B */
static inline __attribute__((always_inline)) void along(int rows, int nr, int n, const float *y,
                                                        const float *ahead, int64_t ld,
                                                        const float *b, float *q, int64_t ldq,
                                                        bool add)
{
    vf sum[2][MOST];
#pragma GCC unroll 12
    for (int r = 0; r < nr; r++)
        sum[0][r] = sum[1][r] = v_set(0);
    for (int j = 0; j < n; j += STRIP) {
        __builtin_prefetch(ahead + j +
                           (SC_ISA_WIDTH == LINE ? LINE : 0)); /* down() asks for the first line */
        __builtin_prefetch(ahead + ld + j + (SC_ISA_WIDTH == LINE ? LINE : 0));
#pragma GCC unroll 2
        for (int u = j; u < j + STRIP; u += W) {
            const vf x0 = v_load(y + u), x1 = rows > 1 ? v_load(y + ld + u) : x0;
#pragma GCC unroll 12
            for (int r = 0; r < nr; r++) {
                const vf w = v_keep(v_load(b + r * SC_THIN_COLUMNS + u));
                sum[0][r] = v_fma(x0, w, sum[0][r]);
                if (rows > 1)
                    sum[1][r] = v_fma(x1, w, sum[1][r]);
            }
        }
    }
#pragma GCC unroll 2
    for (int i = 0; i < rows; i++) {
        const vf old = add ? v_load_part(q + i * ldq, nr, 0) : v_set(0);
        v_store_part(q + i * ldq, nr, old + fold(nr, sum[i]));
    }
}

typedef struct chunk { /* rows of Y; those to ask for, or, where there are none, the same */
    const float *y, *ahead;
    int64_t ld;
    int rows;
} chunk;

#define CASES                                                                                      \
    CASE(1)                                                                                        \
    CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#define CASE(N)                                                                                    \
    case N:                                                                                        \
        down(N <= MOST ? N : 1, c.rows, a + i, lda, y, ahead, c.ld, p, add);                       \
        break;

static __attribute__((noinline)) void all_down(const sc_thin_products *t, chunk c, const float *a,
                                               bool add)
{
    const int64_t lda = t->lda;
    const int part = part_of(t->m);
    for (int i = 0; i < t->m; i += part) {
        const int mr = t->m - i < part ? t->m - i : part;
        for (int64_t j = 0; j < t->n; j += STRIP) {
            const float *y = c.y + j, *ahead = c.ahead + j;
            float *p = t->p + i * SC_THIN_COLUMNS + j;
            switch (mr) {
                CASES
            }
        }
    }
}

#undef CASE
#define CASE(N)                                                                                    \
    case N:                                                                                        \
        if (c.rows - i > 1)                                                                        \
            along(2, N <= MOST ? N : 1, t->n, y, ahead, c.ld, b + at, to, t->d, t->add);           \
        else                                                                                       \
            along(1, N <= MOST ? N : 1, t->n, y, ahead, c.ld, b + at, to, t->d, t->add);           \
        break;

static __attribute__((noinline)) void all_along(const sc_thin_products *t, chunk c, const float *b,
                                                float *q)
{
    const int part = part_of(t->d);
    for (int i = 0; i < c.rows; i += 2) {
        const float *y = c.y + i * c.ld, *ahead = c.ahead + i * c.ld;
        for (int r = 0; r < t->d; r += part) {
            const int64_t at = r * SC_THIN_COLUMNS;
            float *to = q + i * t->d + r;
            switch (t->d - r < part ? t->d - r : part) {
                CASES
            }
        }
    }
}

/* Rows of n, ld apart, to rows of whole strips that end in zeros. */
static void copy(int rows, int n, const float *from, int64_t ld, float *to)
{
    const int whole = (n + STRIP - 1) / STRIP * STRIP;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < whole; j += W)
            v_store(to + i * SC_THIN_COLUMNS + j, v_load_part(from + i * ld + j, n - j, 0));
}

void SC_NAME(thin_products)(const sc_thin_products *t)
{
    _Alignas(64) float b[SC_THIN_D * SC_THIN_COLUMNS], edge[ROWS * SC_THIN_COLUMNS];
    copy(t->d, t->n, t->b, t->ldb, b);
    for (int i = 0; i < t->rows; i += ROWS) {
        const int rows = t->rows - i < ROWS ? t->rows - i : ROWS;
        const float *at = t->y + i * t->ldy;
        chunk c = {at, i + 2 * ROWS <= t->rows ? at + ROWS * t->ldy : at, t->ldy, rows};
        if (t->n % STRIP) {
            copy(rows, t->n, at, t->ldy, edge);
            c = (chunk){edge, edge, SC_THIN_COLUMNS, rows};
        }
        all_along(t, c, b, t->q + (int64_t)i * t->d);
        all_down(t, c, t->a + i * t->lda, i > 0);
    }
}

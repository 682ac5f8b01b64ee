/*
 * Matrix products. Each element of C is one chain of fused multiply-adds over k, in order, starting
 * from 0 or from C; blocks of k continue the chain through C, which is exact. So neither tiles nor
 * positions nor the shape of the product change a bit of it.
 *
 * A panel of B, KC x NV vectors, is packed on the stack and stays in the first-level cache while
 * rows of A pass by, MR at a time; A is read where it lies, one broadcast for NV multiply-adds.
 * A^T is first transposed, block by block: its columns lie too far apart for the cache's sets.
 */
#include "isa.h"
#include "vec.h"

enum {
    MR = SC_ISA_WIDTH == 16 ? 8 : 4, /* MR x NV accumulators, and NV + 1 registers more */
    NV = 3,
    TALL = 2 * MR, /* rows by one vector: so many sums hide the time that each takes */
    KC = 128,
    MC = 128, /* rows of a transposed A at a time */
    NR = NV * SC_ISA_WIDTH
};

typedef struct start { /* where C's sums begin: at rows ldf apart, 0 for a row for all; NULL: 0 */
    const float *from;
    int64_t ldf;
} start;

/*
 * C (mr x nv W, stride ldc) = the product of mr rows of A, lda apart, and kc rows of B, ldb apart,
 * plus what is at `from` (rows ldf apart; NULL: 0). mr and nv are constants where this is inlined.
 */
static inline __attribute__((always_inline)) void tile(int mr, int nv, int kc, const float *a,
                                                       int64_t lda, const float *b, int64_t ldb,
                                                       float *c, int64_t ldc, const float *from,
                                                       int64_t ldf)
{
    vf acc[MR][NV];
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++)
            acc[i][v] = from ? v_load(from + i * ldf + v * W) : v_set(0);
    /* three rows off each pointer, so that all addresses fit the registers there are */
    const float *a3 = a + 3 * lda, *a6 = a + 6 * lda;
#pragma GCC unroll 4
    for (int k = 0; k < kc; k++) {
        vf x[NV];
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++)
            x[v] = v_load(b + v * W);
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++) {
            const vf s = v_set(i < 3 ? a[i * lda] : i < 6 ? a3[(i - 3) * lda] : a6[(i - 6) * lda]);
#pragma GCC unroll 3
            for (int v = 0; v < nv; v++)
                acc[i][v] = v_fma(s, x[v], acc[i][v]);
        }
        a++;
        a3++;
        a6++;
        b += ldb;
    }
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++)
            v_store(c + i * ldc + v * W, acc[i][v]);
}

/* mr rows by one panel, with mr a constant in each case */
#define TILE_CASE(MR_, nv)                                                                         \
    case MR_:                                                                                      \
        tile(MR_ <= MR ? MR_ : 1, nv, kc, a, lda, b, ldb, c, ldc, from, ldf);                      \
        break;

/* The same by one vector, of which C has nc <= W columns. */
static inline __attribute__((always_inline)) void narrow(int mr, int nc, int kc, const float *a,
                                                         int64_t lda, const float *b, int64_t ldb,
                                                         float *c, int64_t ldc, start s)
{
    const float *by3[(TALL + 2) / 3];
    vf acc[TALL];
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++) {
        by3[i / 3] = a + i / 3 * 3 * lda;
        acc[i] = !s.from   ? v_set(0)
                 : nc == W ? v_load(s.from + i * s.ldf)
                           : v_load_part(s.from + i * s.ldf, nc, 0);
    }
#pragma GCC unroll 4
    for (int k = 0; k < kc; k++) {
        const vf x = v_load(b + k * ldb);
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++)
            acc[i] = v_fma(v_set(by3[i / 3][i % 3 * lda + k]), x, acc[i]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
        if (nc == W)
            v_store(c + i * ldc, acc[i]);
        else
            v_store_part(c + i * ldc, nc, acc[i]);
}

/* Rows of the next tile of m: the last two share what is left, for a few rows alone would wait for
 * their own sums. */
static int rows_of_tile(int m)
{
    return m <= MR ? m : m < 2 * MR ? (m + 1) / 2 : MR;
}

#define NARROW_CASE(MR_)                                                                           \
    case MR_:                                                                                      \
        narrow(MR_ <= TALL ? MR_ : 1, nc, kc, ai, lda, b, ldb, ci, ldc, si);                       \
        break;

/* All m rows by one vector. */
static __attribute__((noinline)) void narrow_panel(int m, int nc, int kc, const float *a,
                                                   int64_t lda, const float *b, int64_t ldb,
                                                   float *c, int64_t ldc, start s)
{
    for (int i = 0, mr; i < m; i += mr) {
        const float *ai = a + i * lda;
        float *ci = c + i * ldc;
        const start si = {s.from ? s.from + i * s.ldf : NULL, s.ldf};
        mr = m - i >= TALL ? TALL : rows_of_tile(m - i);
        switch (mr) {
            NARROW_CASE(1)
            NARROW_CASE(2)
            NARROW_CASE(3)
            NARROW_CASE(4)
            NARROW_CASE(5)
            NARROW_CASE(6)
            NARROW_CASE(7)
            NARROW_CASE(8)
            NARROW_CASE(16)
        }
    }
}

#define TILES(name, nv)                                                                            \
    static __attribute__((noinline)) void name(int mr, int kc, const float *a, int64_t lda,        \
                                               const float *b, int64_t ldb, float *c, int64_t ldc, \
                                               const float *from, int64_t ldf)                     \
    {                                                                                              \
        switch (mr) {                                                                              \
            TILE_CASE(1, nv)                                                                       \
            TILE_CASE(2, nv)                                                                       \
            TILE_CASE(3, nv)                                                                       \
            TILE_CASE(4, nv)                                                                       \
            TILE_CASE(5, nv)                                                                       \
            TILE_CASE(6, nv)                                                                       \
            TILE_CASE(7, nv)                                                                       \
            TILE_CASE(8, nv)                                                                       \
        }                                                                                          \
    }

TILES(tiles2, 2)
TILES(tiles3, 3)

/* All m rows by one panel of nc <= NR columns; b holds whole vectors, c only nc columns. */
static void panel(int m, int nc, int kc, const float *a, int64_t lda, const float *b, int64_t ldb,
                  float *c, int64_t ldc, start s)
{
    const int nv = (nc + W - 1) / W;
    void (*const f)(int, int, const float *, int64_t, const float *, int64_t, float *, int64_t,
                    const float *, int64_t) = nv == 2 ? tiles2 : tiles3;
    if (nv == 1) {
        narrow_panel(m, nc, kc, a, lda, b, ldb, c, ldc, s);
        return;
    }
    for (int i = 0, mr; i < m; i += mr) {
        mr = rows_of_tile(m - i);
        const float *from = s.from ? s.from + i * s.ldf : NULL;
        if (nc == nv * W) {
            f(mr, kc, a + i * lda, lda, b, ldb, c + i * ldc, ldc, from, s.ldf);
            continue;
        }
        float edge[MR * NR];
        for (int r = 0; r < mr && from; r++)
            for (int v = 0; v < nv; v++)
                v_store(edge + r * NR + v * W,
                        v_load_part(from + r * s.ldf + v * W, nc - v * W, 0));
        f(mr, kc, a + i * lda, lda, b, ldb, edge, NR, from ? edge : NULL, NR);
        for (int r = 0; r < mr; r++)
            for (int v = 0; v < nv; v++)
                v_store_part(c + (i + r) * ldc + v * W, nc - v * W, v_load(edge + r * NR + v * W));
    }
}

/* kc rows of nc columns, to rows of nv vectors, the last filled with zeros */
static void pack(float *to, int nc, int kc, const float *b, int64_t ldb)
{
    const int nv = (nc + W - 1) / W, whole = nc / W;
    for (int k = 0; k < kc; k++) {
        for (int v = 0; v < whole; v++)
            v_store(to + k * nv * W + v * W, v_load(b + k * ldb + v * W));
        if (whole < nv)
            v_store(to + k * nv * W + whole * W,
                    v_load_part(b + k * ldb + whole * W, nc - whole * W, 0));
    }
}

typedef float quad __attribute__((vector_size(16)));

/* 4 columns of `rows` <= W rows, ldb apart, as vectors: lane j of to[t] is row j, column t; lanes
 * behind the rows are 0. The rows come in quads of 4 columns, quad i + 4 q to part q of vector i;
 * what is left are 4 x 4 transpositions within the parts. */
static inline __attribute__((always_inline)) void transpose_quads(int rows, const float *b,
                                                                  int64_t ldb, vf to[4])
{
    vf x[4];
    for (int i = 0; i < 4; i++) {
        quad part[W / 4];
        for (int q = 0; q < W / 4; q++)
            if (i + 4 * q < rows)
                memcpy(&part[q], b + (i + 4 * q) * ldb, sizeof part[q]);
            else
                part[q] = (quad){0};
#if SC_ISA_WIDTH == 16
        const __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(part[0]), part[1], 1);
        const __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(part[2]), part[3], 1);
        x[i] = (vf)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
#elif SC_ISA_WIDTH == 8
        x[i] = (vf)_mm256_insertf128_ps(_mm256_castps128_ps256(part[0]), part[1], 1);
#else
        x[i] = part[0];
#endif
    }
#if SC_ISA_WIDTH == 16
#define MIX(a, b, p, q, r, s)                                                                      \
    __builtin_shufflevector(a, b, p, q, r, s, p + 4, q + 4, r + 4, s + 4, p + 8, q + 8, r + 8,     \
                            s + 8, p + 12, q + 12, r + 12, s + 12)
#elif SC_ISA_WIDTH == 8
#define MIX(a, b, p, q, r, s) __builtin_shufflevector(a, b, p, q, r, s, p + 4, q + 4, r + 4, s + 4)
#else
#define MIX(a, b, p, q, r, s) __builtin_shufflevector(a, b, p, q, r, s)
#endif
    const vf a = MIX(x[0], x[1], 0, W, 1, W + 1), c = MIX(x[2], x[3], 0, W, 1, W + 1);
    const vf d = MIX(x[0], x[1], 2, W + 2, 3, W + 3), e = MIX(x[2], x[3], 2, W + 2, 3, W + 3);
    to[0] = MIX(a, c, 0, 1, W, W + 1);
    to[1] = MIX(a, c, 2, 3, W + 2, W + 3);
    to[2] = MIX(d, e, 0, 1, W, W + 1);
    to[3] = MIX(d, e, 2, 3, W + 2, W + 3);
}

/* the same from B^T: nc rows, ldb apart, of kc columns */
static void pack_transposed(float *to, int nc, int kc, const float *b, int64_t ldb)
{
    const int nv = (nc + W - 1) / W;
    for (int v = 0; v < nv; v++) {
        const int rows = nc - v * W < W ? nc - v * W : W;
        int k = 0;
        for (; k + 4 <= kc; k += 4) {
            vf x[4];
            if (rows == W)
                transpose_quads(W, b + v * W * ldb + k, ldb, x);
            else
                transpose_quads(rows, b + v * W * ldb + k, ldb, x);
            for (int t = 0; t < 4; t++)
                v_store(to + ((k + t) * nv + v) * W, x[t]);
        }
        for (; k < kc; k++)
            for (int j = 0; j < W; j++)
                to[(k * nv + v) * W + j] = j < rows ? b[(v * W + j) * ldb + k] : 0;
    }
}

/* mc rows, KC apart, of kc columns of A^T */
static void transpose(float *to, int mc, int kc, const float *a, int64_t lda)
{
    for (int i = 0; i < mc; i += 4) {
        int k = 0;
        for (; k + W <= kc && i + 4 <= mc; k += W) {
            vf x[4];
            transpose_quads(W, a + k * lda + i, lda, x);
            for (int t = 0; t < 4; t++)
                v_store(to + (i + t) * KC + k, x[t]);
        }
        for (; k < kc; k++)
            for (int t = i; t < mc && t < i + 4; t++)
                to[t * KC + k] = a[k * lda + t];
    }
}

static void only_start(int m, int n, float *c, int64_t ldc, start s)
{
    for (int i = 0; i < m; i++)
        if (!s.from)
            memset(c + i * ldc, 0, (size_t)n * sizeof *c);
        else if (s.from != c)
            memcpy(c + i * ldc, s.from + i * s.ldf, (size_t)n * sizeof *c);
}

static void multiply(bool is_b_transposed, int m, int n, int k, const float *a, int64_t lda,
                     const float *b, int64_t ldb, float *c, int64_t ldc, start s)
{
    _Alignas(64) float packed[KC * NR];
    if (k <= 0)
        only_start(m, n, c, ldc, s);
    for (int k0 = 0; k0 < k; k0 += KC) {
        const int kc = k - k0 < KC ? k - k0 : KC;
        for (int j = 0; j < n; j += NR) {
            const int nc = n - j < NR ? n - j : NR;
            int64_t ldp = (nc + W - 1) / W * W;
            const float *bp = packed;
            if (is_b_transposed) {
                pack_transposed(packed, nc, kc, b + j * ldb + k0, ldb);
            } else if (m > 4 * MR || nc % W != 0) {
                pack(packed, nc, kc, b + k0 * ldb + j, ldb);
            } else { /* too few rows to pay for the packing: it comes from the second-level cache */
                bp = b + k0 * ldb + j;
                ldp = ldb;
            }
            panel(m, nc, kc, a + k0, lda, bp, ldp, c + j, ldc,
                  k0 > 0   ? (start){c + j, ldc}
                  : s.from ? (start){s.from + j, s.ldf}
                           : s);
        }
    }
}

void SC_NAME(gemm_nn)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                      float *c, int ldc, bool add)
{
    multiply(false, m, n, k, a, lda, b, ldb, c, ldc, (start){add ? c : NULL, ldc});
}

void SC_NAME(gemm_nn_from)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                           float *c, int ldc, const float *from)
{
    multiply(false, m, n, k, a, lda, b, ldb, c, ldc, (start){from, 0});
}

void SC_NAME(gemm_nt)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                      float *c, int ldc, bool add)
{
    multiply(true, m, n, k, a, lda, b, ldb, c, ldc, (start){add ? c : NULL, ldc});
}

void SC_NAME(gemm_tn)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                      float *c, int ldc, bool add)
{
    _Alignas(64) float rows[MC * KC];
    if (k <= 0)
        only_start(m, n, c, ldc, (start){add ? c : NULL, ldc});
    for (int i = 0; i < m; i += MC) {
        const int mc = m - i < MC ? m - i : MC;
        for (int k0 = 0; k0 < k; k0 += KC) {
            const int kc = k - k0 < KC ? k - k0 : KC;
            float *ci = c + (int64_t)i * ldc;
            transpose(rows, mc, kc, a + (int64_t)k0 * lda + i, lda);
            multiply(false, mc, n, kc, rows, KC, b + (int64_t)k0 * ldb, ldb, ci, ldc,
                     (start){add || k0 > 0 ? ci : NULL, ldc});
        }
    }
}

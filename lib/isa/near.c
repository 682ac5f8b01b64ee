/*
 * Products of a few rows with many columns, of which only the small ones are wanted: they are
 * compared while they are in registers, and nothing else is stored.
 */
#include "isa.h"
#include "vec.h"

enum { ROWS = SC_ISA_WIDTH == 16 ? 8 : 4, COLS = 2 }; /* accumulators: ROWS x COLS vectors */

/* A bit for each lane that is below the limit. */
static inline uint32_t below(vf x, vf limit)
{
#if SC_ISA_WIDTH == 16
    return _mm512_cmp_ps_mask((__m512)x, (__m512)limit, _CMP_LT_OQ);
#elif SC_ISA_WIDTH == 8
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps((__m256)x, (__m256)limit, _CMP_LT_OQ));
#else
    uint32_t bits = 0;
    for (int i = 0; i < W; i++)
        bits |= (uint32_t)(x[i] < limit[i]) << i;
    return bits;
#endif
}

static __attribute__((noinline)) int note(int row, int col, vf x, uint32_t bits, sc_hit *out)
{
    float score[W];
    int count = 0;
    v_store(score, x);
    for (; bits; bits &= bits - 1) {
        const int lane = __builtin_ctz(bits);
        out[count++] = (sc_hit){row, col + lane, score[lane]};
    }
    return count;
}

/* Products of ROWS rows and COLS vectors of columns. */
static inline void multiply(int k, const float *a, int lda, const float *b, int ldb,
                            vf acc[ROWS][COLS])
{
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
        acc[r][0] = acc[r][1] = v_set(0);
    for (int p = 0; p < k; p++) {
        const vf x = v_load(b), y = v_load(b + W);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++) {
            const vf s = v_set(a[r]);
            acc[r][0] = v_fma(s, x, acc[r][0]);
            acc[r][1] = v_fma(s, y, acc[r][1]);
        }
        a += lda;
        b += ldb;
    }
}

int SC_NAME(near)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                  const float *limit, sc_hit *out)
{
    int count = 0;
    for (int i = 0; i < m; i += ROWS)
        for (int j = 0; j < n; j += COLS * W) {
            vf acc[ROWS][COLS];
            multiply(k, a + i, lda, b + j, ldb, acc);
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) {
                const vf most = v_set(limit[i + r]);
                const uint32_t x = below(acc[r][0], most), y = below(acc[r][1], most);
                if (x | y) {
                    count += note(i + r, j, acc[r][0], x, out + count);
                    count += note(i + r, j + W, acc[r][1], y, out + count);
                }
            }
        }
    return count;
}

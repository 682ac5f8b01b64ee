/*
 * Philox in lanes: each lane is a block of four numbers of some row's stream, so that short rows
 * fill vectors too. The numbers are those of sc_philox.h; the normals are so up to rounding.
 */
#include "isa.h"
#include "vmath.h"

typedef vu block[4]; /* by word; a lane is a block */

/* high and low words of the products of all lanes with m */
static inline void multiply(vu a, uint32_t m, vu *high, vu *low)
{
#if SC_ISA_WIDTH == 16
    const __m512i f = _mm512_set1_epi64(m);
    const __m512i even = _mm512_mul_epu32((__m512i)a, f);
    const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64((__m512i)a, 32), f);
    *high = (vu)_mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
    *low = (vu)_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
#elif SC_ISA_WIDTH == 8
    const __m256i f = _mm256_set1_epi64x(m);
    const __m256i even = _mm256_mul_epu32((__m256i)a, f);
    const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64((__m256i)a, 32), f);
    *high = (vu)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    *low = (vu)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
#else
    for (int i = 0; i < W; i++) {
        const uint64_t p = (uint64_t)m * a[i];
        (*high)[i] = (uint32_t)(p >> 32);
        (*low)[i] = (uint32_t)p;
    }
#endif
}

static inline void ten_rounds(block c, vu k0, vu k1)
{
    for (int round = 0; round < 10; round++) {
        vu high0, low0, high1, low1;
        multiply(c[0], 0xD2511F53u, &high0, &low0);
        multiply(c[2], 0xCD9E8D57u, &high1, &low1);
        c[0] = high1 ^ c[1] ^ k0;
        c[2] = high0 ^ c[3] ^ k1;
        c[1] = low1;
        c[3] = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* Which blocks the lanes are: from number `first` on, counted over the rows, n_blocks a row; behind
 * the last row: of the last. */
typedef struct place {
    int64_t n_rows, n_blocks, n;
    const sc_key *keys;
    float *out;
} place;

static bool is_one_row(const place *p, int64_t first)
{
    return first % p->n_blocks + W <= p->n_blocks && (first % p->n_blocks + W) * 4 <= p->n;
}

static inline void draw(const place *p, int64_t first, block c)
{
    uint32_t at[6][W];
    int64_t row = first / p->n_blocks, b = first % p->n_blocks;
    const bool is_one = is_one_row(p, first);
    for (int i = 0; i < W; i++) {
        const sc_key *k = &p->keys[row];
        at[0][i] = (uint32_t)(b + (is_one ? i : 0));
        at[1][i] = k->a;
        at[2][i] = k->b;
        at[3][i] = k->c;
        at[4][i] = (uint32_t)k->seed;
        at[5][i] = (uint32_t)(k->seed >> 32);
        if (!is_one && ++b == p->n_blocks) {
            b = 0;
            row = row + 1 < p->n_rows ? row + 1 : row;
        }
    }
    vu k0, k1;
    memcpy(c, at, sizeof(block));
    memcpy(&k0, at[4], sizeof k0);
    memcpy(&k1, at[5], sizeof k1);
    ten_rounds(c, k0, k1);
}

/* Words of W blocks to their places in the rows of n. */
static inline void put(const place *p, int64_t first, const vf words[4])
{
    float w[4][W];
    int64_t row = first / p->n_blocks, b = first % p->n_blocks;
    memcpy(w, words, sizeof w);
    if (is_one_row(p, first)) {
        float *to = p->out + row * p->n + 4 * b;
        for (int i = 0; i < W; i++)
            for (int t = 0; t < 4; t++)
                to[4 * i + t] = w[t][i];
        return;
    }
    for (int i = 0; i < W && row < p->n_rows; i++) {
        const int64_t left = p->n - 4 * b;
        for (int t = 0; t < (left < 4 ? left : 4); t++)
            p->out[row * p->n + 4 * b + t] = w[t][i];
        if (++b == p->n_blocks) {
            b = 0;
            row++;
        }
    }
}

void SC_NAME(masks)(int64_t n_rows, const sc_key *keys, float keep, float scale, int64_t n,
                    float *out)
{
    const place p = {n_rows, (n + 3) / 4, n, keys, out};
    for (int64_t first = 0; first < n_rows * p.n_blocks; first += W) {
        block c;
        vf m[4];
        draw(&p, first, c);
        for (int t = 0; t < 4; t++) {
            const vf u = __builtin_convertvector((vi)(c[t] >> 8), vf) * 0x1p-24f;
            m[t] = v_select(v_lt(u, v_set(keep)), v_set(scale), v_set(0));
        }
        put(&p, first, m);
    }
}

/* Two normals from two numbers: by Box and Muller, as sc_philox.c. */
static inline void box_muller(vu u0, vu u1, vf out[2])
{
    const vf high = __builtin_convertvector((vi)(u0 >> 16), vf);
    const vf low = __builtin_convertvector((vi)(u0 & 0xffff), vf);
    const vf rest = (low + 1.0f) * 0x1p-32f;
    const vf x = v_fma(high, v_set(0x1p-16f), rest); /* in (0, 1] */
    /* near 1 what rounding took of x is most of its log; there 1 / x is nearly 3 - 2 x */
    const vf lost = v_fma(high, v_set(0x1p-16f), -x) + rest;
    const vf log_x = v_log_fix(x, lost * v_fma(v_set(-2), x, v_set(3)));
    const vf radius = v_sqrt(v_max(v_set(0), -2.0f * log_x));
    const vu quarter = (u1 + 0x20000000u) >> 30;
    const vf r = __builtin_convertvector((vi)(u1 - (quarter << 30)), vf) * 1.46291808e-9f;
    const vf r2 = r * r;
    vf s = v_set(1.0f / 362880), c = v_set(1.0f / 40320);
    s = v_fma(s, r2, v_set(-1.0f / 5040));
    c = v_fma(c, r2, v_set(-1.0f / 720));
    s = v_fma(s, r2, v_set(1.0f / 120));
    c = v_fma(c, r2, v_set(1.0f / 24));
    s = v_fma(s, r2, v_set(-1.0f / 6));
    c = v_fma(c, r2, v_set(-0.5f));
    s = v_fma(s * r2, r, r);
    c = v_fma(c, r2, v_set(1));
    const vm odd = v_eq(__builtin_convertvector((vi)(quarter & 1), vf), v_set(1));
    const vi sine_sign = (vi)((quarter & 2) << 30);
    const vi cosine_sign = (vi)((quarter ^ quarter >> 1) << 31);
    out[0] = radius * v_floats(v_bits(v_select(odd, c, s)) ^ sine_sign);
    out[1] = radius * v_floats(v_bits(v_select(odd, s, c)) ^ cosine_sign);
}

void SC_NAME(normals)(int64_t n_rows, const sc_key *keys, int64_t n, float *out)
{
    const place p = {n_rows, (n + 3) / 4, n, keys, out};
    for (int64_t first = 0; first < n_rows * p.n_blocks; first += W) {
        block c;
        vf z[4];
        draw(&p, first, c);
        box_muller(c[0], c[1], z);
        box_muller(c[2], c[3], z + 2);
        put(&p, first, z);
    }
}

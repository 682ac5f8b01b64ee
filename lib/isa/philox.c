/*
 * Philox in lanes: each lane is a block of four numbers of some row's stream, so that short rows
 * fill vectors too. The numbers are those of sc_philox.h; the normals are so up to rounding.
 */
#include "isa.h"
#include "vmath.h"

typedef vu block[4];                                                /* by word; a lane is a block */
typedef uint64_t vq __attribute__((vector_size(4 * SC_ISA_WIDTH))); /* half as many lanes */

/* Products of the lower halves. */
static inline vq multiply(vq a, uint32_t m)
{
#if SC_ISA_WIDTH == 16
    return (vq)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(m));
#elif SC_ISA_WIDTH == 8
    return (vq)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(m));
#else
    return (a & 0xffffffff) * m;
#endif
}

/* Of words in the lower halves; what is in the upper ones is nobody's. */
static inline __attribute__((always_inline)) void one_round(vq c[4], vq k0, vq k1)
{
    const vq p0 = multiply(c[0], 0xD2511F53u), p1 = multiply(c[2], 0xCD9E8D57u);
    c[0] = p1 >> 32 ^ c[1] ^ k0;
    c[2] = p0 >> 32 ^ c[3] ^ k1;
    c[1] = p1;
    c[3] = p0;
}

/* The lower halves of a, and those of b between them. */
static inline vu mesh(vq a, vq b)
{
#if SC_ISA_WIDTH == 16
    return (vu)_mm512_mask_shuffle_epi32((__m512i)a, 0xaaaa, (__m512i)b, _MM_PERM_CCAA);
#else
    return (vu)((a & 0xffffffff) | b << 32);
#endif
}

/* Even lanes and odd ones go through the rounds apart, as products take twice the room. k: both
 * keys, those of the odd lanes behind those of the even ones. */
static inline __attribute__((always_inline)) void ten_rounds(block c, vq k[2][2])
{
    vq x[2][4];
    for (int t = 0; t < 4; t++) {
        x[0][t] = (vq)c[t];
        x[1][t] = (vq)c[t] >> 32;
    }
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++)
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            one_round(x[h], k[h][0], k[h][1]);
            k[h][0] += 0x9E3779B9u;
            k[h][1] += 0xBB67AE85u;
        }
    for (int t = 0; t < 4; t++)
        c[t] = mesh(x[0][t], x[1][t]);
}

/* Where W blocks are: block `b` of the row is the first, behind the row's last is the next row's
 * first; behind the last row all are that row's last. */
typedef struct place {
    int64_t n_rows, n;
    int row, b, n_blocks; /* of a row */
    const sc_key *keys;
    float *out;
} place;

static inline place first_of(int64_t n_rows, const sc_key *keys, int64_t n, float *out)
{
    return (place){n_rows, n, 0, 0, (int)((n + 3) / 4), keys, out};
}

static inline bool is_one_row(const place *p)
{
    return p->b + W <= p->n_blocks && (p->b + W) * 4 <= p->n;
}

static inline void next(place *p)
{
    p->b += W;
    while (p->b >= p->n_blocks) {
        p->b -= p->n_blocks;
        p->row++;
    }
}

static inline vu splat(uint32_t x)
{
    return (vu){0} + x;
}

/* Of one row's key, from block b on. */
static inline void draw_in_row(const sc_key *k, int b, block c)
{
    vu lane;
    for (int i = 0; i < W; i++)
        lane[i] = (uint32_t)i;
    c[0] = splat((uint32_t)b) + lane;
    c[1] = splat(k->a);
    c[2] = splat(k->b);
    c[3] = splat(k->c);
    const vq low = (vq){0} + k->seed, high = (vq){0} + (k->seed >> 32);
    vq keys[2][2] = {{low, high}, {low, high}};
    ten_rounds(c, keys);
}

static inline void draw(const place *p, block c)
{
    if (is_one_row(p)) {
        draw_in_row(&p->keys[p->row], p->b, c);
        return;
    }
    uint32_t at[6][W];
    int row = p->row, b = p->b;
    for (int i = 0; i < W; i++) {
        const sc_key *k = &p->keys[row];
        at[0][i] = (uint32_t)b;
        at[1][i] = k->a;
        at[2][i] = k->b;
        at[3][i] = k->c;
        at[4][i] = (uint32_t)k->seed;
        at[5][i] = (uint32_t)(k->seed >> 32);
        if (++b == p->n_blocks) {
            b = 0;
            row = row + 1 < p->n_rows ? row + 1 : row;
        }
    }
    vu k0, k1;
    memcpy(c, at, sizeof(block));
    memcpy(&k0, at[4], sizeof k0);
    memcpy(&k1, at[5], sizeof k1);
    vq keys[2][2] = {{(vq)k0, (vq)k1}, {(vq)k0 >> 32, (vq)k1 >> 32}};
    ten_rounds(c, keys);
}

/* Lanes of a and b in turns: those of the first half, and those of the second. */
static inline void weave(vf a, vf b, vf *low, vf *high)
{
#if SC_ISA_WIDTH == 16
    *low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *high =
        __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif SC_ISA_WIDTH == 8
    *low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    *high = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
    *low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    *high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
}

/* Words of W blocks of one row, block by block. */
static inline void put_in_row(float *to, const vf words[4])
{
    vf even[2], odd[2], x[4];
    weave(words[0], words[2], &even[0], &even[1]);
    weave(words[1], words[3], &odd[0], &odd[1]);
    weave(even[0], odd[0], &x[0], &x[1]);
    weave(even[1], odd[1], &x[2], &x[3]);
    for (int t = 0; t < 4; t++)
        v_store(to + t * W, x[t]);
}

/* Words of W blocks to their places in the rows of n. */
static inline void put(const place *p, const vf words[4])
{
    float w[4][W];
    int64_t row = p->row, b = p->b;
    if (is_one_row(p)) {
        put_in_row(p->out + row * p->n + 4 * b, words);
        return;
    }
    memcpy(w, words, sizeof w);
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

/* Numbers to what is kept of a value: scale, or nothing. */
static inline void to_mask(const block c, float keep, float scale, vf m[4])
{
    for (int t = 0; t < 4; t++) {
        const vf u = __builtin_convertvector((vi)(c[t] >> 8), vf);
        m[t] = v_select(v_lt(u, v_set(keep * 0x1p24f)), v_set(scale), v_set(0));
    }
}

void SC_NAME(masks)(int64_t n_rows, const sc_key *keys, float keep, float scale, int64_t n,
                    float *out)
{
    block c[2]; /* two at a time: the rounds of one fill the gaps of the other's */
    vf m[4];
    for (int64_t i = 0; i < n_rows && n % (8 * W) == 0; i++)
        for (int64_t j = 0; j < n; j += 8 * W) {
            draw_in_row(&keys[i], (int)(j / 4), c[0]);
            draw_in_row(&keys[i], (int)(j / 4) + W, c[1]);
            for (int t = 0; t < 2; t++) {
                to_mask(c[t], keep, scale, m);
                put_in_row(out + i * n + j + t * 4 * W, m);
            }
        }
    if (n % (8 * W) == 0)
        return;
    for (place p = first_of(n_rows, keys, n, out); p.row < n_rows; next(&p)) {
        draw(&p, c[0]);
        to_mask(c[0], keep, scale, m);
        put(&p, m);
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
    for (place p = first_of(n_rows, keys, n, out); p.row < n_rows; next(&p)) {
        block c;
        vf z[4];
        draw(&p, c);
        box_muller(c[0], c[1], z);
        box_muller(c[2], c[3], z + 2);
        put(&p, z);
    }
}

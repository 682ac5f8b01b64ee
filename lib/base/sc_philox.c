#include "sc_philox.h"

#include <math.h>
#include <string.h>

void sc_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void stream_block(sc_key key, uint32_t block, uint32_t out[4])
{
    const uint32_t counter[4] = {block, key.a, key.b, key.c};
    const uint32_t words[2] = {(uint32_t)key.seed, (uint32_t)(key.seed >> 32)};
    sc_philox_block(counter, words, out);
}

enum { SIDE = 4 }; /* blocks side by side: one alone waits for its own multiplications */

/* 4 SIDE elements of a stream from block on */
static void stream_blocks(sc_key key, uint32_t block, uint32_t out[4 * SIDE])
{
    uint32_t c0[SIDE], c1[SIDE], c2[SIDE], c3[SIDE];
    uint32_t k0 = (uint32_t)key.seed, k1 = (uint32_t)(key.seed >> 32);
    for (int i = 0; i < SIDE; i++) {
        c0[i] = block + (uint32_t)i;
        c1[i] = key.a;
        c2[i] = key.b;
        c3[i] = key.c;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < SIDE; i++) {
            const uint64_t p0 = (uint64_t)0xD2511F53u * c0[i];
            const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c1[i] = (uint32_t)p1;
            c3[i] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < SIDE; i++) {
        out[4 * i] = c0[i];
        out[4 * i + 1] = c1[i];
        out[4 * i + 2] = c2[i];
        out[4 * i + 3] = c3[i];
    }
}

void sc_fill_u32(sc_key key, int64_t n, uint32_t *out)
{
    uint32_t tail[4];
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        stream_block(key, (uint32_t)(i / 4), out + i);
    if (i < n) {
        stream_block(key, (uint32_t)(i / 4), tail);
        memcpy(out + i, tail, (size_t)(n - i) * sizeof *out);
    }
}

static float unit_float(uint32_t u)
{
    return (float)(u >> 8) * 0x1p-24f;
}

void sc_fill_uniform(sc_key key, int64_t n, float *out)
{
    uint32_t u[4 * SIDE];
    for (int64_t i = 0; i < n; i += 4 * SIDE) {
        const int64_t part = n - i < 4 * SIDE ? n - i : 4 * SIDE;
        stream_blocks(key, (uint32_t)(i / 4), u);
        for (int64_t j = 0; j < part; j++)
            out[i + j] = unit_float(u[j]);
    }
}

/* log of x = (u + 1) / 2^32, which is in (0, 1]: log(m 2^e) = e log 2 + 2 atanh((m - 1) / (m + 1))
 */
static double log_unit(uint32_t u)
{
    static const double ln2 = 0.693147180559945309417;
    static const double odd[] = {1,        1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9, 1.0 / 11,
                                 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
    const double x = ((double)u + 1.0) * 0x1p-32;
    uint64_t bits;
    double m;

    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52) - 1022;
    bits = (bits & 0x000FFFFFFFFFFFFF) | 0x3FE0000000000000; /* [0.5, 1) */
    memcpy(&m, &bits, sizeof m);
    if (m < 0.70710678118654752440) {
        m *= 2;
        e--;
    }
    const double s = (m - 1) / (m + 1), s2 = s * s; /* s2 < 0.0295 */
    double sum = 0;
    for (int k = 10; k >= 0; k--)
        sum = sum * s2 + odd[k];
    return e * ln2 + 2 * s * sum;
}

/* sine and cosine of 2 pi u / 2^32: the nearest quarter turn and Taylor's series for the rest */
static void sincos_turn(uint32_t u, double *sine, double *cosine)
{
    static const double turn = 6.28318530717958647693;
    static const double sine_series[] = {1,
                                         -1.0 / 6,
                                         1.0 / 120,
                                         -1.0 / 5040,
                                         1.0 / 362880,
                                         -1.0 / 39916800,
                                         1.0 / 6227020800,
                                         -1.0 / 1307674368000,
                                         1.0 / 355687428096000};
    static const double cosine_series[] = {1,
                                           -1.0 / 2,
                                           1.0 / 24,
                                           -1.0 / 720,
                                           1.0 / 40320,
                                           -1.0 / 3628800,
                                           1.0 / 479001600,
                                           -1.0 / 87178291200,
                                           1.0 / 20922789888000};
    const uint32_t quarter = (u + 0x20000000u) >> 30;
    const double r = (double)(int32_t)(u - (quarter << 30)) * 0x1p-32 * turn; /* |r| <= pi/4 */
    const double r2 = r * r;
    double s = 0, c = 0;
    for (int k = 8; k >= 0; k--) {
        s = s * r2 + sine_series[k];
        c = c * r2 + cosine_series[k];
    }
    s *= r;
    *sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
    *cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
}

static void box_muller(uint32_t u0, uint32_t u1, double out[2])
{
    const double radius = sqrt(-2 * log_unit(u0));
    sincos_turn(u1, &out[0], &out[1]);
    out[0] *= radius;
    out[1] *= radius;
}

void sc_fill_normal(sc_key key, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += 4) {
        uint32_t u[4];
        double z[4];
        stream_block(key, (uint32_t)(i / 4), u);
        box_muller(u[0], u[1], z);
        box_muller(u[2], u[3], z + 2);
        for (int64_t j = i; j < n && j < i + 4; j++)
            out[j] = (float)z[j - i];
    }
}

sc_rng sc_rng_new(sc_key key)
{
    return (sc_rng){.key = key};
}

/* One block at first, since many streams give but a few numbers; then some side by side. */
void sc_rng_refill(sc_rng *rng)
{
    const uint32_t n = rng->block == 0 ? 1 : SIDE;
    if (n == 1)
        stream_block(rng->key, rng->block, rng->buffer);
    else
        stream_blocks(rng->key, rng->block, rng->buffer);
    rng->block += n;
    rng->at = 0;
    rng->end = 4 * n;
}

static uint64_t rng_u64(sc_rng *rng)
{
    const uint64_t low = sc_rng_u32(rng);
    return (uint64_t)sc_rng_u32(rng) << 32 | low;
}

double sc_rng_uniform(sc_rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

double sc_rng_normal(sc_rng *rng)
{
    double z[2];
    const uint32_t u0 = sc_rng_u32(rng);
    box_muller(u0, sc_rng_u32(rng), z);
    return z[0];
}

void sc_rng_normals(sc_rng *rng, double out[4])
{
    uint32_t u[4];
    for (int t = 0; t < 4; t++)
        u[t] = sc_rng_u32(rng);
    box_muller(u[0], u[1], out);
    box_muller(u[2], u[3], out + 2);
}

uint64_t sc_rng_below(sc_rng *rng, uint64_t n)
{
    /* draws at or above the largest multiple of n are thrown away */
    const uint64_t rest = (UINT64_MAX % n + 1) % n;
    uint64_t u;
    do
        u = rng_u64(rng);
    while (u > UINT64_MAX - rest);
    return u % n;
}

void sc_shuffle(sc_key key, int64_t n, int64_t *perm)
{
    sc_rng rng = sc_rng_new(key);
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)sc_rng_below(&rng, (uint64_t)i + 1);
        const int64_t held = perm[i];
        perm[i] = perm[j];
        perm[j] = held;
    }
}

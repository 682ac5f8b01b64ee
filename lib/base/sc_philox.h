/*
 * Random numbers without a state: Philox4x32-10 (Salmon et al. 2011, SC '11, doi
 * 10.1145/2063384.2063405).
 *
 * A key names a stream, and element i of a stream is a pure function of the key and i, so draws
 * depend neither on threads nor on the order of calls. The same key gives the same bits on every
 * machine and with every instruction set: the arithmetic is integer, or plain IEEE double without
 * fused operations and without libm.
 */
#ifndef SC_PHILOX_H
#define SC_PHILOX_H

#include <stdint.h>

/* In training a, b, c are epoch, row of the data set, site; in inference the two halves of the hash
 * of the cell's name, and draw and site packed into c. */
typedef struct sc_key {
    uint64_t seed;
    uint32_t a, b, c;
} sc_key;

/* The bare bijection: four words of counter, two of key, four of output. */
void sc_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The first n elements of the stream of a key; n is at most 2^34, the stream's period. */
void sc_fill_u32(sc_key key, int64_t n, uint32_t *out);
void sc_fill_uniform(sc_key key, int64_t n, float *out); /* [0, 1), multiples of 2^-24 */
void sc_fill_normal(sc_key key, int64_t n, float *out);  /* mean 0, variance 1; |x| < 6.7 */

/* Shuffles perm (n) in place; every order is equally likely (Fisher-Yates, no modulo bias). */
void sc_shuffle(sc_key key, int64_t n, int64_t *perm);

/* A stream read one number after the other, for draws that need an unknown number of them. */
typedef struct sc_rng {
    sc_key key;
    uint32_t block, at, end; /* the next block, and what is left of the buffer */
    uint32_t buffer[16];
} sc_rng;

sc_rng sc_rng_new(sc_key key);   /* at the first element of the key's stream; owns nothing */
void sc_rng_refill(sc_rng *rng); /* for sc_rng_u32 */
static inline uint32_t sc_rng_u32(sc_rng *rng)
{
    if (rng->at == rng->end)
        sc_rng_refill(rng);
    return rng->buffer[rng->at++];
}
double sc_rng_uniform(sc_rng *rng); /* [0, 1), multiples of 2^-53 */
double sc_rng_normal(sc_rng *rng);
void sc_rng_normals(sc_rng *rng, double out[4]); /* what sc_fill_normal rounds; at 4 numbers */
uint64_t sc_rng_below(sc_rng *rng, uint64_t n);  /* 0 .. n-1, unbiased; n >= 1 */

#endif

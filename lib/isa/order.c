/*
 * Sparse rows put in the order of their columns. Columns are marked row by row, a bit for each row:
 * a column's entries are the bits that are set, and as a row's columns come rising, each is the
 * next entry of its row.
 */
#include "isa.h"
#include "vec.h"

/* Bit by bit. */
static void walk(const sc_marked *m)
{
    int32_t *restrict next = m->next;
    int32_t *restrict row = m->row;
    int32_t *restrict place = m->place;
    int32_t at = m->first;
    for (int64_t j = 0; j < m->n; j++) {
        m->ptr[j] = at;
        for (int64_t b = 0; b < m->n_blocks; b += 4) {
            uint64_t bits = 0;
            for (int64_t c = b; c < b + 4 && c < m->n_blocks; c++)
                bits |= (uint64_t)m->marks[c * m->ld + j] << 16 * (c - b);
            for (; bits; bits &= bits - 1) {
                const int64_t i = 16 * b + __builtin_ctzll(bits);
                row[at] = (int32_t)i;
                place[at++] = next[i]++;
            }
        }
    }
}

#if SC_ISA_WIDTH >= 8

enum { HELD = 8 }; /* blocks whose next words stay in registers */

#if SC_ISA_WIDTH == 8
/* The bits that are set in m, a byte for each, the lowest first. */
#define BIT(m, i, above) ((uint64_t)(above) << 8 * ((m) >> (i)&1) | (uint64_t)((m) >> (i)&1) * (i))
#define BITS(m)                                                                                    \
    BIT(m, 0, BIT(m, 1, BIT(m, 2, BIT(m, 3, BIT(m, 4, BIT(m, 5, BIT(m, 6, BIT(m, 7, 0))))))))
#define BITS4(m) BITS(m), BITS(m + 1), BITS(m + 2), BITS(m + 3)
#define BITS16(m) BITS4(m), BITS4(m + 4), BITS4(m + 8), BITS4(m + 12)
#define BITS64(m) BITS16(m), BITS16(m + 16), BITS16(m + 32), BITS16(m + 48)
static const uint64_t set_bits[256] = {BITS64(0), BITS64(64), BITS64(128), BITS64(192)};

static inline vi pack(vi v, uint32_t bits)
{
    const __m128i from = _mm_cvtsi64_si128((int64_t)set_bits[bits]);
    return (vi)_mm256_permutevar8x32_epi32((__m256i)v, _mm256_cvtepu8_epi32(from));
}

static inline vi add_where(vi v, uint32_t bits, vi step)
{
    const vi bit = {1, 2, 4, 8, 16, 32, 64, 128};
    return v + (step & (((int32_t)bits & bit) == bit));
}

static inline void store_part(int32_t *p, int64_t n, vi v)
{
    _mm256_maskstore_epi32(p, v_first(n), (__m256i)v);
}
#else
static inline vi pack(vi v, uint32_t bits)
{
    return (vi)_mm512_maskz_compress_epi32((__mmask16)bits, (__m512i)v);
}

static inline vi add_where(vi v, uint32_t bits, vi step)
{
    return (vi)_mm512_mask_add_epi32((__m512i)v, (__mmask16)bits, (__m512i)v, (__m512i)step);
}

static inline void store_part(int32_t *p, int64_t n, vi v)
{
    _mm512_mask_storeu_epi32(p, v_first(n), (__m512i)v);
}
#endif

/* Columns from j on, while whole vectors have room, or all. A row's next place and its number are
 * one word, so that a column's are packed at once; held, or in memory if that is NULL. Returns the
 * first column that is left, and where its entries go. */
static inline __attribute__((always_inline)) int64_t columns(const sc_marked *m, vi *held,
                                                             int64_t n_blocks, int32_t step,
                                                             int64_t j, int64_t *at, bool has_room)
{
    const int64_t n = m->n, ld = m->ld, room = m->end - 16 * n_blocks;
    const vi steps = step - (vi){0};
    int32_t *restrict ptr = m->ptr;
    int32_t *restrict word = m->place;
    int32_t *restrict next = m->next;
    int64_t k = *at;
    for (; j < n && (!has_room || k <= room); j++) {
        const uint16_t *marks = m->marks + j;
        ptr[j] = (int32_t)k;
#pragma GCC unroll 8
        for (int64_t b = 0; b < n_blocks; b++, marks += ld)
            for (int64_t h = 0; h < 16; h += W) {
                const uint32_t bits = (uint32_t)*marks >> h & ((1U << W) - 1);
                const int count = __builtin_popcount(bits);
                vi v;
                if (held)
                    v = held[b];
                else
                    memcpy(&v, next + 16 * b + h, sizeof v);
                const vi words = pack(v, bits);
                if (has_room)
                    memcpy(word + k, &words, sizeof words);
                else
                    store_part(word + k, count, words);
                v = add_where(v, bits, steps);
                if (held)
                    held[b] = v;
                else
                    memcpy(next + 16 * b + h, &v, sizeof v);
                k += count;
            }
    }
    *at = k;
    return j;
}

/* n words to what they are of. */
static void part(int64_t n, int shift, int32_t *restrict row, int32_t *restrict place)
{
    const uint32_t is_row = (1U << shift) - 1;
    for (int64_t k = 0; k < n; k++) {
        const uint32_t word = (uint32_t)place[k];
        row[k] = (int32_t)(word & is_row);
        place[k] = (int32_t)(word >> shift);
    }
}

void SC_NAME(sort_marked)(const sc_marked *m)
{
    const int shift = 32 - __builtin_clz((uint32_t)(16 * m->n_blocks - 1)); /* bits of a row */
    int64_t at = m->first, j = 0;
    if ((int64_t)m->n_places << shift > UINT32_MAX) {
        walk(m);
        return;
    }
    for (int32_t i = 0; i < 16 * m->n_blocks; i++)
        m->next[i] = (int32_t)((uint32_t)m->next[i] << shift | (uint32_t)i);
    if (W == 16 && m->n_blocks == HELD) {
        vi held[HELD];
        memcpy(held, m->next, sizeof held);
        j = columns(m, held, HELD, 1 << shift, j, &at, true);
        memcpy(m->next, held, sizeof held);
    }
    j = columns(m, NULL, m->n_blocks, 1 << shift, j, &at, true);
    (void)columns(m, NULL, m->n_blocks, 1 << shift, j, &at, false);
    part(m->end - m->first, shift, m->row + m->first, m->place + m->first);
}

#else

void SC_NAME(sort_marked)(const sc_marked *m)
{
    walk(m);
}

#endif

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

#if SC_ISA_WIDTH == 16

enum { BLOCKS = 8 }; /* whose next places stay in registers */

/* Columns from j on, while whole vectors have room, or all. A row's next place and its number are
 * one word, so that a column's are packed at once. Returns the first column that is left, and where
 * its entries go. */
static inline __attribute__((always_inline)) int64_t columns(const sc_marked *m, __m512i *next,
                                                             int64_t n_blocks, __m512i step,
                                                             int64_t j, int64_t *at, bool has_room)
{
    const int64_t n = m->n, ld = m->ld, room = m->end - 16 * n_blocks;
    int32_t *restrict ptr = m->ptr;
    int32_t *restrict word = m->place;
    int64_t k = *at;
    for (; j < n && (!has_room || k <= room); j++) {
        const uint16_t *marks = m->marks + j;
        ptr[j] = (int32_t)k;
#pragma GCC unroll 8
        for (int64_t b = 0; b < n_blocks; b++, marks += ld) {
            const uint32_t bits = *marks;
            const __mmask16 rows = (__mmask16)bits;
            const __m512i words = _mm512_maskz_compress_epi32(rows, next[b]);
            const int count = __builtin_popcount(bits);
            if (has_room)
                _mm512_storeu_si512(word + k, words);
            else
                _mm512_mask_storeu_epi32(word + k, v_first(count), words);
            next[b] = _mm512_mask_add_epi32(next[b], rows, next[b], step);
            k += count;
        }
    }
    *at = k;
    return j;
}

/* n words in `place` to what they are of. */
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
    const __m512i step = _mm512_set1_epi32(1 << shift);
    int64_t at = m->first, j = 0;
    if ((int64_t)m->n_places << shift > UINT32_MAX) {
        walk(m);
        return;
    }
    for (int32_t i = 0; i < 16 * m->n_blocks; i++)
        m->next[i] = (int32_t)((uint32_t)m->next[i] << shift | (uint32_t)i);
    __m512i *const all = (__m512i *)(void *)m->next;
    if (m->n_blocks == BLOCKS) {
        __m512i next[BLOCKS];
        memcpy(next, all, sizeof next);
        j = columns(m, next, BLOCKS, step, j, &at, true);
        memcpy(all, next, sizeof next);
    }
    j = columns(m, all, m->n_blocks, step, j, &at, true);
    (void)columns(m, all, m->n_blocks, step, j, &at, false);
    part(m->end - m->first, shift, m->row + m->first, m->place + m->first);
}

#else

void SC_NAME(sort_marked)(const sc_marked *m)
{
    walk(m);
}

#endif

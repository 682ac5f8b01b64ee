/*
 * Cells once for each draw: every row n_draws times, one after the other, told apart by the obs
 * column `sample` (from 0). Cell names repeat.
 */
#ifndef SC_REPEAT_H
#define SC_REPEAT_H

#include "sc_stream.h"

/* Adds `sample` to obs (in place of one that is there), and drops what relates cells to each other.
 */
sc_status sc_repeat_header(sc_header *h, int64_t n_draws, sc_err *err) SC_MUST_CHECK;

/* A piece of a block: n_cells from `cell` on, draws [draw, draw + n_draws) of each; cell-major. */
typedef struct sc_piece {
    int64_t cell, n_cells, draw, n_draws;
} sc_piece;

/* The piece after p (the first, if p is zeroed) of a block of n_rows, none larger than
 * SC_BLOCK_ROWS; false: there is none. */
bool sc_repeat_next(sc_piece *p, int64_t n_rows, int64_t n_draws);
/* Its rows of b, of the elements that `kept` lists, and `sample`; the caller frees it. */
sc_status sc_repeat_block(sc_block **out, sc_block *b, const sc_header *kept, const sc_piece *p,
                          sc_err *err) SC_MUST_CHECK;

#endif

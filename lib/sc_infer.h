/*
 * A model over the cells of a stream: genes and categories matched, rows handed to the executor
 * block by block. What comes out for a cell depends on the cell and the model only.
 */
#ifndef SC_INFER_H
#define SC_INFER_H

#include "sc_cells.h"
#include "sc_net.h"

typedef struct sc_infer sc_infer;

/*
 * Matches the header to the model for the nodes wanted (their inputs decide which obs columns are
 * needed). net, pool and kernels are lent. keys: columns whose names differ from those at fit (NULL
 * members: as at fit). note (note_len bytes) says which matrix was taken where that is worth
 * saying. SC_EDATA: genes of the model that the data lack, no counts, missing columns.
 */
sc_status sc_infer_open(sc_infer **out, const sc_net *net, const sc_header *h, const sc_keys *keys,
                        const int32_t *nodes, int n_nodes, sc_pool *pool, const sc_kernels *k,
                        char *note, size_t note_len, sc_err *err) SC_MUST_CHECK;
/* Unpacks a block: its rows in pieces of sc_infer_rows at most. SC_EDATA: a value that is no count,
 * an unknown category. */
sc_status sc_infer_block(sc_infer *x, sc_block *b, sc_err *err) SC_MUST_CHECK;
enum { SC_INFER_ROWS = 512 };
/*
 * Runs rows [from, from + n) of the block, n <= SC_INFER_ROWS. draw: SC_DRAW_MEAN, or
 * SC_DRAW_SAMPLE with number `draw_no` from 1; draws are keyed by seed, the cell's name and
 * draw_no. sc_infer_value is then lent until the next run.
 */
sc_status sc_infer_run(sc_infer *x, int64_t from, int64_t n, sc_draw draw, uint64_t seed,
                       uint32_t draw_no, sc_err *err) SC_MUST_CHECK;
const float *sc_infer_value(const sc_infer *x, int32_t node);
void sc_infer_close(sc_infer *x);

#endif

/*
 * A few made-up cells with every kind of input, the same in each run: what models are checked on,
 * by `sc-model check` and by the tests.
 */
#ifndef SC_MADE_CELLS_H
#define SC_MADE_CELLS_H

#include "sc_exec.h"

enum {
    SC_MADE_ROWS = 37,
    SC_MADE_VARS = 70, /* at most */
    SC_MADE_PROTEINS = 5,
    SC_MADE_CONT = 2, /* continuous covariates */
    SC_MADE_CODES = 6 /* batch, panel, labels, three covariates */
};

typedef struct sc_made_cells {
    uint64_t keys[SC_MADE_ROWS];
    int64_t indptr[SC_MADE_ROWS + 1];
    int32_t indices[SC_MADE_ROWS * SC_MADE_VARS];
    float values[SC_MADE_ROWS * SC_MADE_VARS];
    double log_factorial[SC_MADE_ROWS];
    float proteins[SC_MADE_ROWS * SC_MADE_PROTEINS], cont_covs[SC_MADE_ROWS * SC_MADE_CONT],
        size_factor[SC_MADE_ROWS];
    int32_t codes[SC_MADE_CODES][SC_MADE_ROWS];
} sc_made_cells;

/* How many levels the categories have: 3 batches, panels and labels; covariates of 2, 3 and 1. */
extern const int32_t sc_made_levels[SC_MADE_CODES];

/* Counts of n_vars <= SC_MADE_VARS genes, of which one is never seen; with_empty: a cell has none.
 */
void sc_made_fill(sc_made_cells *to, int n_vars, bool with_empty);
/* Row i of `to` is row order[i] of `from`, for n rows in all. */
void sc_made_order(sc_made_cells *to, const sc_made_cells *from, const int *order, int n);
/* Rows [from, from + n), lent; the decoder's categories are the encoder's. */
sc_mini sc_made_mini(const sc_made_cells *cells, int from, int n);
/* The next of a run of numbers in [0, 1). */
double sc_made_uniform(uint64_t *state);

#endif

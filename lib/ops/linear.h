/*
 * What linear.c has apart for the float executor: wide layers (a decoder's heads), whose work is
 * cut by columns and whose parents are read once for many rows; and the gradient of a layer that
 * takes counts, gene by gene.
 */
#ifndef SC_OPS_LINEAR_H
#define SC_OPS_LINEAR_H

#include "op.h"

/* y = [parts] W + b: the gradient of rows x n elements of a weight, ld apart from flat offset `at`,
 * goes where it is wanted: into the gradients, or into the weight itself by a step of Adam. g may
 * lie in the gradients already. */
void SC_X(sc_settle)(ex *e, int weight, int64_t at, int64_t rows, int64_t n, int64_t ld,
                     const real *g, int64_t ldg);

#ifdef SC_ISA
bool SC_X(sc_is_wide)(const ex *e, int32_t id);
int64_t SC_X(sc_wide_aux)(const ex *e, int32_t id, int64_t rows);
/* Backward: phase 1 by input and by weight, phase 2 adds the sums by input. */
int64_t SC_X(sc_wide_tiles)(const ex *e, int32_t id, int phase, bool backward);
void SC_X(sc_wide_fwd)(ex *e, int32_t id, int64_t tile);
void SC_X(sc_wide_bwd)(ex *e, int32_t id, int phase, int64_t tile);

/* Whether forward takes the node's counts by ranges of genes, whose weights stay with one thread:
 * phase 0 sums each range for some rows, phase 1 adds them up. */
bool SC_X(sc_is_cut)(const ex *e, int32_t id);
int64_t SC_X(sc_cut_aux)(const ex *e, int32_t id, int64_t rows);
int64_t SC_X(sc_cut_tiles)(const ex *e, int32_t id);
void SC_X(sc_cut_sums)(ex *e, int32_t id, int64_t tile);
/* Adds n columns from j0 of the sums of rows i0 .. i1 to y. */
void SC_X(sc_cut_add)(const ex *e, int32_t id, int64_t i0, int64_t i1, int64_t j0, int64_t n,
                      real *y);

/* Tiles by which the node's forward takes the values of its counts in the order of genes, for
 * backward; 0 where another node does. */
int64_t SC_X(sc_sorts_columns)(const ex *e, int32_t id);
void SC_X(sc_sort_columns)(ex *e, int32_t id, int64_t tile);
bool SC_X(sc_has_columns)(const ex *e, int32_t x);
/* Gradient of the rows of W that take counts: tiles of genes, in a phase of their own. */
int64_t SC_X(sc_column_tiles)(const ex *e, int32_t id);
void SC_X(sc_column_gradients)(ex *e, int32_t id, int64_t tile);
#endif

#endif

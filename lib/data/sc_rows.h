/*
 * A view of rows of a matrix, sparse or dense, for code that walks over values and does not care
 * which of the two it has.
 */
#ifndef SC_ROWS_H
#define SC_ROWS_H

#include "sc_stream.h"

typedef struct sc_rows {
    int64_t n_rows, n_cols;
    const int64_t *indptr;  /* NULL: dense, n_cols values a row */
    const int32_t *indices; /* NULL: dense */
    float *values;
} sc_rows;

static inline int64_t sc_rows_begin(const sc_rows *r, int64_t i)
{
    return r->indptr ? r->indptr[i] : i * r->n_cols;
}
/* Column of the stored entry k of row i. */
static inline int64_t sc_rows_col(const sc_rows *r, int64_t i, int64_t k)
{
    return r->indices ? r->indices[k] : k - i * r->n_cols;
}

/* The matrix of a block that m describes; lent with the block, decoded on first use. */
sc_status sc_rows_of(sc_block *b, const sc_mat *m, sc_rows *out, sc_err *err) SC_MUST_CHECK;

/* SC_EDATA, naming cell, gene, matrix and `needed` ("counts", "log data"), at the first value that
 * is negative or not finite. */
sc_status sc_rows_check(const sc_rows *r, sc_block *b, const sc_mat *m, const sc_table *var,
                        const char *needed, sc_err *err) SC_MUST_CHECK;

#endif

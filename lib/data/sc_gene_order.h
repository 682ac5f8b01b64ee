/*
 * The stored entries of a minibatch in the order of their genes: backward sums a gene's gradient
 * over its cells. Genes are cut into ranges: first it is found where each begins in each row, and
 * each gene's rows are marked, then ranges are sorted by their marks. Both are cut into tiles that
 * any number of threads may take.
 */
#ifndef SC_GENE_ORDER_H
#define SC_GENE_ORDER_H

#include "sc_err.h"
#include "sc_kernels.h"

#include <stdint.h>

enum { SC_GENE_ORDER_TILES = 8 };

/* Entries ptr[j] .. ptr[j + 1] are of gene j, cells rising: their cell, and their place among the
 * stored entries of the minibatch. Zeroed, it has no room. */
typedef struct sc_gene_order {
    int32_t *ptr, *row, *at;
    int32_t *start;  /* range by range, by row: the place of its first entry; last, the row's end */
    int32_t *next;   /* likewise: the place of the next entry to sort */
    uint16_t *marks; /* by 16 rows, gene by gene, ld apart: which of them have it */
    int64_t n_vars, n_rows, room, n_marks, ld; /* n_rows: a multiple of 16 */
} sc_gene_order;

/* n rows in CSR, indices rising in each row; places count from indptr[0]. */
typedef struct sc_gene_rows {
    int64_t n;
    const int64_t *indptr;
    const int32_t *indices;
} sc_gene_rows;

/* Room for nnz entries of n_vars genes and n_rows rows. */
sc_status sc_gene_order_room(sc_gene_order *o, int64_t n_vars, int64_t n_rows, int64_t nnz,
                             sc_err *err) SC_MUST_CHECK;
void sc_gene_order_free(sc_gene_order *o);

/* first .. end - 1 of n rows that a tile has. */
void sc_gene_order_rows(int64_t n, int64_t tile, int64_t *first, int64_t *end);
/* ... and of n genes. */
void sc_gene_order_range(int64_t n, int64_t tile, int64_t *first, int64_t *end);
/* Entries first[i] .. end[i] - 1 of row i are of the tile's genes. */
static inline void sc_gene_order_parts(const sc_gene_order *o, int64_t tile, const int32_t **first,
                                       const int32_t **end)
{
    *first = o->start + tile * o->n_rows;
    *end = *first + o->n_rows;
}
/* Cuts the tile's rows; the others' entries may not be there yet. */
void sc_gene_order_cut(sc_gene_order *o, const sc_gene_rows *rows, int64_t tile);
/* Sorts the tile's genes, once all rows are cut. */
void sc_gene_order_sort(sc_gene_order *o, const sc_kernels *k, const sc_gene_rows *rows,
                        int64_t tile);

#endif

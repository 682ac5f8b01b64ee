/*
 * The stored entries of a minibatch in the order of their genes: backward sums a gene's gradient
 * over its cells. Any number of threads sorts, each a range of genes.
 */
#ifndef SC_GENE_ORDER_H
#define SC_GENE_ORDER_H

#include "sc_err.h"

#include <stdint.h>

/* Entries ptr[j] .. ptr[j + 1] are of gene j, cells rising: their cell, and their place among the
 * stored entries of the minibatch. Zeroed, it has no room. */
typedef struct sc_gene_order {
    int32_t *ptr, *row, *at;
    int32_t *next; /* the end of each gene's entries: ptr[j + 1], which another tile may write */
    int64_t n_vars, room;
} sc_gene_order;

enum { SC_GENE_ORDER_TILES = 8 };

/* Room for nnz entries of n_vars genes. */
sc_status sc_gene_order_room(sc_gene_order *o, int64_t n_vars, int64_t nnz,
                             sc_err *err) SC_MUST_CHECK;
void sc_gene_order_free(sc_gene_order *o);
/* Genes first .. end - 1 that a tile has, and so a thread that is given it owns. */
void sc_gene_order_range(const sc_gene_order *o, int64_t tile, int32_t *first, int32_t *end);
/* Sorts one tile's genes of n rows, CSR, indices rising in each row; places count from indptr[0].
 * ptr[n_vars] comes with the last tile. */
void sc_gene_order_sort(sc_gene_order *o, int64_t n, const int64_t *indptr, const int32_t *indices,
                        int64_t tile);

#endif

/*
 * UMAP's graph: how sure it is that two cells are neighbors.
 *
 * Each cell's distances are scaled so that its weights exp(-(d - rho) / sigma) sum to log2 k, where
 * rho is the distance to its nearest other cell; two cells are then joined with the probability
 * that at least one of the two edges is there, a + b - ab.
 * Source: McInnes, Healy, Melville 2018, arXiv:1802.03426, section 3; limits as in umap-learn.
 */
#ifndef SC_FUZZY_H
#define SC_FUZZY_H

#include "sc_knn.h"

/* knn: neighbors of rows among themselves, the row first. out (n x n, newly made) is symmetric, has
 * no diagonal, and its values are in (0, 1]. */
sc_status sc_fuzzy_graph(sc_csr *out, const sc_knn *knn, sc_pool *pool, sc_err *err) SC_MUST_CHECK;

#endif

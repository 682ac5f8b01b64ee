/*
 * UMAP's layout: cells that the graph joins are drawn together, cells taken at random are pushed
 * apart.
 *
 * The descent is that of umap-learn, but for the order of the moves: in an epoch each cell moves
 * itself only, along all its edges, and sees the others where they stood before. So the layout is
 * the same for any number of threads.
 * Source: McInnes, Healy, Melville 2018, arXiv:1802.03426, sections 4 and 5.
 */
#ifndef SC_UMAP_H
#define SC_UMAP_H

#include "sc_data.h"
#include "sc_threads.h"

enum { SC_UMAP_MAX_DIMS = 16 };

typedef struct sc_umap_opts {
    int n_dims;
    double min_dist, spread; /* what cells that are packed are apart; the scale of the layout */
    double alpha, gamma;     /* step size at the start; weight of the pushes */
    int64_t n_epochs;        /* 0: 500 for up to 10,000 cells, otherwise 200 */
    int64_t n_negative;      /* pushes for each pull */
    uint64_t seed;
} sc_umap_opts;

/* a and b of 1 / (1 + a d^2b), the least-squares fit to 1 below min_dist and exp(-(d - min_dist) /
 * spread) above, at 300 distances up to 3 spread. */
void sc_umap_curve(double min_dist, double spread, double *a, double *b);

/*
 * Where to start: y (n x n_dims, each column in 0 .. 10) from the eigenvectors of the graph's
 * normalized Laplacian, each connected component in a place of its own.
 */
sc_status sc_umap_start(const sc_csr *graph, const sc_umap_opts *o, float *y, sc_pool *pool,
                        sc_err *err) SC_MUST_CHECK;

/* Moves y. graph: symmetric, weights above 0, no diagonal. */
sc_status sc_umap_layout(const sc_csr *graph, const sc_umap_opts *o, float *y, sc_pool *pool,
                         sc_err *err) SC_MUST_CHECK;

#endif

/*
 * Clusters of a weighted graph by the Leiden algorithm.
 *
 * What is raised is modularity: of the pairs of cells in one cluster, their weight less what chance
 * would give, resolution k k' / W, over W, where k is the sum of a cell's row and W that of all
 * rows. A round moves cells as long as that raises it, splits each cluster into parts that hang
 * together, makes each part a node, and goes on with the nodes.
 * Source: Traag, Waltman, van Eck 2019, Sci Rep 9:5233.
 */
#ifndef SC_LEIDEN_H
#define SC_LEIDEN_H

#include "sc_data.h"

typedef struct sc_leiden_opts {
    double resolution;    /* >= 0: more of it gives more clusters */
    double beta;          /* > 0: randomness of the splitting; small is nearly greedy */
    int64_t n_iterations; /* rounds, >= 1; -1: until one gains no more than 1e-6 */
    uint64_t seed;
} sc_leiden_opts;

typedef struct sc_clusters {
    int32_t *of; /* n cells: 0 .. n - 1; 0 is the largest, of equal ones that of the first cell */
    int32_t n;
    double quality; /* at most 1 */
} sc_clusters;

/*
 * graph: symmetric, weights at or above 0; of an asymmetric one the upper triangle counts, and the
 * diagonal nowhere. out is newly made, for sc_clusters_free. The same graph and options give the
 * same clusters. SC_EDATA: a weight is below 0 or not finite (its row is named), or there are more
 * than 2^31 - 1 cells; SC_ENOMEM.
 */
sc_status sc_leiden(sc_clusters *out, const sc_csr *graph, const sc_leiden_opts *o,
                    sc_err *err) SC_MUST_CHECK;
void sc_clusters_free(sc_clusters *x);

#endif

/* Shared by the files of the Leiden algorithm. */
#ifndef SC_LEIDEN_INT_H
#define SC_LEIDEN_INT_H

#include "sc_leiden.h"
#include "sc_philox.h"

/* A graph without a diagonal, both directions of an edge with the same weight. */
typedef struct sc_net_level {
    int32_t n;
    int64_t *start;   /* n + 1 */
    int32_t *to;      /* rising within a row */
    float *weight;    /* > 0 */
    double *strength; /* n: of the cells in a node, the sums of their rows */
} sc_net_level;

typedef struct sc_leiden_state {
    double gamma, beta; /* resolution / W */
    sc_rng rng;
    int32_t *cluster, *part; /* of a node */
    double *total,
        *outside; /* of a cluster or part: its strength; weight to the rest of its cluster */
    double *strength_of_cluster;
    double *gain; /* of a cluster or part: weight to the node at hand, 0 in between */
    int32_t *size, *seen, *order, *free_ids;
    bool *is_queued;
} sc_leiden_state;

/* The symmetric graph of upper rows (column > row); start, to, weight are newly made. */
sc_status sc_level_mirror(sc_net_level *l, const int64_t *start, const int32_t *to,
                          const float *weight, sc_err *err) SC_MUST_CHECK;
/* Each of s->part's n_parts as a node; into is newly made. */
sc_status sc_level_join(sc_net_level *into, const sc_net_level *l, const int32_t *part,
                        int32_t n_parts, double *sum, sc_err *err) SC_MUST_CHECK;
void sc_level_free(sc_net_level *l);

/* Moves nodes between clusters while that raises the quality. */
void sc_leiden_move(sc_leiden_state *s, const sc_net_level *l);
/* Parts of the clusters (0 .. clusters - 1), each well joined to the rest of its cluster. */
void sc_leiden_split(sc_leiden_state *s, const sc_net_level *l);

#endif

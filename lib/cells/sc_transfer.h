/*
 * Labels carried over from reference cells to query cells in a common representation: the
 * probability of each class. ref is n x d with a class in [0, n_classes) for each row, query m x d,
 * probs m x n_classes. Results depend neither on the number of threads nor on other query rows.
 */
#ifndef SC_TRANSFER_H
#define SC_TRANSFER_H

#include "sc_knn.h"

typedef struct sc_labelled {
    sc_dense x;     /* n x d, finite */
    int32_t *class; /* n */
    int64_t n_classes;
} sc_labelled;

/*
 * By the k nearest reference cells: of distances with the population standard deviation sd, weights
 * exp(-dist (sd / 2)^2), and P is the share of a class in their sum. Where all distances are equal,
 * so are the weights.
 * Source: Lotfollahi et al. 2022, Nat Biotechnol 40:121, and Sikkema et al. 2023, Nat Med 29:1563.
 */
sc_status sc_transfer_knn(float *probs, const sc_labelled *ref, const sc_dense *query, int k,
                          sc_pool *pool, const sc_kernels *kernels, sc_err *err) SC_MUST_CHECK;

/*
 * By a random forest: trees grown on bootstrap samples until their leaves are pure, sqrt(d) columns
 * tried at each node, Gini impurity. P is the mean of the trees' shares. SC_ENOMEM.
 * Source: Breiman 2001, Mach Learn 45:5. Written here, as the well-kept libraries of it are C++.
 */
sc_status sc_transfer_forest(float *probs, const sc_labelled *ref, const sc_dense *query,
                             int n_trees, uint64_t seed, sc_pool *pool, sc_err *err) SC_MUST_CHECK;

/*
 * By a network with one hidden layer of 64 rectified units on standardised columns, trained on the
 * cross-entropy by Adam with minibatches of 128; in double, on the calling thread.
 */
sc_status sc_transfer_network(float *probs, const sc_labelled *ref, const sc_dense *query,
                              uint64_t seed, sc_err *err) SC_MUST_CHECK;

#endif

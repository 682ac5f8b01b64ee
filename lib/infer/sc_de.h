/*
 * Bayesian differential expression from draws of normalized expression in two sets of cells: draw i
 * of one set is compared with draw i of the other, feature by feature (genes, proteins).
 *
 *   vanilla  p(scale1 > scale2), and its Bayes factor
 *   change   lfc = log2(scale1 + pc) - log2(scale2 + pc); how often it is >= delta or < -delta
 *
 * Source: Lopez et al. 2018, Nat Methods 15:1053 (vanilla); Boyeau et al. 2019, bioRxiv 794289
 * (change); details as scvi-tools 1.4 has them: summaries of the lfc use 1e-3 pc.
 */
#ifndef SC_DE_H
#define SC_DE_H

#include "sc_err.h"
#include "sc_threads.h"

#include <stdbool.h>
#include <stdint.h>

enum { SC_DE_LEVELS = 8 };

typedef struct sc_de_rules {
    bool is_change;
    bool is_two;        /* up and down together, not the likelier of the two */
    double delta;       /* 0: from the lfc of all features, see sc_de_delta */
    double pseudocount; /* 0: from features that are silent */
    int n_levels;       /* of credible intervals */
    double levels[SC_DE_LEVELS];
} sc_de_rules;

typedef struct sc_de_draws {
    int64_t n;           /* draws */
    const float *scale;  /* n x n_features */
    const uint8_t *mute; /* n_features: 1 where the set's cells have (next to) no counts; NULL where
                            the pseudocount is given */
} sc_de_draws;

typedef enum sc_de_column {
    SC_DE_PROBA, /* vanilla: proba_m1; change: proba_de */
    SC_DE_BAYES,
    SC_DE_SCALE1,
    SC_DE_SCALE2,
    SC_DE_LFC_MEAN, /* from here on: change */
    SC_DE_LFC_MEDIAN,
    SC_DE_LFC_STD,
    SC_DE_LFC_MIN,
    SC_DE_LFC_MAX,
    SC_DE_INTERVALS, /* min and max for each level */
    SC_DE_COLUMNS = SC_DE_INTERVALS + 2 * SC_DE_LEVELS
} sc_de_column;

typedef struct sc_de_result {
    int64_t n_features;
    double pseudocount, delta;
    double *of[SC_DE_COLUMNS]; /* n_features each; NULL where the rules ask for none */
    int64_t *order;            /* features, the likeliest first; of equal ones, as they come */
} sc_de_result;

/*
 * Compares min(a->n, b->n) draws in pairs; scale1 and scale2 are means over all. out is newly made,
 * free is due whatever was returned. Results do not depend on the number of threads.
 */
sc_status sc_de_compare(sc_de_result *out, const sc_de_rules *rules, int64_t n_features,
                        const sc_de_draws *a, const sc_de_draws *b, sc_pool *pool,
                        sc_err *err) SC_MUST_CHECK;
void sc_de_free(sc_de_result *r);

/*
 * How many of the n probabilities, sorted falling, can be called differential with an expected
 * share of false ones of at most fdr.
 */
int64_t sc_de_called(int64_t n, const double *sorted_probas, double fdr);

/*
 * A threshold for the lfc: a mixture of three normals is fitted to its means (n of them, any
 * order; EM from the k-means of tertiles), and 0.6 of the mean size of the outer two's means is
 * returned, at least 0.1.
 */
sc_status sc_de_delta(int64_t n, const double *lfc_means, double *delta, sc_err *err) SC_MUST_CHECK;

#endif

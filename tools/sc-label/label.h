/* Between the files of sc-label: the options, and a function for each way to labels. */
#ifndef LABEL_H
#define LABEL_H

#include "sc_label.h"
#include "sc_over.h"

typedef struct label_opts {
    sc_common common;
    sc_over_opts over;
    const char *key, *unknown, *label_key;
    bool soft, any_space;
    double min_prob, conformal;
    const char *calibrate, *calibrate_cells;
    const char *seed_labels;
    int64_t n_seeds;
    const char *reference, *use_rep;
    int method;
    int64_t n_neighbors, n_trees;
} label_opts;

enum { LABEL_KNN, LABEL_FOREST, LABEL_NETWORK };

extern const sc_tool label_tool;

/* MODEL [IN]: the model's classifier. */
sc_status label_by_classifier(const label_opts *o, sc_err *err) SC_MUST_CHECK;

/*
 * What --calibrate and --conformal make of labelled cells: sets temperature and set_floor of r. s
 * has its model, pool and kernels; node: the probabilities.
 */
sc_status label_calibrate(const label_opts *o, sc_over *s, int32_t node, const sc_strs *classes,
                          sc_label_rules *r, sc_err *err) SC_MUST_CHECK;

/* --seed-labels FILE [IN]: seeds from marker genes. */
sc_status label_seeds(const label_opts *o, sc_err *err) SC_MUST_CHECK;

/* --reference REF [IN]: from labelled cells in a common representation. */
sc_status label_by_reference(const label_opts *o, sc_err *err) SC_MUST_CHECK;

#endif

/* Between the files of sc_infer.h. */
#ifndef SC_INFER_INT_H
#define SC_INFER_INT_H

#include "sc_infer.h"
#include "sc_log_factorial.h"
#include "sc_minify.h"
#include "sc_numbers.h"
#include "sc_proteins.h"

struct sc_infer {
    const sc_net *net;
    sc_pool *pool;
    sc_plan plan, again;                 /* again: the posterior of these rows is known */
    int64_t n_last, last[SC_INFER_ROWS]; /* rows of the last run; 0: of none */
    const sc_kernels *k;
    sc_exec_f32 *e;   /* made when the first rows are run, for as many or SC_INFER_ROWS */
    int64_t max_rows; /* that e has room for */
    char *path;       /* of the counts */
    bool is_sparse, in_order, is_same; /* same: to_model leaves each gene where it is */
    sc_log_factorial factorials;
    bool needs_lgamma; /* of the counts: a likelihood is among the nodes wanted */
    bool is_stored;    /* the posterior is read from the stream, and counts are not */
    sc_minified stored;
    float *posterior[32];   /* rows of the block, by stored.given */
    float *picked[32];      /* SC_INFER_ROWS of them */
    const float *shown[32]; /* what the last run was given */
    int32_t *to_model;      /* gene of the data -> gene of the model, -1 */
    int n_coders, slot[SC_IN_MAX];
    sc_coder coders[SC_IN_MAX];
    const char *size_factor;
    sc_numbers numbers; /* continuous covariates, n_cont of them */
    int64_t n_cont;
    sc_proteins proteins; /* n 0: none are wanted */
    sc_minibuf *buf;      /* all rows of the block */
    sc_minibuf *pick;     /* rows chosen one by one; made when first needed */
    int64_t n_rows;
    bool is_transformed;
    int32_t transform[SC_INFER_ROWS]; /* the batch to decode with, for each row */
};

#endif

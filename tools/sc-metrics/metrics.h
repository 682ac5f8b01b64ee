/* Shared by the files of sc-metrics. */
#ifndef METRICS_H
#define METRICS_H

#include "sc_cli.h"
#include "sc_metrics.h"
#include "sc_stream.h"

#include <stdio.h>

typedef struct metrics_opts {
    sc_common common;
    const char *labels_key, *batch_key, *cluster_key, *use_rep, *before;
    bool per_cell;
} metrics_opts;

typedef struct grouping { /* an obs column of all cells */
    sc_codes codes;
    int32_t *code;
} grouping;

enum { METRICS_MAX = 24 };

typedef struct metrics {
    sc_dense rep, before;
    sc_strs names; /* of the cells, for a table of them */
    grouping labels, batches, clusters;
    double *silhouette, *lisi_batch, *lisi_label, *chi2, *p; /* a value a cell; NULL: not wanted */
    int n;                                                   /* what is printed */
    const char *name[METRICS_MAX];
    double value[METRICS_MAX];
} metrics;

/* The columns and the representation of all cells, into m, which is empty ({0}); SC_EDATA naming
 * what is not there. For metrics_free whatever is returned. */
sc_status metrics_read(metrics *m, const metrics_opts *o, sc_reader *in, sc_err *err) SC_MUST_CHECK;
/* Fills the values. */
sc_status metrics_find(metrics *m, const metrics_opts *o, sc_pool *pool, sc_err *err) SC_MUST_CHECK;
/* Tables, with a header row: metric and value; a row a cell. */
void metrics_print(const metrics *m, FILE *f);
void metrics_print_cells(const metrics *m, FILE *f);
void metrics_free(metrics *m);

#endif

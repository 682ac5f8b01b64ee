/* What the checks of a model plugin share; they run in a process of their own (check.c). */
#ifndef SC_MODEL_CHECK_H
#define SC_MODEL_CHECK_H

#include "sc_made_cells.h"
#include "sc_net.h"

enum {
    CHECK_ROWS = SC_MADE_ROWS,
    CHECK_VARS = 40,
    CHECK_PARAMS = 1 << 18 /* a model of more is built and not run */
};

/* What the process says to the one that waits for it: shared memory. */
typedef struct check_note {
    char doing[512]; /* "build() with --n-layers 32"; from the last check_doing */
    sc_err err;
    sc_status status;
    bool is_done;
} check_note;

/* What is named beside the counts. */
typedef enum check_data {
    CHECK_PLAIN, /* what the model can't do without */
    CHECK_FULL,  /* batches, labels, covariates, a panel that lacks a protein */
    CHECK_SIZED, /* and size factors */
    CHECK_DATA
} check_data;

typedef struct check {
    const char *path; /* as given */
    sc_plugin_handle h;
    unsigned uses; /* SC_USES_* */
    check_note *note;
    FILE *to; /* a row for each thing that was found right */
    sc_made_cells cells, shuffled;
    sc_pool *pool;
    /* counted for the rows */
    int n_graphs, n_run, n_stopped;
    int64_t n_gradients;
} check;

/* What the next crash is told with, and how long it may take from here, in seconds. */
void check_doing(check *c, const char *fmt, ...) SC_PRINTF(2, 3);

/* opts: of the plugin, NULL for its defaults. A model with weights, genes and categories over the
 * made-up cells; the caller's to free, whatever is returned. */
sc_status check_net(const check *c, check_data data, const void *opts, sc_net *net,
                    sc_err *err) SC_MUST_CHECK;
const char *check_data_name(check_data data);
/* sc_made_mini with one level of the categories that the model was not given. */
sc_mini check_mini(const sc_made_cells *cells, const sc_net *net, int from, int n);
unsigned check_streams(const sc_net *net); /* bits of sc_rowset that the terms are of */

/* Each SC_EPLUGIN with what is wrong. n_each: elements of a weight that are compared. */
sc_status check_gradients(check *c, const sc_net *net, int n_each, sc_err *err) SC_MUST_CHECK;
sc_status check_rows(check *c, const sc_net *net, sc_err *err) SC_MUST_CHECK;
sc_status check_file(check *c, const sc_net *net, sc_err *err) SC_MUST_CHECK;

#endif

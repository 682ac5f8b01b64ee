/* A prior of the library size that the user brings. */
#include "sc_net.h"
#include "sc_tsv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a log library size. Below it the KL of a fresh encoder is beyond what training recovers from.
 */
#define LEAST_LOG_VAR 1e-6

static sc_status number(const sc_table *t, const char *column, int64_t row, const char *path,
                        float *out, sc_err *err)
{
    const sc_col *c = sc_table_find(t, column);
    if (!c)
        return sc_fail(err, SC_EDATA, "%s has no column '%s'", path, column);
    const char *text = sc_strs_at(&c->v.str, row);
    char *end = NULL;
    const double x = strtod(text, &end);
    const bool is_var = strcmp(column, "log_var") == 0;
    if (end == text || *end || !isfinite(x) || (is_var && !(x > 0)))
        return sc_fail(err, SC_EDATA, "%s: %s of batch '%s' is '%s', and should be a number%s",
                       path, column, sc_strs_at(&t->names, row), text, is_var ? " above 0" : "");
    *out = (float)x;
    return SC_OK;
}

/* The row of batch b; without a batch key there is one row, of any name. */
static int64_t row_of(const sc_table *t, const sc_category *batch, int64_t b)
{
    if (!batch->key)
        return t->n_rows == 1 ? 0 : -1;
    for (int64_t i = 0; i < t->n_rows; i++)
        if (strcmp(sc_strs_at(&t->names, i), sc_strs_at(&batch->levels, b)) == 0)
            return i;
    return -1;
}

static sc_status check_rows(const sc_table *t, const sc_category *batch, const char *path,
                            sc_err *err)
{
    for (int64_t i = 0; i < t->n_rows && batch->key; i++) {
        bool is_known = false;
        for (int64_t b = 0; b < batch->levels.n && !is_known; b++)
            is_known = strcmp(sc_strs_at(&t->names, i), sc_strs_at(&batch->levels, b)) == 0;
        if (!is_known)
            return sc_fail(err, SC_EDATA, "%s: the data have no batch '%s'", path,
                           sc_strs_at(&t->names, i));
    }
    return SC_OK;
}

sc_status sc_net_library_prior(sc_net *net, const char *path, sc_err *err)
{
    const int mean = sc_graph_weight_from(net->g, SC_INIT_LIBRARY_LOG_MEANS);
    const int var = sc_graph_weight_from(net->g, SC_INIT_LIBRARY_LOG_VARS);
    const sc_category *batch = &net->cats[0];
    sc_table t = {0};
    if (mean < 0 || var < 0)
        return sc_fail(err, SC_EUSAGE,
                       "--library-prior is for a latent library size, and this model observes it");
    SC_TRY(sc_tsv_read(&t, path, err));
    sc_status st = check_rows(&t, batch, path, err);
    for (int64_t b = 0; b < net->dims.n_batch && st == SC_OK; b++) {
        const int64_t row = row_of(&t, batch, b);
        if (row < 0 && batch->key)
            st = sc_fail(err, SC_EDATA, "%s lacks batch '%s'", path, sc_strs_at(&batch->levels, b));
        else if (row < 0)
            st = sc_fail(err, SC_EDATA, "%s has %lld rows, and without a batch key there is one",
                         path, (long long)t.n_rows);
        if (st == SC_OK)
            st = number(&t, "log_mean", row, path, net->weights + net->g->weights[mean].offset + b,
                        err);
        if (st == SC_OK)
            st = number(&t, "log_var", row, path, net->weights + net->g->weights[var].offset + b,
                        err);
    }
    sc_table_free(&t);
    return st;
}

sc_status sc_net_check_library(const sc_net *net, const char *remedy, sc_err *err)
{
    const int var = sc_graph_weight_from(net->g, SC_INIT_LIBRARY_LOG_VARS);
    const sc_category *batch = &net->cats[0];
    for (int64_t b = 0; var >= 0 && b < net->dims.n_batch; b++) {
        const double v = (double)net->weights[net->g->weights[var].offset + b];
        if (v < LEAST_LOG_VAR)
            return sc_fail(err, SC_EDATA,
                           "all cells%s%s%s have the same library size, and one that is latent "
                           "needs a spread: %s",
                           batch->key ? " of batch '" : "",
                           batch->key ? sc_strs_at(&batch->levels, b) : "", batch->key ? "'" : "",
                           remedy);
    }
    return SC_OK;
}

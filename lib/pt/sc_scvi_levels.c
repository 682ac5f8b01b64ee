#include "sc_scvi_levels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sc_status sc_scvi_put_names(sc_pt_writer *w, const sc_strs *s, const char *more, sc_err *err)
{
    const char **at = NULL;
    const size_t n = (size_t)s->n;
    SC_TRY(sc_alloc(&at, n + 1, sizeof *at, err));
    for (size_t i = 0; i < n; i++)
        at[i] = sc_strs_at(s, (int64_t)i);
    at[n] = more;
    sc_pt_put_names(w, (sc_pt_names){.n = n + (more != NULL), .s = at});
    free(at);
    return SC_OK;
}

/* "3", or "3.0" as a column of real numbers once had it */
static bool whole_number(const char *level, int64_t *to)
{
    char *rest = NULL;
    *to = strtoll(level, &rest, 10);
    if (rest != level && !*rest)
        return true;
    const double x = strtod(level, &rest);
    *to = fabs(x) <= 0x1p53 ? (int64_t)x : 0;
    return rest != level && !*rest && (double)*to == x;
}

static sc_status put_ints(sc_pt_writer *w, const sc_category *c, sc_err *err)
{
    int64_t *v = NULL;
    const size_t n = (size_t)c->levels.n;
    SC_TRY(sc_alloc(&v, n, sizeof *v, err));
    for (size_t i = 0; i < n; i++) {
        const char *level = sc_strs_at(&c->levels, (int64_t)i);
        if (!whole_number(level, &v[i])) {
            free(v);
            return sc_fail(err, SC_EDATA,
                           "column '%s' has whole numbers, and the model's category '%s' is none",
                           c->key, level);
        }
    }
    sc_pt_put_ints(w, n, v);
    free(v);
    return SC_OK;
}

/* A level keeps 9 digits of a real number: one with fewer has them all. */
static bool real_number(const char *level, double *to)
{
    char *rest = NULL, few[32];
    *to = strtod(level, &rest);
    if (rest == level || *rest || !isfinite(*to))
        return false;
    (void)snprintf(few, sizeof few, "%.8g", *to);
    return strtod(few, NULL) == *to;
}

static sc_status put_reals(sc_pt_writer *w, const sc_category *c, sc_err *err)
{
    double *v = NULL;
    const size_t n = (size_t)c->levels.n;
    SC_TRY(sc_alloc(&v, n, sizeof *v, err));
    for (size_t i = 0; i < n; i++) {
        const char *level = sc_strs_at(&c->levels, (int64_t)i);
        if (!real_number(level, &v[i])) {
            free(v);
            return sc_fail(err, SC_EDATA,
                           "column '%s' is made of numbers, and of the model's category '%s' not "
                           "all digits are known; cast it to category",
                           c->key, level);
        }
    }
    sc_pt_put_reals(w, n, v);
    free(v);
    return SC_OK;
}

sc_status sc_scvi_put_levels(sc_pt_writer *w, const sc_category *c, const sc_col *col,
                             const char *more, sc_err *err)
{
    unsigned char is_true[2] = {0};
    if (!col || col->type == SC_COL_STRING || col->type == SC_COL_CATEGORY)
        return sc_scvi_put_names(w, &c->levels, more, err);
    if (more)
        return sc_fail(err, SC_EDATA, "column '%s' has no text, and '%s' is one of its labels",
                       c->key, more);
    if (col->type == SC_COL_INT)
        return put_ints(w, c, err);
    if (col->type == SC_COL_REAL)
        return put_reals(w, c, err);
    for (int64_t i = 0; i < c->levels.n && i < 2; i++)
        is_true[i] = strcmp(sc_strs_at(&c->levels, i), "True") == 0;
    sc_pt_put_bools(w, (size_t)c->levels.n, is_true);
    return SC_OK;
}

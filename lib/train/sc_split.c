#include "sc_train.h"

#include "sc_philox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t sc_default_epochs(int64_t n_obs)
{
    const double e =
        nearbyint(20000.0 / (double)n_obs * 400.0); /* halves to even, as Python rounds */
    return e < 1 ? 1 : e > 400 ? 400 : (int64_t)e;
}

static sc_status by_name(const sc_cells *c, const sc_strs *validation, int64_t *rows,
                         int64_t *n_train, int64_t *n_val, sc_err *err)
{
    sc_names *names = NULL;
    bool *is_val = NULL;
    sc_status st;
    SC_GOTO(st, sc_names_new(&names, &c->names, err), out);
    SC_GOTO(st, sc_alloc(&is_val, (size_t)c->n_obs, sizeof *is_val, err), out);
    *n_val = 0;
    for (int64_t i = 0; i < validation->n; i++) {
        const int64_t row = sc_names_find(names, sc_strs_at(validation, i));
        if (row < 0) {
            st = sc_fail(err, SC_EDATA, "validation cell '%s' is not in the data",
                         sc_strs_at(validation, i));
            goto out;
        }
        *n_val += is_val[row] ? 0 : 1;
        is_val[row] = true;
    }
    *n_train = c->n_obs - *n_val;
    int64_t t = 0, v = *n_train;
    for (int64_t i = 0; i < c->n_obs; i++)
        rows[is_val[i] ? v++ : t++] = i;
    if (*n_train == 0)
        st = sc_fail(err, SC_EDATA, "every cell is a validation cell: none is left to train on");
out:
    sc_names_free(names);
    free(is_val);
    return st;
}

typedef struct parts {
    int64_t n_train, n_val;
} parts;

/* How many of n cells train and validate. exact: the shares as they are, whatever is left over for
 * the last minibatch. */
static sc_status sizes(const sc_train_opts *o, int64_t n, int64_t batch_size, bool exact, parts *p,
                       sc_err *err)
{
    const double train_size = o->train_size < 0 ? 0.9 : o->train_size;
    int64_t t = (int64_t)ceil(train_size * (double)n);
    int64_t v = o->validation_size < 0 ? n - t : (int64_t)floor((double)n * o->validation_size);
    if (t > n || v < 0 || t + v > n)
        return sc_fail(err, SC_EUSAGE,
                       "--train-size and --validation-size take more than all cells");
    const int64_t rest = t % batch_size;
    if (o->train_size < 0 && !exact && rest > 0 && rest < 3 && t > rest) {
        t -= rest;
        v += v > 0 ? rest : 0;
    }
    *p = (parts){t, v};
    return SC_OK;
}

/* Splits the cells of list (n, which is shuffled) and appends them to the two lists. */
static sc_status split_list(const sc_train_opts *o, int64_t *list, int64_t n, int64_t batch_size,
                            bool exact, int64_t *fit, int64_t *val, parts *sum, sc_err *err)
{
    parts p = {0, 0};
    SC_TRY(sizes(o, n, batch_size, exact, &p, err));
    sc_shuffle((sc_key){o->seed, UINT32_C(0x53504c54), 0, 0}, n, list);
    for (int64_t i = 0; i < p.n_val; i++)
        val[sum->n_val++] = list[i];
    for (int64_t i = 0; i < p.n_train; i++)
        fit[sum->n_train++] = list[p.n_val + i];
    return SC_OK;
}

sc_status sc_split(const sc_cells *c, const sc_train_opts *o, int64_t batch_size, bool by_label,
                   int64_t *rows, int64_t *n_train, int64_t *n_val, sc_err *err)
{
    if (o->validation_cells)
        return by_name(c, o->validation_cells, rows, n_train, n_val, err);
    const int32_t *labels = by_label ? c->codes[SC_IN_LABELS - SC_IN_BATCH] : NULL;
    const int64_t n = c->n_obs;
    int64_t *list = NULL, *val = NULL;
    parts sum = {0, 0};
    sc_status st;
    SC_GOTO(st, sc_alloc(&list, (size_t)n, sizeof *list, err), out);
    SC_GOTO(st, sc_alloc(&val, (size_t)n, sizeof *val, err), out);
    for (int labelled = labels ? 1 : 0; labelled >= 0; labelled--) {
        int64_t m = 0;
        for (int64_t i = 0; i < n; i++)
            if (!labels || (labels[i] < c->dims.n_labels) == (labelled == 1))
                list[m++] = i;
        SC_GOTO(st, split_list(o, list, m, batch_size, by_label, rows, val, &sum, err), out);
    }
    memcpy(rows + sum.n_train, val, (size_t)sum.n_val * sizeof *rows);
    *n_train = sum.n_train;
    *n_val = sum.n_val;
    if (sum.n_train == 0)
        st = sc_fail(err, SC_EDATA, "no cell is left to train on");
out:
    free(list);
    free(val);
    return st;
}

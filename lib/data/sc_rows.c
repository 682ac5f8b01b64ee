#include "sc_rows.h"

#include <math.h>

sc_status sc_rows_of(sc_block *b, const sc_mat *m, sc_rows *out, sc_err *err)
{
    if (m->is_sparse) {
        sc_csr *x;
        SC_TRY(sc_block_sparse(b, m->path, &x, err));
        *out = (sc_rows){x->n_rows, x->n_cols, x->indptr, x->indices, x->values};
    } else {
        sc_dense *x;
        SC_TRY(sc_block_dense(b, m->path, &x, err));
        *out = (sc_rows){x->n_rows, x->n_cols, NULL, NULL, x->values};
    }
    return SC_OK;
}

sc_status sc_rows_check(const sc_rows *r, sc_block *b, const sc_mat *m, const sc_table *var,
                        const char *needed, sc_err *err)
{
    const int64_t n = sc_rows_begin(r, r->n_rows);
    bool is_bad = false;
    for (int64_t k = 0; k < n; k++) /* a loop without a way out is the faster one */
        is_bad |= !(r->values[k] >= 0) | !(r->values[k] < INFINITY);
    for (int64_t i = 0; is_bad && i < r->n_rows; i++) {
        for (int64_t k = sc_rows_begin(r, i); k < sc_rows_begin(r, i + 1); k++) {
            const float x = r->values[k];
            if (x >= 0 && x < INFINITY)
                continue;
            sc_table *obs;
            SC_TRY(sc_block_obs(b, &obs, err));
            return sc_fail(err, SC_EDATA,
                           "'%s' has %g at cell '%s', gene '%s', where %s are needed", m->path,
                           (double)x, sc_strs_at(&obs->names, i),
                           sc_strs_at(&var->names, sc_rows_col(r, i, k)), needed);
        }
    }
    return SC_OK;
}

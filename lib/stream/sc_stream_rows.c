/* Rows of a block. */
#include "sc_stream_int.h"

#include <stdlib.h>
#include <string.h>

static sc_status take_dense(sc_dense *to, const sc_dense *m, const int64_t *rows, int64_t n,
                            sc_err *err)
{
    const size_t width = (size_t)m->n_cols;
    *to = (sc_dense){.n_rows = n, .n_cols = m->n_cols};
    SC_TRY(sc_alloc(&to->values, (size_t)n * width, sizeof *to->values, err));
    for (int64_t i = 0; i < n && width; i++)
        memcpy(to->values + (size_t)i * width, m->values + (size_t)rows[i] * width,
               width * sizeof *to->values);
    return SC_OK;
}

/* b still has its old number of rows while the matrices that it will have are made. */
static sc_status take_mat(sc_block *b, sc_block *to, const sc_mat *m, const int64_t *rows,
                          int64_t n, sc_err *err)
{
    if (m->is_sparse) {
        sc_csr *from, t;
        SC_TRY(sc_block_sparse(b, m->path, &from, err));
        SC_TRY(sc_csr_take_rows(&t, from, rows, n, err));
        const sc_status st = sc_block_set_sparse(to, m->path, &t, err);
        if (st != SC_OK)
            sc_csr_free(&t);
        return st;
    }
    sc_dense *from, t;
    SC_TRY(sc_block_dense(b, m->path, &from, err));
    SC_TRY(take_dense(&t, from, rows, n, err));
    const sc_status st = sc_block_set_dense(to, m->path, &t, err);
    if (st != SC_OK)
        sc_dense_free(&t);
    return st;
}

sc_status sc_block_copy_rows(sc_block **out, sc_block *b, const sc_header *h, const int64_t *rows,
                             int64_t n, sc_err *err)
{
    sc_table *obs, t = {0};
    sc_block *to;
    *out = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    SC_TRY(sc_block_new(&to, n, err));
    sc_status st = SC_OK;
    for (int k = 0; k < h->n_mats && st == SC_OK; k++)
        if (sc_mat_flows(&h->mats[k]))
            st = take_mat(b, to, &h->mats[k], rows, n, err);
    if (st == SC_OK)
        st = sc_table_take(&t, obs, rows, n, err);
    if (st == SC_OK)
        st = sc_block_set_obs(to, &t, err);
    if (st != SC_OK) {
        sc_table_free(&t);
        sc_block_free(to);
        return st;
    }
    *out = to;
    return SC_OK;
}

sc_status sc_block_take_rows(sc_block *b, const sc_header *h, const int64_t *rows, int64_t n,
                             sc_err *err)
{
    sc_block *to;
    SC_TRY(sc_block_copy_rows(&to, b, h, rows, n, err));
    sc_block_clear(b);
    b->slots = to->slots;
    b->n_slots = to->n_slots;
    b->n_rows = n;
    b->obs = to->obs;
    b->has_obs = b->is_obs_touched = true;
    to->slots = NULL;
    to->n_slots = 0;
    to->obs = (sc_table){0};
    sc_block_free(to);
    return SC_OK;
}

#include "sc_concat.h"
#include "sc_recode.h"

#include <stdlib.h>
#include <string.h>

static sc_status dense_take_cols(sc_dense *to, const sc_dense *m, const int32_t *to_new,
                                 int64_t n_new, sc_err *err)
{
    *to = (sc_dense){.n_rows = m->n_rows, .n_cols = n_new};
    SC_TRY(sc_alloc(&to->values, (size_t)(m->n_rows * n_new), sizeof(float), err));
    for (int64_t i = 0; i < m->n_rows; i++)
        for (int64_t j = 0; j < m->n_cols; j++)
            if (to_new[j] >= 0)
                to->values[i * n_new + to_new[j]] = m->values[i * m->n_cols + j];
    return SC_OK;
}

static sc_status dense_to_csr(sc_csr *to, const sc_dense *m, sc_err *err)
{
    int64_t nnz = 0;
    for (int64_t k = 0; k < m->n_rows * m->n_cols; k++)
        nnz += m->values[k] != 0;
    *to = (sc_csr){.n_rows = m->n_rows, .n_cols = m->n_cols};
    sc_status st = sc_alloc(&to->indptr, (size_t)m->n_rows + 1, sizeof *to->indptr, err);
    if (st == SC_OK)
        st = sc_alloc(&to->indices, (size_t)nnz, sizeof *to->indices, err);
    if (st == SC_OK)
        st = sc_alloc(&to->values, (size_t)nnz, sizeof *to->values, err);
    if (st != SC_OK) {
        sc_csr_free(to);
        return st;
    }
    int64_t at = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        for (int64_t j = 0; j < m->n_cols; j++) {
            const float value = m->values[i * m->n_cols + j];
            if (value == 0)
                continue;
            to->indices[at] = (int32_t)j;
            to->values[at++] = value;
        }
        to->indptr[i + 1] = at;
    }
    return SC_OK;
}

static sc_status move_sparse(sc_block *b, const char *path, const sc_axis *axis, int i, sc_err *err)
{
    sc_csr *old = NULL, made = {0};
    SC_TRY(sc_block_sparse(b, path, &old, err));
    SC_TRY(sc_csr_take_cols(&made, old, axis->to_new[i], axis->table.n_rows, err));
    const sc_status st = sc_block_set_sparse(b, path, &made, err);
    sc_csr_free(&made);
    return st;
}

static sc_status move_dense(sc_block *b, const char *path, const sc_axis *axis, int i,
                            bool to_sparse, sc_err *err)
{
    sc_dense *old = NULL, made = {0};
    sc_csr sparse = {0};
    SC_TRY(sc_block_dense(b, path, &old, err));
    sc_status st = dense_take_cols(&made, old, axis->to_new[i], axis->table.n_rows, err);
    if (st == SC_OK && to_sparse) {
        st = dense_to_csr(&sparse, &made, err);
        if (st == SC_OK)
            st = sc_block_set_sparse(b, path, &sparse, err);
    } else if (st == SC_OK) {
        st = sc_block_set_dense(b, path, &made, err);
    }
    sc_csr_free(&sparse);
    sc_dense_free(&made);
    return st;
}

/* Frames of matrices whose columns stay are left alone, and copied as they are. */
static sc_status move_mats(const sc_concat *c, int i, sc_block *b, sc_err *err)
{
    for (int k = 0; k < c->out.n_mats; k++) {
        const sc_mat *out = &c->out.mats[k];
        const sc_mat *in = &c->in[i]->mats[sc_header_find(c->in[i], out->path)];
        const bool is_raw = strcmp(out->path, "raw/X") == 0;
        const bool is_obsm = strncmp(out->path, "obsm/", 5) == 0;
        const sc_axis *axis = is_obsm ? &c->obsm[k] : is_raw ? &c->raw : &c->var;
        if (!axis->n)
            continue;
        if (axis->is_identity[i] && in->is_sparse == out->is_sparse)
            continue;
        if (in->is_sparse)
            SC_TRY(move_sparse(b, out->path, axis, i, err));
        else
            SC_TRY(move_dense(b, out->path, axis, i, out->is_sparse, err));
    }
    return SC_OK;
}

static sc_status fill_names(const sc_concat *c, int i, sc_table *to, const sc_table *from,
                            sc_err *err)
{
    if (!c->with_suffix)
        return sc_strs_copy(&to->names, &from->names, err);
    const char *batch = sc_strs_at(&c->batches, i);
    const size_t batch_len = strlen(batch);
    char *name = NULL;
    sc_status st = SC_OK;
    for (int64_t row = 0; row < from->n_rows && st == SC_OK; row++) {
        const char *old = sc_strs_at(&from->names, row);
        const size_t len = strlen(old);
        st = sc_resize(&name, len + batch_len + 2, 1, err);
        if (st != SC_OK)
            break;
        memcpy(name, old, len);
        name[len] = '-';
        memcpy(name + len + 1, batch, batch_len);
        st = sc_strs_push(&to->names, name, len + batch_len + 1, err);
    }
    free(name);
    return st;
}

static sc_status fill_col(const sc_concat *c, int i, const sc_col *schema, sc_table *to,
                          const sc_table *from, sc_err *err)
{
    const bool is_batch = c->batch_key && strcmp(schema->name, c->batch_key) == 0;
    const sc_col batches = {.type = SC_COL_STRING, .n = c->n, .v = {.str = c->batches}};
    const sc_col *col = is_batch ? &batches : sc_table_find(from, schema->name);
    sc_recode r = {0};
    sc_status st = sc_recode_open(&r, schema->name, schema->type,
                                  schema->type == SC_COL_CATEGORY ? &schema->categories : NULL,
                                  to->n_rows, err);
    r.col.is_ordered = schema->is_ordered;
    for (int64_t row = 0; row < to->n_rows && st == SC_OK; row++)
        st = sc_recode_put(&r, col, is_batch ? i : row, err);
    if (st == SC_OK)
        st = sc_recode_add_to(&r, to, err);
    sc_recode_free(&r);
    return st;
}

sc_status sc_concat_block(const sc_concat *c, int i, sc_block *b, sc_err *err)
{
    sc_table *from = NULL, made = {0};
    SC_TRY(sc_block_obs(b, &from, err));
    SC_TRY(move_mats(c, i, b, err));
    made.n_rows = from->n_rows;
    sc_status st = fill_names(c, i, &made, from, err);
    for (int k = 0; k < c->out.obs.n_cols && st == SC_OK; k++)
        st = fill_col(c, i, &c->out.obs.cols[k], &made, from, err);
    if (st == SC_OK)
        st = sc_block_set_obs(b, &made, err);
    sc_table_free(&made);
    return st;
}

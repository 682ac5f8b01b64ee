#include "h5mat.h"

#include <inttypes.h>
#include <stdlib.h>

static sc_status open_vec(hid_t *ds, hid_t group, const char *name, int64_t *len, sc_err *err)
{
    h5_info info;
    char at[H5_PATH_MAX];
    SC_TRY(h5_get(ds, group, name, err));
    SC_TRY(h5_describe(*ds, &info, err));
    const bool is_number =
        info.kind == H5_NUM_INT || info.kind == H5_NUM_REAL || info.kind == H5_BOOL;
    if (info.rank != 1 || !is_number)
        return sc_fail(err, SC_EFORMAT, "'%s' is not a vector of numbers",
                       h5_path(*ds, at, sizeof at));
    *len = info.dims[0];
    return SC_OK;
}

static sc_status open_sparse(h5mat *m, hid_t group, sc_err *err)
{
    char at[H5_PATH_MAX];
    int64_t n_data, n_indices, n_starts;
    SC_TRY(open_vec(&m->data, group, "data", &n_data, err));
    SC_TRY(open_vec(&m->indices, group, "indices", &n_indices, err));
    SC_TRY(open_vec(&m->indptr, group, "indptr", &n_starts, err));
    const int64_t n_major = m->layout == H5MAT_CSR ? m->n_rows : m->n_cols;
    if (n_data != n_indices)
        return sc_fail(err, SC_EFORMAT, "'%s' has %" PRId64 " values for %" PRId64 " indices",
                       h5_path(group, at, sizeof at), n_data, n_indices);
    if (n_starts != n_major + 1)
        return sc_fail(err, SC_EFORMAT,
                       "'%s/indptr' has %" PRId64 " entries where %" PRId64 " are needed",
                       h5_path(group, at, sizeof at), n_starts, n_major + 1);
    m->nnz = n_data;
    return SC_OK;
}

static sc_status check_shape(const h5mat *m, hid_t obj, sc_err *err)
{
    char at[H5_PATH_MAX];
    if (m->n_rows >= 0 && m->n_cols >= 0 && m->n_cols < INT32_MAX && m->n_rows < INT64_MAX / 16)
        return SC_OK;
    return sc_fail(err, SC_EFORMAT,
                   "'%s' says that it is %" PRId64 " x %" PRId64 ", which can't be",
                   h5_path(obj, at, sizeof at), m->n_rows, m->n_cols);
}

/* Which way a sparse group lies: by the words of today or by those of anndata 0.6. */
static bool sparse_layout(hid_t group, h5mat *m)
{
    char how[32];
    int64_t shape[2];
    if (!h5_attr_text(group, "encoding-type", how, sizeof how) &&
        !h5_attr_text(group, "h5sparse_format", how, sizeof how))
        return false;
    if (!h5_attr_ints(group, "shape", shape, 2) && !h5_attr_ints(group, "h5sparse_shape", shape, 2))
        return false;
    m->layout = strncmp(how, "csc", 3) == 0 ? H5MAT_CSC : H5MAT_CSR;
    m->n_rows = shape[0];
    m->n_cols = shape[1];
    return strncmp(how, "csr", 3) == 0 || m->layout == H5MAT_CSC;
}

static sc_status open_dense(h5mat *m, hid_t ds, bool is_transposed, sc_err *err)
{
    h5_info info;
    char at[H5_PATH_MAX];
    SC_TRY(h5_describe(ds, &info, err));
    const bool is_number =
        info.kind == H5_NUM_INT || info.kind == H5_NUM_REAL || info.kind == H5_BOOL;
    if (!is_number || info.rank < 1 || info.rank > 2)
        return sc_fail(err, SC_EFORMAT, "'%s' is not a matrix of numbers",
                       h5_path(ds, at, sizeof at));
    m->layout = is_transposed ? H5MAT_DENSE_T : H5MAT_DENSE;
    const int64_t second = info.rank == 2 ? info.dims[1] : 1;
    m->n_rows = is_transposed ? second : info.dims[0];
    m->n_cols = is_transposed ? info.dims[0] : second;
    return check_shape(m, ds, err);
}

static sc_status open_any(h5mat *m, hid_t loc, const char *name, bool is_transposed, sc_err *err)
{
    char at[H5_PATH_MAX];
    hid_t obj = 0;
    *m = (h5mat){0};
    sc_status st = h5_get(&obj, loc, name, err);
    if (st != SC_OK)
        return st;
    if (H5Iget_type(obj) == H5I_DATASET) {
        st = open_dense(m, obj, is_transposed, err);
        if (st == SC_OK) {
            m->data = obj;
            obj = 0;
        }
    } else if (is_transposed || !sparse_layout(obj, m)) {
        st = sc_fail(err, SC_EFORMAT, "'%s' is not a matrix", h5_path(obj, at, sizeof at));
    } else {
        st = check_shape(m, obj, err);
        if (st == SC_OK)
            st = open_sparse(m, obj, err);
    }
    h5_close(&obj);
    if (st != SC_OK)
        h5mat_close(m);
    return st;
}

sc_status h5mat_open(h5mat *m, hid_t loc, const char *name, sc_err *err)
{
    return open_any(m, loc, name, false, err);
}

sc_status h5mat_open_transposed(h5mat *m, hid_t loc, const char *name, sc_err *err)
{
    return open_any(m, loc, name, true, err);
}

sc_status h5mat_open_csr(h5mat *m, hid_t group, int64_t n_rows, int64_t n_cols, sc_err *err)
{
    *m = (h5mat){.layout = H5MAT_CSR, .n_rows = n_rows, .n_cols = n_cols};
    sc_status st = check_shape(m, group, err);
    if (st == SC_OK)
        st = open_sparse(m, group, err);
    if (st != SC_OK)
        h5mat_close(m);
    return st;
}

bool h5mat_is_one(hid_t loc, const char *name)
{
    sc_err ignored = {0};
    h5_info info;
    h5mat m = {0};
    hid_t obj = 0;
    if (h5_get(&obj, loc, name, &ignored) != SC_OK)
        return false;
    bool is_one;
    if (H5Iget_type(obj) == H5I_DATASET)
        is_one = h5_describe(obj, &info, &ignored) == SC_OK && info.rank >= 1 && info.rank <= 2 &&
                 info.kind <= H5_BOOL;
    else
        is_one = sparse_layout(obj, &m);
    h5_close(&obj);
    return is_one;
}

void h5mat_close(h5mat *m)
{
    h5_close(&m->data);
    h5_close(&m->indices);
    h5_close(&m->indptr);
    free(m->row_nnz);
    free(m->col_start);
    sc_csr_free(&m->band);
    *m = (h5mat){0};
}

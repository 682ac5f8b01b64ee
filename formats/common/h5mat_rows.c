#include "h5mat.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SLAB_VALUES = 1 << 20 }; /* values decoded at a time */

static sc_status scan_values(h5mat *m, const float *values, int64_t n, int64_t *n_nonzero)
{
    m->kind = sc_kind_scan(m->kind, values, n);
    for (int64_t k = 0; k < n; k++) {
        *n_nonzero += values[k] != 0;
        if (values[k] > m->max)
            m->max = values[k];
    }
    return SC_OK;
}

static sc_status scan_vector(h5mat *m, float *buf, sc_err *err)
{
    const h5_vec v = {m->data, NULL, 1};
    int64_t n_nonzero = 0;
    for (int64_t k = 0; k < m->nnz && m->kind != SC_REAL; k += SLAB_VALUES) {
        const int64_t n = m->nnz - k < SLAB_VALUES ? m->nnz - k : SLAB_VALUES;
        SC_TRY(h5_read_vec(&v, H5T_NATIVE_FLOAT, k, n, buf, err));
        scan_values(m, buf, n, &n_nonzero);
    }
    return SC_OK;
}

/* The rows of the file (of obs or of var) that fit a slab, a whole number of chunks if they do. */
static int64_t slab_rows(const h5mat *m, int64_t width)
{
    int64_t rows = width ? SLAB_VALUES / width : SLAB_VALUES;
    hid_t plist = H5Dget_create_plist(m->data);
    hsize_t chunk[H5_MAX_RANK] = {0};
    if (plist > 0 && H5Pget_layout(plist) == H5D_CHUNKED &&
        H5Pget_chunk(plist, H5_MAX_RANK, chunk) > 0 && chunk[0] > 0 && rows > 0 &&
        (hsize_t)rows > chunk[0])
        rows -= (int64_t)((hsize_t)rows % chunk[0]);
    h5_close(&plist);
    return rows > 0 ? rows : 1;
}

/* A box of rows x width of the file's own axes; rank 1 stands for one column. */
static sc_status read_slab(const h5mat *m, int64_t row0, int64_t n, int64_t col0, int64_t width,
                           float *buf, sc_err *err)
{
    const int64_t start[2] = {row0, col0}, count[2] = {n, width};
    return h5_read_box(m->data, H5T_NATIVE_FLOAT, start, count, buf, err);
}

static sc_status scan_dense(h5mat *m, sc_err *err)
{
    const bool is_t = m->layout == H5MAT_DENSE_T;
    const int64_t rows = is_t ? m->n_cols : m->n_rows, width = is_t ? m->n_rows : m->n_cols;
    if (rows == 0 || width == 0)
        return SC_OK;
    const int64_t cols = width < SLAB_VALUES ? width : SLAB_VALUES;
    const int64_t step = slab_rows(m, cols);
    float *buf;
    sc_status st = sc_alloc(&buf, (size_t)step * (size_t)cols, sizeof *buf, err);
    for (int64_t i = 0; i < rows && st == SC_OK; i += step)
        for (int64_t j = 0; j < width && st == SC_OK; j += cols) {
            const int64_t n = rows - i < step ? rows - i : step;
            const int64_t w = width - j < cols ? width - j : cols;
            st = read_slab(m, i, n, j, w, buf, err);
            if (st == SC_OK)
                scan_values(m, buf, n * w, &m->nnz);
        }
    free(buf);
    return st;
}

sc_status h5mat_scan(h5mat *m, sc_err *err)
{
    m->kind = SC_COUNTS;
    if (m->layout == H5MAT_DENSE || m->layout == H5MAT_DENSE_T) {
        SC_TRY(scan_dense(m, err));
        m->is_sparse =
            m->kind != SC_REAL || (double)m->nnz < 0.5 * (double)m->n_rows * (double)m->n_cols;
        return SC_OK;
    }
    float *buf;
    SC_TRY(sc_alloc(&buf, SLAB_VALUES, sizeof *buf, err));
    sc_status st = scan_vector(m, buf, err);
    free(buf);
    m->is_sparse = true;
    return st == SC_OK && m->layout == H5MAT_CSC ? h5mat_csc_prepare(m, err) : st;
}

static sc_status csr_starts(const h5mat *m, int64_t row0, int64_t n, int64_t *starts, sc_err *err)
{
    char at[H5_PATH_MAX];
    const h5_vec v = {m->indptr, NULL, 1};
    SC_TRY(h5_read_vec(&v, H5T_NATIVE_INT64, row0, n + 1, starts, err));
    for (int64_t i = 0; i < n; i++) {
        const int64_t len = starts[i + 1] - starts[i];
        if (starts[i] < 0 || starts[i + 1] > m->nnz || starts[i + 1] < starts[i])
            return sc_fail(err, SC_EFORMAT,
                           "'%s': row %" PRId64 " ends before it begins or after the values",
                           h5_path(m->indptr, at, sizeof at), row0 + i);
        if (len > 2 * m->n_cols)
            return sc_fail(err, SC_EFORMAT,
                           "'%s': row %" PRId64 " has %" PRId64 " entries for %" PRId64 " columns",
                           h5_path(m->indptr, at, sizeof at), row0 + i, len, m->n_cols);
    }
    return SC_OK;
}

static sc_status csr_rows(const h5mat *m, int64_t row0, int64_t n, sc_csr *out, sc_err *err)
{
    char at[H5_PATH_MAX];
    const h5_vec indices = {m->indices, NULL, 1}, data = {m->data, NULL, 1};
    SC_TRY(sc_alloc(&out->indptr, (size_t)n + 1, sizeof *out->indptr, err));
    SC_TRY(csr_starts(m, row0, n, out->indptr, err));
    const int64_t first = out->indptr[0], nnz = out->indptr[n] - first;
    for (int64_t i = 0; i <= n; i++)
        out->indptr[i] -= first;
    SC_TRY(sc_alloc(&out->indices, (size_t)nnz, sizeof *out->indices, err));
    SC_TRY(sc_alloc(&out->values, (size_t)nnz, sizeof *out->values, err));
    SC_TRY(h5_read_vec(&indices, H5T_NATIVE_INT32, first, nnz, out->indices, err));
    SC_TRY(h5_read_vec(&data, H5T_NATIVE_FLOAT, first, nnz, out->values, err));
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = out->indptr[i]; k < out->indptr[i + 1]; k++)
            if (out->indices[k] < 0 || out->indices[k] >= m->n_cols)
                return sc_fail(
                    err, SC_EFORMAT, "'%s': row %" PRId64 " has column %" PRId32 " of %" PRId64,
                    h5_path(m->indices, at, sizeof at), row0 + i, out->indices[k], m->n_cols);
    return h5mat_tidy(out, err);
}

/* Appends the values that aren't 0 of n rows that lie densely in buf, `stride` apart. */
static sc_status append_dense(sc_csr *out, int64_t *room, const float *buf, int64_t row0, int64_t n,
                              sc_err *err)
{
    const int64_t width = out->n_cols;
    for (int64_t i = 0; i < n; i++) {
        int64_t k = out->indptr[row0 + i];
        if (*room - k < width) {
            *room = 2 * *room > k + width ? 2 * *room : k + width;
            SC_TRY(sc_resize(&out->indices, (size_t)*room, sizeof *out->indices, err));
            SC_TRY(sc_resize(&out->values, (size_t)*room, sizeof *out->values, err));
        }
        for (int64_t j = 0; j < width; j++)
            if (buf[i * width + j] != 0) {
                out->indices[k] = (int32_t)j;
                out->values[k++] = buf[i * width + j];
            }
        out->indptr[row0 + i + 1] = k;
    }
    return SC_OK;
}

/* Reads rows [row0, row0 + n) of obs, dense; buf has n * n_cols values. */
static sc_status dense_slab(const h5mat *m, int64_t row0, int64_t n, float *buf, sc_err *err)
{
    if (m->layout == H5MAT_DENSE)
        return read_slab(m, row0, n, 0, m->n_cols, buf, err);
    const int64_t step = n ? SLAB_VALUES / n + 1 : 1;
    float *part;
    sc_status st = sc_alloc(&part, (size_t)(step * n), sizeof *part, err);
    for (int64_t j = 0; j < m->n_cols && st == SC_OK; j += step) {
        const int64_t w = m->n_cols - j < step ? m->n_cols - j : step;
        st = read_slab(m, j, w, row0, n, part, err);
        for (int64_t k = 0; st == SC_OK && k < w; k++)
            for (int64_t i = 0; i < n; i++)
                buf[i * m->n_cols + j + k] = part[k * n + i];
    }
    free(part);
    return st;
}

static sc_status sparse_from_dense(const h5mat *m, int64_t row0, int64_t n, sc_csr *out,
                                   sc_err *err)
{
    int64_t room = 0;
    const int64_t step = slab_rows(m, m->n_cols), most = step < n ? step : n;
    float *buf;
    SC_TRY(sc_alloc(&out->indptr, (size_t)n + 1, sizeof *out->indptr, err));
    SC_TRY(sc_alloc(&buf, (size_t)most * (size_t)m->n_cols, sizeof *buf, err));
    sc_status st = SC_OK;
    for (int64_t i = 0; i < n && st == SC_OK && m->n_cols; i += step) {
        const int64_t w = n - i < step ? n - i : step;
        st = dense_slab(m, row0 + i, w, buf, err);
        if (st == SC_OK)
            st = append_dense(out, &room, buf, i, w, err);
    }
    free(buf);
    return st;
}

/* Of a file that lies var x obs: reads genes [j0, j0 + w) of n cells and appends what isn't 0, gene
 * by gene; cell[] gets the cell of each value. */
static sc_status append_genes(const h5mat *m, int64_t row0, int64_t n, int64_t j0, int64_t w,
                              float *buf, sc_csr *by_gene, int32_t **cell, int64_t *room,
                              sc_err *err)
{
    int64_t k = by_gene->n_rows;
    SC_TRY(read_slab(m, j0, w, row0, n, buf, err));
    if (*room - k < w * n) {
        *room = 2 * *room > k + w * n ? 2 * *room : k + w * n;
        SC_TRY(sc_resize(&by_gene->indices, (size_t)*room, sizeof *by_gene->indices, err));
        SC_TRY(sc_resize(&by_gene->values, (size_t)*room, sizeof *by_gene->values, err));
        SC_TRY(sc_resize(cell, (size_t)*room, sizeof **cell, err));
    }
    for (int64_t j = 0; j < w; j++)
        for (int64_t i = 0; i < n; i++)
            if (buf[j * n + i] != 0) {
                by_gene->indices[k] = (int32_t)(j0 + j);
                by_gene->values[k] = buf[j * n + i];
                (*cell)[k++] = (int32_t)i;
            }
    by_gene->n_rows = k; /* here: the entries so far */
    return SC_OK;
}

/* Entries that come gene by gene are dealt out to their cells: columns then rise in each row. */
static sc_status deal_out(const sc_csr *by_gene, const int32_t *cell, int64_t n, sc_csr *out,
                          sc_err *err)
{
    const int64_t nnz = by_gene->n_rows;
    SC_TRY(sc_alloc(&out->indptr, (size_t)n + 2, sizeof *out->indptr, err));
    SC_TRY(sc_alloc(&out->indices, (size_t)nnz, sizeof *out->indices, err));
    SC_TRY(sc_alloc(&out->values, (size_t)nnz, sizeof *out->values, err));
    int64_t *next = out->indptr + 1; /* one further on, it ends up as the starts of the rows */
    for (int64_t k = 0; k < nnz; k++)
        next[cell[k] + 1]++;
    for (int64_t i = 0; i < n; i++)
        next[i + 1] += next[i];
    for (int64_t k = 0; k < nnz; k++) {
        const int64_t at = next[cell[k]]++;
        out->indices[at] = by_gene->indices[k];
        out->values[at] = by_gene->values[k];
    }
    return SC_OK;
}

static sc_status sparse_from_transposed(const h5mat *m, int64_t row0, int64_t n, sc_csr *out,
                                        sc_err *err)
{
    sc_csr by_gene = {0};
    int32_t *cell = NULL;
    float *buf = NULL;
    int64_t room = 0;
    const int64_t step = slab_rows(m, n);
    sc_status st;
    SC_GOTO(st, sc_alloc(&buf, (size_t)(step * n), sizeof *buf, err), out);
    for (int64_t j = 0; j < m->n_cols; j += step) {
        const int64_t w = m->n_cols - j < step ? m->n_cols - j : step;
        SC_GOTO(st, append_genes(m, row0, n, j, w, buf, &by_gene, &cell, &room, err), out);
    }
    st = deal_out(&by_gene, cell, n, out, err);
out:
    free(buf);
    free(cell);
    sc_csr_free(&by_gene);
    return st;
}

sc_status h5mat_sparse(h5mat *m, int64_t row0, int64_t n, sc_csr *out, sc_err *err)
{
    out->n_rows = n;
    out->n_cols = m->n_cols;
    if (m->layout == H5MAT_CSR)
        return csr_rows(m, row0, n, out, err);
    if (m->layout == H5MAT_CSC)
        return h5mat_csc_rows(m, row0, n, out, err);
    if (m->layout == H5MAT_DENSE_T)
        return sparse_from_transposed(m, row0, n, out, err);
    return sparse_from_dense(m, row0, n, out, err);
}

sc_status h5mat_dense(h5mat *m, int64_t row0, int64_t n, sc_dense *out, sc_err *err)
{
    out->n_rows = n;
    out->n_cols = m->n_cols;
    SC_TRY(sc_alloc(&out->values, (size_t)n * (size_t)m->n_cols, sizeof *out->values, err));
    if (m->layout == H5MAT_DENSE || m->layout == H5MAT_DENSE_T)
        return n && m->n_cols ? dense_slab(m, row0, n, out->values, err) : SC_OK;
    sc_csr rows = {0};
    sc_status st = h5mat_sparse(m, row0, n, &rows, err);
    for (int64_t i = 0; st == SC_OK && i < n; i++)
        for (int64_t k = rows.indptr[i]; k < rows.indptr[i + 1]; k++)
            out->values[i * m->n_cols + rows.indices[k]] = rows.values[k];
    sc_csr_free(&rows);
    return st;
}

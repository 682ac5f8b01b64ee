#include "h5mat.h"

#include <inttypes.h>
#include <stdlib.h>

/* Entries of a band (64 MiB), and those read at a time. */
enum { BAND_ENTRIES = 8 << 20, READ_ENTRIES = 1 << 18 };

typedef struct entry {
    int32_t col;
    float value;
} entry;

/* qsort is not stable, and a sum in float depends on its order: equal columns go by value. */
static int by_col(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->col != y->col)
        return x->col < y->col ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static sc_status sort_row(sc_csr *m, int64_t from, int64_t to, sc_err *err)
{
    entry *e;
    SC_TRY(sc_alloc(&e, (size_t)(to - from), sizeof *e, err));
    for (int64_t k = from; k < to; k++)
        e[k - from] = (entry){m->indices[k], m->values[k]};
    qsort(e, (size_t)(to - from), sizeof *e, by_col);
    for (int64_t k = from; k < to; k++) {
        m->indices[k] = e[k - from].col;
        m->values[k] = e[k - from].value;
    }
    free(e);
    return SC_OK;
}

sc_status h5mat_tidy(sc_csr *m, sc_err *err)
{
    int64_t kept = 0, from = m->indptr[0];
    for (int64_t i = 0; i < m->n_rows; i++) {
        const int64_t to = m->indptr[i + 1], begin = kept;
        bool is_sorted = true;
        for (int64_t k = from + 1; k < to && is_sorted; k++)
            is_sorted = m->indices[k] >= m->indices[k - 1];
        if (!is_sorted)
            SC_TRY(sort_row(m, from, to, err));
        for (int64_t k = from; k < to;) {
            const int32_t col = m->indices[k];
            float sum = m->values[k++];
            while (k < to && m->indices[k] == col)
                sum += m->values[k++];
            if (sum != 0) {
                m->indices[kept] = col;
                m->values[kept++] = sum;
            }
        }
        m->indptr[i] = begin;
        from = to;
    }
    m->indptr[m->n_rows] = kept;
    return SC_OK;
}

static sc_status read_starts(h5mat *m, sc_err *err)
{
    char at[H5_PATH_MAX];
    const h5_vec v = {m->indptr, NULL, 1};
    SC_TRY(sc_alloc(&m->col_start, (size_t)m->n_cols + 1, sizeof *m->col_start, err));
    SC_TRY(h5_read_vec(&v, H5T_NATIVE_INT64, 0, m->n_cols + 1, m->col_start, err));
    for (int64_t j = 0; j < m->n_cols; j++)
        if (m->col_start[j + 1] < m->col_start[j])
            return sc_fail(err, SC_EFORMAT, "'%s': column %" PRId64 " ends before it begins",
                           h5_path(m->indptr, at, sizeof at), j);
    if (m->col_start[0] != 0 || m->col_start[m->n_cols] > m->nnz)
        return sc_fail(err, SC_EFORMAT, "'%s' doesn't fit the %" PRId64 " values",
                       h5_path(m->indptr, at, sizeof at), m->nnz);
    m->nnz = m->col_start[m->n_cols];
    return SC_OK;
}

sc_status h5mat_csc_prepare(h5mat *m, sc_err *err)
{
    char at[H5_PATH_MAX];
    const h5_vec v = {m->indices, NULL, 1};
    SC_TRY(read_starts(m, err));
    SC_TRY(sc_alloc(&m->row_nnz, (size_t)m->n_rows, sizeof *m->row_nnz, err));
    int32_t *buf;
    SC_TRY(sc_alloc(&buf, READ_ENTRIES, sizeof *buf, err));
    sc_status st = SC_OK;
    for (int64_t k = 0; k < m->nnz && st == SC_OK; k += READ_ENTRIES) {
        const int64_t n = m->nnz - k < READ_ENTRIES ? m->nnz - k : READ_ENTRIES;
        st = h5_read_vec(&v, H5T_NATIVE_INT32, k, n, buf, err);
        for (int64_t e = 0; e < n && st == SC_OK; e++) {
            if (buf[e] < 0 || buf[e] >= m->n_rows || m->row_nnz[buf[e]] == INT32_MAX)
                st = sc_fail(err, SC_EFORMAT,
                             "'%s': entry %" PRId64 " is in row %" PRId32 " of %" PRId64,
                             h5_path(m->indices, at, sizeof at), k + e, buf[e], m->n_rows);
            else
                m->row_nnz[buf[e]]++;
        }
    }
    free(buf);
    return st;
}

/* Puts the entries of a stretch of the file that lie in the band to their places: they come column
 * by column, so that the columns of a row rise. */
static void scatter(h5mat *m, int64_t k0, int64_t n, const int32_t *rows, const float *values,
                    int64_t *col, int64_t *next)
{
    sc_csr *b = &m->band;
    for (int64_t e = 0; e < n; e++) {
        while (k0 + e >= m->col_start[*col + 1])
            ++*col;
        const int64_t i = rows[e] - m->band_row0;
        if (i < 0 || i >= b->n_rows || next[i] == b->indptr[i + 1])
            continue;
        b->indices[next[i]] = (int32_t)*col;
        b->values[next[i]++] = values[e];
    }
}

static sc_status fill_band(h5mat *m, int64_t *next, sc_err *err)
{
    const h5_vec indices = {m->indices, NULL, 1}, data = {m->data, NULL, 1};
    int32_t *rows = NULL;
    float *values = NULL;
    int64_t col = 0;
    sc_status st;
    SC_GOTO(st, sc_alloc(&rows, READ_ENTRIES, sizeof *rows, err), out);
    SC_GOTO(st, sc_alloc(&values, READ_ENTRIES, sizeof *values, err), out);
    for (int64_t k = 0; k < m->nnz; k += READ_ENTRIES) {
        const int64_t n = m->nnz - k < READ_ENTRIES ? m->nnz - k : READ_ENTRIES;
        SC_GOTO(st, h5_read_vec(&indices, H5T_NATIVE_INT32, k, n, rows, err), out);
        SC_GOTO(st, h5_read_vec(&data, H5T_NATIVE_FLOAT, k, n, values, err), out);
        scatter(m, k, n, rows, values, &col, next);
    }
out:
    free(rows);
    free(values);
    return st;
}

/* A band from row0 on: at least n rows, and more while they fit. */
static sc_status make_band(h5mat *m, int64_t row0, int64_t n, sc_err *err)
{
    int64_t rows = 0, entries = 0;
    while (row0 + rows < m->n_rows &&
           (rows < n || entries + m->row_nnz[row0 + rows] <= BAND_ENTRIES))
        entries += m->row_nnz[row0 + rows++];
    sc_csr_free(&m->band);
    m->band = (sc_csr){.n_rows = rows, .n_cols = m->n_cols};
    m->band_row0 = row0;
    int64_t *next;
    SC_TRY(sc_alloc(&m->band.indptr, (size_t)rows + 1, sizeof *m->band.indptr, err));
    SC_TRY(sc_alloc(&m->band.indices, (size_t)entries, sizeof *m->band.indices, err));
    SC_TRY(sc_alloc(&m->band.values, (size_t)entries, sizeof *m->band.values, err));
    SC_TRY(sc_alloc(&next, (size_t)rows + 1, sizeof *next, err));
    for (int64_t i = 0; i < rows; i++) {
        next[i] = m->band.indptr[i];
        m->band.indptr[i + 1] = m->band.indptr[i] + m->row_nnz[row0 + i];
    }
    sc_status st = fill_band(m, next, err);
    free(next);
    return st;
}

sc_status h5mat_csc_rows(h5mat *m, int64_t row0, int64_t n, sc_csr *out, sc_err *err)
{
    if (!m->row_nnz)
        SC_TRY(h5mat_csc_prepare(m, err));
    const bool is_at_hand =
        m->band.indptr && row0 >= m->band_row0 && row0 + n <= m->band_row0 + m->band.n_rows;
    if (!is_at_hand)
        SC_TRY(make_band(m, row0, n, err));
    const sc_csr *b = &m->band;
    const int64_t i0 = row0 - m->band_row0, first = b->indptr[i0], nnz = b->indptr[i0 + n] - first;
    SC_TRY(sc_alloc(&out->indptr, (size_t)n + 1, sizeof *out->indptr, err));
    SC_TRY(sc_alloc(&out->indices, (size_t)nnz, sizeof *out->indices, err));
    SC_TRY(sc_alloc(&out->values, (size_t)nnz, sizeof *out->values, err));
    for (int64_t i = 0; i <= n; i++)
        out->indptr[i] = b->indptr[i0 + i] - first;
    memcpy(out->indices, b->indices + first, (size_t)nnz * sizeof *out->indices);
    memcpy(out->values, b->values + first, (size_t)nnz * sizeof *out->values);
    return h5mat_tidy(out, err);
}

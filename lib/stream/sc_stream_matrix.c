/*
 * Matrices as bytes. Integers of more than one byte are cut into planes: all lowest bytes first,
 * then the next. zstd then meets like with like, and the loops below vectorize. So are the floats
 * of dense matrices. Those of sparse ones stay whole: normalized counts repeat themselves within a
 * cell, and zstd finds that (2.0 against 3.2 MB for 906 PBMC).
 */
#include "sc_stream_int.h"

#include <stdlib.h>
#include <string.h>

/* Other encodings are the number of bytes of an unsigned integer. */
enum { ENC_FLOAT = 0x80, ENC_FLOAT_PLANES = 0x81 };

static void split(uint8_t *p, const uint32_t *v, size_t n, unsigned width)
{
    for (unsigned k = 0; k < width; k++, p += n)
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)(v[i] >> 8 * k);
}

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static void put_floats(uint8_t *restrict p, const float *restrict v, size_t n, bool in_planes)
{
    if (in_planes) {
        for (unsigned k = 0; k < 4; k++, p += n)
            for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)(bits_of(v[i]) >> 8 * k);
        return;
    }
    for (size_t i = 0; i < n; i++, p += 4) {
        const uint32_t u = bits_of(v[i]);
        p[0] = (uint8_t)u;
        p[1] = (uint8_t)(u >> 8);
        p[2] = (uint8_t)(u >> 16);
        p[3] = (uint8_t)(u >> 24);
    }
}

static void get_floats(float *restrict v, const uint8_t *restrict p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t u = sc_load32(p + 4 * i);
        memcpy(&v[i], &u, sizeof u);
    }
}

/* next: from a plane to the next. */
static void get_planes(float *restrict v, const uint8_t *restrict p, size_t n, size_t next)
{
    const uint8_t *restrict p1 = p + next, *restrict p2 = p1 + next, *restrict p3 = p2 + next;
    for (size_t i = 0; i < n; i++) {
        const uint32_t u =
            (uint32_t)p[i] | (uint32_t)p1[i] << 8 | (uint32_t)p2[i] << 16 | (uint32_t)p3[i] << 24;
        memcpy(&v[i], &u, sizeof u);
    }
}

static void put_integers(uint8_t *restrict p, const float *restrict v, size_t n, unsigned width)
{
    for (unsigned k = 0; k < width; k++, p += n)
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)((uint32_t)(int32_t)v[i] >> 8 * k);
}

static void get_integers(float *restrict v, const uint8_t *restrict p, size_t n, size_t next,
                         unsigned width)
{
    if (width == 1)
        for (size_t i = 0; i < n; i++)
            v[i] = (float)p[i];
    else if (width == 2)
        for (size_t i = 0; i < n; i++)
            v[i] = (float)(p[i] | p[next + i] << 8);
    else
        for (size_t i = 0; i < n; i++)
            v[i] = (float)((uint32_t)p[i] | (uint32_t)p[next + i] << 8 |
                           (uint32_t)p[2 * next + i] << 16 | (uint32_t)p[3 * next + i] << 24);
}

static unsigned width_of(uint32_t max)
{
    return max <= UINT8_MAX ? 1 : max <= UINT16_MAX ? 2 : 4;
}

/* The bytes an unsigned integer needs for all of v, or ENC_FLOAT: -0, NaN and what has a fraction
 * must come back bit for bit. */
static unsigned encoding(const float *v, size_t n)
{
    enum { STRETCH = 1024 }; /* a loop without a way out vectorizes, and floats show soon */
    uint32_t max = 0;
    for (size_t from = 0; from < n; from += STRETCH) {
        const size_t end = n - from < STRETCH ? n : from + STRETCH;
        uint32_t bad = 0;
        for (size_t i = from; i < end; i++) {
            const uint32_t bits = bits_of(v[i]);
            bad |= bits > 0x4b800000U; /* 2^24; so are infinity, NaN, and all with a sign */
            const uint32_t u = bits > 0x4b800000U ? 0 : (uint32_t)(int32_t)v[i];
            bad |= bits_of((float)(int32_t)u) ^ bits;
            max = u > max ? u : max;
        }
        if (bad)
            return ENC_FLOAT;
    }
    return width_of(max);
}

sc_status sc_put_values(sc_buf *b, const float *v, size_t n, bool in_planes, sc_err *err)
{
    const unsigned kind = encoding(v, n);
    const unsigned enc = kind == ENC_FLOAT && in_planes ? ENC_FLOAT_PLANES : kind;
    const unsigned width = kind == ENC_FLOAT ? 4 : kind;
    uint8_t *p = NULL;
    SC_TRY(sc_put_u8(b, enc, err));
    SC_TRY(sc_put_u64(b, n, err));
    SC_TRY(sc_buf_room(b, n * width, &p, err));
    if (kind == ENC_FLOAT)
        put_floats(p, v, n, in_planes);
    else
        put_integers(p, v, n, width);
    return SC_OK;
}

sc_status sc_find_values(sc_cur *c, sc_values *out, size_t n, sc_err *err)
{
    unsigned enc;
    uint64_t count;
    const uint8_t *p = NULL;
    SC_TRY(sc_get_u8(c, ENC_FLOAT_PLANES, &enc, err));
    SC_TRY(sc_get_u64(c, &count, err));
    if (count != n)
        return sc_fail(err, SC_EFORMAT, "has %llu values, and %zu are needed",
                       (unsigned long long)count, n);
    const bool is_float = enc == ENC_FLOAT || enc == ENC_FLOAT_PLANES;
    if (!is_float && enc != 1 && enc != 2 && enc != 4)
        return sc_fail(err, SC_EFORMAT, "has values of the unknown kind %u", enc);
    const unsigned width = is_float ? 4 : enc;
    if (n > c->left / width)
        return sc_fail(err, SC_EFORMAT, "a record is shorter than it says");
    SC_TRY(sc_get_bytes(c, n * width, &p, err));
    *out = (sc_values){p, n, enc};
    return SC_OK;
}

void sc_values_part(const sc_values *v, size_t from, size_t n, float *to)
{
    if (v->enc == ENC_FLOAT)
        get_floats(to, v->p + 4 * from, n);
    else if (v->enc == ENC_FLOAT_PLANES)
        get_planes(to, v->p + from, n, v->n);
    else
        get_integers(to, v->p + from, n, v->n, v->enc);
}

sc_status sc_get_values(sc_cur *c, float **out, size_t n, sc_err *err)
{
    sc_values v;
    float *to = NULL;
    SC_TRY(sc_find_values(c, &v, n, err));
    SC_TRY(sc_resize(&to, n, sizeof *to, err)); /* without the zeros of sc_alloc */
    sc_values_part(&v, 0, n, to);
    *out = to;
    return SC_OK;
}

/* Gaps between columns, from -1 on: column 0 has gap 0, its right neighbour gap 0 again. */
static sc_status gaps(const sc_csr *m, uint32_t *gap, uint32_t *max, sc_err *err)
{
    uint32_t most = 0;
    if (m->indptr[0] != 0)
        return sc_fail(err, SC_EDATA, "its rows do not begin at 0");
    for (int64_t i = 0; i < m->n_rows; i++) {
        int64_t last = -1;
        if (m->indptr[i + 1] < m->indptr[i])
            return sc_fail(err, SC_EDATA, "row %lld ends before it begins", (long long)i);
        for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++) {
            const int64_t j = m->indices[k];
            if (j <= last || (m->n_cols >= 0 && j >= m->n_cols))
                return sc_fail(err, SC_EDATA,
                               "row %lld has column %lld after %lld, of %lld columns", (long long)i,
                               (long long)j, (long long)last, (long long)m->n_cols);
            gap[k] = (uint32_t)(j - last - 1);
            most = gap[k] > most ? gap[k] : most;
            last = j;
        }
    }
    *max = most;
    return SC_OK;
}

sc_status sc_put_pattern(sc_buf *b, const sc_csr *m, sc_err *err)
{
    const int64_t nnz = m->indptr[m->n_rows];
    uint32_t *gap = NULL, max = 0;
    uint8_t *p = NULL;
    if (nnz < 0)
        return sc_fail(err, SC_EDATA, "it has %lld entries", (long long)nnz);
    for (int64_t i = 0; i < m->n_rows; i++)
        if (m->indptr[i + 1] > nnz) /* before gaps() writes to that place */
            return sc_fail(err, SC_EDATA, "row %lld ends behind the last", (long long)i);
    SC_TRY(sc_resize(&gap, (size_t)nnz, sizeof *gap, err));
    sc_status st = gaps(m, gap, &max, err);
    const unsigned width = st == SC_OK ? width_of(max) : 0;
    if (st == SC_OK)
        st = sc_put_u8(b, width, err);
    if (st == SC_OK)
        st = sc_put_u64(b, (uint64_t)nnz, err);
    for (int64_t i = 0; i < m->n_rows && st == SC_OK; i++)
        st = sc_put_u32(b, (uint32_t)(m->indptr[i + 1] - m->indptr[i]), err);
    if (st == SC_OK)
        st = sc_buf_room(b, (size_t)nnz * width, &p, err);
    if (st == SC_OK)
        split(p, gap, (size_t)nnz, width);
    free(gap);
    return st;
}

static sc_status fill_rows(sc_csr *m, const uint8_t *lens, uint64_t nnz, sc_err *err)
{
    for (int64_t i = 0; i < m->n_rows; i++)
        m->indptr[i + 1] = m->indptr[i] + sc_load32(lens + 4 * i);
    if ((uint64_t)m->indptr[m->n_rows] != nnz)
        return sc_fail(err, SC_EFORMAT, "its rows have %lld entries together, and %llu are stored",
                       (long long)m->indptr[m->n_rows], (unsigned long long)nnz);
    return SC_OK;
}

/* The columns of a row from its gaps, which stand in planes n apart; returns the last, -1 if there
 * is none. */
static int64_t fill_row(int32_t *restrict j, const uint8_t *restrict p, int64_t n_row, size_t n,
                        unsigned width)
{
    int64_t last = -1;
    for (int64_t k = 0; k < n_row; k++) {
        const uint8_t *g = p + k;
        const uint32_t gap = width == 1   ? (uint32_t)g[0]
                             : width == 2 ? (uint32_t)g[0] | (uint32_t)g[n] << 8
                                          : (uint32_t)g[0] | (uint32_t)g[n] << 8 |
                                                (uint32_t)g[2 * n] << 16 | (uint32_t)g[3 * n] << 24;
        last += (int64_t)gap + 1;
        j[k] = (int32_t)(last & INT32_MAX);
    }
    return last;
}

/* The sum of gaps only rises, so the last column of a row tells for all of them. */
static sc_status fill_columns(sc_csr *m, const uint8_t *p, size_t n, unsigned width, sc_err *err)
{
    const int64_t limit = m->n_cols >= 0 && m->n_cols < INT32_MAX ? m->n_cols : INT32_MAX;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const int64_t k = m->indptr[i], n_row = m->indptr[i + 1] - k;
        const int64_t last = width == 1   ? fill_row(m->indices + k, p + k, n_row, n, 1)
                             : width == 2 ? fill_row(m->indices + k, p + k, n_row, n, 2)
                                          : fill_row(m->indices + k, p + k, n_row, n, 4);
        if (last >= limit)
            return sc_fail(err, SC_EFORMAT, "row %lld has a column beyond %lld", (long long)i,
                           (long long)limit);
    }
    return SC_OK;
}

static sc_status pattern_fill(sc_cur *c, sc_csr *m, sc_err *err)
{
    unsigned width;
    uint64_t nnz;
    const uint8_t *lens, *p;
    SC_TRY(sc_get_u8(c, 4, &width, err));
    SC_TRY(sc_get_u64(c, &nnz, err));
    SC_TRY(sc_get_bytes(c, 4 * (size_t)m->n_rows, &lens, err));
    if (width == 0 || width == 3 || nnz > c->left / width)
        return sc_fail(err, SC_EFORMAT, "a record is shorter than it says");
    SC_TRY(sc_get_bytes(c, (size_t)nnz * width, &p, err));
    SC_TRY(sc_alloc(&m->indptr, (size_t)m->n_rows + 1, sizeof *m->indptr, err));
    SC_TRY(fill_rows(m, lens, nnz, err));
    SC_TRY(sc_resize(&m->indices, (size_t)nnz, sizeof *m->indices, err));
    return fill_columns(m, p, (size_t)nnz, width, err);
}

sc_status sc_get_pattern(sc_cur *c, sc_csr *m, int64_t n_rows, int64_t n_cols, sc_err *err)
{
    *m = (sc_csr){.n_rows = n_rows, .n_cols = n_cols};
    const sc_status st = pattern_fill(c, m, err);
    if (st != SC_OK)
        sc_csr_free(m);
    return st;
}

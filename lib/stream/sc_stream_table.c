/* Tables as bytes: the schema (names, types, categories), then each column's values. */
#include "sc_stream_int.h"

#include <stdlib.h>
#include <string.h>

enum { ALL_BYTES = 8 };

/* n integers as base + unsigned rest of 1, 2, 4 or 8 bytes: never of none, or a few bytes could ask
 * for the memory of a column. */
static sc_status put_ints(sc_buf *b, const int64_t *v, int64_t n, sc_err *err)
{
    int64_t lo = n ? v[0] : 0, hi = lo;
    for (int64_t i = 0; i < n; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
    }
    const uint64_t span = (uint64_t)hi - (uint64_t)lo;
    const unsigned width = span <= UINT8_MAX    ? 1
                           : span <= UINT16_MAX ? 2
                           : span <= UINT32_MAX ? 4
                                                : ALL_BYTES;
    uint8_t *p = NULL;
    SC_TRY(sc_put_u64(b, (uint64_t)lo, err));
    SC_TRY(sc_put_u8(b, width, err));
    SC_TRY(sc_buf_room(b, (size_t)n * width, &p, err));
    for (int64_t i = 0; i < n; i++) {
        const uint64_t rest = (uint64_t)v[i] - (uint64_t)lo;
        for (unsigned k = 0; k < width; k++)
            *p++ = (uint8_t)(rest >> 8 * k);
    }
    return SC_OK;
}

static sc_status get_ints(sc_cur *c, int64_t *v, int64_t n, sc_err *err)
{
    uint64_t base;
    unsigned width;
    const uint8_t *p = NULL;
    SC_TRY(sc_get_u64(c, &base, err));
    SC_TRY(sc_get_u8(c, ALL_BYTES, &width, err));
    if (width == 0)
        return sc_fail(err, SC_EFORMAT, "integers of no bytes");
    SC_TRY(sc_get_bytes(c, (size_t)n * width, &p, err));
    for (int64_t i = 0; i < n; i++) {
        uint64_t rest = 0;
        for (unsigned k = 0; k < width; k++)
            rest |= (uint64_t)*p++ << 8 * k;
        v[i] = (int64_t)(base + rest);
    }
    return SC_OK;
}

static sc_status put_codes(sc_buf *b, const sc_col *c, int64_t n_categories, sc_err *err)
{
    int64_t *wide;
    SC_TRY(sc_alloc(&wide, (size_t)c->n, sizeof *wide, err));
    sc_status st = SC_OK;
    for (int64_t i = 0; i < c->n && st == SC_OK; i++) {
        wide[i] = c->v.code[i];
        if (wide[i] < -1 || wide[i] >= n_categories)
            st = sc_fail(err, SC_EDATA, "row %lld of column '%s' has code %lld of %lld categories",
                         (long long)i, c->name, (long long)wide[i], (long long)n_categories);
    }
    if (st == SC_OK)
        st = put_ints(b, wide, c->n, err);
    free(wide);
    return st;
}

static sc_status get_codes(sc_cur *c, sc_col *col, int64_t n, sc_err *err)
{
    int64_t *wide;
    SC_TRY(sc_alloc(&wide, (size_t)n, sizeof *wide, err));
    sc_status st = get_ints(c, wide, n, err);
    for (int64_t i = 0; i < n && st == SC_OK; i++) {
        if (wide[i] < -1 || wide[i] >= col->categories.n)
            st = sc_fail(err, SC_EFORMAT, "row %lld of column '%s' has no such category",
                         (long long)i, col->name);
        else
            col->v.code[i] = (int32_t)wide[i];
    }
    free(wide);
    return st;
}

static sc_status put_reals(sc_buf *b, const double *v, int64_t n, sc_err *err)
{
    uint8_t *p = NULL;
    SC_TRY(sc_buf_room(b, (size_t)n * sizeof *v, &p, err));
    for (int64_t i = 0; i < n; i++, p += sizeof *v) {
        uint64_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        sc_store64(p, bits);
    }
    return SC_OK;
}

static sc_status get_reals(sc_cur *c, double *v, int64_t n, sc_err *err)
{
    const uint8_t *p = NULL;
    SC_TRY(sc_get_bytes(c, (size_t)n * sizeof *v, &p, err));
    for (int64_t i = 0; i < n; i++, p += sizeof *v) {
        const uint64_t bits = sc_load64(p);
        memcpy(&v[i], &bits, sizeof bits);
    }
    return SC_OK;
}

/* Flags are packed to bits: they are many and say little. */
static sc_status put_flags(sc_buf *b, const uint8_t *v, int64_t n, sc_err *err)
{
    uint8_t *p = NULL;
    SC_TRY(sc_buf_room(b, (size_t)(n + 7) / 8, &p, err));
    memset(p, 0, (size_t)(n + 7) / 8);
    for (int64_t i = 0; i < n; i++)
        if (v[i])
            p[i / 8] |= (uint8_t)(1u << i % 8);
    return SC_OK;
}

static sc_status get_flags(sc_cur *c, uint8_t *v, int64_t n, sc_err *err)
{
    const uint8_t *p = NULL;
    SC_TRY(sc_get_bytes(c, (size_t)(n + 7) / 8, &p, err));
    for (int64_t i = 0; i < n; i++)
        v[i] = p[i / 8] >> i % 8 & 1;
    return SC_OK;
}

sc_status sc_put_col(sc_buf *b, const sc_col *c, int64_t n_categories, sc_err *err)
{
    SC_TRY(sc_put_u8(b, c->missing != NULL, err));
    if (c->missing)
        SC_TRY(put_flags(b, c->missing, c->n, err));
    switch (c->type) {
    case SC_COL_STRING:
        return sc_put_strs(b, &c->v.str, err);
    case SC_COL_CATEGORY:
        return put_codes(b, c, n_categories, err);
    case SC_COL_INT:
        return put_ints(b, c->v.i, c->n, err);
    case SC_COL_REAL:
        return put_reals(b, c->v.r, c->n, err);
    case SC_COL_BOOL:
        return put_flags(b, c->v.b, c->n, err);
    }
    return SC_OK;
}

/* n was compared with the bytes that are there: names come first, and each takes one at least. */
sc_status sc_get_col(sc_cur *c, sc_col *col, int64_t n, sc_err *err)
{
    unsigned with_missing;
    SC_TRY(sc_get_u8(c, 1, &with_missing, err));
    SC_TRY(sc_col_alloc(col, n, with_missing, err));
    if (with_missing)
        SC_TRY(get_flags(c, col->missing, n, err));
    switch (col->type) {
    case SC_COL_STRING:
        SC_TRY(sc_get_strs(c, &col->v.str, err));
        if (col->v.str.n != n)
            return sc_fail(err, SC_EFORMAT, "column '%s' has %lld strings for %lld rows", col->name,
                           (long long)col->v.str.n, (long long)n);
        return SC_OK;
    case SC_COL_CATEGORY:
        return get_codes(c, col, n, err);
    case SC_COL_INT:
        return get_ints(c, col->v.i, n, err);
    case SC_COL_REAL:
        return get_reals(c, col->v.r, n, err);
    case SC_COL_BOOL:
        return get_flags(c, col->v.b, n, err);
    }
    return SC_OK;
}

sc_status sc_put_schema(sc_buf *b, const sc_table *t, sc_err *err)
{
    SC_TRY(sc_put_u8(b, t->index_name != NULL, err));
    if (t->index_name)
        SC_TRY(sc_put_text(b, t->index_name, err));
    SC_TRY(sc_put_u32(b, (uint32_t)t->n_cols, err));
    for (int k = 0; k < t->n_cols; k++) {
        const sc_col *c = &t->cols[k];
        SC_TRY(sc_put_text(b, c->name, err));
        SC_TRY(sc_put_u8(b, c->type, err));
        if (c->type == SC_COL_CATEGORY) {
            SC_TRY(sc_put_u8(b, c->is_ordered, err));
            SC_TRY(sc_put_strs(b, &c->categories, err));
        }
    }
    return SC_OK;
}

static sc_status get_schema_col(sc_cur *c, sc_col *col, sc_err *err)
{
    unsigned type, is_ordered;
    SC_TRY(sc_get_text(c, SIZE_MAX, &col->name, err));
    SC_TRY(sc_get_u8(c, SC_COL_BOOL, &type, err));
    col->type = (sc_col_type)type;
    if (type == SC_COL_CATEGORY) {
        SC_TRY(sc_get_u8(c, 1, &is_ordered, err));
        col->is_ordered = is_ordered;
        SC_TRY(sc_get_strs(c, &col->categories, err));
        if (col->categories.n > INT32_MAX)
            return sc_fail(err, SC_EFORMAT, "column '%s' has too many categories", col->name);
    }
    return SC_OK;
}

sc_status sc_get_schema(sc_cur *c, sc_table *t, sc_err *err)
{
    unsigned with_index;
    uint32_t n_cols;
    SC_TRY(sc_get_u8(c, 1, &with_index, err));
    if (with_index)
        SC_TRY(sc_get_text(c, SIZE_MAX, &t->index_name, err));
    SC_TRY(sc_get_u32(c, &n_cols, err));
    if (n_cols > SC_MAX_MATS || n_cols > c->left)
        return sc_fail(err, SC_EFORMAT, "a table of %u columns is more than the header holds",
                       n_cols);
    SC_TRY(sc_alloc(&t->cols, n_cols, sizeof *t->cols, err));
    for (uint32_t k = 0; k < n_cols; k++) {
        t->n_cols = (int)k + 1; /* so that what is half made is freed as well */
        SC_TRY(get_schema_col(c, &t->cols[k], err));
        if (sc_table_find(t, t->cols[k].name) != &t->cols[k])
            return sc_fail(err, SC_EFORMAT, "a table has two columns '%s'", t->cols[k].name);
    }
    return SC_OK;
}

sc_status sc_put_table(sc_buf *b, const sc_table *t, sc_err *err)
{
    SC_TRY(sc_put_schema(b, t, err));
    if (t->names.n != t->n_rows)
        return sc_fail(err, SC_EDATA, "a table of %lld rows has %lld names", (long long)t->n_rows,
                       (long long)t->names.n);
    SC_TRY(sc_put_strs(b, &t->names, err));
    for (int k = 0; k < t->n_cols; k++) {
        const sc_col *c = &t->cols[k];
        if (c->n != t->n_rows || (c->type == SC_COL_STRING && c->v.str.n != c->n))
            return sc_fail(err, SC_EDATA, "column '%s' has %lld values for %lld rows", c->name,
                           (long long)c->n, (long long)t->n_rows);
        SC_TRY(sc_put_col(b, c, c->categories.n, err));
    }
    return SC_OK;
}

sc_status sc_get_table(sc_cur *c, sc_table *t, sc_err *err)
{
    SC_TRY(sc_get_schema(c, t, err));
    SC_TRY(sc_get_strs(c, &t->names, err));
    t->n_rows = t->names.n;
    if (t->n_rows > INT32_MAX)
        return sc_fail(err, SC_EFORMAT, "a table has too many rows");
    for (int k = 0; k < t->n_cols; k++)
        SC_TRY(sc_get_col(c, &t->cols[k], t->n_rows, err));
    return SC_OK;
}

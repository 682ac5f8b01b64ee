#include "h5col.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4096 };

static h5_kind vec_kind(const h5_vec *v)
{
    int64_t n_sub;
    hid_t type = H5Dget_type(v->ds);
    if (v->field && type > 0) {
        const int k = H5Tget_member_index(type, v->field);
        hid_t member = k >= 0 ? H5Tget_member_type(type, (unsigned)k) : 0;
        h5_close(&type);
        type = member;
    }
    const h5_kind kind = type > 0 ? h5_type_kind(type, &n_sub) : H5_OTHER;
    h5_close(&type);
    return kind;
}

/* The shortest text that reads back as the same number, with a point, as Python writes floats. */
static void print_real(double x, char *buf, size_t buf_len)
{
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(buf, buf_len, "%.*g", digits, x);
        if (strtod(buf, NULL) == x)
            break;
    }
    if (isfinite(x) && !strpbrk(buf, ".e"))
        strcat(buf, ".0");
}

static sc_status numbers_as_text(const h5_vec *v, h5_kind kind, int64_t row0, int64_t n,
                                 sc_strs *out, sc_err *err)
{
    union {
        int64_t i[BATCH];
        double r[BATCH];
    } buf;
    char text[64];
    for (int64_t i = 0; i < n; i += BATCH) {
        const int64_t m = n - i < BATCH ? n - i : BATCH;
        const hid_t type = kind == H5_NUM_REAL ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
        SC_TRY(h5_read_vec(v, type, row0 + i, m, &buf, err));
        for (int64_t k = 0; k < m; k++) {
            if (kind == H5_NUM_REAL)
                print_real(buf.r[k], text, sizeof text);
            else if (kind == H5_BOOL)
                (void)snprintf(text, sizeof text, "%s", buf.i[k] ? "True" : "False");
            else
                (void)snprintf(text, sizeof text, "%" PRId64, buf.i[k]);
            SC_TRY(sc_strs_push(out, text, strlen(text), err));
        }
    }
    return SC_OK;
}

sc_status h5_read_as_text(const h5_vec *v, int64_t row0, int64_t n, sc_strs *out, sc_err *err)
{
    const h5_kind kind = vec_kind(v);
    if (kind == H5_NUM_INT || kind == H5_NUM_REAL || kind == H5_BOOL)
        return numbers_as_text(v, kind, row0, n, out, err);
    return h5_read_text(v, row0, n, out, err);
}

sc_status h5col_set_categories(h5col *c, hid_t names, sc_err *err)
{
    h5_info info;
    char at[H5_PATH_MAX];
    const h5_vec v = {names, NULL, 1};
    SC_TRY(h5_describe(names, &info, err));
    if (info.rank != 1 || info.dims[0] > INT32_MAX)
        return sc_fail(err, SC_EFORMAT, "'%s' is not a list of categories",
                       h5_path(names, at, sizeof at));
    SC_TRY(h5_read_as_text(&v, 0, info.dims[0], &c->categories, err));
    c->type = SC_COL_CATEGORY;
    return SC_OK;
}

static bool type_of_kind(h5_kind kind, sc_col_type *type)
{
    switch (kind) {
    case H5_NUM_INT:
        *type = SC_COL_INT;
        return true;
    case H5_NUM_REAL:
        *type = SC_COL_REAL;
        return true;
    case H5_BOOL:
        *type = SC_COL_BOOL;
        return true;
    case H5_TEXT:
        *type = SC_COL_STRING;
        return true;
    default:
        return false;
    }
}

/* Takes a dataset as the values of c, if it is a vector of a simple type; closes it otherwise. */
static sc_status take_values(h5col *c, hid_t ds, int64_t n_rows, bool *is_known, sc_err *err)
{
    h5_info info;
    char at[H5_PATH_MAX];
    c->values = ds;
    SC_TRY(h5_describe(ds, &info, err));
    *is_known = info.rank == 1 && type_of_kind(info.kind, &c->type);
    if (*is_known && info.dims[0] != n_rows)
        return sc_fail(err, SC_EFORMAT, "'%s' has %" PRId64 " rows where its table has %" PRId64,
                       h5_path(ds, at, sizeof at), info.dims[0], n_rows);
    return SC_OK;
}

static sc_status open_dataset(h5col *c, hid_t ds, int64_t n_rows, bool *is_known, sc_err *err)
{
    hid_t names = 0;
    SC_TRY(take_values(c, ds, n_rows, is_known, err));
    if (!*is_known || c->type != SC_COL_INT || !h5_attr_ref(ds, "categories", &names))
        return SC_OK;
    /* anndata 0.7: codes that refer to their categories */
    sc_status st = h5col_set_categories(c, names, err);
    c->is_ordered = h5_attr_bool(names, "ordered");
    h5_close(&names);
    return st;
}

static sc_status open_encoded(h5col *c, hid_t group, int64_t n_rows, bool *is_known, sc_err *err)
{
    char how[64];
    hid_t part = 0;
    if (!h5_attr_text(group, "encoding-type", how, sizeof how))
        return SC_OK;
    if (strcmp(how, "categorical") == 0) {
        SC_TRY(h5_get(&part, group, "codes", err));
        SC_TRY(take_values(c, part, n_rows, is_known, err));
        *is_known = *is_known && c->type == SC_COL_INT;
        SC_TRY(h5_get(&part, group, "categories", err));
        sc_status st =
            H5Iget_type(part) == H5I_DATASET ? h5col_set_categories(c, part, err) : SC_OK;
        *is_known = *is_known && H5Iget_type(part) == H5I_DATASET;
        h5_close(&part);
        c->is_ordered = h5_attr_bool(group, "ordered");
        return st;
    }
    if (strncmp(how, "nullable-", 9) == 0) {
        SC_TRY(h5_get(&part, group, "values", err));
        SC_TRY(take_values(c, part, n_rows, is_known, err));
        h5col flags = {0};
        bool is_flags = false;
        SC_TRY(h5_get(&part, group, "mask", err));
        sc_status st = take_values(&flags, part, n_rows, &is_flags, err);
        c->mask = flags.values;
        *is_known = *is_known && is_flags && flags.type == SC_COL_BOOL;
        return st;
    }
    return SC_OK;
}

sc_status h5col_open(h5col *c, hid_t group, const char *name, int64_t n_rows, bool *is_known,
                     sc_err *err)
{
    hid_t obj = 0;
    *c = (h5col){.n_sub = 1};
    *is_known = false;
    sc_status st = h5_get(&obj, group, name, err);
    if (st == SC_OK && H5Iget_type(obj) == H5I_DATASET) {
        st = open_dataset(c, obj, n_rows, is_known, err); /* takes obj */
    } else if (st == SC_OK) {
        st = open_encoded(c, obj, n_rows, is_known, err);
        h5_close(&obj);
    }
    if (st == SC_OK && *is_known) {
        c->name = strdup(name);
        st = c->name ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
    }
    if (st != SC_OK || !*is_known)
        h5col_close(c);
    return st;
}

sc_status h5col_open_field(h5col *c, hid_t ds, const char *name, bool *is_known, sc_err *err)
{
    *c = (h5col){.n_sub = 1};
    const h5_vec v = {ds, name, 1};
    *is_known = type_of_kind(vec_kind(&v), &c->type);
    if (!*is_known)
        return SC_OK;
    c->name = strdup(name);
    c->field = strdup(name);
    if (!c->name || !c->field) {
        h5col_close(c);
        return sc_fail(err, SC_ENOMEM, "out of memory");
    }
    (void)H5Iinc_ref(ds);
    c->values = ds;
    return SC_OK;
}

void h5col_close(h5col *c)
{
    h5_close(&c->values);
    h5_close(&c->mask);
    free(c->name);
    free(c->field);
    sc_strs_free(&c->categories);
    *c = (h5col){0};
}

static sc_status check_codes(const h5col *c, int64_t row0, const sc_col *out, sc_err *err)
{
    char at[H5_PATH_MAX];
    for (int64_t i = 0; i < out->n; i++)
        if (out->v.code[i] < -1 || out->v.code[i] >= c->categories.n)
            return sc_fail(err, SC_EFORMAT,
                           "'%s': row %" PRId64 " has code %" PRId32 " of %" PRId64 " categories",
                           h5_path(c->values, at, sizeof at), row0 + i, out->v.code[i],
                           c->categories.n);
    return SC_OK;
}

static sc_status fill_missing(const h5col *c, int64_t row0, sc_col *out, sc_err *err)
{
    const h5_vec mask = {c->mask, NULL, 1};
    uint8_t *flags;
    SC_TRY(sc_alloc(&flags, (size_t)out->n, 1, err));
    sc_status st = h5_read_vec(&mask, H5T_NATIVE_UINT8, row0, out->n, flags, err);
    if (st == SC_OK && out->type == SC_COL_REAL) {
        for (int64_t i = 0; i < out->n; i++)
            if (flags[i])
                out->v.r[i] = NAN;
    } else if (st == SC_OK) {
        free(out->missing);
        out->missing = flags;
        return SC_OK;
    }
    free(flags);
    return st;
}

sc_status h5col_fill(const h5col *c, int64_t row0, sc_col *out, sc_err *err)
{
    const h5_vec v = {c->values, c->field, c->n_sub};
    switch (c->type) {
    case SC_COL_STRING:
        sc_strs_free(&out->v.str);
        SC_TRY(h5_read_text(&v, row0, out->n, &out->v.str, err));
        break;
    case SC_COL_CATEGORY:
        SC_TRY(h5_read_vec(&v, H5T_NATIVE_INT32, row0, out->n, out->v.code, err));
        SC_TRY(check_codes(c, row0, out, err));
        break;
    case SC_COL_INT:
        SC_TRY(h5_read_vec(&v, H5T_NATIVE_INT64, row0, out->n, out->v.i, err));
        break;
    case SC_COL_REAL:
        SC_TRY(h5_read_vec(&v, H5T_NATIVE_DOUBLE, row0, out->n, out->v.r, err));
        break;
    case SC_COL_BOOL:
        SC_TRY(h5_read_vec(&v, H5T_NATIVE_UINT8, row0, out->n, out->v.b, err));
        break;
    }
    return c->mask ? fill_missing(c, row0, out, err) : SC_OK;
}

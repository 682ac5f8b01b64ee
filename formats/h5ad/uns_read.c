#include "table.h"
#include "uns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 32, MAX_VALUES = 1 << 20 };

typedef struct uns_reader {
    bool old_scalars;
    const sc_strs *leave_out;
    sc_strs *skipped;
    int64_t n_left; /* values that may still be read: the header is held in memory */
} uns_reader;

static sc_status read_node(json_t **out, uns_reader *u, hid_t obj, int depth, sc_err *err);

static json_t *json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* A value of a vector; takes care of no memory but its own. */
static json_t *json_value(h5_kind kind, const void *values, int64_t k)
{
    if (kind == H5_NUM_REAL)
        return json_number(((const double *)values)[k]);
    const int64_t v = ((const int64_t *)values)[k];
    return kind == H5_BOOL ? json_boolean(v) : json_integer(v);
}

static sc_status nest(json_t **out, json_t **items, const h5_info *info, sc_err *err)
{
    json_t *all = json_array();
    const int64_t width = info->rank == 2 ? info->dims[1] : 1;
    int bad = all == NULL;
    for (int64_t i = 0; i < info->dims[0]; i++) {
        json_t *row = info->rank == 2 ? json_array() : NULL;
        for (int64_t j = 0; j < width; j++)
            bad |= json_array_append_new(row ? row : all, items[i * width + j]);
        if (row)
            bad |= json_array_append_new(all, row);
    }
    if (bad) {
        json_decref(all);
        return sc_fail(err, SC_ENOMEM, "out of memory");
    }
    *out = all;
    return SC_OK;
}

static sc_status read_numbers(json_t **out, const h5_info *info, hid_t ds, int64_t n, sc_err *err)
{
    int64_t *values = NULL; /* or doubles, which are as wide */
    json_t **items = NULL;
    const hid_t type = info->kind == H5_NUM_REAL ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
    char at[H5_PATH_MAX];
    sc_status st;
    SC_GOTO(st, sc_alloc(&values, (size_t)n, sizeof *values, err), out);
    SC_GOTO(st, sc_alloc(&items, (size_t)n, sizeof(json_t *), err), out);
    if (n && H5Dread(ds, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        st = sc_fail(err, SC_EFORMAT, "'%s' can't be read: it is damaged",
                     h5_path(ds, at, sizeof at));
        goto out;
    }
    for (int64_t k = 0; k < n; k++)
        items[k] = json_value(info->kind, values, k);
    if (info->rank > 0)
        st = nest(out, items, info, err);
    else
        *out = items[0];
out:
    free(values);
    free(items);
    return st;
}

static sc_status read_texts(json_t **out, const h5_info *info, hid_t ds, int64_t n, sc_err *err)
{
    sc_strs s = {0};
    json_t **items = NULL;
    const h5_vec v = {ds, NULL, 1};
    sc_status st;
    if (info->rank == 0)
        SC_GOTO(st, h5_read_scalar_text(ds, &s, err), out);
    else
        SC_GOTO(st, h5_read_text(&v, 0, n, &s, err), out);
    SC_GOTO(st, sc_alloc(&items, (size_t)n, sizeof(json_t *), err), out);
    for (int64_t k = 0; k < n; k++)
        items[k] = json_string(sc_strs_at(&s, k));
    if (info->rank > 0)
        st = nest(out, items, info, err);
    else
        *out = items[0];
out:
    free(items);
    sc_strs_free(&s);
    return st;
}

static sc_status skip(uns_reader *u, hid_t obj, sc_err *err)
{
    char at[H5_PATH_MAX];
    h5_path(obj, at, sizeof at);
    return sc_strs_push(u->skipped, at, strlen(at), err);
}

static sc_status read_dataset(json_t **out, uns_reader *u, hid_t ds, sc_err *err)
{
    h5_info info;
    SC_TRY(h5_describe(ds, &info, err));
    if (info.rank < 0) {
        *out = json_null();
        return SC_OK;
    }
    const bool is_text = info.kind == H5_TEXT;
    int64_t n = 1;
    for (int k = 0; k < info.rank && k < H5_MAX_RANK && n <= MAX_VALUES; k++)
        n *= info.dims[k];
    const int64_t cost = n * (is_text ? (int64_t)info.size : 1);
    if (info.kind > H5_TEXT || info.rank > (is_text ? 1 : 2) || cost > u->n_left)
        return skip(u, ds, err);
    u->n_left -= cost;
    SC_TRY(is_text ? read_texts(out, &info, ds, n, err) : read_numbers(out, &info, ds, n, err));
    if (u->old_scalars && info.rank == 1 && n == 1) {
        json_t *one = json_incref(json_array_get(*out, 0));
        json_decref(*out);
        *out = one;
    }
    return SC_OK;
}

/* A categorical or nullable array becomes an array with nulls. */
static sc_status read_column(json_t **out, uns_reader *u, hid_t parent, hid_t values, hid_t group,
                             sc_err *err)
{
    h5_info info;
    h5col c;
    bool is_known = false;
    char text[64], name[H5_PATH_MAX];
    SC_TRY(h5_describe(values, &info, err));
    if (info.rank != 1 || info.dims[0] > u->n_left)
        return skip(u, group, err);
    SC_TRY(h5col_open(&c, parent, h5_path(group, name, sizeof name), info.dims[0], &is_known, err));
    if (!is_known)
        return skip(u, group, err);
    sc_table t = {.n_rows = info.dims[0]};
    sc_col *col;
    json_t *all = json_array();
    sc_status st = sc_table_add(&t, "values", c.type, &col, err);
    if (st == SC_OK)
        st = sc_strs_copy(&col->categories, &c.categories, err);
    if (st == SC_OK)
        st = h5col_fill(&c, 0, col, err);
    for (int64_t i = 0; st == SC_OK && i < t.n_rows; i++) {
        json_t *v = sc_col_is_missing(col, i) ? json_null()
                    : c.type == SC_COL_REAL   ? json_number(col->v.r[i])
                    : c.type == SC_COL_INT    ? json_integer(col->v.i[i])
                    : c.type == SC_COL_BOOL   ? json_boolean(col->v.b[i])
                                              : json_string(sc_col_text(col, i, text, sizeof text));
        if (json_array_append_new(all, v))
            st = sc_fail(err, SC_ENOMEM, "out of memory");
    }
    u->n_left -= info.dims[0];
    h5col_close(&c);
    sc_table_free(&t);
    if (st == SC_OK)
        *out = all;
    else
        json_decref(all);
    return st;
}

static bool is_left_out(const uns_reader *u, hid_t obj)
{
    char at[H5_PATH_MAX];
    h5_path(obj, at, sizeof at);
    for (int64_t k = 0; k < u->leave_out->n; k++)
        if (strcmp(sc_strs_at(u->leave_out, k), at) == 0)
            return true;
    return false;
}

static sc_status read_dict(json_t **out, uns_reader *u, hid_t group, int depth, sc_err *err)
{
    sc_strs names = {0};
    json_t *dict = json_object();
    sc_status st = h5_members(group, &names, err);
    for (int64_t k = 0; k < names.n && st == SC_OK; k++) {
        const char *name = sc_strs_at(&names, k);
        hid_t obj = 0;
        json_t *v = NULL;
        st = h5_get(&obj, group, name, err);
        if (st == SC_OK && !is_left_out(u, obj))
            st = read_node(&v, u, obj, depth + 1, err);
        h5_close(&obj);
        if (st == SC_OK && v && json_object_set_new(dict, name, v))
            st = sc_fail(err, SC_ENOMEM, "out of memory");
    }
    sc_strs_free(&names);
    if (st == SC_OK)
        *out = dict;
    else
        json_decref(dict);
    return st;
}

/* *out stays NULL where the node was skipped. */
static sc_status read_node(json_t **out, uns_reader *u, hid_t obj, int depth, sc_err *err)
{
    char how[64] = "";
    if (H5Iget_type(obj) == H5I_DATASET)
        return read_dataset(out, u, obj, err);
    if (H5Iget_type(obj) != H5I_GROUP || depth > MAX_DEPTH)
        return skip(u, obj, err);
    (void)h5_attr_text(obj, "encoding-type", how, sizeof how);
    const bool is_categorical = strcmp(how, "categorical") == 0;
    if (is_categorical || strncmp(how, "nullable-", 9) == 0) {
        hid_t values = 0, file = H5Iget_file_id(obj);
        sc_status st = h5_get(&values, obj, is_categorical ? "codes" : "values", err);
        if (st == SC_OK)
            st = read_column(out, u, file, values, obj, err);
        h5_close(&values);
        h5_close(&file);
        return st;
    }
    if ((how[0] && strcmp(how, "dict") != 0) || H5Aexists(obj, "h5sparse_format") > 0)
        return skip(u, obj, err);
    return read_dict(out, u, obj, depth, err);
}

sc_status h5uns_read(json_t **out, hid_t file, bool old_scalars, const sc_strs *leave_out,
                     sc_strs *skipped, sc_err *err)
{
    uns_reader u = {old_scalars, leave_out, skipped, MAX_VALUES};
    hid_t uns = 0;
    *out = NULL;
    if (h5_has(file, "uns")) {
        SC_TRY(h5_get(&uns, file, "uns", err));
        sc_status st = read_node(out, &u, uns, 0, err);
        h5_close(&uns);
        if (st != SC_OK)
            return st;
    }
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = json_object();
    }
    return *out ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
}

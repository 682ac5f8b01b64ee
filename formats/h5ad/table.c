#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sc_status skip(hid_t loc, const char *name, sc_strs *skipped, sc_err *err)
{
    char at[H5_PATH_MAX], path[2 * H5_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", h5_path(loc, at, sizeof at), name);
    return sc_strs_push(skipped, path, strlen(path), err);
}

static sc_status add_col(h5table *t, const h5col *c, sc_err *err)
{
    SC_TRY(sc_resize(&t->cols, (size_t)t->n_cols + 1, sizeof *t->cols, err));
    t->cols[t->n_cols++] = *c;
    return SC_OK;
}

/* The index may be a text dataset, numbers, or a nullable string array. */
static sc_status open_index(h5table *t, hid_t group, const char *name, sc_err *err)
{
    h5_info info;
    hid_t obj = 0;
    SC_TRY(h5_get(&obj, group, name, err));
    if (H5Iget_type(obj) == H5I_GROUP) {
        sc_status st = h5_get(&t->index, obj, "values", err);
        h5_close(&obj);
        SC_TRY(st);
    } else {
        t->index = obj;
    }
    SC_TRY(h5_describe(t->index, &info, err));
    if (info.rank != 1 || info.kind > H5_TEXT)
        return sc_fail(err, SC_EFORMAT, "the index '%s' is not a list of names", name);
    t->n_rows = info.dims[0];
    if (strcmp(name, "_index") != 0) {
        t->index_name = strdup(name);
        if (!t->index_name)
            return sc_fail(err, SC_ENOMEM, "out of memory");
    }
    return SC_OK;
}

static sc_status open_group(h5table *t, hid_t group, sc_strs *skipped, sc_err *err)
{
    char index[H5_PATH_MAX];
    sc_strs names = {0};
    sc_status st;
    if (!h5_attr_text(group, "_index", index, sizeof index))
        (void)snprintf(index, sizeof index, "%s", h5_has(group, "_index") ? "_index" : "index");
    SC_GOTO(st, open_index(t, group, index, err), out);
    if (H5Aexists(group, "column-order") > 0)
        SC_GOTO(st, h5_attr_strs(group, "column-order", &names, err), out);
    else
        SC_GOTO(st, h5_members(group, &names, err), out);
    for (int64_t k = 0; k < names.n && st == SC_OK; k++) {
        const char *name = sc_strs_at(&names, k);
        h5col c;
        bool is_known;
        if (strcmp(name, index) == 0 || strcmp(name, "__categories") == 0)
            continue;
        SC_GOTO(st, h5col_open(&c, group, name, t->n_rows, &is_known, err), out);
        st = is_known ? add_col(t, &c, err) : skip(group, name, skipped, err);
    }
out:
    sc_strs_free(&names);
    return st;
}

static sc_status open_field(h5table *t, hid_t ds, hid_t type, unsigned k, sc_strs *skipped,
                            sc_err *err)
{
    char *name = H5Tget_member_name(type, k);
    h5col c;
    bool is_known;
    if (!name)
        return sc_fail(err, SC_EFORMAT, "field %u of a table has no name", k);
    sc_status st = SC_OK;
    if (strcmp(name, "index") == 0) {
        (void)H5Iinc_ref(ds);
        t->index = ds;
        t->index_field = strdup(name);
        t->index_name = strdup(name);
        st = t->index_field && t->index_name ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
    } else {
        st = h5col_open_field(&c, ds, name, &is_known, err);
        if (st == SC_OK)
            st = is_known ? add_col(t, &c, err) : skip(ds, name, skipped, err);
    }
    (void)H5free_memory(name);
    return st;
}

static sc_status open_compound(h5table *t, hid_t ds, sc_strs *skipped, sc_err *err)
{
    char at[H5_PATH_MAX];
    h5_info info;
    SC_TRY(h5_describe(ds, &info, err));
    if (info.kind != H5_COMPOUND || info.rank != 1)
        return sc_fail(err, SC_EFORMAT, "'%s' is not a table", h5_path(ds, at, sizeof at));
    t->n_rows = info.dims[0];
    hid_t type = H5Dget_type(ds);
    const int n = H5Tget_nmembers(type);
    sc_status st = SC_OK;
    for (int k = 0; k < n && st == SC_OK; k++)
        st = open_field(t, ds, type, (unsigned)k, skipped, err);
    h5_close(&type);
    return st;
}

sc_status h5table_open(h5table *t, hid_t loc, const char *name, sc_strs *skipped, sc_err *err)
{
    hid_t obj = 0;
    *t = (h5table){0};
    sc_status st = h5_get(&obj, loc, name, err);
    if (st == SC_OK)
        st = H5Iget_type(obj) == H5I_GROUP ? open_group(t, obj, skipped, err)
                                           : open_compound(t, obj, skipped, err);
    h5_close(&obj);
    if (st != SC_OK)
        h5table_close(t);
    return st;
}

void h5table_close(h5table *t)
{
    for (int k = 0; k < t->n_cols; k++)
        h5col_close(&t->cols[k]);
    free(t->cols);
    h5_close(&t->index);
    free(t->index_name);
    free(t->index_field);
    *t = (h5table){0};
}

sc_status h5table_schema(const h5table *t, sc_table *out, sc_err *err)
{
    for (int k = 0; k < t->n_cols; k++) {
        sc_col *c;
        SC_TRY(sc_table_add(out, t->cols[k].name, t->cols[k].type, &c, err));
        c->is_ordered = t->cols[k].is_ordered;
        SC_TRY(sc_strs_copy(&c->categories, &t->cols[k].categories, err));
    }
    if (t->index_name) {
        free(out->index_name);
        out->index_name = strdup(t->index_name);
        if (!out->index_name)
            return sc_fail(err, SC_ENOMEM, "out of memory");
    }
    return SC_OK;
}

static sc_status fill_names(const h5table *t, int64_t row0, sc_table *out, sc_err *err)
{
    const h5_vec v = {t->index, t->index_field, 1};
    if (t->index)
        return h5_read_as_text(&v, row0, out->n_rows, &out->names, err);
    for (int64_t i = 0; i < out->n_rows; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%" PRId64, row0 + i);
        SC_TRY(sc_strs_push(&out->names, name, strlen(name), err));
    }
    return SC_OK;
}

sc_status h5table_fill(const h5table *t, int64_t row0, sc_table *out, sc_err *err)
{
    sc_strs_free(&out->names);
    SC_TRY(fill_names(t, row0, out, err));
    for (int k = 0; k < t->n_cols; k++)
        SC_TRY(h5col_fill(&t->cols[k], row0, &out->cols[k], err));
    return SC_OK;
}

sc_status h5table_read(const h5table *t, sc_table *out, sc_err *err)
{
    out->n_rows = t->n_rows;
    SC_TRY(h5table_schema(t, out, err));
    return h5table_fill(t, 0, out, err);
}

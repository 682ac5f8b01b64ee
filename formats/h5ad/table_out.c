#include "table_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The narrowest codes that hold the categories, as pandas has them. */
static hid_t code_type(int64_t n)
{
    return n <= INT8_MAX ? H5T_STD_I8LE : n <= INT16_MAX ? H5T_STD_I16LE : H5T_STD_I32LE;
}

static sc_status open_category(h5out_table *t, h5out_col *c, const sc_col *like, sc_err *err)
{
    char key[H5_PATH_MAX];
    SC_TRY(h5out_group(t->o, t->group, h5out_key(like->name, key, sizeof key), "categorical",
                       "0.2.0", &c->group, err));
    SC_TRY(h5out_attr_bool(t->o, c->group, "ordered", like->is_ordered, err));
    return h5out_texts(t->o, c->group, "categories", &like->categories, err);
}

sc_status h5out_table_open(h5out_table *t, const h5out *o, hid_t loc, const char *name,
                           const sc_table *schema, sc_err *err)
{
    *t = (h5out_table){.o = o, .schema = schema, .n_cols = schema->n_cols};
    const bool has_name =
        schema->index_name && schema->index_name[0] && !sc_table_find(schema, schema->index_name);
    (void)h5out_key(has_name ? schema->index_name : "_index", t->index, sizeof t->index);
    SC_TRY(sc_alloc(&t->cols, (size_t)schema->n_cols, sizeof *t->cols, err));
    SC_TRY(h5out_group(o, loc, name, "dataframe", "0.2.0", &t->group, err));
    SC_TRY(h5out_attr_text(o, t->group, "_index", t->index, err));
    for (int k = 0; k < t->n_cols; k++) {
        if (schema->cols[k].type == SC_COL_CATEGORY)
            SC_TRY(open_category(t, &t->cols[k], &schema->cols[k], err));
    }
    return SC_OK;
}

static sc_status keep_missing(h5out_table *t, h5out_col *c, const sc_col *rows, sc_err *err)
{
    if (rows->type == SC_COL_CATEGORY || rows->type == SC_COL_REAL)
        return SC_OK;
    SC_TRY(sc_resize(&c->missing, (size_t)(t->n_rows + rows->n), 1, err));
    for (int64_t i = 0; i < rows->n; i++) {
        c->missing[t->n_rows + i] = rows->missing && rows->missing[i];
        c->has_missing |= rows->missing && rows->missing[i];
    }
    return SC_OK;
}

static sc_status put_col(h5out_table *t, h5out_col *c, const sc_col *rows, sc_err *err)
{
    char key[H5_PATH_MAX];
    const h5out *o = t->o;
    h5out_key(rows->name, key, sizeof key);
    SC_TRY(keep_missing(t, c, rows, err));
    switch (rows->type) {
    case SC_COL_STRING:
        return h5grow_put_texts(o, &c->values, t->group, key, &rows->v.str, err);
    case SC_COL_CATEGORY:
        return h5grow_put(o, &c->values, c->group, "codes", code_type(rows->categories.n),
                          H5T_NATIVE_INT32, -1, rows->n, rows->v.code, "array", err);
    case SC_COL_INT:
        return h5grow_put(o, &c->values, t->group, key, H5T_STD_I64LE, H5T_NATIVE_INT64, -1,
                          rows->n, rows->v.i, "array", err);
    case SC_COL_REAL:
        return h5grow_put(o, &c->values, t->group, key, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, -1,
                          rows->n, rows->v.r, "array", err);
    case SC_COL_BOOL:
        return h5grow_put(o, &c->values, t->group, key, o->boolean, o->boolean, -1, rows->n,
                          rows->v.b, "array", err);
    }
    return SC_OK;
}

sc_status h5out_table_put(h5out_table *t, const sc_table *rows, sc_err *err)
{
    SC_TRY(h5grow_put_texts(t->o, &t->names, t->group, t->index, &rows->names, err));
    for (int k = 0; k < t->n_cols; k++)
        SC_TRY(put_col(t, &t->cols[k], &rows->cols[k], err));
    t->n_rows += rows->n_rows;
    return SC_OK;
}

/* Values with missing ones among them become a group: the dataset moves into it. */
static sc_status make_nullable(h5out_table *t, h5out_col *c, const sc_col *like, sc_err *err)
{
    const h5out *o = t->o;
    char key[H5_PATH_MAX];
    const char *type = like->type == SC_COL_INT    ? "nullable-integer"
                       : like->type == SC_COL_BOOL ? "nullable-boolean"
                                                   : "nullable-string-array";
    hid_t group = 0;
    h5out_key(like->name, key, sizeof key);
    if (H5Lmove(t->group, key, t->group, "__moved", H5P_DEFAULT, H5P_DEFAULT) < 0)
        return h5out_fail(o, key, err);
    sc_status st = h5out_group(o, t->group, key, type, "0.1.0", &group, err);
    if (st == SC_OK && H5Lmove(t->group, "__moved", group, "values", H5P_DEFAULT, H5P_DEFAULT) < 0)
        st = h5out_fail(o, key, err);
    if (st == SC_OK)
        st = h5out_array(o, group, "mask", o->boolean, o->boolean, 1, &t->n_rows, c->missing,
                         "array", err);
    h5_close(&group);
    return st;
}

sc_status h5out_table_finish(h5out_table *t, sc_err *err)
{
    if (!t->names.ds) { /* not a row came: the datasets are made all the same */
        sc_table none = {0};
        sc_status st = sc_table_copy(&none, t->schema, err);
        if (st == SC_OK)
            st = h5out_table_put(t, &none, err);
        sc_table_free(&none);
        SC_TRY(st);
    }
    char(*keys)[H5_PATH_MAX];
    const char **order = NULL;
    sc_status st = sc_alloc(&keys, (size_t)t->n_cols, sizeof *keys, err);
    if (st == SC_OK)
        st = sc_alloc(&order, (size_t)t->n_cols, sizeof *order, err);
    for (int k = 0; k < t->n_cols && st == SC_OK; k++) {
        order[k] = h5out_key(t->schema->cols[k].name, keys[k], sizeof keys[k]);
        if (t->cols[k].has_missing)
            st = make_nullable(t, &t->cols[k], &t->schema->cols[k], err);
    }
    if (st == SC_OK)
        st = h5out_attr_texts(t->o, t->group, "column-order", order, t->n_cols, err);
    free(keys);
    free(order);
    return st;
}

void h5out_table_close(h5out_table *t)
{
    for (int k = 0; k < t->n_cols && t->cols; k++) {
        h5grow_close(&t->cols[k].values);
        h5_close(&t->cols[k].group);
        free(t->cols[k].missing);
    }
    free(t->cols);
    h5grow_close(&t->names);
    h5_close(&t->group);
    *t = (h5out_table){0};
}

sc_status h5out_table_whole(const h5out *o, hid_t loc, const char *name, const sc_table *table,
                            sc_err *err)
{
    h5out_table t;
    sc_status st = h5out_table_open(&t, o, loc, name, table, err);
    if (st == SC_OK)
        st = h5out_table_put(&t, table, err);
    if (st == SC_OK)
        st = h5out_table_finish(&t, err);
    h5out_table_close(&t);
    return st;
}

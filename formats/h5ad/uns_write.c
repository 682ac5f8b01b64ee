#include "uns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum array_kind { ARRAY_INT, ARRAY_REAL, ARRAY_BOOL, ARRAY_TEXT, ARRAY_OTHER } array_kind;

/* What an array of anndata's these values make; numbers with nulls are reals with NaN. */
static array_kind kind_of(const json_t *array, array_kind so_far, bool *is_first)
{
    size_t i;
    json_t *v;
    json_array_foreach(array, i, v)
    {
        const array_kind k = json_is_integer(v)                   ? ARRAY_INT
                             : json_is_real(v) || json_is_null(v) ? ARRAY_REAL
                             : json_is_boolean(v)                 ? ARRAY_BOOL
                             : json_is_string(v)                  ? ARRAY_TEXT
                                                                  : ARRAY_OTHER;
        if (*is_first)
            so_far = k;
        else if (k != so_far)
            so_far = k <= ARRAY_REAL && so_far <= ARRAY_REAL ? ARRAY_REAL : ARRAY_OTHER;
        *is_first = false;
    }
    return so_far;
}

/* Rank and shape of an array, 0 where it isn't one that HDF5 has. */
static int shape_of(const json_t *array, array_kind *kind, int64_t dims[2])
{
    bool is_first = true;
    size_t i;
    json_t *row;
    dims[0] = (int64_t)json_array_size(array);
    if (dims[0] == 0 || !json_is_array(json_array_get(array, 0))) {
        *kind = kind_of(array, ARRAY_REAL, &is_first);
        return *kind == ARRAY_OTHER ? 0 : 1;
    }
    dims[1] = (int64_t)json_array_size(json_array_get(array, 0));
    *kind = ARRAY_REAL;
    json_array_foreach(array, i, row)
    {
        if (!json_is_array(row) || (int64_t)json_array_size(row) != dims[1])
            return 0;
        *kind = kind_of(row, *kind, &is_first);
    }
    return *kind == ARRAY_OTHER || *kind == ARRAY_TEXT ? 0 : 2;
}

static void set_value(array_kind kind, void *values, int64_t k, const json_t *v)
{
    if (kind == ARRAY_INT)
        ((int64_t *)values)[k] = json_integer_value(v);
    else if (kind == ARRAY_BOOL)
        ((int8_t *)values)[k] = json_is_true(v);
    else
        ((double *)values)[k] = json_is_number(v) ? json_number_value(v) : NAN;
}

static sc_status write_numbers(const h5out *o, hid_t group, const char *key, const json_t *array,
                               array_kind kind, int rank, const int64_t *dims, sc_err *err)
{
    const int64_t width = rank == 2 ? dims[1] : 1;
    void *values;
    SC_TRY(sc_alloc(&values, (size_t)(dims[0] * width), sizeof(double), err));
    for (int64_t i = 0; i < dims[0]; i++) {
        const json_t *row = json_array_get(array, (size_t)i);
        for (int64_t j = 0; j < width; j++)
            set_value(kind, values, i * width + j,
                      rank == 2 ? json_array_get(row, (size_t)j) : row);
    }
    const hid_t file_type = kind == ARRAY_INT    ? H5T_STD_I64LE
                            : kind == ARRAY_BOOL ? o->boolean
                                                 : H5T_IEEE_F64LE;
    const hid_t mem_type = kind == ARRAY_INT    ? H5T_NATIVE_INT64
                           : kind == ARRAY_BOOL ? o->boolean
                                                : H5T_NATIVE_DOUBLE;
    sc_status st =
        h5out_array(o, group, key, file_type, mem_type, rank, dims, values, "array", err);
    free(values);
    return st;
}

static sc_status write_texts(const h5out *o, hid_t group, const char *key, const json_t *array,
                             sc_err *err)
{
    sc_strs s = {0};
    size_t i;
    json_t *v;
    sc_status st = SC_OK;
    json_array_foreach(array, i, v)
    {
        if (st == SC_OK)
            st = sc_strs_push(&s, json_string_value(v), json_string_length(v), err);
    }
    if (st == SC_OK)
        st = h5out_texts(o, group, key, &s, err);
    sc_strs_free(&s);
    return st;
}

static sc_status write_string(const h5out *o, hid_t group, const char *key, const char *text,
                              sc_err *err)
{
    return h5out_array(o, group, key, o->text, o->text, 0, NULL, &text, "string", err);
}

static sc_status write_array(const h5out *o, hid_t group, const char *key, const json_t *array,
                             sc_strs *as_text, sc_err *err)
{
    array_kind kind;
    int64_t dims[2] = {0};
    const int rank = shape_of(array, &kind, dims);
    if (rank && kind == ARRAY_TEXT)
        return write_texts(o, group, key, array, err);
    if (rank)
        return write_numbers(o, group, key, array, kind, rank, dims, err);
    char *text = json_dumps(array, JSON_COMPACT);
    if (!text)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    sc_status st = write_string(o, group, key, text, err);
    free(text);
    return st == SC_OK ? sc_strs_push(as_text, key, strlen(key), err) : st;
}

static sc_status write_scalar(const h5out *o, hid_t group, const char *key, const json_t *v,
                              sc_err *err)
{
    const int64_t i = json_integer_value(v);
    const double r = json_number_value(v);
    const int8_t b = json_is_true(v);
    if (json_is_integer(v))
        return h5out_array(o, group, key, H5T_STD_I64LE, H5T_NATIVE_INT64, 0, NULL, &i,
                           "numeric-scalar", err);
    if (json_is_real(v))
        return h5out_array(o, group, key, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 0, NULL, &r,
                           "numeric-scalar", err);
    return h5out_array(o, group, key, o->boolean, o->boolean, 0, NULL, &b, "numeric-scalar", err);
}

static sc_status write_dict(const h5out *o, hid_t loc, const char *name, const json_t *dict,
                            sc_strs *as_text, sc_err *err)
{
    hid_t group = 0;
    const char *member;
    json_t *v;
    sc_status st = h5out_group(o, loc, name, "dict", "0.1.0", &group, err);
    json_object_foreach((json_t *)(uintptr_t)dict, member, v)
    {
        char key[H5_PATH_MAX];
        h5out_key(member, key, sizeof key);
        if (st != SC_OK || json_is_null(v))
            continue;
        if (json_is_object(v))
            st = write_dict(o, group, key, v, as_text, err);
        else if (json_is_array(v))
            st = write_array(o, group, key, v, as_text, err);
        else if (json_is_string(v))
            st = write_string(o, group, key, json_string_value(v), err);
        else
            st = write_scalar(o, group, key, v, err);
    }
    h5_close(&group);
    return st;
}

sc_status h5uns_write(const h5out *o, const char *json, sc_strs *as_text, sc_err *err)
{
    json_error_t why;
    json_t *dict = json_loads(json ? json : "{}", 0, &why);
    if (!json_is_object(dict)) {
        json_decref(dict);
        return sc_fail(err, SC_EFORMAT, "uns is no JSON object: %s", why.text);
    }
    sc_status st = write_dict(o, o->file, "uns", dict, as_text, err);
    json_decref(dict);
    return st;
}

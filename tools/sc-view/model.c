#include "view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int64_t n_values(const sc_tensor *t)
{
    int64_t n = 1;
    for (int d = 0; d < t->n_dims; d++)
        n *= t->dims[d];
    return n;
}

static void put_shape(FILE *to, const sc_tensor *t)
{
    for (int d = 0; d < t->n_dims; d++)
        fprintf(to, "%s%" PRId64, d ? "x" : "", t->dims[d]);
}

/* A value on one line, cut where it would fill the screen. */
static void put_meta(FILE *to, const char *key, const json_t *value)
{
    enum { SHOWN = 300 };
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    if (text && json_is_string(value))
        fprintf(to, "%s: %s\n", key, json_string_value(value));
    else if (text)
        fprintf(to, "%s: %.*s%s\n", key, SHOWN, text, strlen(text) > SHOWN ? " ..." : "");
    free(text);
}

static void put_summary(FILE *to, const sc_model_file *m)
{
    int64_t total = 0;
    json_t *meta = json_of_text(m->meta), *value;
    const char *key;
    json_object_foreach(meta, key, value)
    {
        if (strcmp(key, "history") == 0)
            fprintf(to, "history: %zu rows\n", json_array_size(json_object_get(value, "rows")));
        else
            put_meta(to, key, value);
    }
    json_decref(meta);
    for (int k = 0; k < m->n_tensors; k++)
        total += n_values(&m->tensors[k]);
    fprintf(to, "genes: %" PRId64 "\ntensors: %d of %" PRId64 " values\n", m->var.n_rows,
            m->n_tensors, total);
    put_columns(to, "var", &m->var);
    put_records(to, &m->records);
}

static json_t *model_json(const sc_model_file *m)
{
    json_t *tensors = json_array();
    for (int k = 0; k < m->n_tensors; k++) {
        json_t *shape = json_array();
        for (int d = 0; d < m->tensors[k].n_dims; d++)
            json_array_append_new(shape, json_integer(m->tensors[k].dims[d]));
        json_array_append_new(tensors,
                              json_pack("{s:s, s:o}", "name", m->tensors[k].name, "shape", shape));
    }
    return json_pack("{s:o, s:I, s:o, s:o, s:o}", "meta", json_of_text(m->meta), "n_vars",
                     (json_int_t)m->var.n_rows, "var", json_of_columns(&m->var), "tensors", tensors,
                     "records", json_of_strs(&m->records, true));
}

static void put_cell(FILE *to, const json_t *x)
{
    if (json_is_integer(x))
        fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(x));
    else if (json_is_number(x))
        put_number(to, json_number_value(x));
    else if (json_is_string(x))
        put_field(to, json_string_value(x));
}

static sc_status put_history(const view *v, const sc_model_file *m, sc_err *err)
{
    json_t *meta = json_of_text(m->meta), *history = json_object_get(meta, "history");
    json_t *columns = json_object_get(history, "columns"), *rows = json_object_get(history, "rows");
    json_t *row, *x;
    size_t i, j;
    const bool is_there = json_is_array(columns) && json_is_array(rows);
    json_array_foreach(columns, j, x)
    {
        if (j)
            putc('\t', v->to);
        put_cell(v->to, x);
    }
    if (is_there)
        putc('\n', v->to);
    json_array_foreach(rows, i, row)
    {
        if (v->n_rows >= 0 && (int64_t)i >= v->n_rows)
            break;
        json_array_foreach(row, j, x)
        {
            if (j)
                putc('\t', v->to);
            put_cell(v->to, x);
        }
        putc('\n', v->to);
    }
    json_decref(meta);
    return is_there ? SC_OK : sc_fail(err, SC_EDATA, "the model has no training history");
}

static void put_tensors(const view *v, const sc_model_file *m)
{
    fputs("tensor\tshape\n", v->to);
    for (int k = 0; k < m->n_tensors && (v->n_rows < 0 || k < v->n_rows); k++) {
        put_field(v->to, m->tensors[k].name);
        putc('\t', v->to);
        put_shape(v->to, &m->tensors[k]);
        putc('\n', v->to);
    }
}

/* A row for each index of the first axis; what is left of the axes lies side by side. */
static void put_tensor(const view *v, const sc_tensor *t)
{
    const int64_t n_rows = t->n_dims ? t->dims[0] : 1;
    const int64_t n_cols = n_rows ? n_values(t) / n_rows : 0;
    fputs(t->n_dims == 1 ? "row\tvalue" : "row", v->to);
    for (int64_t j = 0; t->n_dims != 1 && j < n_cols; j++)
        fprintf(v->to, "\t%" PRId64, j);
    putc('\n', v->to);
    for (int64_t i = 0; i < n_rows && (v->n_rows < 0 || i < v->n_rows); i++) {
        fprintf(v->to, "%" PRId64, i);
        for (int64_t j = 0; j < n_cols; j++) {
            putc_unlocked('\t', v->to);
            put_number(v->to, (double)t->values[i * n_cols + j]);
        }
        putc_unlocked('\n', v->to);
    }
}

static sc_status unknown(const char *what, const sc_model_file *m, sc_err *err)
{
    static const char *const always[] = {"history", "meta", "tensors", "var"};
    sc_strs list = {0};
    sc_status st = SC_OK;
    for (size_t k = 0; k < 4 && st == SC_OK; k++)
        st = sc_strs_push(&list, always[k], strlen(always[k]), err);
    for (int k = 0; k < m->n_tensors && st == SC_OK; k++) {
        char path[300];
        const int n = snprintf(path, sizeof path, "tensors/%s", m->tensors[k].name);
        if (n > 0 && n < (int)sizeof path)
            st = sc_strs_push(&list, path, (size_t)n, err);
    }
    if (st == SC_OK)
        return no_table(what, &list, err);
    sc_strs_free(&list);
    return st;
}

static sc_status put_what(const view *v, const sc_model_file *m, sc_err *err)
{
    if (strcmp(v->what, "history") == 0)
        return put_history(v, m, err);
    if (strcmp(v->what, "meta") == 0)
        return put_json(v->to, json_of_text(m->meta), err);
    const sc_tensor *t =
        strncmp(v->what, "tensors/", 8) == 0 ? sc_model_file_find(m, v->what + 8) : NULL;
    if (strcmp(v->what, "tensors") == 0) {
        put_tensors(v, m);
    } else if (strcmp(v->what, "var") == 0) {
        put_table_head(v->to, "gene", &m->var);
        put_table_rows(v->to, &m->var,
                       v->n_rows >= 0 && v->n_rows < m->var.n_rows ? v->n_rows : m->var.n_rows);
    } else if (t) {
        put_tensor(v, t);
    } else {
        return unknown(v->what, m, err);
    }
    return SC_OK;
}

/* Reads what is left: all of it decoded if it is to be checked, otherwise the one tensor that is
 * printed. */
static sc_status read_rest(const view *v, sc_model_file *m, sc_reader *in, sc_err *err)
{
    bool *wanted = NULL;
    SC_TRY(sc_alloc(&wanted, (size_t)m->n_tensors, sizeof *wanted, err));
    for (int k = 0; k < m->n_tensors; k++)
        wanted[k] = v->check || (v->what && strncmp(v->what, "tensors/", 8) == 0 &&
                                 strcmp(v->what + 8, m->tensors[k].name) == 0);
    const sc_status st = sc_model_file_rest(m, in, wanted, err);
    free(wanted);
    return st;
}

static sc_status print_model(const view *v, const sc_model_file *m, sc_err *err)
{
    if (v->what)
        return put_what(v, m, err);
    if (v->json)
        return put_json(v->to, model_json(m), err);
    if (v->check)
        fprintf(v->to, "whole: a model of %d tensors, %" PRId64 " genes\n", m->n_tensors,
                m->var.n_rows);
    else
        put_summary(v->to, m);
    return SC_OK;
}

sc_status view_model(const view *v, sc_reader *in, sc_err *err)
{
    sc_model_file m;
    SC_TRY(sc_model_file_head(&m, in, err));
    sc_status st = v->header_only ? SC_OK : read_rest(v, &m, in, err);
    if (st == SC_OK)
        st = print_model(v, &m, err);
    sc_model_file_free(&m);
    return st;
}

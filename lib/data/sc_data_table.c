#include "sc_data.h"
#include "sc_data_int.h"
#include "sc_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sc_status sc_str_dup(char **out, const char *s, sc_err *err)
{
    const size_t n = strlen(s) + 1;
    SC_TRY(sc_alloc(out, n, 1, err));
    memcpy(*out, s, n);
    return SC_OK;
}

sc_col *sc_table_find(const sc_table *t, const char *name)
{
    for (int k = 0; k < t->n_cols; k++)
        if (strcmp(t->cols[k].name, name) == 0)
            return &t->cols[k];
    return NULL;
}

sc_status sc_col_alloc(sc_col *c, int64_t n, bool with_missing, sc_err *err)
{
    sc_status st = SC_OK;
    c->n = n;
    switch (c->type) {
    case SC_COL_STRING:
        break;
    case SC_COL_CATEGORY:
        st = sc_alloc(&c->v.code, (size_t)n, sizeof *c->v.code, err);
        break;
    case SC_COL_INT:
        st = sc_alloc(&c->v.i, (size_t)n, sizeof *c->v.i, err);
        break;
    case SC_COL_REAL:
        st = sc_alloc(&c->v.r, (size_t)n, sizeof *c->v.r, err);
        break;
    case SC_COL_BOOL:
        st = sc_alloc(&c->v.b, (size_t)n, sizeof *c->v.b, err);
        break;
    }
    if (st == SC_OK && with_missing)
        st = sc_alloc(&c->missing, (size_t)n, 1, err);
    return st;
}

static sc_status fill_new(sc_col *c, int64_t n, sc_err *err)
{
    SC_TRY(sc_col_alloc(c, n, false, err));
    for (int64_t i = 0; i < n; i++) {
        if (c->type == SC_COL_STRING)
            SC_TRY(sc_strs_push(&c->v.str, "", 0, err));
        else if (c->type == SC_COL_CATEGORY)
            c->v.code[i] = -1;
        else if (c->type == SC_COL_REAL)
            c->v.r[i] = NAN;
    }
    return SC_OK;
}

sc_status sc_table_add(sc_table *t, const char *name, sc_col_type type, sc_col **out, sc_err *err)
{
    if (sc_table_find(t, name))
        return sc_fail(err, SC_EDATA, "there is a column '%s' already", name);
    if (!sc_is_text(name, strlen(name)))
        return sc_fail(err, SC_EFORMAT, "the name of column %d is not UTF-8 text", t->n_cols);
    SC_TRY(sc_resize(&t->cols, (size_t)t->n_cols + 1, sizeof *t->cols, err));
    sc_col *c = &t->cols[t->n_cols];
    *c = (sc_col){.type = type};
    sc_status st = sc_str_dup(&c->name, name, err);
    if (st == SC_OK)
        st = fill_new(c, t->n_rows, err);
    if (st != SC_OK) {
        sc_col_free(c);
        return st;
    }
    t->n_cols++;
    if (out)
        *out = c;
    return SC_OK;
}

sc_status sc_table_drop(sc_table *t, const char *name, sc_err *err)
{
    sc_col *c = sc_table_find(t, name);
    if (!c)
        return sc_fail(err, SC_EDATA, "there is no column '%s'", name);
    const size_t after = (size_t)(t->n_cols - 1 - (int)(c - t->cols));
    sc_col_free(c);
    memmove(c, c + 1, after * sizeof *c);
    t->n_cols--;
    return SC_OK;
}

/* Copies n values of `size` bytes: all of them, or those at rows. */
static void copy_values(void *to, const void *from, size_t size, const int64_t *rows, int64_t n)
{
    if (n == 0)
        return;
    if (!rows) {
        memcpy(to, from, (size_t)n * size);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        memcpy((char *)to + (size_t)i * size, (const char *)from + (size_t)rows[i] * size, size);
}

static sc_status fill_copy(sc_col *to, const sc_col *from, const int64_t *rows, int64_t n,
                           sc_err *err)
{
    SC_TRY(sc_str_dup(&to->name, from->name ? from->name : "", err));
    SC_TRY(sc_strs_copy(&to->categories, &from->categories, err));
    SC_TRY(sc_col_alloc(to, n, from->missing != NULL, err));
    if (from->missing)
        copy_values(to->missing, from->missing, 1, rows, n);
    switch (to->type) {
    case SC_COL_STRING:
        return rows ? sc_strs_take(&to->v.str, &from->v.str, rows, n, err)
                    : sc_strs_copy(&to->v.str, &from->v.str, err);
    case SC_COL_CATEGORY:
        copy_values(to->v.code, from->v.code, sizeof *to->v.code, rows, n);
        break;
    case SC_COL_INT:
        copy_values(to->v.i, from->v.i, sizeof *to->v.i, rows, n);
        break;
    case SC_COL_REAL:
        copy_values(to->v.r, from->v.r, sizeof *to->v.r, rows, n);
        break;
    case SC_COL_BOOL:
        copy_values(to->v.b, from->v.b, sizeof *to->v.b, rows, n);
        break;
    }
    return SC_OK;
}

static sc_status col_take(sc_col *to, const sc_col *from, const int64_t *rows, int64_t n,
                          sc_err *err)
{
    *to = (sc_col){.type = from->type, .is_ordered = from->is_ordered};
    const sc_status st = fill_copy(to, from, rows, n, err);
    if (st != SC_OK)
        sc_col_free(to);
    return st;
}

sc_status sc_col_copy(sc_col *to, const sc_col *from, sc_err *err)
{
    return col_take(to, from, NULL, from->n, err);
}

static sc_status table_fill(sc_table *to, const sc_table *from, const int64_t *rows, int64_t n,
                            sc_err *err)
{
    to->n_rows = n;
    if (from->index_name)
        SC_TRY(sc_str_dup(&to->index_name, from->index_name, err));
    if (from->names.n && rows)
        SC_TRY(sc_strs_take(&to->names, &from->names, rows, n, err));
    else if (from->names.n)
        SC_TRY(sc_strs_copy(&to->names, &from->names, err));
    SC_TRY(sc_alloc(&to->cols, (size_t)from->n_cols, sizeof *to->cols, err));
    for (; to->n_cols < from->n_cols; to->n_cols++)
        SC_TRY(col_take(&to->cols[to->n_cols], &from->cols[to->n_cols], rows, n, err));
    return SC_OK;
}

/* Made aside, so that a failure leaves no half and `from` may lend from `to`. */
static sc_status table_make(sc_table *to, const sc_table *from, const int64_t *rows, int64_t n,
                            sc_err *err)
{
    sc_table t = {0};
    const sc_status st = table_fill(&t, from, rows, n, err);
    if (st != SC_OK) {
        sc_table_free(&t);
        return st;
    }
    *to = t;
    return SC_OK;
}

sc_status sc_table_copy(sc_table *to, const sc_table *from, sc_err *err)
{
    return table_make(to, from, NULL, from->n_rows, err);
}

sc_status sc_table_take(sc_table *to, const sc_table *from, const int64_t *rows, int64_t n,
                        sc_err *err)
{
    static const int64_t none = 0; /* with n of 0, rows may be NULL and still mean "no rows" */
    return table_make(to, from, rows ? rows : &none, n, err);
}

void sc_col_free(sc_col *c)
{
    free(c->name);
    sc_strs_free(&c->categories);
    if (c->type == SC_COL_STRING)
        sc_strs_free(&c->v.str);
    else if (c->type == SC_COL_CATEGORY)
        free(c->v.code);
    else if (c->type == SC_COL_INT)
        free(c->v.i);
    else if (c->type == SC_COL_REAL)
        free(c->v.r);
    else
        free(c->v.b);
    free(c->missing);
    *c = (sc_col){0};
}

void sc_table_free(sc_table *t)
{
    free(t->index_name);
    sc_strs_free(&t->names);
    for (int k = 0; k < t->n_cols; k++)
        sc_col_free(&t->cols[k]);
    free(t->cols);
    *t = (sc_table){0};
}

bool sc_col_is_missing(const sc_col *c, int64_t i)
{
    if (c->type == SC_COL_CATEGORY)
        return c->v.code[i] < 0;
    if (c->type == SC_COL_REAL)
        return isnan(c->v.r[i]);
    return c->missing && c->missing[i];
}

const char *sc_col_text(const sc_col *c, int64_t i, char *buf, size_t buf_len)
{
    if (sc_col_is_missing(c, i))
        return "";
    switch (c->type) {
    case SC_COL_STRING:
        return sc_strs_at(&c->v.str, i);
    case SC_COL_CATEGORY:
        return sc_strs_at(&c->categories, c->v.code[i]);
    case SC_COL_INT:
        (void)snprintf(buf, buf_len, "%" PRId64, c->v.i[i]);
        return buf;
    case SC_COL_REAL:
        if (buf_len >= SC_REAL_TEXT)
            (void)sc_print_real(buf, c->v.r[i]);
        else
            (void)snprintf(buf, buf_len, "%.9g", c->v.r[i]);
        return buf;
    case SC_COL_BOOL:
        return c->v.b[i] ? "True" : "False";
    }
    return "";
}

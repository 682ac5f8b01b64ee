#include "sc_recode.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *sc_col_type_name(sc_col_type type)
{
    switch (type) {
    case SC_COL_STRING:
        return "string";
    case SC_COL_CATEGORY:
        return "category";
    case SC_COL_INT:
        return "int";
    case SC_COL_REAL:
        return "real";
    case SC_COL_BOOL:
        return "bool";
    }
    return "string";
}

static sc_status alloc_values(sc_col *c, sc_err *err)
{
    const size_t n = (size_t)c->n;
    switch (c->type) {
    case SC_COL_STRING:
        break;
    case SC_COL_CATEGORY:
        return sc_alloc(&c->v.code, n, sizeof *c->v.code, err);
    case SC_COL_INT:
        SC_TRY(sc_alloc(&c->v.i, n, sizeof *c->v.i, err));
        break;
    case SC_COL_REAL:
        return sc_alloc(&c->v.r, n, sizeof *c->v.r, err);
    case SC_COL_BOOL:
        SC_TRY(sc_alloc(&c->v.b, n, sizeof *c->v.b, err));
        break;
    }
    return sc_alloc(&c->missing, n, 1, err);
}

sc_status sc_recode_open(sc_recode *r, const char *name, sc_col_type type,
                         const sc_strs *categories, int64_t n, sc_err *err)
{
    *r = (sc_recode){.col = {.type = type, .n = n}};
    const size_t len = strlen(name);
    SC_TRY(sc_alloc(&r->col.name, len + 1, 1, err));
    memcpy(r->col.name, name, len);
    if (type == SC_COL_CATEGORY && categories) {
        SC_TRY(sc_strs_copy(&r->col.categories, categories, err));
        SC_TRY(sc_names_new(&r->by_name, &r->col.categories, err));
    }
    return alloc_values(&r->col, err);
}

static sc_status put_missing(sc_recode *r, sc_err *err)
{
    sc_col *c = &r->col;
    const int64_t i = r->at++;
    if (c->type == SC_COL_CATEGORY) {
        c->v.code[i] = -1;
    } else if (c->type == SC_COL_REAL) {
        c->v.r[i] = NAN;
    } else {
        c->missing[i] = 1;
        r->has_missing = true;
    }
    return c->type == SC_COL_STRING ? sc_strs_push(&c->v.str, "", 0, err) : SC_OK;
}

static bool means_missing(const char *text)
{
    static const char *const words[] = {"", "NA", "nan", "NaN", "NAN"};
    for (int i = 0; i < 5; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool text_to_int(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && !*end && !errno;
}

static bool text_to_bool(const char *text, uint8_t *out)
{
    static const char *const words[] = {"False", "True", "false", "true",
                                        "FALSE", "TRUE", "0",     "1"};
    for (int i = 0; i < 8; i++)
        if (strcmp(text, words[i]) == 0) {
            *out = (uint8_t)(i % 2);
            return true;
        }
    return false;
}

/* The value as a number; text is how it is printed, if it is text. */
static bool as_real(const sc_col *from, int64_t i, const char *text, double *out)
{
    char *end = NULL;
    switch (from->type) {
    case SC_COL_REAL:
        *out = from->v.r[i];
        return true;
    case SC_COL_INT:
        *out = (double)from->v.i[i];
        return true;
    case SC_COL_BOOL:
        *out = from->v.b[i];
        return true;
    case SC_COL_STRING:
    case SC_COL_CATEGORY:
        *out = strtod(text, &end);
        return end != text && !*end;
    }
    return false;
}

static bool as_int(const sc_col *from, int64_t i, const char *text, int64_t *out)
{
    double real = 0;
    if (from->type == SC_COL_INT) {
        *out = from->v.i[i];
        return true;
    }
    if ((from->type == SC_COL_STRING || from->type == SC_COL_CATEGORY) && text_to_int(text, out))
        return true;
    if (!as_real(from, i, text, &real) || !(fabs(real) <= 0x1p53) || real != floor(real))
        return false;
    *out = (int64_t)real;
    return true;
}

static bool put_value(sc_recode *r, const sc_col *from, int64_t i, const char *text)
{
    sc_col *c = &r->col;
    int64_t code;
    switch (c->type) {
    case SC_COL_CATEGORY:
        code = r->by_name ? sc_names_find(r->by_name, text) : -1;
        c->v.code[r->at] = (int32_t)code;
        return code >= 0;
    case SC_COL_INT:
        return as_int(from, i, text, &c->v.i[r->at]);
    case SC_COL_REAL:
        return as_real(from, i, text, &c->v.r[r->at]);
    case SC_COL_BOOL:
        return text_to_bool(text, &c->v.b[r->at]);
    case SC_COL_STRING:
        break;
    }
    return false;
}

sc_status sc_recode_put(sc_recode *r, const sc_col *from, int64_t i, sc_err *err)
{
    char buf[64];
    if (!from || sc_col_is_missing(from, i))
        return put_missing(r, err);
    const bool is_text = from->type == SC_COL_STRING || from->type == SC_COL_CATEGORY;
    const bool is_number = r->col.type == SC_COL_INT || r->col.type == SC_COL_REAL;
    const char *text = is_text || !is_number ? sc_col_text(from, i, buf, sizeof buf) : "";
    if (r->col.type == SC_COL_STRING) {
        r->at++;
        return sc_strs_push(&r->col.v.str, text, strlen(text), err);
    }
    if (r->col.type != SC_COL_CATEGORY && is_text && means_missing(text))
        return put_missing(r, err);
    if (!put_value(r, from, i, text))
        return sc_fail(err, SC_EDATA, "column '%s': '%s' is no %s value", r->col.name,
                       sc_col_text(from, i, buf, sizeof buf), sc_col_type_name(r->col.type));
    r->at++;
    return SC_OK;
}

sc_status sc_recode_add_to(sc_recode *r, sc_table *t, sc_err *err)
{
    if (sc_table_find(t, r->col.name))
        return sc_fail(err, SC_EDATA, "there is a column '%s' already", r->col.name);
    SC_TRY(sc_resize(&t->cols, (size_t)t->n_cols + 1, sizeof *t->cols, err));
    if (!r->has_missing) {
        free(r->col.missing);
        r->col.missing = NULL;
    }
    t->cols[t->n_cols++] = r->col;
    r->col = (sc_col){0};
    return SC_OK;
}

void sc_recode_free(sc_recode *r)
{
    sc_names_free(r->by_name);
    sc_col_free(&r->col);
    *r = (sc_recode){0};
}

/* Numbers by their size, so that cluster 10 comes after cluster 9; else by bytes. */
static int by_text(const void *a, const void *b)
{
    const char *s = *(const char *const *)a, *t = *(const char *const *)b;
    char *end_s = NULL, *end_t = NULL;
    const double x = strtod(s, &end_s), y = strtod(t, &end_t);
    const bool is_number = end_s != s && !*end_s, is_number_t = end_t != t && !*end_t;
    if (is_number != is_number_t)
        return is_number ? -1 : 1;
    if (is_number && x != y)
        return x < y ? -1 : 1;
    return strcmp(s, t);
}

sc_status sc_recode_sort(sc_strs *categories, sc_err *err)
{
    sc_strs sorted = {0};
    const char **texts = NULL;
    SC_TRY(sc_alloc(&texts, (size_t)categories->n + 1, sizeof *texts, err));
    for (int64_t i = 0; i < categories->n; i++)
        texts[i] = sc_strs_at(categories, i);
    qsort(texts, (size_t)categories->n, sizeof *texts, by_text);
    sc_status st = SC_OK;
    for (int64_t i = 0; i < categories->n && st == SC_OK; i++)
        st = sc_strs_push(&sorted, texts[i], strlen(texts[i]), err);
    free(texts);
    if (st == SC_OK) {
        sc_strs_free(categories);
        *categories = sorted;
    } else {
        sc_strs_free(&sorted);
    }
    return st;
}

/* The texts of a column in the order in which they become categories; lent by it or by `made`. */
static sc_status texts_of(const sc_col *c, const char **texts, int64_t *n, sc_strs *made,
                          sc_err *err)
{
    char buf[64];
    *n = 0;
    if (c->type == SC_COL_CATEGORY) {
        for (int64_t i = 0; i < c->categories.n; i++)
            texts[(*n)++] = sc_strs_at(&c->categories, i);
        return SC_OK;
    }
    for (int64_t i = 0; i < c->n; i++)
        if (!sc_col_is_missing(c, i)) {
            const char *text = sc_col_text(c, i, buf, sizeof buf);
            SC_TRY(sc_strs_push(made, text, strlen(text), err));
        }
    for (int64_t i = 0; i < made->n; i++)
        texts[(*n)++] = sc_strs_at(made, i);
    qsort(texts, (size_t)*n, sizeof *texts, by_text);
    return SC_OK;
}

sc_status sc_recode_categories(sc_strs *categories, const sc_col *c, sc_err *err)
{
    const int64_t most = c->type == SC_COL_CATEGORY ? c->categories.n : c->n;
    sc_strs made = {0}, old = {0};
    sc_names *known = NULL;
    const char **texts = NULL;
    int64_t n = 0;
    sc_status st = sc_alloc(&texts, (size_t)most + 1, sizeof *texts, err);
    if (st == SC_OK)
        st = texts_of(c, texts, &n, &made, err);
    if (st == SC_OK)
        st = sc_strs_copy(&old, categories, err);
    if (st == SC_OK)
        st = sc_names_new(&known, &old, err);
    for (int64_t i = 0; i < n && st == SC_OK; i++) {
        const bool is_repeat = c->type != SC_COL_CATEGORY && i && !strcmp(texts[i], texts[i - 1]);
        if (!is_repeat && sc_names_find(known, texts[i]) < 0)
            st = sc_strs_push(categories, texts[i], strlen(texts[i]), err);
    }
    free(texts);
    sc_names_free(known);
    sc_strs_free(&old);
    sc_strs_free(&made);
    return st;
}

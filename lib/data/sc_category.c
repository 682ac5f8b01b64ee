#include "sc_category.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sc_category_free(sc_category *c)
{
    free(c->key);
    sc_strs_free(&c->levels);
    memset(c, 0, sizeof *c);
}

sc_status sc_require_obs(const sc_header *h, const char *key, sc_err *err)
{
    if (sc_table_find(&h->obs, key))
        return SC_OK;
    sc_strs names = {0};
    char near[256] = "";
    for (int i = 0; i < h->obs.n_cols; i++)
        if (sc_strs_push(&names, h->obs.cols[i].name, strlen(h->obs.cols[i].name), err) != SC_OK)
            break;
    if (names.n)
        sc_strs_near(&names, key, near, sizeof near);
    sc_strs_free(&names);
    return sc_fail(err, SC_EDATA, "obs has no column '%s'%s%s%s", key,
                   near[0] ? "; did you mean " : "", near, near[0] ? "?" : "");
}

sc_status sc_coder_open(sc_coder *c, const sc_header *h, const char *key, const sc_strs *fixed,
                        sc_err *err)
{
    memset(c, 0, sizeof *c);
    SC_TRY(sc_require_obs(h, key, err));
    const sc_col *col = sc_table_find(&h->obs, key);
    c->key = strdup(key);
    c->type = col->type;
    c->is_fixed = fixed != NULL;
    if (fixed)
        return sc_strs_copy(&c->levels, fixed, err);
    return col->type == SC_COL_CATEGORY ? sc_strs_copy(&c->levels, &col->categories, err) : SC_OK;
}

sc_status sc_coder_know(sc_coder *c, const sc_strs *known, sc_err *err)
{
    c->n_known = known->n;
    return sc_strs_copy(&c->levels, known, err);
}

static int32_t find_level(sc_coder *c, const char *text)
{
    if (c->last < c->levels.n && strcmp(sc_strs_at(&c->levels, c->last), text) == 0)
        return c->last;
    for (int64_t i = 0; i < c->levels.n; i++)
        if (strcmp(sc_strs_at(&c->levels, i), text) == 0)
            return c->last = (int32_t)i;
    return -1;
}

static int32_t find_number(const sc_strs *levels, double x)
{
    for (int64_t k = 0; k < levels->n; k++) {
        const char *text = sc_strs_at(levels, k);
        char *end = NULL;
        if (strtod(text, &end) == x && end != text && !*end)
            return (int32_t)k;
    }
    return -1;
}

int32_t sc_level_find(const sc_strs *levels, const char *text)
{
    char *end = NULL, shown[32];
    for (int64_t k = 0; k < levels->n; k++)
        if (strcmp(sc_strs_at(levels, k), text) == 0)
            return (int32_t)k;
    const double x = strtod(text, &end);
    if (end == text || *end)
        return -1;
    const int32_t same = find_number(levels, x);
    for (int64_t k = 0; k < levels->n && same < 0; k++) {
        const double level = strtod(sc_strs_at(levels, k), &end);
        (void)snprintf(shown, sizeof shown, "%.9g", level);
        if (!*end && strcmp(shown, text) == 0)
            return (int32_t)k;
    }
    return same;
}

/* A number in obs by its value: scvi-tools' levels are spelled 1.0, and ours 1. */
static int32_t find_value(const sc_coder *c, const sc_col *col, int64_t i)
{
    if (col->type != SC_COL_REAL && col->type != SC_COL_INT)
        return -1;
    return find_number(&c->levels, col->type == SC_COL_REAL ? col->v.r[i] : (double)col->v.i[i]);
}

static sc_status code_cell(sc_coder *c, const sc_table *obs, const sc_col *col, int64_t i,
                           int32_t *code, sc_err *err)
{
    char buf[64];
    const bool is_missing = sc_col_is_missing(col, i);
    if (is_missing && !c->if_missing)
        return sc_fail(err, SC_EDATA, "cell '%s' has no value in obs column '%s'",
                       sc_strs_at(&obs->names, i), c->key);
    const char *text = is_missing ? c->if_missing : sc_col_text(col, i, buf, sizeof buf);
    *code = find_level(c, text);
    if (*code < 0 && c->is_fixed && !is_missing)
        *code = find_value(c, col, i);
    if (*code >= 0)
        return SC_OK;
    if (c->is_fixed) {
        char near[256];
        sc_strs_near(&c->levels, text, near, sizeof near);
        return sc_fail(err, SC_EDATA,
                       "cell '%s' has '%s' in obs column '%s', which the model does not know%s%s",
                       sc_strs_at(&obs->names, i), text, c->key, near[0] ? "; near: " : "", near);
    }
    if (c->levels.n >= 65536)
        return sc_fail(err, SC_EDATA,
                       "obs column '%s' has more than 65536 values: is it a category?", c->key);
    *code = c->last = (int32_t)c->levels.n;
    return sc_strs_push(&c->levels, text, strlen(text), err);
}

sc_status sc_coder_block(sc_coder *c, sc_block *b, sc_err *err)
{
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    const sc_col *col = sc_table_find(obs, c->key);
    if (!col)
        return sc_fail(err, SC_EFORMAT, "a block lacks obs column '%s'", c->key);
    if (c->n + obs->n_rows > c->cap) {
        c->cap = 2 * (c->n + obs->n_rows);
        SC_TRY(sc_resize(&c->codes, (size_t)c->cap, sizeof *c->codes, err));
    }
    for (int64_t i = 0; i < obs->n_rows; i++)
        SC_TRY(code_cell(c, obs, col, i, &c->codes[c->n + i], err));
    c->n += obs->n_rows;
    return SC_OK;
}

typedef struct level {
    const char *text;
    double number;
    int32_t old;
} level;

static int by_text(const void *a, const void *b)
{
    return strcmp(((const level *)a)->text, ((const level *)b)->text);
}
static int by_number(const void *a, const void *b)
{
    const double x = ((const level *)a)->number, y = ((const level *)b)->number;
    return (x > y) - (x < y);
}

static sc_status sort_levels(sc_coder *c, sc_err *err)
{
    const int64_t n = c->levels.n;
    sc_strs sorted = {0};
    level *l = NULL;
    int32_t *to = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&l, (size_t)n, sizeof *l, err), out);
    SC_GOTO(st, sc_alloc(&to, (size_t)n, sizeof *to, err), out);
    for (int64_t i = 0; i < n; i++)
        l[i] =
            (level){sc_strs_at(&c->levels, i), strtod(sc_strs_at(&c->levels, i), NULL), (int32_t)i};
    qsort(l + c->n_known, (size_t)(n - c->n_known), sizeof *l,
          c->type == SC_COL_INT || c->type == SC_COL_REAL ? by_number : by_text);
    for (int64_t i = 0; i < n; i++) {
        to[l[i].old] = (int32_t)i;
        SC_GOTO(st, sc_strs_push(&sorted, l[i].text, strlen(l[i].text), err), out);
    }
    for (int64_t i = 0; i < c->n; i++)
        c->codes[i] = to[c->codes[i]];
    sc_strs_free(&c->levels);
    c->levels = sorted;
    memset(&sorted, 0, sizeof sorted);
out:
    free(l);
    free(to);
    sc_strs_free(&sorted);
    return st;
}

sc_status sc_coder_finish(sc_coder *c, sc_category *cat, sc_err *err)
{
    if (!c->is_fixed && (c->type != SC_COL_CATEGORY || c->n_known))
        SC_TRY(sort_levels(c, err));
    cat->key = strdup(c->key);
    if (!cat->key)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    return sc_strs_copy(&cat->levels, &c->levels, err);
}

sc_status sc_coder_finish_labels(sc_coder *c, const char *unlabeled, sc_category *cat, sc_err *err)
{
    SC_TRY(sc_coder_finish(c, cat, err));
    sc_strs *old = &cat->levels, levels = {0};
    int64_t at = 0;
    while (at < old->n && strcmp(sc_strs_at(old, at), unlabeled) != 0)
        at++;
    if (at == old->n)
        SC_TRY(sc_strs_push(old, unlabeled, strlen(unlabeled), err));
    const int64_t last = old->n - 1;
    sc_status st = SC_OK;
    for (int64_t i = 0; i <= last && st == SC_OK; i++) {
        const char *text = sc_strs_at(old, i == at ? last : i == last ? at : i);
        st = sc_strs_push(&levels, text, strlen(text), err);
    }
    if (st != SC_OK) {
        sc_strs_free(&levels);
        return st;
    }
    for (int64_t i = 0; i < c->n; i++)
        c->codes[i] = c->codes[i] == at     ? (int32_t)last
                      : c->codes[i] == last ? (int32_t)at
                                            : c->codes[i];
    sc_strs_free(old);
    *old = levels;
    return SC_OK;
}

void sc_coder_reset(sc_coder *c)
{
    c->n = 0;
}

void sc_coder_close(sc_coder *c)
{
    free(c->key);
    free(c->codes);
    sc_strs_free(&c->levels);
    memset(c, 0, sizeof *c);
}

sc_status sc_numbers_block(sc_block *b, const char *key, int64_t stride, float *out, sc_err *err)
{
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    const sc_col *col = sc_table_find(obs, key);
    if (!col || (col->type != SC_COL_REAL && col->type != SC_COL_INT && col->type != SC_COL_BOOL))
        return sc_fail(err, SC_EDATA, "obs column '%s' does not hold numbers", key);
    for (int64_t i = 0; i < obs->n_rows; i++) {
        const double x = sc_col_is_missing(col, i)  ? NAN
                         : col->type == SC_COL_REAL ? col->v.r[i]
                         : col->type == SC_COL_INT  ? (double)col->v.i[i]
                                                    : (double)col->v.b[i];
        if (!isfinite(x))
            return sc_fail(err, SC_EDATA, "cell '%s' has no number in obs column '%s'",
                           sc_strs_at(&obs->names, i), key);
        out[i * stride] = (float)x;
    }
    return SC_OK;
}

#include "sc_condition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Position of the first operator or '&' outside of quotes; the end if there is none. */
static const char *find_special(const char *s)
{
    char quote = 0;
    for (; *s; s++) {
        if (quote) {
            quote = *s == quote ? 0 : quote;
            continue;
        }
        if (*s == '\'' || *s == '"')
            quote = *s;
        else if (*s == '&' || *s == '<' || *s == '>' || ((*s == '=' || *s == '!') && s[1] == '='))
            return s;
    }
    return s;
}

/* Text without blanks and quotes around it; NULL: out of memory. */
static char *trimmed(const char *s, const char *end)
{
    while (s < end && strchr(" \t", *s))
        s++;
    while (end > s && strchr(" \t", end[-1]))
        end--;
    if (end - s >= 2 && (*s == '\'' || *s == '"') && end[-1] == *s) {
        s++;
        end--;
    }
    return strndup(s, (size_t)(end - s));
}

static sc_compare operator_at(const char **s)
{
    const char c = **s;
    const bool has_equal = (*s)[1] == '=';
    *s += has_equal ? 2 : 1;
    return c == '='   ? SC_EQ
           : c == '!' ? SC_NE
           : c == '<' ? (has_equal ? SC_LE : SC_LT)
                      : (has_equal ? SC_GE : SC_GT);
}

sc_status sc_condition_add(sc_condition *c, const char *column, sc_compare op, const char *value,
                           sc_err *err)
{
    SC_TRY(sc_resize(&c->all, (size_t)c->n + 1, sizeof *c->all, err));
    sc_clause *k = &c->all[c->n++];
    *k = (sc_clause){strdup(column), strdup(value), op, NAN};
    if (!k->column || !k->value)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    char *end = k->value;
    const double number = strtod(k->value, &end);
    if (end != k->value && !*end)
        k->number = number;
    return SC_OK;
}

static sc_status bad(const char *text, sc_err *err)
{
    return sc_fail(err, SC_EUSAGE, "'%s' is no condition such as 'COLUMN == VALUE & COLUMN > 3'",
                   text);
}

sc_status sc_condition_parse(sc_condition *c, const char *text, sc_err *err)
{
    *c = (sc_condition){0};
    for (const char *s = text;; s++) {
        const char *op = find_special(s);
        if (!*op || *op == '&')
            return bad(text, err);
        const char *value = op;
        const sc_compare compare = operator_at(&value);
        const char *end = find_special(value);
        char *left = trimmed(s, op), *right = trimmed(value, end);
        sc_status st = SC_OK;
        if (!left || !right)
            st = sc_fail(err, SC_ENOMEM, "out of memory");
        else if (!*left || !*right || (*end && *end != '&'))
            st = bad(text, err);
        else
            st = sc_condition_add(c, left, compare, right, err);
        free(left);
        free(right);
        SC_TRY(st);
        if (!*end)
            return SC_OK;
        s = end;
    }
}

static bool is_number(const sc_col *c)
{
    return c->type == SC_COL_INT || c->type == SC_COL_REAL;
}

static sc_status require(const sc_table *t, const char *axis, const char *column, sc_err *err)
{
    sc_strs names = {0};
    char near[256] = "";
    sc_status st = SC_OK;
    if (sc_table_find(t, column))
        return SC_OK;
    for (int i = 0; i < t->n_cols && st == SC_OK; i++)
        st = sc_strs_push(&names, t->cols[i].name, strlen(t->cols[i].name), err);
    if (names.n)
        sc_strs_near(&names, column, near, sizeof near);
    sc_strs_free(&names);
    return sc_fail(err, SC_EDATA, "%s has no column '%s'%s%s%s", axis, column,
                   near[0] ? "; did you mean " : "", near, near[0] ? "?" : "");
}

sc_status sc_condition_check_table(const sc_condition *c, const sc_table *table, const char *axis,
                                   sc_err *err)
{
    for (int k = 0; k < c->n; k++) {
        const sc_clause *t = &c->all[k];
        SC_TRY(require(table, axis, t->column, err));
        const sc_col *col = sc_table_find(table, t->column);
        if (is_number(col) && isnan(t->number))
            return sc_fail(err, SC_EUSAGE, "%s column '%s' has numbers, and '%s' is none", axis,
                           t->column, t->value);
        if (!is_number(col) && t->op != SC_EQ && t->op != SC_NE)
            return sc_fail(err, SC_EUSAGE,
                           "%s column '%s' has no numbers: == and != compare it, < and > do not",
                           axis, t->column);
    }
    return SC_OK;
}

sc_status sc_condition_check(const sc_condition *c, const sc_header *h, sc_err *err)
{
    return sc_condition_check_table(c, &h->obs, "obs", err);
}

/* "'A', 'B' ..." of the first. */
static void list_some(const sc_strs *s, char *buf, size_t cap)
{
    size_t used = 0;
    buf[0] = '\0';
    int64_t i = 0;
    for (; i < s->n && used < cap / 2; i++) {
        const int w = snprintf(buf + used, cap - used, "%s'%s'", i ? ", " : "", sc_strs_at(s, i));
        used += w > 0 ? (size_t)w : 0;
    }
    if (i < s->n && used < cap)
        (void)snprintf(buf + used, cap - used, " ...");
}

void sc_condition_odd(const sc_condition *c, const sc_table *t, const char *axis, char *note,
                      size_t note_len)
{
    note[0] = '\0';
    for (int k = 0; k < c->n && !*note; k++) {
        const sc_clause *ask = &c->all[k];
        const sc_col *col = sc_table_find(t, ask->column);
        char near[256];
        bool is_there = !col || col->type != SC_COL_CATEGORY;
        for (int64_t i = 0; !is_there && i < col->categories.n; i++)
            is_there = strcmp(sc_strs_at(&col->categories, i), ask->value) == 0;
        if (is_there)
            continue;
        sc_strs_near(&col->categories, ask->value, near, sizeof near);
        const bool has_near = *near != '\0';
        if (!has_near)
            list_some(&col->categories, near, sizeof near);
        (void)snprintf(note, note_len, "%s column '%s' has no '%s'; %s: %s", axis, ask->column,
                       ask->value, has_near ? "near to it" : "there are", near);
    }
}

static bool number_holds(const sc_clause *t, double v)
{
    switch (t->op) {
    case SC_EQ:
        return v == t->number;
    case SC_NE:
        return v != t->number;
    case SC_LT:
        return v < t->number;
    case SC_LE:
        return v <= t->number;
    case SC_GT:
        return v > t->number;
    default:
        return v >= t->number;
    }
}

static bool row_holds(const sc_clause *t, const sc_col *c, int64_t i)
{
    char buf[64];
    if (sc_col_is_missing(c, i))
        return t->op == SC_NE;
    if (is_number(c))
        return number_holds(t, c->type == SC_COL_REAL ? c->v.r[i] : (double)c->v.i[i]);
    const bool is_equal = strcmp(sc_col_text(c, i, buf, sizeof buf), t->value) == 0;
    return is_equal == (t->op == SC_EQ);
}

static void clause_block(const sc_clause *t, const sc_col *c, int64_t n, uint8_t *holds)
{
    bool last = false;
    for (int64_t i = 0; i < n; i++) {
        /* groups come in runs */
        const bool is_same =
            i > 0 && c->type == SC_COL_CATEGORY && c->v.code[i] == c->v.code[i - 1];
        if (!is_same)
            last = row_holds(t, c, i);
        holds[i] = holds[i] && last;
    }
}

void sc_condition_table(const sc_condition *c, const sc_table *t, uint8_t *holds)
{
    memset(holds, 1, (size_t)t->n_rows);
    for (int k = 0; k < c->n; k++)
        clause_block(&c->all[k], sc_table_find(t, c->all[k].column), t->n_rows, holds);
    for (int64_t i = 0; i < t->n_rows && c->is_negated; i++)
        holds[i] = !holds[i];
}

sc_status sc_condition_block(const sc_condition *c, sc_block *b, uint8_t *holds, sc_err *err)
{
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int k = 0; k < c->n; k++)
        if (!sc_table_find(obs, c->all[k].column))
            return sc_fail(err, SC_EFORMAT, "a block lacks the obs column '%s'", c->all[k].column);
    sc_condition_table(c, obs, holds);
    return SC_OK;
}

void sc_condition_free(sc_condition *c)
{
    for (int k = 0; k < c->n; k++) {
        free(c->all[k].column);
        free(c->all[k].value);
    }
    free(c->all);
    *c = (sc_condition){0};
}

#include "sc_edit.h"
#include "sc_recode.h"
#include "sc_tsv.h"

#include <stdlib.h>
#include <string.h>

static sc_status copy_text(char **out, const char *s, sc_err *err)
{
    const size_t len = strlen(s);
    char *copy = NULL;
    SC_TRY(sc_alloc(&copy, len + 1, 1, err));
    memcpy(copy, s, len);
    free(*out);
    *out = copy;
    return SC_OK;
}

static void free_col(sc_edit_col *c)
{
    free(c->origin);
    free(c->name);
    sc_strs_free(&c->categories);
}

static sc_edit_col *find(const sc_edit *e, const char *name)
{
    for (int k = 0; k < e->n_cols; k++)
        if (strcmp(e->cols[k].name, name) == 0)
            return &e->cols[k];
    return NULL;
}

static sc_status find_or_fail(const sc_edit *e, const char *name, sc_edit_col **out, sc_err *err)
{
    char near[256];
    *out = find(e, name);
    if (*out)
        return SC_OK;
    sc_edit_near(e, name, near, sizeof near);
    return sc_fail(err, SC_EDATA, "there is no %s column '%s'%s%s", e->axis, name,
                   near[0] ? "; near to it: " : "", near);
}

static sc_status add_col(sc_edit *e, const sc_col *from, bool is_joined, sc_edit_col **out,
                         sc_err *err)
{
    if (find(e, from->name))
        return sc_fail(err, SC_EDATA, "there is an %s column '%s' already; --drop or --rename it",
                       e->axis, from->name);
    SC_TRY(sc_resize(&e->cols, (size_t)e->n_cols + 1, sizeof *e->cols, err));
    sc_edit_col *c = &e->cols[e->n_cols++];
    *c = (sc_edit_col){.is_joined = is_joined, .type = from->type, .is_ordered = from->is_ordered};
    *out = c;
    SC_TRY(copy_text(&c->origin, from->name, err));
    SC_TRY(copy_text(&c->name, from->name, err));
    return from->type == SC_COL_CATEGORY ? sc_strs_copy(&c->categories, &from->categories, err)
                                         : SC_OK;
}

sc_status sc_edit_open(sc_edit *e, const char *axis, const sc_table *schema, sc_err *err)
{
    sc_edit_col *c;
    *e = (sc_edit){.axis = axis};
    for (int k = 0; k < schema->n_cols; k++)
        SC_TRY(add_col(e, &schema->cols[k], false, &c, err));
    return SC_OK;
}

bool sc_edit_has(const sc_edit *e, const char *name)
{
    return find(e, name) != NULL;
}

void sc_edit_near(const sc_edit *e, const char *name, char *buf, size_t buf_len)
{
    sc_strs names = {0};
    sc_status st = SC_OK;
    buf[0] = '\0';
    for (int k = 0; k < e->n_cols && st == SC_OK; k++)
        st = sc_strs_push(&names, e->cols[k].name, strlen(e->cols[k].name), NULL);
    if (st == SC_OK)
        sc_strs_near(&names, name, buf, buf_len);
    sc_strs_free(&names);
}

sc_status sc_edit_drop(sc_edit *e, const char *name, sc_err *err)
{
    sc_edit_col *c = NULL;
    SC_TRY(find_or_fail(e, name, &c, err));
    free_col(c);
    e->n_cols--;
    memmove(c, c + 1, (size_t)(e->cols + e->n_cols - c) * sizeof *c);
    e->is_changed = true;
    return SC_OK;
}

sc_status sc_edit_rename(sc_edit *e, const char *from, const char *to, sc_err *err)
{
    sc_edit_col *c = NULL;
    SC_TRY(find_or_fail(e, from, &c, err));
    if (find(e, to))
        return sc_fail(err, SC_EDATA, "there is an %s column '%s' already", e->axis, to);
    e->is_changed = true;
    return copy_text(&c->name, to, err);
}

sc_status sc_edit_join(sc_edit *e, const sc_table *lent, sc_err *err)
{
    e->joined = lent;
    e->is_changed = true;
    SC_TRY(sc_names_new(&e->by_name, &lent->names, err));
    SC_TRY(sc_alloc(&e->is_used, (size_t)lent->n_rows, 1, err));
    for (int k = 0; k < lent->n_cols; k++) {
        sc_edit_col *c = NULL;
        SC_TRY(add_col(e, &lent->cols[k], true, &c, err));
        SC_TRY(sc_tsv_infer(&lent->cols[k], &c->type, err));
        if (c->type == SC_COL_CATEGORY)
            SC_TRY(sc_recode_categories(&c->categories, &lent->cols[k], err));
    }
    return SC_OK;
}

sc_status sc_edit_cast(sc_edit *e, const char *name, sc_col_type type, sc_err *err)
{
    sc_edit_col *c = NULL;
    SC_TRY(find_or_fail(e, name, &c, err));
    if (c->type == type)
        return SC_OK;
    e->is_changed = true;
    sc_strs_free(&c->categories);
    c->type = type;
    c->is_ordered = false;
    c->wants_categories = type == SC_COL_CATEGORY && !c->is_joined;
    if (type == SC_COL_CATEGORY && c->is_joined)
        return sc_recode_categories(&c->categories, sc_table_find(e->joined, c->origin), err);
    return SC_OK;
}

bool sc_edit_wants_look(const sc_edit *e)
{
    for (int k = 0; k < e->n_cols; k++)
        if (e->cols[k].wants_categories)
            return true;
    return false;
}

sc_status sc_edit_look(sc_edit *e, const sc_table *t, sc_err *err)
{
    for (int k = 0; k < e->n_cols; k++) {
        sc_edit_col *c = &e->cols[k];
        const sc_col *from = c->wants_categories ? sc_table_find(t, c->origin) : NULL;
        if (!from)
            continue;
        SC_TRY(sc_recode_categories(&c->categories, from, err));
        SC_TRY(sc_recode_sort(&c->categories, err)); /* else their order would tell the blocks */
    }
    return SC_OK;
}

/* Fills one column of to: row i from row_of[i] of the joined table (-1: none), or from row i of t.
 */
static sc_status make_col(const sc_edit *e, const sc_edit_col *c, const sc_table *t,
                          const int64_t *row_of, sc_table *to, sc_err *err)
{
    const sc_col *from = sc_table_find(c->is_joined ? e->joined : t, c->origin);
    sc_recode r = {0};
    sc_status st = sc_recode_open(
        &r, c->name, c->type, c->type == SC_COL_CATEGORY ? &c->categories : NULL, to->n_rows, err);
    r.col.is_ordered = c->is_ordered;
    for (int64_t i = 0; i < to->n_rows && st == SC_OK; i++) {
        const int64_t row = c->is_joined ? row_of[i] : i;
        st = sc_recode_put(&r, row < 0 ? NULL : from, row, err);
        if (st == SC_EDATA)
            st = sc_err_prefix(err, st, "%s '%s'", e->axis, sc_strs_at(&to->names, i));
    }
    if (st == SC_OK)
        st = sc_recode_add_to(&r, to, err);
    sc_recode_free(&r);
    return st;
}

static sc_status make_cols(const sc_edit *e, const sc_table *t, const int64_t *row_of, sc_table *to,
                           sc_err *err)
{
    if (t->index_name)
        SC_TRY(copy_text(&to->index_name, t->index_name, err));
    for (int k = 0; k < e->n_cols; k++)
        SC_TRY(make_col(e, &e->cols[k], t, row_of, to, err));
    return SC_OK;
}

sc_status sc_edit_schema(const sc_edit *e, const sc_table *t, sc_table *to, sc_err *err)
{
    *to = (sc_table){0};
    const sc_status st = make_cols(e, t, NULL, to, err);
    if (st != SC_OK)
        sc_table_free(to);
    return st;
}

static void match_rows(sc_edit *e, const sc_table *t, int64_t *row_of)
{
    if (!e->first && t->n_rows > 0)
        e->first = strdup(sc_strs_at(&t->names, 0));
    for (int64_t i = 0; i < t->n_rows; i++) {
        row_of[i] = sc_names_find(e->by_name, sc_strs_at(&t->names, i));
        if (row_of[i] >= 0) {
            e->is_used[row_of[i]] = 1;
            e->n_matched++;
        }
    }
    e->n_seen += t->n_rows;
}

sc_status sc_edit_apply(sc_edit *e, const sc_table *t, sc_table *to, sc_err *err)
{
    int64_t *row_of = NULL;
    *to = (sc_table){.n_rows = t->n_rows};
    sc_status st = sc_alloc(&row_of, (size_t)t->n_rows, sizeof *row_of, err);
    if (st == SC_OK && e->joined)
        match_rows(e, t, row_of);
    if (st == SC_OK)
        st = sc_strs_copy(&to->names, &t->names, err);
    if (st == SC_OK)
        st = make_cols(e, t, row_of, to, err);
    if (st != SC_OK)
        sc_table_free(to);
    free(row_of);
    return st;
}

void sc_edit_free(sc_edit *e)
{
    for (int k = 0; k < e->n_cols; k++)
        free_col(&e->cols[k]);
    free(e->cols);
    sc_names_free(e->by_name);
    free(e->is_used);
    free(e->first);
    *e = (sc_edit){0};
}

#include "sc_concat.h"
#include "sc_recode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What the join of one axis works on. */
typedef struct joining {
    sc_axis *axis;
    const sc_table *const *tables;
    const char *const *names;
    sc_names **by_name; /* an index a table */
    const char *what;
} joining;

static sc_status index_tables(joining *g, sc_err *err)
{
    SC_TRY(sc_alloc(&g->by_name, (size_t)g->axis->n, sizeof(sc_names *), err));
    for (int i = 0; i < g->axis->n; i++) {
        const sc_strs *s = &g->tables[i]->names;
        SC_TRY(sc_names_new(&g->by_name[i], s, err));
        SC_TRY(sc_alloc(&g->axis->to_new[i], (size_t)s->n + 1, sizeof(int32_t), err));
        for (int64_t j = 0; j < s->n; j++) {
            g->axis->to_new[i][j] = -1;
            if (sc_names_find(g->by_name[i], sc_strs_at(s, j)) != j)
                return sc_fail(err, SC_EDATA, "%s '%s' stands twice in '%s'", g->what,
                               sc_strs_at(s, j), g->names[i]);
        }
    }
    return SC_OK;
}

/* Gives the next place to a name, in every input that has it. */
static sc_status place(joining *g, const char *name, sc_err *err)
{
    sc_strs *all = &g->axis->table.names;
    if (all->n >= INT32_MAX)
        return sc_fail(err, SC_EDATA, "there are too many %ss", g->what);
    for (int i = 0; i < g->axis->n; i++) {
        const int64_t j = sc_names_find(g->by_name[i], name);
        if (j >= 0)
            g->axis->to_new[i][j] = (int32_t)all->n;
    }
    return sc_strs_push(all, name, strlen(name), err);
}

static bool all_have(const joining *g, const char *name)
{
    for (int i = 0; i < g->axis->n; i++)
        if (sc_names_find(g->by_name[i], name) < 0)
            return false;
    return true;
}

static sc_status place_all(joining *g, sc_join join, sc_err *err)
{
    const int n_sources = join == SC_JOIN_OUTER ? g->axis->n : 1;
    for (int i = 0; i < n_sources; i++) {
        const sc_strs *s = &g->tables[i]->names;
        for (int64_t j = 0; j < s->n; j++)
            if (join == SC_JOIN_OUTER ? g->axis->to_new[i][j] < 0 : all_have(g, sc_strs_at(s, j)))
                SC_TRY(place(g, sc_strs_at(s, j), err));
    }
    g->axis->table.n_rows = g->axis->table.names.n;
    for (int i = 0; i < g->axis->n; i++) {
        const int64_t n = g->tables[i]->names.n;
        bool same = n == g->axis->table.n_rows;
        for (int64_t j = 0; j < n && same; j++)
            same = g->axis->to_new[i][j] == j;
        g->axis->is_identity[i] = same;
    }
    return SC_OK;
}

static bool is_same_value(const sc_col *a, int64_t i, const sc_col *b, int64_t j)
{
    char buf_a[64], buf_b[64];
    if (sc_col_is_missing(a, i) || sc_col_is_missing(b, j))
        return sc_col_is_missing(a, i) && sc_col_is_missing(b, j);
    if (a->type == SC_COL_REAL)
        return a->v.r[i] == b->v.r[j];
    return strcmp(sc_col_text(a, i, buf_a, sizeof buf_a), sc_col_text(b, j, buf_b, sizeof buf_b)) ==
           0;
}

/* The columns named like `first` in all tables; false if one lacks it or has another type. */
static bool find_cols(const joining *g, const sc_col *first, const sc_col **cols)
{
    for (int i = 0; i < g->axis->n; i++) {
        cols[i] = sc_table_find(g->tables[i], first->name);
        if (!cols[i] || cols[i]->type != first->type)
            return false;
    }
    return true;
}

/* Appends a column if all inputs that have a row say the same of it. */
static sc_status join_col(joining *g, const sc_col **cols, sc_err *err)
{
    const int n = g->axis->n;
    sc_strs categories = {0};
    sc_recode r = {0};
    sc_status st = SC_OK;
    bool agree = true;
    for (int i = 0; i < n && st == SC_OK && cols[0]->type == SC_COL_CATEGORY; i++)
        st = sc_recode_categories(&categories, cols[i], err);
    if (st == SC_OK)
        st = sc_recode_open(&r, cols[0]->name, cols[0]->type, &categories, g->axis->table.n_rows,
                            err);
    for (int64_t j = 0; j < g->axis->table.n_rows && st == SC_OK && agree; j++) {
        const char *name = sc_strs_at(&g->axis->table.names, j);
        int from = -1;
        int64_t row = -1;
        for (int i = 0; i < n && agree; i++) {
            const int64_t at = sc_names_find(g->by_name[i], name);
            if (at >= 0 && from < 0) {
                from = i;
                row = at;
            } else if (at >= 0) {
                agree = is_same_value(cols[from], row, cols[i], at);
            }
        }
        st = sc_recode_put(&r, cols[from], row, err);
    }
    if (st == SC_OK && agree) {
        r.col.is_ordered = cols[0]->is_ordered && categories.n == cols[0]->categories.n;
        st = sc_recode_add_to(&r, &g->axis->table, err);
    }
    sc_recode_free(&r);
    sc_strs_free(&categories);
    return st;
}

static sc_status join_cols(joining *g, sc_err *err)
{
    const sc_col **cols = NULL;
    SC_TRY(sc_alloc(&cols, (size_t)g->axis->n, sizeof *cols, err));
    sc_status st = SC_OK;
    for (int k = 0; k < g->tables[0]->n_cols && st == SC_OK; k++)
        if (find_cols(g, &g->tables[0]->cols[k], cols))
            st = join_col(g, cols, err);
    free(cols);
    return st;
}

sc_status sc_axis_join(sc_axis *axis, const sc_table *const *tables, const char *const *names,
                       int n, sc_join join, const char *what, sc_err *err)
{
    joining g = {axis, tables, names, NULL, what};
    *axis = (sc_axis){.n = n};
    sc_status st = sc_alloc(&axis->to_new, (size_t)n, sizeof *axis->to_new, err);
    if (st == SC_OK)
        st = sc_alloc(&axis->is_identity, (size_t)n, sizeof *axis->is_identity, err);
    if (st == SC_OK)
        st = index_tables(&g, err);
    if (st == SC_OK)
        st = place_all(&g, join, err);
    if (st == SC_OK && axis->table.n_rows == 0)
        st = sc_fail(err, SC_EDATA, "the inputs have no %s in common", what);
    if (st == SC_OK)
        st = join_cols(&g, err);
    for (int i = 0; g.by_name && i < n; i++)
        sc_names_free(g.by_name[i]);
    free(g.by_name);
    return st;
}

void sc_axis_free(sc_axis *axis)
{
    for (int i = 0; axis->to_new && i < axis->n; i++)
        free(axis->to_new[i]);
    free(axis->to_new);
    free(axis->is_identity);
    sc_table_free(&axis->table);
    *axis = (sc_axis){0};
}

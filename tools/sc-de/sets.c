/* Which cells are compared with which. */
#include "de.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A set that is `column op value`, or a condition as text; negated: all other cells. */
static sc_status add_set(de *d, int side, const char *column, const char *text, bool is_negated,
                         sc_err *err)
{
    SC_TRY(sc_resize(&d->sets, (size_t)d->n_sets + 1, sizeof *d->sets, err));
    de_set *s = &d->sets[d->n_sets++];
    *s = (de_set){.side = side};
    if (column)
        SC_TRY(sc_condition_add(&s->which, column, SC_EQ, text, err));
    else
        SC_TRY(sc_condition_parse(&s->which, text, err));
    s->which.is_negated = is_negated;
    const size_t room = strlen(text) + strlen(column ? column : "") + 16;
    SC_TRY(sc_alloc(&s->name, room, 1, err));
    (void)snprintf(s->name, room, "%s%s%s%s", is_negated ? "not: " : "", column ? column : "",
                   column ? " == " : "", text);
    return sc_condition_check(&s->which, sc_reader_header(d->s.in), err);
}

static sc_status add_pair(de *d, int a, int b, const char *group1, const char *group2, sc_err *err)
{
    SC_TRY(sc_resize(&d->pairs, (size_t)d->n_pairs + 1, sizeof *d->pairs, err));
    d->pairs[d->n_pairs++] = (de_pair){{a, b}, {group1, group2}};
    return SC_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static sc_status sort_strs(sc_strs *s, sc_err *err)
{
    const char **at = NULL;
    sc_strs sorted = {0};
    SC_TRY(sc_alloc(&at, (size_t)s->n, sizeof *at, err));
    for (int64_t i = 0; i < s->n; i++)
        at[i] = sc_strs_at(s, i);
    qsort(at, (size_t)s->n, sizeof *at, by_text);
    sc_status st = SC_OK;
    for (int64_t i = 0; i < s->n && st == SC_OK; i++)
        st = sc_strs_push(&sorted, at[i], strlen(at[i]), err);
    free(at);
    if (st != SC_OK) {
        sc_strs_free(&sorted);
        return st;
    }
    sc_strs_free(s);
    *s = sorted;
    return SC_OK;
}

enum { MAX_GROUPS = 4096 };

static sc_status note_level(sc_strs *levels, const char *value, const char *column, sc_err *err)
{
    for (int64_t k = 0; k < levels->n; k++)
        if (strcmp(sc_strs_at(levels, k), value) == 0)
            return SC_OK;
    if (levels->n == MAX_GROUPS)
        return sc_fail(err, SC_EDATA,
                       "obs column '%s' has more than %d different values, too many for groups",
                       column, MAX_GROUPS);
    return sc_strs_push(levels, value, strlen(value), err);
}

/* The values of a column: its categories, or what a pass over the cells finds, sorted. */
static sc_status find_levels(de *d, const char *column, sc_err *err)
{
    const sc_header *h = sc_reader_header(d->s.in);
    SC_TRY(sc_require_obs(h, column, err));
    const sc_col *c = sc_table_find(&h->obs, column);
    if (c->type == SC_COL_CATEGORY)
        return sc_strs_copy(&d->levels, &c->categories, err);
    sc_block *b = NULL;
    sc_status st;
    while ((st = sc_reader_next(d->s.in, &b, err)) == SC_OK) {
        sc_table *obs = NULL;
        char buf[64];
        SC_TRY(sc_block_obs(b, &obs, err));
        c = sc_table_find(obs, column);
        for (int64_t i = 0; i < obs->n_rows; i++)
            if (!sc_col_is_missing(c, i))
                SC_TRY(note_level(&d->levels, sc_col_text(c, i, buf, sizeof buf), column, err));
    }
    if (st != SC_END)
        return st;
    SC_TRY(sc_reader_rewind(d->s.in, err));
    return sort_strs(&d->levels, err);
}

static sc_status groups_by_name(de *d, sc_err *err)
{
    const de_opts *o = d->o;
    int second = -1;
    if (!o->group1.n)
        SC_TRY(find_levels(d, o->groupby, err));
    const int64_t n = o->group1.n ? o->group1.n : d->levels.n;
    if (o->group2) { /* the same for all */
        SC_TRY(add_set(d, 1, o->groupby, o->group2, false, err));
        second = d->n_sets - 1;
    }
    for (int64_t k = 0; k < n; k++) {
        const char *name = o->group1.n ? o->group1.items[k] : sc_strs_at(&d->levels, k);
        if (o->group2 && strcmp(name, o->group2) == 0) {
            if (o->group1.n)
                return sc_fail(err, SC_EUSAGE, "group '%s' can't be compared with itself", name);
            continue;
        }
        SC_TRY(add_set(d, 0, o->groupby, name, false, err));
        const int first = d->n_sets - 1;
        if (!o->group2)
            SC_TRY(add_set(d, 1, o->groupby, name, true, err));
        SC_TRY(add_pair(d, first, o->group2 ? second : d->n_sets - 1, name,
                        o->group2 ? o->group2 : "Rest", err));
    }
    return SC_OK;
}

static sc_status groups_by_condition(de *d, sc_err *err)
{
    const de_opts *o = d->o;
    SC_TRY(add_set(d, 0, NULL, o->idx1, false, err));
    SC_TRY(add_set(d, 1, NULL, o->idx2 ? o->idx2 : o->idx1, !o->idx2, err));
    return add_pair(d, 0, 1, NULL, NULL, err);
}

static sc_status count_cells(de *d, sc_err *err)
{
    sc_block *b = NULL;
    sc_status st;
    while ((st = sc_reader_next(d->s.in, &b, err)) == SC_OK) {
        const int64_t n = sc_block_n_rows(b);
        SC_TRY(sc_resize(&d->holds, (size_t)n, 1, err));
        for (int k = 0; k < d->n_sets; k++) {
            SC_TRY(sc_condition_block(&d->sets[k].which, b, d->holds, err));
            for (int64_t i = 0; i < n; i++)
                d->sets[k].n_cells += d->holds[i];
        }
    }
    return st == SC_END ? sc_reader_rewind(d->s.in, err) : st;
}

/* A name that was asked for and is no group's; near ones among those that there are. */
static sc_status no_cells(de *d, const char *set, const char *name, sc_err *err)
{
    char near[512] = "";
    if (name && !d->levels.n)
        SC_TRY(find_levels(d, d->o->groupby, err));
    if (name)
        sc_strs_near(&d->levels, name, near, sizeof near);
    return sc_fail(err, SC_EDATA, "there is no cell for which '%s' holds%s%s", set,
                   near[0] ? "; near to it: " : "", near);
}

/* Categories that no cell has are passed over, unless they were asked for. */
static sc_status drop_empty(de *d, sc_err *err)
{
    int kept = 0;
    for (int k = 0; k < d->n_pairs; k++) {
        const de_pair *p = &d->pairs[k];
        const bool is_unused = p->names[0] && !d->o->group1.n && d->sets[p->sets[0]].n_cells == 0;
        if (is_unused)
            continue;
        for (int side = 0; side < 2; side++)
            if (d->sets[p->sets[side]].n_cells == 0)
                return no_cells(d, d->sets[p->sets[side]].name, p->names[side], err);
        d->pairs[kept++] = *p;
    }
    d->n_pairs = kept;
    return kept ? SC_OK
                : sc_fail(err, SC_EDATA, "obs column '%s' has no groups to compare", d->o->groupby);
}

sc_status de_find_sets(de *d, sc_err *err)
{
    SC_TRY(sc_reader_keep(d->s.in, err));
    SC_TRY(d->o->idx1 ? groups_by_condition(d, err) : groups_by_name(d, err));
    SC_TRY(count_cells(d, err));
    return drop_empty(d, err);
}

/* What cells and genes must fulfil, and an account of why those that went did. */
#include "filter.h"
#include "sc_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sc_status next_rule(rules *r, rule **out, sc_err *err)
{
    if (r->n == RULES_MAX)
        return sc_fail(err, SC_EUSAGE, "more than %d conditions", RULES_MAX);
    *out = &r->all[r->n++];
    return SC_OK;
}

static sc_status add_list(rules *r, const char *option, const char *path, bool keeps, sc_err *err)
{
    rule *next = NULL;
    if (!path)
        return SC_OK;
    SC_TRY(next_rule(r, &next, err));
    (void)snprintf(next->option, sizeof next->option, "--%s %s", option, path);
    SC_TRY(sc_alloc(&next->list, 1, sizeof *next->list, err));
    name_list *l = next->list;
    l->path = path;
    l->keeps = keeps;
    SC_TRY(sc_text_names(path, &l->names, err));
    SC_TRY(sc_names_new(&l->by_name, &l->names, err));
    return sc_alloc(&l->is_found, (size_t)l->names.n, 1, err);
}

static sc_status add_limit(rules *r, const char *option, const char *column, bool is_min,
                           double limit, sc_err *err)
{
    rule *next = NULL;
    if (is_min ? limit <= 0 : isinf(limit))
        return SC_OK;
    SC_TRY(next_rule(r, &next, err));
    next->column = column;
    next->is_min = is_min;
    next->limit = limit;
    (void)snprintf(next->option, sizeof next->option, "--%s %.9g", option, limit);
    return SC_OK;
}

static sc_status add_conditions(rules *r, const char *option, const sc_param_list *list,
                                sc_err *err)
{
    for (int i = 0; i < list->n; i++) {
        rule *next = NULL;
        SC_TRY(next_rule(r, &next, err));
        (void)snprintf(next->option, sizeof next->option, "--%s '%s'", option, list->items[i]);
        SC_TRY(sc_alloc(&next->condition, 1, sizeof *next->condition, err));
        SC_TRY(sc_condition_parse(next->condition, list->items[i], err));
    }
    return SC_OK;
}

sc_status rules_of_cells(rules *r, const filter_opts *o, sc_err *err)
{
    SC_TRY(add_list(r, "cells", o->cells, true, err));
    SC_TRY(add_list(r, "drop-cells", o->drop_cells, false, err));
    SC_TRY(add_limit(r, "min-counts", "total_counts", true, o->min_counts, err));
    SC_TRY(add_limit(r, "max-counts", "total_counts", false, o->max_counts, err));
    SC_TRY(add_limit(r, "min-genes", "n_genes_by_counts", true, o->min_genes, err));
    SC_TRY(add_limit(r, "max-genes", "n_genes_by_counts", false, o->max_genes, err));
    SC_TRY(add_limit(r, "max-pct-mt", "pct_counts_mt", false, o->max_pct_mt, err));
    return add_conditions(r, "obs", &o->obs, err);
}

sc_status rules_of_genes(rules *r, const filter_opts *o, sc_err *err)
{
    SC_TRY(add_list(r, "genes", o->genes, true, err));
    SC_TRY(add_list(r, "drop-genes", o->drop_genes, false, err));
    SC_TRY(add_limit(r, "min-cells", "n_cells_by_counts", true, o->min_cells, err));
    SC_TRY(add_limit(r, "max-cells", "n_cells_by_counts", false, o->max_cells, err));
    SC_TRY(add_limit(r, "min-counts-per-gene", "total_counts", true, o->min_counts_per_gene, err));
    SC_TRY(add_limit(r, "max-counts-per-gene", "total_counts", false, o->max_counts_per_gene, err));
    return add_conditions(r, "var", &o->var, err);
}

void rules_free(rules *r)
{
    for (int k = 0; k < r->n; k++) {
        rule *p = &r->all[k];
        if (p->list) {
            sc_strs_free(&p->list->names);
            sc_names_free(p->list->by_name);
            free(p->list->is_found);
            free(p->list);
        }
        if (p->condition)
            sc_condition_free(p->condition);
        free(p->condition);
    }
    r->n = 0;
}

bool rules_have_limit(const rules *r)
{
    for (int k = 0; k < r->n; k++)
        if (r->all[k].column)
            return true;
    return false;
}

sc_status rules_check(const rules *r, const sc_table *t, const char *axis, sc_err *err)
{
    for (int k = 0; k < r->n; k++)
        if (r->all[k].condition)
            SC_TRY(sc_condition_check_table(r->all[k].condition, t, axis, err));
    return SC_OK;
}

/* A share that is missing, as of a cell without counts, is within no limit. */
static bool within(const rule *p, const sc_col *c, int64_t i)
{
    const double v = c->type == SC_COL_INT ? (double)c->v.i[i] : c->v.r[i];
    return p->is_min ? v >= p->limit : v <= p->limit;
}

static void ask(rule *p, const sc_table *t, const sc_table *metrics, uint8_t *holds)
{
    if (p->condition) {
        sc_condition_table(p->condition, t, holds);
        return;
    }
    const sc_col *c = p->column ? sc_table_find(metrics, p->column) : NULL;
    for (int64_t i = 0; i < t->n_rows; i++) {
        if (c) {
            holds[i] = within(p, c, i);
            continue;
        }
        const int64_t at = sc_names_find(p->list->by_name, sc_strs_at(&t->names, i));
        if (at >= 0)
            p->list->is_found[at] = 1;
        holds[i] = (at >= 0) == p->list->keeps;
    }
}

void rules_apply(rules *r, const sc_table *t, const sc_table *metrics, uint8_t *keep,
                 uint8_t *scratch)
{
    memset(keep, 1, (size_t)t->n_rows);
    for (int k = 0; k < r->n; k++) {
        ask(&r->all[k], t, metrics, scratch);
        for (int64_t i = 0; i < t->n_rows; i++) {
            r->all[k].n_failed += keep[i] && !scratch[i];
            keep[i] = keep[i] && scratch[i];
        }
    }
    r->n_seen += t->n_rows;
    for (int64_t i = 0; i < t->n_rows; i++)
        r->n_kept += keep[i];
}

void rules_reset(rules *r)
{
    r->n_seen = r->n_kept = 0;
    for (int k = 0; k < r->n; k++)
        r->all[k].n_failed = 0;
}

void rules_account(const rules *r, char *buf, size_t buf_len)
{
    size_t used = 0;
    buf[0] = '\0';
    for (int k = 0; k < r->n && used < buf_len; k++) {
        const rule *p = &r->all[k];
        if (p->n_failed == 0)
            continue;
        const int n = snprintf(buf + used, buf_len - used, "%s%" PRId64 "%s %s", used ? ", " : "",
                               p->n_failed,
                               used               ? ""
                               : p->n_failed == 1 ? " fails"
                                                  : " fail",
                               p->option);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* Of a list: names that no row had, each once; *first is one of them. */
static int64_t n_unmet(const name_list *l, int64_t *first)
{
    int64_t n = 0;
    for (int64_t i = l->names.n - 1; i >= 0; i--)
        if (!l->is_found[i] && sc_names_find(l->by_name, sc_strs_at(&l->names, i)) == i) {
            *first = i;
            n++;
        }
    return n;
}

sc_status rules_left(const rules *r, const char *what, sc_err *err)
{
    const rule *worst = NULL;
    int64_t first = 0;
    if (r->n_kept > 0 || r->n_seen == 0)
        return SC_OK;
    for (int k = 0; k < r->n; k++) {
        const rule *p = &r->all[k];
        if (p->list && p->list->keeps && p->n_failed == r->n_seen && n_unmet(p->list, &first))
            return sc_fail(err, SC_EDATA, "no %s has a name that %s lists: '%s' is its first", what,
                           p->list->path, sc_strs_at(&p->list->names, first));
        if (!worst || p->n_failed > worst->n_failed)
            worst = p;
    }
    return sc_fail(err, SC_EDATA,
                   "no %s is left of %" PRId64 ": %" PRId64 " fail %s, which takes most", what,
                   r->n_seen, worst ? worst->n_failed : 0, worst ? worst->option : "");
}

void rules_unmet(const rules *r, const char *what, int *at, char *note, size_t note_len)
{
    note[0] = '\0';
    for (; *at < r->n && !note[0]; ++*at) {
        const name_list *l = r->all[*at].list;
        int64_t first = 0;
        const int64_t n = l ? n_unmet(l, &first) : 0;
        if (n)
            (void)snprintf(note, note_len,
                           "%" PRId64 " of the %" PRId64 " names in %s are of no %s: '%s'%s", n,
                           l->names.n, l->path, what, sc_strs_at(&l->names, first),
                           n > 1 ? " is the first" : "");
    }
}

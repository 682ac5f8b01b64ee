#include "sc_concat.h"
#include "sc_minify.h"
#include "sc_panels.h"
#include "sc_recode.h"
#include "sc_uns.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SC_PRINTF(3, 4) static sc_status note(sc_concat *c, sc_err *err, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sc_strs_push(&c->notes, text, strlen(text), err);
}

/* Which axis a matrix' columns lie on: NULL where they are its own (obsm). */
static const sc_axis *axis_of(const sc_concat *c, const char *path)
{
    if (strcmp(path, "X") == 0 || strncmp(path, "layers/", 7) == 0)
        return &c->var;
    return strcmp(path, "raw/X") == 0 ? &c->raw : NULL;
}

static bool has_same_names(const sc_strs *a, const sc_strs *b)
{
    if (a->n != b->n)
        return false;
    for (int64_t i = 0; i < a->n; i++)
        if (strcmp(sc_strs_at(a, i), sc_strs_at(b, i)) != 0)
            return false;
    return true;
}

/* What a matrix becomes; false with a reason if the inputs' do not fit together. */
static bool merge_mat(const sc_concat *c, const sc_mat *first, sc_mat *merged, const char **why)
{
    const sc_axis *axis = axis_of(c, first->path);
    *merged = *first;
    *why = "not all inputs have it";
    for (int i = 1; i < c->n; i++) {
        const int k = sc_header_find(c->in[i], first->path);
        if (k < 0)
            return false;
        const sc_mat *m = &c->in[i]->mats[k];
        const bool are_counts =
            m->kind <= SC_COUNTS_FRACTIONAL && merged->kind <= SC_COUNTS_FRACTIONAL;
        *why = "its kind differs between the inputs";
        if (m->kind != merged->kind && !are_counts)
            return false;
        merged->kind = m->kind > merged->kind ? m->kind : merged->kind;
        *why = "its columns differ between the inputs";
        const bool have_names = m->col_names.n && first->col_names.n;
        if (!axis &&
            (m->is_sparse != first->is_sparse ||
             (!have_names && (m->n_cols != first->n_cols || m->col_names.n != first->col_names.n))))
            return false;
        merged->is_sparse = merged->is_sparse || m->is_sparse;
    }
    return true;
}

static bool outlives_concat(const sc_concat *c, const char *path)
{
    return axis_of(c, path) == &c->var || strncmp(path, "obsm/", 5) == 0 ||
           (axis_of(c, path) == &c->raw && c->out.has_raw);
}

/* Matches the named columns of an obsm where they differ; none in common: n_new is 0. */
static sc_status plan_columns(sc_concat *c, const char *path, const char *const *names,
                              sc_axis *axis, int64_t *n_new, sc_err *err)
{
    sc_table *tables = NULL;
    const sc_table **at = NULL;
    sc_status st = SC_OK;
    const sc_mat *first = &c->in[0]->mats[sc_header_find(c->in[0], path)];
    bool differ = false;
    *n_new = first->n_cols;
    SC_GOTO(st, sc_alloc(&tables, (size_t)c->n, sizeof *tables, err), out);
    SC_GOTO(st, sc_alloc(&at, (size_t)c->n, sizeof *at, err), out);
    for (int i = 0; i < c->n; i++) {
        const sc_mat *m = &c->in[i]->mats[sc_header_find(c->in[i], path)];
        differ = differ || !has_same_names(&m->col_names, &first->col_names);
        tables[i] = (sc_table){.names = m->col_names, .n_rows = m->col_names.n}; /* lent */
        at[i] = &tables[i];
    }
    if (differ) {
        st = sc_axis_join(axis, at, names, c->n, c->obsm_join, "column", err);
        *n_new = axis->table.n_rows;
        if (st == SC_EDATA && *n_new == 0 && c->obsm_join == SC_JOIN_INNER)
            st = SC_OK;
    }
out:
    free(tables);
    free(at);
    return st;
}

/* Says in uns what each input measured, where its cells have 0 for what it did not. */
static sc_status note_panels(sc_concat *c, sc_err *err)
{
    for (int k = 0; k < c->out.n_mats; k++) {
        const char *path = c->out.mats[k].path;
        bool lacks = false;
        for (int i = 0; i < c->obsm[k].n; i++)
            lacks = lacks || c->in[i]->mats[sc_header_find(c->in[i], path)].col_names.n <
                                 c->obsm[k].table.n_rows;
        if (!lacks || c->obsm_join == SC_JOIN_INNER || !c->batch_key)
            continue;
        for (int i = 0; i < c->n; i++)
            if (sc_panels_any(c->in[i]))
                return note(c, err,
                            "what each batch measured of %s is not kept: an input has such "
                            "a list of its own",
                            path);
        for (int i = 0; i < c->n; i++) {
            const sc_mat *m = &c->in[i]->mats[sc_header_find(c->in[i], path)];
            SC_TRY(sc_panels_add(&c->out, path + strlen("obsm/"), c->batch_key,
                                 sc_strs_at(&c->batches, i), &m->col_names, err));
        }
    }
    return SC_OK;
}

/* Adds a matrix to the output; false in *fits: its columns have nothing in common. */
static sc_status add_mat(sc_concat *c, const sc_mat *merged, const char *const *names, bool *fits,
                         sc_err *err)
{
    const sc_axis *axis = axis_of(c, merged->path);
    sc_axis own = {0};
    sc_mat *made = NULL;
    int64_t n_cols = axis ? axis->table.n_rows : merged->n_cols;
    sc_status st = SC_OK;
    if (!axis)
        st = plan_columns(c, merged->path, names, &own, &n_cols, err);
    *fits = axis || n_cols > 0 || merged->n_cols == 0;
    if (st == SC_OK && *fits)
        st = sc_header_add(&c->out, merged->path, merged->kind, merged->is_sparse, n_cols, &made,
                           err);
    if (made)
        st = sc_strs_copy(&made->col_names, own.n ? &own.table.names : &merged->col_names, err);
    if (made && own.n)
        c->obsm[c->out.n_mats - 1] = own;
    else
        sc_axis_free(&own);
    return st;
}

static sc_status plan_mats(sc_concat *c, const char *const *names, sc_err *err)
{
    SC_TRY(sc_alloc(&c->obsm, (size_t)c->in[0]->n_mats + 1, sizeof *c->obsm, err));
    for (int k = 0; k < c->in[0]->n_mats; k++) {
        const sc_mat *first = &c->in[0]->mats[k];
        const char *why = "it belongs to the cells or genes of one input";
        sc_mat merged;
        bool fits = true;
        if (!outlives_concat(c, first->path) || !merge_mat(c, first, &merged, &why)) {
            if (strcmp(first->path, "X") == 0)
                return sc_fail(err, SC_EDATA, "X can't be joined: %s", why);
            SC_TRY(note(c, err, "%s is dropped: %s", first->path, why));
            continue;
        }
        SC_TRY(add_mat(c, &merged, names, &fits, err));
        if (!fits)
            SC_TRY(note(c, err, "%s is dropped: the inputs have none of its columns in common",
                        first->path));
    }
    for (int i = 1; i < c->n; i++)
        for (int k = 0; k < c->in[i]->n_mats; k++) {
            const char *path = c->in[i]->mats[k].path;
            if (sc_header_find(c->in[0], path) >= 0)
                continue;
            if (strcmp(path, "X") == 0)
                return sc_fail(err, SC_EDATA, "X can't be joined: not all inputs have it");
            SC_TRY(note(c, err, "%s is dropped: not all inputs have it", path));
        }
    return SC_OK;
}

/* The type that holds the values of both. */
static sc_col_type common_type(sc_col_type a, sc_col_type b)
{
    if (a == b)
        return a;
    if ((a == SC_COL_INT && b == SC_COL_REAL) || (a == SC_COL_REAL && b == SC_COL_INT))
        return SC_COL_REAL;
    return SC_COL_STRING;
}

static sc_status plan_obs_col(sc_concat *c, const sc_col *first, sc_err *err)
{
    sc_col_type type = first->type;
    sc_strs categories = {0};
    sc_recode r = {0};
    sc_status st = SC_OK;
    bool is_ordered = true;
    for (int i = 0; i < c->n && st == SC_OK; i++) {
        const sc_col *col = sc_table_find(&c->in[i]->obs, first->name);
        if (!col)
            continue;
        type = common_type(type, col->type);
        if (col->type == SC_COL_CATEGORY) {
            is_ordered = is_ordered && col->is_ordered &&
                         (i == 0 || has_same_names(&categories, &col->categories));
            st = sc_recode_categories(&categories, col, err);
        }
    }
    if (st == SC_OK)
        st = sc_recode_open(&r, first->name, type, type == SC_COL_CATEGORY ? &categories : NULL, 0,
                            err);
    r.col.is_ordered = type == SC_COL_CATEGORY && is_ordered;
    if (st == SC_OK)
        st = sc_recode_add_to(&r, &c->out.obs, err);
    sc_recode_free(&r);
    sc_strs_free(&categories);
    return st;
}

/* The batch as a column: its categories are the batches, of which two inputs may share one. */
static sc_status plan_batch(sc_concat *c, const char *const *names, sc_err *err)
{
    sc_col as_col = {.type = SC_COL_STRING, .n = c->batches.n, .v = {.str = c->batches}};
    sc_strs sorted = {0};
    sc_recode r = {0};
    for (int i = 0; i < c->n; i++)
        if (sc_table_find(&c->in[i]->obs, c->batch_key))
            return sc_fail(err, SC_EDATA,
                           "'%s' has an obs column '%s' already, --batch-key gives another name",
                           names[i], c->batch_key);
    sc_status st = SC_OK;
    for (int i = 0; i < c->n && st == SC_OK; i++) {
        as_col.v.str.off = c->batches.off + i;
        as_col.v.str.n = as_col.n = 1;
        st = sc_recode_categories(&sorted, &as_col, err);
    }
    if (st == SC_OK)
        st = sc_recode_open(&r, c->batch_key, SC_COL_CATEGORY, &sorted, 0, err);
    if (st == SC_OK)
        st = sc_recode_add_to(&r, &c->out.obs, err);
    sc_recode_free(&r);
    sc_strs_free(&sorted);
    return st;
}

static sc_status plan_obs(sc_concat *c, const char *const *names, sc_err *err)
{
    const char *index_name = c->in[0]->obs.index_name;
    if (index_name) {
        SC_TRY(sc_alloc(&c->out.obs.index_name, strlen(index_name) + 1, 1, err));
        memcpy(c->out.obs.index_name, index_name, strlen(index_name));
    }
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < c->in[i]->obs.n_cols; k++) {
            const sc_col *col = &c->in[i]->obs.cols[k];
            if (!sc_table_find(&c->out.obs, col->name))
                SC_TRY(plan_obs_col(c, col, err));
        }
    return c->batch_key ? plan_batch(c, names, err) : SC_OK;
}

/* uns is kept as far as all say the same, and panels as far as they go together. */
static sc_status plan_uns(sc_concat *c, sc_err *err)
{
    sc_strs dropped = {0};
    char text[400] = "";
    bool is_lost = false;
    sc_status st = sc_uns_agree(&c->out, c->in, c->n, "panels", &dropped, err);
    for (int64_t i = 0; i < dropped.n; i++) {
        const size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "%s%s", i ? ", " : "",
                       sc_strs_at(&dropped, i));
    }
    if (st == SC_OK && dropped.n)
        st = note(c, err, "uns is kept as far as the inputs agree; they do not in: %s", text);
    const int64_t n = dropped.n;
    if (st == SC_OK)
        st = sc_uns_drop_graphless(&c->out, &dropped, err);
    for (int64_t i = n; i < dropped.n && st == SC_OK; i++)
        st = note(c, err, "uns/%s is dropped: so is the graph it speaks of",
                  sc_strs_at(&dropped, i));
    sc_strs_free(&dropped);
    if (st == SC_OK)
        st = sc_panels_join(&c->out, c->in, c->n, &is_lost, err);
    if (st == SC_OK && is_lost)
        st = note(c, err,
                  "uns/panels is dropped: the inputs' lists of what was measured do not go "
                  "together");
    if (st == SC_OK)
        st = sc_minify_join(&c->out, c->in, c->n, &is_lost, err);
    if (st == SC_OK && is_lost)
        st = note(c, err, "the cells no longer count as minified: not all are, by the same model");
    return st == SC_OK ? note_panels(c, err) : st;
}

/* uns, and the provenance of every input. */
static sc_status plan_rest(sc_concat *c, sc_err *err)
{
    for (int i = 0; i < c->n; i++)
        for (int64_t k = 0; k < c->in[i]->records.n; k++) {
            const char *record = sc_strs_at(&c->in[i]->records, k);
            SC_TRY(sc_strs_push(&c->out.records, record, strlen(record), err));
        }
    return plan_uns(c, err);
}

/* Of the first input whose genes are not those of the output: that is seen nowhere else. */
static sc_status note_genes(sc_concat *c, const char *const *names, sc_join join, sc_err *err)
{
    const long long n = c->out.var.n_rows;
    for (int i = 0; i < c->n; i++) {
        const long long own = c->in[i]->var.n_rows;
        if (own == n)
            continue;
        return join == SC_JOIN_INNER
                   ? note(c, err,
                          "%s has %lld gene%s that not all inputs have; the %lld that all have are "
                          "kept",
                          names[i], own - n, own - n == 1 ? "" : "s", n)
                   : note(c, err, "%s lacks %lld of all %lld genes; its cells have 0 of them",
                          names[i], n - own, n);
    }
    return SC_OK;
}

static sc_status plan_axes(sc_concat *c, const char *const *names, sc_join join, sc_err *err)
{
    const sc_table **tables = NULL;
    bool all_raw = true, any_raw = false;
    SC_TRY(sc_alloc(&tables, (size_t)c->n, sizeof *tables, err));
    for (int i = 0; i < c->n; i++) {
        tables[i] = &c->in[i]->var;
        all_raw = all_raw && c->in[i]->has_raw;
        any_raw = any_raw || c->in[i]->has_raw;
    }
    sc_status st = sc_axis_join(&c->var, tables, names, c->n, join, "gene", err);
    if (st == SC_OK)
        st = sc_table_copy(&c->out.var, &c->var.table, err);
    if (st == SC_OK)
        st = note_genes(c, names, join, err);
    if (st == SC_OK && any_raw && !all_raw)
        st = note(c, err, "raw is dropped: not all inputs have it");
    if (st == SC_OK && all_raw) {
        for (int i = 0; i < c->n; i++)
            tables[i] = &c->in[i]->raw_var;
        st = sc_axis_join(&c->raw, tables, names, c->n, join, "gene of raw", err);
        if (st == SC_OK)
            st = sc_table_copy(&c->out.raw_var, &c->raw.table, err);
        c->out.has_raw = true;
    }
    free(tables);
    return st;
}

sc_status sc_concat_plan(sc_concat *c, const sc_header *const *in, const char *const *names,
                         const sc_strs *batches, int n, sc_join join, sc_join obsm_join,
                         const char *batch_key, sc_err *err)
{
    *c = (sc_concat){.n = n, .in = in, .batch_key = batch_key, .obsm_join = obsm_join};
    c->out.n_obs = -1;
    SC_TRY(sc_strs_copy(&c->batches, batches, err));
    SC_TRY(plan_axes(c, names, join, err));
    SC_TRY(plan_mats(c, names, err));
    SC_TRY(plan_obs(c, names, err));
    return plan_rest(c, err);
}

void sc_concat_free(sc_concat *c)
{
    for (int k = 0; c->obsm && k < c->out.n_mats; k++)
        sc_axis_free(&c->obsm[k]);
    free(c->obsm);
    sc_header_free(&c->out);
    sc_axis_free(&c->var);
    sc_axis_free(&c->raw);
    sc_strs_free(&c->batches);
    sc_strs_free(&c->notes);
    *c = (sc_concat){0};
}

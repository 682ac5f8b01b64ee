#include "cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 1000 };

static bool is_obsm(const sc_mat *m)
{
    return strncmp(m->path, "obsm/", 5) == 0 && !m->is_sparse;
}

static void list_obsm(const sc_header *h, char *buf, size_t buf_len)
{
    size_t used = 0;
    buf[0] = '\0';
    for (int k = 0; k < h->n_mats && used < buf_len; k++)
        if (is_obsm(&h->mats[k]))
            used += (size_t)snprintf(buf + used, buf_len - used, "%s'%s'", used ? ", " : "",
                                     h->mats[k].path + 5);
}

static sc_status find_rep(const sc_reader *in, const char *rep, const sc_mat **out, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    char there[512];
    int n = 0;
    *out = NULL;
    for (int k = 0; k < h->n_mats; k++) {
        if (!is_obsm(&h->mats[k]))
            continue;
        n++;
        if (!rep || strcmp(h->mats[k].path + 5, rep) == 0)
            *out = &h->mats[k];
    }
    list_obsm(h, there, sizeof there);
    if (n == 0)
        return sc_fail(err, SC_EDATA, "%s has no obsm to plot", sc_reader_name(in));
    if (!*out)
        return sc_fail(err, SC_EDATA, "%s has no obsm '%s'; it has %s", sc_reader_name(in), rep,
                       there);
    if (!rep && n > 1)
        return sc_fail(err, SC_EDATA, "%s has more than one obsm: --use-rep says which of %s",
                       sc_reader_name(in), there);
    if ((*out)->n_cols < 2)
        return sc_fail(err, SC_EDATA, "obsm '%s' has one column, and a scatter needs two",
                       (*out)->path + 5);
    return SC_OK;
}

static sc_status name_dims(plot_cells *c, const sc_mat *m, sc_err *err)
{
    SC_TRY(sc_alloc(&c->dims, (size_t)c->n_dims, sizeof *c->dims, err));
    SC_TRY(sc_alloc(&c->names, (size_t)c->n_dims, sizeof *c->names, err));
    for (int d = 0; d < c->n_dims; d++) {
        char name[32];
        const bool is_umap = strcmp(c->rep, "X_umap") == 0, is_pca = strcmp(c->rep, "X_pca") == 0;
        (void)snprintf(name, sizeof name,
                       is_umap  ? "UMAP %d"
                       : is_pca ? "PC %d"
                                : "Z_%d",
                       is_umap || is_pca ? d + 1 : d);
        c->names[d] = strdup(m->col_names.n ? sc_strs_at(&m->col_names, d) : name);
        if (!c->names[d])
            return sc_fail(err, SC_ENOMEM, "out of memory");
    }
    return SC_OK;
}

static sc_status open_color(plot_cells *c, const sc_header *h, const char *color, sc_err *err)
{
    if (!color)
        return SC_OK;
    const sc_col *col = sc_table_find(&h->obs, color);
    if (!col) {
        sc_strs names = {0};
        char near[256];
        sc_status st = SC_OK;
        for (int k = 0; k < h->obs.n_cols && st == SC_OK; k++)
            st = sc_strs_push(&names, h->obs.cols[k].name, strlen(h->obs.cols[k].name), err);
        sc_strs_near(&names, color, near, sizeof near);
        sc_strs_free(&names);
        return st != SC_OK ? st
                           : sc_fail(err, SC_EDATA, "there is no obs column '%s'%s%s", color,
                                     near[0] ? "; near to it: " : "", near);
    }
    c->tint =
        col->type == SC_COL_INT || col->type == SC_COL_REAL ? PLOT_TINT_NUMBER : PLOT_TINT_CATEGORY;
    return col->type == SC_COL_CATEGORY ? sc_strs_copy(&c->levels, &col->categories, err) : SC_OK;
}

static sc_status make_room(plot_cells *c, int64_t n, sc_err *err)
{
    if (n <= c->room)
        return SC_OK;
    const int64_t room = n > 2 * c->room ? n : 2 * c->room;
    for (int d = 0; d < c->n_dims; d++)
        SC_TRY(sc_resize(&c->dims[d], (size_t)room, sizeof *c->dims[d], err));
    if (c->tint == PLOT_TINT_CATEGORY)
        SC_TRY(sc_resize(&c->code, (size_t)room, sizeof *c->code, err));
    if (c->tint == PLOT_TINT_NUMBER)
        SC_TRY(sc_resize(&c->number, (size_t)room, sizeof *c->number, err));
    c->room = room;
    return SC_OK;
}

static sc_status code_of(plot_cells *c, const char *color, const char *text, int32_t last,
                         int32_t *code, sc_err *err)
{
    if (last >= 0 && strcmp(sc_strs_at(&c->levels, last), text) == 0) {
        *code = last;
        return SC_OK;
    }
    for (int64_t k = 0; k < c->levels.n; k++)
        if (strcmp(sc_strs_at(&c->levels, k), text) == 0) {
            *code = (int32_t)k;
            return SC_OK;
        }
    if (c->levels.n >= LEVELS_MAX)
        return sc_fail(err, SC_EDATA, "obs column '%s' has more than %d different values", color,
                       LEVELS_MAX);
    *code = (int32_t)c->levels.n;
    return sc_strs_push(&c->levels, text, strlen(text), err);
}

static sc_status take_color(plot_cells *c, const sc_table *obs, const char *color, sc_err *err)
{
    const sc_col *col = sc_table_find(obs, color);
    int32_t last = -1;
    char buf[64];
    for (int64_t i = 0; i < obs->n_rows; i++) {
        const bool is_missing = sc_col_is_missing(col, i);
        if (c->tint == PLOT_TINT_CATEGORY) {
            int32_t code = -1;
            if (!is_missing)
                SC_TRY(code_of(c, color, sc_col_text(col, i, buf, sizeof buf), last, &code, err));
            c->code[c->n + i] = last = code;
        } else if (is_missing) {
            c->number[c->n + i] = NAN;
        } else {
            c->number[c->n + i] = col->type == SC_COL_INT ? (float)col->v.i[i] : (float)col->v.r[i];
        }
    }
    return SC_OK;
}

static sc_status take_block(plot_cells *c, sc_block *b, const char *path, const char *color,
                            sc_err *err)
{
    const int64_t n = sc_block_n_rows(b);
    sc_dense *z = NULL;
    SC_TRY(make_room(c, c->n + n, err));
    SC_TRY(sc_block_dense(b, path, &z, err));
    for (int d = 0; d < c->n_dims; d++)
        for (int64_t i = 0; i < n; i++)
            c->dims[d][c->n + i] = z->values[i * z->n_cols + d];
    if (color) {
        sc_table *obs = NULL;
        SC_TRY(sc_block_obs(b, &obs, err));
        SC_TRY(take_color(c, obs, color, err));
    }
    c->n += n;
    return SC_OK;
}

typedef struct level {
    const char *name;
    int32_t old;
    int64_t n_cells;
} level;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const level *)a)->name, ((const level *)b)->name);
}

/* Drops levels that no cell has; sorts them by name where the column gave no order. */
static sc_status tidy_levels(plot_cells *c, bool has_order, sc_err *err)
{
    const size_t n = (size_t)c->levels.n;
    level *levels = NULL;
    int32_t *renumbered = NULL;
    sc_strs kept = {0};
    sc_status st;
    SC_GOTO(st, sc_alloc(&levels, n + 1, sizeof *levels, err), out);
    SC_GOTO(st, sc_alloc(&renumbered, n + 1, sizeof *renumbered, err), out);
    for (size_t k = 0; k < n; k++)
        levels[k] = (level){sc_strs_at(&c->levels, (int64_t)k), (int32_t)k, 0};
    for (int64_t i = 0; i < c->n; i++)
        if (c->code[i] >= 0)
            levels[c->code[i]].n_cells++;
    if (!has_order)
        qsort(levels, n, sizeof *levels, by_name);
    for (size_t k = 0; k < n; k++) {
        if (levels[k].n_cells == 0)
            continue;
        renumbered[levels[k].old] = (int32_t)kept.n;
        SC_GOTO(st, sc_strs_push(&kept, levels[k].name, strlen(levels[k].name), err), out);
    }
    for (int64_t i = 0; i < c->n; i++)
        if (c->code[i] >= 0)
            c->code[i] = renumbered[c->code[i]];
    sc_strs_free(&c->levels);
    c->levels = kept;
    kept = (sc_strs){0};
out:
    sc_strs_free(&kept);
    free(levels);
    free(renumbered);
    return st;
}

sc_status plot_cells_read(plot_cells *c, sc_reader *in, const char *rep, const char *color,
                          int max_dims, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    const sc_mat *m = NULL;
    sc_block *b = NULL;
    sc_status st;
    if (sc_reader_is_model(in))
        return sc_fail(err, SC_EDATA, "%s is a model, and this picture is of cells",
                       sc_reader_name(in));
    SC_TRY(find_rep(in, rep, &m, err));
    SC_TRY(open_color(c, h, color, err));
    c->n_dims = m->n_cols < max_dims ? (int)m->n_cols : max_dims;
    c->rep = strdup(m->path + 5);
    if (!c->rep)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    SC_TRY(name_dims(c, m, err));
    while ((st = sc_reader_next(in, &b, err)) == SC_OK)
        SC_TRY(take_block(c, b, m->path, color, err));
    if (st != SC_END)
        return st;
    if (c->n == 0)
        return sc_fail(err, SC_EDATA, "%s has no cells", sc_reader_name(in));
    const bool has_order = color && sc_table_find(&h->obs, color)->type == SC_COL_CATEGORY;
    return c->tint == PLOT_TINT_CATEGORY ? tidy_levels(c, has_order, err) : SC_OK;
}

void plot_cells_free(plot_cells *c)
{
    for (int d = 0; d < c->n_dims; d++) {
        if (c->dims)
            free(c->dims[d]);
        if (c->names)
            free(c->names[d]);
    }
    free(c->dims);
    free(c->names);
    free(c->rep);
    sc_strs_free(&c->levels);
    free(c->code);
    free(c->number);
}

#include "cells.h"
#include "sc_gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_obsm(const sc_mat *m, const char *suffix)
{
    const size_t n = strlen(m->path), k = suffix ? strlen(suffix) : 0;
    return strncmp(m->path, "obsm/", 5) == 0 && !m->is_sparse && n >= k + 5 &&
           (!suffix || strcmp(m->path + n - k, suffix) == 0);
}

static void list_obsm(const sc_header *h, const char *suffix, char *buf, size_t buf_len)
{
    size_t used = 0;
    buf[0] = '\0';
    for (int k = 0; k < h->n_mats && used < buf_len; k++)
        if (is_obsm(&h->mats[k], suffix))
            used += (size_t)snprintf(buf + used, buf_len - used, "%s'%s'", used ? ", " : "",
                                     h->mats[k].path + 5);
}

sc_status plot_find_obsm(const sc_reader *in, const char *key, const char *suffix,
                         const sc_mat **out, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    char there[512];
    int n = 0;
    *out = NULL;
    if (key)
        suffix = NULL; /* what is named need not look like what is guessed */
    for (int k = 0; k < h->n_mats; k++) {
        if (!is_obsm(&h->mats[k], suffix))
            continue;
        n++;
        if (!key || strcmp(h->mats[k].path + 5, key) == 0)
            *out = &h->mats[k];
    }
    list_obsm(h, suffix, there, sizeof there);
    if (n == 0)
        return sc_fail(err, SC_EDATA, "%s: has no obsm %s%s%s", sc_reader_name(in),
                       suffix ? "that ends in '" : "to plot", suffix ? suffix : "",
                       suffix ? "'" : "");
    if (!*out)
        return sc_fail(err, SC_EDATA, "%s: has no obsm '%s'%s; it has %s", sc_reader_name(in), key,
                       strcmp(key, "X_umap") == 0 ? ", which sc-umap makes" : "", there);
    if (!key && n > 1)
        return sc_fail(err, SC_EDATA, "%s: has more than one obsm: --use-rep says which of %s",
                       sc_reader_name(in), there);
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

static sc_status make_room(plot_cells *c, int64_t n, sc_err *err)
{
    if (n <= c->room)
        return SC_OK;
    const int64_t room = n > 2 * c->room ? n : 2 * c->room;
    for (int d = 0; d < c->n_dims; d++)
        SC_TRY(sc_resize(&c->dims[d], (size_t)room, sizeof *c->dims[d], err));
    c->room = room;
    return SC_OK;
}

static sc_status take_block(plot_cells *c, sc_block *b, const sc_header *h, const char *path,
                            sc_err *err)
{
    const int64_t n = sc_block_n_rows(b);
    sc_dense *z = NULL;
    SC_TRY(make_room(c, c->n + n, err));
    SC_TRY(sc_block_dense(b, path, &z, err));
    for (int d = 0; d < c->n_dims; d++)
        for (int64_t i = 0; i < n; i++)
            c->dims[d][c->n + i] = z->values[i * z->n_cols + d];
    for (int k = 0; k < c->n_tints; k++)
        if (c->tints[k].kind != SC_VECTOR_ANY)
            SC_TRY(sc_vector_block(&c->tints[k], b, h, err));
    c->n += n;
    return SC_OK;
}

/* Cells without a label would hide the few that have one: they are drawn like those without a
 * value. */
static void grey_unlabelled(sc_vector *v)
{
    int32_t unknown = 0;
    while (unknown < v->levels.n && strcmp(sc_strs_at(&v->levels, unknown), "Unknown") != 0)
        unknown++;
    for (int64_t i = 0; v->kind == SC_VECTOR_CATEGORY && i < v->n; i++)
        if (v->code[i] == unknown)
            v->code[i] = PLOT_UNLABELLED;
}

sc_status plot_tints_open(plot_cells *c, const sc_header *h, const char *color, const char *layer,
                          sc_vector_kind wanted, sc_err *err)
{
    c->n_tints = 1;
    if (!color)
        return SC_OK;
    sc_status st = sc_vector_open(&c->tints[0], h, color, layer, wanted, err);
    if (st == SC_OK || !strchr(color, ','))
        return st;
    sc_vector_free(&c->tints[0]);
    c->n_tints = 0;
    for (const char *s = color, *end; s; s = *end ? end + 1 : NULL) {
        end = s + strcspn(s, ",");
        if (c->n_tints == PLOT_COLOURS_MAX)
            return sc_fail(err, SC_EUSAGE, "no more than %d names can be drawn at once",
                           PLOT_COLOURS_MAX);
        char *name = strndup(s, (size_t)(end - s));
        if (!name)
            return sc_fail(err, SC_ENOMEM, "out of memory");
        st = sc_vector_open(&c->tints[c->n_tints++], h, name, layer, wanted, err);
        free(name);
        SC_TRY(st);
    }
    return SC_OK;
}

sc_status plot_cells_read(plot_cells *c, sc_reader *in, const char *rep, const char *color,
                          const char *layer, int max_dims, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    const sc_mat *m = NULL;
    sc_block *b = NULL;
    int mat;
    sc_status st;
    if (!rep && sc_find_rep(h, NULL, &mat, err) == SC_OK) /* a layout beside it is none to draw */
        m = &h->mats[mat];
    else
        SC_TRY(plot_find_obsm(in, rep, NULL, &m, err));
    if (m->n_cols < 2)
        return sc_fail(err, SC_EDATA, "obsm '%s' has one column, and a scatter needs two",
                       m->path + 5);
    SC_TRY(plot_tints_open(c, h, color, layer, SC_VECTOR_ANY, err));
    c->n_dims = m->n_cols < max_dims ? (int)m->n_cols : max_dims;
    c->rep = strdup(m->path + 5);
    if (!c->rep)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    SC_TRY(name_dims(c, m, err));
    while ((st = sc_reader_next(in, &b, err)) == SC_OK)
        SC_TRY(take_block(c, b, h, m->path, err));
    if (st != SC_END)
        return st;
    if (c->n == 0)
        return sc_fail(err, SC_EDATA, "%s: has no cells", sc_reader_name(in));
    for (int k = 0; k < c->n_tints; k++) {
        SC_TRY(sc_vector_finish(&c->tints[k], err));
        grey_unlabelled(&c->tints[k]);
    }
    return SC_OK;
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
    for (int k = 0; k < c->n_tints; k++)
        sc_vector_free(&c->tints[k]);
}

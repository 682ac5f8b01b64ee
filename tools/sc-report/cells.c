#include "report.h"
#include "sc_philox.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 254, DIMS_MAX = 64, REPS_MAX = 16, COLUMNS_MAX = 300 };

/* A layout is an obsm that scanpy would name so, or places in space. */
static bool is_layout(const sc_mat *m)
{
    return !m->is_sparse && m->n_cols >= 2 &&
           (strncmp(m->path, "obsm/X_", 7) == 0 || strcmp(m->path, "obsm/spatial") == 0);
}

/* Proteins and their like: an obsm whose columns have names, and is no layout. */
static bool is_measured(const sc_mat *m)
{
    return strncmp(m->path, "obsm/", 5) == 0 && !m->is_sparse && m->col_names.n > 0 &&
           !is_layout(m);
}

static sc_status open_columns(report_cells *c, sc_err *err)
{
    const sc_header *h = c->header;
    SC_TRY(sc_alloc(&c->columns, COLUMNS_MAX, sizeof *c->columns, err));
    for (int k = 0; k < h->obs.n_cols && c->n_columns < COLUMNS_MAX; k++)
        SC_TRY(sc_vector_open(&c->columns[c->n_columns++], h, h->obs.cols[k].name, NULL,
                              SC_VECTOR_ANY, err));
    for (int k = 0; k < h->n_mats; k++)
        for (int64_t j = 0; is_measured(&h->mats[k]) && j < h->mats[k].col_names.n; j++)
            if (c->n_columns < COLUMNS_MAX)
                SC_TRY(sc_vector_open_obsm(&c->columns[c->n_columns++], h, k, j, err));
    return SC_OK;
}

static sc_status open_all(report_cells *c, const char *layer, sc_err *err)
{
    const sc_header *h = c->header;
    SC_TRY(open_columns(c, err));
    SC_TRY(sc_alloc(&c->reps, REPS_MAX, sizeof *c->reps, err));
    for (int pass = 0; pass < 2; pass++) /* X_umap first: it is what people look at */
        for (int k = 0; k < h->n_mats && c->n_reps < REPS_MAX; k++) {
            const sc_mat *m = &h->mats[k];
            if (!is_layout(m) || (strcmp(m->path, "obsm/X_umap") == 0) != (pass == 0))
                continue;
            c->reps[c->n_reps++] =
                (report_rep){.mat = m, .n_dims = m->n_cols < DIMS_MAX ? (int)m->n_cols : DIMS_MAX};
        }
    if (c->n_reps == 0)
        return sc_fail(err, SC_EDATA,
                       "no obsm named X_... has two columns or more: sc-embed and "
                       "sc-umap make them");
    return report_genes_open(&c->genes, h, layer, err);
}

static sc_status first_pass(report_cells *c, sc_reader *in, sc_err *err)
{
    sc_block *b = NULL;
    sc_status st;
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        c->n_total += sc_block_n_rows(b);
        SC_TRY(report_genes_measure(&c->genes, b, c->header, err));
    }
    if (st != SC_END)
        return st;
    return c->n_total ? SC_OK : sc_fail(err, SC_EDATA, "%s has no cells", sc_reader_name(in));
}

/* Of too many cells some are drawn, the same in every run. */
static sc_status choose_cells(report_cells *c, int64_t max, sc_err *err)
{
    const sc_key key = {0, 0, 0, 0};
    int64_t *order = NULL;
    SC_TRY(sc_alloc(&c->is_kept, (size_t)c->n_total, sizeof *c->is_kept, err));
    if (c->n_total <= max) {
        memset(c->is_kept, 1, (size_t)c->n_total);
        return SC_OK;
    }
    SC_TRY(sc_alloc(&order, (size_t)c->n_total, sizeof *order, err));
    for (int64_t i = 0; i < c->n_total; i++)
        order[i] = i;
    sc_shuffle(key, c->n_total, order);
    for (int64_t i = 0; i < max; i++)
        c->is_kept[order[i]] = 1;
    free(order);
    return SC_OK;
}

static sc_status take_rep(report_rep *r, sc_block *b, sc_err *err)
{
    const int64_t n = sc_block_n_rows(b);
    sc_dense *z = NULL;
    SC_TRY(sc_block_dense(b, r->mat->path, &z, err));
    if (r->n + n > r->room) {
        r->room = 2 * (r->n + n);
        SC_TRY(sc_resize(&r->values, (size_t)(r->room * r->n_dims), sizeof *r->values, err));
    }
    for (int64_t i = 0; i < n; i++)
        memcpy(r->values + (r->n + i) * r->n_dims, z->values + i * z->n_cols,
               (size_t)r->n_dims * sizeof *r->values);
    r->n += n;
    return SC_OK;
}

/* A column of too many different values, such as barcodes, is nothing to colour by. */
static sc_status take_column(report_cells *c, int k, sc_block *b, sc_err *err)
{
    sc_vector *v = &c->columns[k];
    if (!v->name)
        return SC_OK;
    const sc_status st = sc_vector_block(v, b, c->header, err);
    if (st != SC_EDATA)
        return st;
    sc_vector_free(v);
    return SC_OK;
}

static sc_status take_block(report_cells *c, sc_block *b, sc_err *err)
{
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int64_t i = 0; i < obs->names.n; i++) {
        const char *name = sc_strs_at(&obs->names, i);
        SC_TRY(sc_strs_push(&c->names, name, strlen(name), err));
    }
    for (int k = 0; k < c->n_columns; k++)
        SC_TRY(take_column(c, k, b, err));
    for (int k = 0; k < c->n_reps; k++)
        SC_TRY(take_rep(&c->reps[k], b, err));
    SC_TRY(report_genes_take(&c->genes, b, c->header, err));
    c->n += sc_block_n_rows(b);
    return SC_OK;
}

/* A header of what the second pass reads, so that rows are cut from nothing else. */
static sc_status header_of_read(const report_cells *c, sc_header *h, sc_err *err)
{
    SC_TRY(sc_header_copy(h, c->header, err));
    for (int k = h->n_mats - 1; k >= 0; k--) {
        bool is_read = k == c->genes.mat;
        for (int r = 0; r < c->n_reps; r++)
            is_read |= c->reps[r].mat == &c->header->mats[k];
        for (int v = 0; v < c->n_columns; v++)
            is_read |= c->columns[v].gene_mat == k;
        if (!is_read)
            sc_header_drop(h, c->header->mats[k].path);
    }
    return SC_OK;
}

static sc_status second_pass(report_cells *c, sc_reader *in, sc_err *err)
{
    sc_header read = {0};
    int64_t *rows = NULL;
    sc_block *b = NULL;
    sc_status st;
    SC_GOTO(st, header_of_read(c, &read, err), out);
    SC_GOTO(st, sc_alloc(&rows, (size_t)c->n_total, sizeof *rows, err), out);
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        const int64_t row0 = sc_block_row0(b), all = sc_block_n_rows(b);
        int64_t n = 0;
        for (int64_t i = 0; i < all; i++)
            if (c->is_kept[row0 + i])
                rows[n++] = i;
        if (n < all)
            SC_GOTO(st, sc_block_take_rows(b, &read, rows, n, err), out);
        if (n > 0)
            SC_GOTO(st, take_block(c, b, err), out);
    }
    st = st == SC_END ? SC_OK : st;
out:
    sc_header_free(&read);
    free(rows);
    return st;
}

static sc_status tidy_columns(report_cells *c, sc_err *err)
{
    int n = 0;
    for (int k = 0; k < c->n_columns; k++) {
        sc_vector *v = &c->columns[k];
        if (v->name)
            SC_TRY(sc_vector_finish(v, err));
        if (!v->name || v->levels.n > LEVELS_MAX) {
            sc_vector_free(v);
            continue;
        }
        const sc_vector moved = *v;
        *v = (sc_vector){.gene_mat = -1};
        c->columns[n++] = moved;
    }
    c->n_columns = n;
    return SC_OK;
}

sc_status report_cells_read(report_cells *c, sc_reader *in, const report_opts *o, sc_err *err)
{
    *c = (report_cells){.header = sc_reader_header(in)};
    SC_TRY(open_all(c, o->layer, err));
    SC_TRY(sc_reader_keep(in, err));
    SC_TRY(first_pass(c, in, err));
    SC_TRY(choose_cells(c, o->max_cells, err));
    SC_TRY(report_genes_choose(&c->genes, c->n_total, o->max_genes, err));
    SC_TRY(sc_reader_rewind(in, err));
    SC_TRY(second_pass(c, in, err));
    return tidy_columns(c, err);
}

void report_cells_free(report_cells *c)
{
    for (int k = 0; k < c->n_columns; k++)
        sc_vector_free(&c->columns[k]);
    for (int k = 0; k < c->n_reps; k++)
        free(c->reps[k].values);
    free(c->columns);
    free(c->reps);
    free(c->is_kept);
    sc_strs_free(&c->names);
    report_genes_free(&c->genes);
}

#include "view.h"

#include "sc_each.h"

#include <inttypes.h>
#include <string.h>

typedef struct rows {
    const view *v;
    const sc_header *h;
    const sc_mat *m; /* to print; NULL: obs */
    int64_t n, left; /* counted, and still to print */
} rows;

static sc_status decode_mat(const sc_mat *m, sc_block *b, sc_csr **csr, sc_dense **dense,
                            sc_err *err)
{
    *csr = NULL;
    *dense = NULL;
    return m->is_sparse ? sc_block_sparse(b, m->path, csr, err)
                        : sc_block_dense(b, m->path, dense, err);
}

/* obs and what is shown, or all where that is to be checked. */
static sc_status decode(void *ctx, int tid, sc_block *b, sc_err *err)
{
    const rows *r = ctx;
    sc_table *obs;
    sc_csr *csr;
    sc_dense *dense;
    (void)tid;
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int k = 0; k < r->h->n_mats; k++)
        if (r->v->check ? !r->h->mats[k].varm.values : r->m == &r->h->mats[k])
            SC_TRY(decode_mat(&r->h->mats[k], b, &csr, &dense, err));
    return SC_OK;
}

static sc_status count_rows(void *ctx, int tid, sc_block *b, sc_err *err)
{
    rows *r = ctx;
    (void)tid;
    (void)err;
    r->n += sc_block_n_rows(b);
    return SC_OK;
}

/* All blocks that are left, decoded on threads. */
static sc_status each_block(const view *v, sc_reader *in, const sc_each *each, sc_err *err)
{
    sc_pool *pool = NULL;
    SC_TRY(sc_reader_pool(&pool, in, v->n_threads, err));
    const sc_status st = sc_reader_each(in, NULL, pool, each, err);
    sc_pool_free(pool);
    return st;
}

/* Reads what is left: all of it decoded if thorough, otherwise its checksums only. */
static sc_status read_rest(const view *v, sc_reader *in, int64_t *n_cells, sc_err *err)
{
    rows r = {.v = v, .h = sc_reader_header(in)};
    const sc_each each = {.work = v->check ? decode : NULL, .turn = count_rows, .ctx = &r};
    const sc_status st =
        v->check ? each_block(v, in, &each, err) : sc_reader_each(in, NULL, NULL, &each, err);
    *n_cells = r.n;
    return st;
}

static json_t *header_json(const sc_header *h, int64_t n_obs)
{
    json_t *mats = json_array();
    for (int k = 0; k < h->n_mats; k++) {
        const sc_mat *m = &h->mats[k];
        json_t *o =
            json_pack("{s:s, s:s, s:b, s:I}", "path", m->path, "kind", sc_matkind_name(m->kind),
                      "sparse", m->is_sparse, "n_cols", (json_int_t)m->n_cols);
        if (m->col_names.n)
            json_object_set_new(o, "columns", json_of_strs(&m->col_names, false));
        json_array_append_new(mats, o);
    }
    json_t *o = json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "n_obs",
                          n_obs < 0 ? json_null() : json_integer(n_obs), "n_vars",
                          (json_int_t)h->var.n_rows, "matrices", mats, "obs",
                          json_of_columns(&h->obs), "var", json_of_columns(&h->var), "uns",
                          json_of_text(h->uns), "records", json_of_strs(&h->records, true));
    if (h->has_raw)
        json_object_set_new(o, "n_raw_vars", json_integer(h->raw_var.n_rows));
    return o;
}

static void put_summary(FILE *to, const sc_header *h, int64_t n_obs)
{
    if (n_obs >= 0)
        fprintf(to, "cells: %" PRId64 "\n", n_obs);
    fprintf(to, "genes: %" PRId64, h->var.n_rows);
    if (h->has_raw)
        fprintf(to, " (raw: %" PRId64 ")", h->raw_var.n_rows);
    putc('\n', to);
    for (int k = 0; k < h->n_mats; k++) {
        const sc_mat *m = &h->mats[k];
        fprintf(to, "%s: %s, %s", m->path, sc_matkind_name(m->kind),
                m->is_sparse ? "sparse" : "dense");
        if (strncmp(m->path, "obsm/", 5) == 0 || m->varm.values)
            fprintf(to, ", %" PRId64 " columns", m->n_cols);
        putc('\n', to);
    }
    put_columns(to, "obs", &h->obs);
    put_columns(to, "var", &h->var);
    json_t *uns = json_of_text(h->uns);
    const char *key, *sep = "uns: ";
    json_t *value;
    json_object_foreach(uns, key, value)
    {
        fprintf(to, "%s%s", sep, key);
        sep = ", ";
    }
    if (json_object_size(uns))
        putc('\n', to);
    json_decref(uns);
    put_records(to, &h->records);
}

static sc_status summary(const view *v, sc_reader *in, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    int64_t n_obs = h->n_obs;
    if (!v->header_only)
        SC_TRY(read_rest(v, in, &n_obs, err));
    if (v->json)
        return put_json(v->to, header_json(h, n_obs), err);
    if (v->check)
        fprintf(v->to, "whole: %" PRId64 " cells, %" PRId64 " genes, matrices: %d\n", n_obs,
                h->var.n_rows, h->n_mats);
    else
        put_summary(v->to, h, n_obs);
    return SC_OK;
}

static void put_mat_head(FILE *to, const sc_header *h, const sc_mat *m)
{
    const sc_strs *names = &m->col_names;
    const char *key = strchr(m->path, '/');
    if (strcmp(m->path, "X") == 0 || strncmp(m->path, "layers/", 7) == 0)
        names = &h->var.names;
    if (strcmp(m->path, "raw/X") == 0)
        names = &h->raw_var.names;
    fputs(strncmp(m->path, "varm/", 5) == 0 ? "gene" : "cell", to);
    if (strncmp(m->path, "obsp/", 5) == 0) { /* a column a cell would be too wide to read */
        fputs("\tcolumn\tvalue\n", to);
        return;
    }
    for (int64_t j = 0; j < m->n_cols; j++) {
        putc_unlocked('\t', to);
        if (names->n)
            put_field(to, sc_strs_at(names, j));
        else
            fprintf(to, "%s_%" PRId64, key ? key + 1 : m->path, j);
    }
    putc_unlocked('\n', to);
}

/* Most of a row. */
static void put_zeros(FILE *to, int64_t n)
{
    static const char zeros[] = "\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0"
                                "\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0";
    const int64_t most = sizeof zeros / 2;
    for (int64_t k; n > 0; n -= k) {
        k = n < most ? n : most;
        (void)fwrite_unlocked(zeros, 2, (size_t)k, to);
    }
}

static void put_sparse_row(FILE *to, const sc_csr *x, int64_t i)
{
    int64_t j = 0;
    for (int64_t k = x->indptr[i]; k < x->indptr[i + 1]; k++) {
        put_zeros(to, x->indices[k] - j);
        putc_unlocked('\t', to);
        put_number(to, (double)x->values[k]);
        j = x->indices[k] + 1;
    }
    put_zeros(to, x->n_cols - j);
    putc_unlocked('\n', to);
}

static void put_dense_row(FILE *to, const sc_dense *x, int64_t i)
{
    for (int64_t j = 0; j < x->n_cols; j++) {
        putc_unlocked('\t', to);
        put_number(to, (double)x->values[i * x->n_cols + j]);
    }
    putc_unlocked('\n', to);
}

static void put_pairs(FILE *to, const char *cell, const sc_csr *x, int64_t i)
{
    for (int64_t k = x->indptr[i]; k < x->indptr[i + 1]; k++) {
        put_field(to, cell);
        fprintf(to, "\t%" PRId32 "\t", x->indices[k]);
        put_number(to, (double)x->values[k]);
        putc_unlocked('\n', to);
    }
}

static sc_status put_mat_rows(FILE *to, const sc_mat *m, sc_block *b, int64_t n, sc_err *err)
{
    sc_table *obs;
    sc_csr *csr;
    sc_dense *dense;
    SC_TRY(sc_block_obs(b, &obs, err));
    SC_TRY(decode_mat(m, b, &csr, &dense, err));
    for (int64_t i = 0; i < n; i++) {
        const char *cell = sc_strs_at(&obs->names, i);
        if (csr && strncmp(m->path, "obsp/", 5) == 0) {
            put_pairs(to, cell, csr, i);
            continue;
        }
        put_field(to, cell);
        if (csr)
            put_sparse_row(to, csr, i);
        else
            put_dense_row(to, dense, i);
    }
    return SC_OK;
}

static sc_status put_block(void *ctx, int tid, sc_block *b, sc_err *err)
{
    rows *r = ctx;
    sc_table *obs;
    const int64_t n = sc_block_n_rows(b) < r->left ? sc_block_n_rows(b) : r->left;
    (void)tid;
    SC_TRY(sc_block_obs(b, &obs, err));
    if (r->m)
        SC_TRY(put_mat_rows(r->v->to, r->m, b, n, err));
    else
        put_table_rows(r->v->to, obs, n);
    r->left -= n;
    return r->left && !ferror(r->v->to) ? SC_OK : SC_END;
}

/* The rows of obs (m NULL) or of a matrix. With -n it stops early, and the rest goes unread. */
static sc_status put_cells(const view *v, sc_reader *in, const sc_mat *m, sc_err *err)
{
    rows r = {v, sc_reader_header(in), m, 0, v->n_rows < 0 ? INT64_MAX : v->n_rows};
    const sc_each each = {.work = decode, .turn = put_block, .ctx = &r};
    if (m)
        put_mat_head(v->to, r.h, m);
    else
        put_table_head(v->to, "cell", &r.h->obs);
    if (r.left == 0 || ferror(v->to))
        return SC_OK;
    return v->n_rows < 0 ? each_block(v, in, &each, err)
                         : sc_reader_each(in, NULL, NULL, &each, err);
}

static sc_status put_genes(const view *v, const char *first, const sc_table *t)
{
    put_table_head(v->to, first, t);
    put_table_rows(v->to, t, v->n_rows >= 0 && v->n_rows < t->n_rows ? v->n_rows : t->n_rows);
    return SC_OK;
}

static sc_status put_varm(const view *v, const sc_header *h, const sc_mat *m)
{
    put_mat_head(v->to, h, m);
    for (int64_t j = 0; j < m->varm.n_rows && (v->n_rows < 0 || j < v->n_rows); j++) {
        put_field(v->to, sc_strs_at(&h->var.names, j));
        put_dense_row(v->to, &m->varm, j);
    }
    return SC_OK;
}

static sc_status unknown(const char *what, const sc_header *h, sc_err *err)
{
    static const char *const always[] = {"obs", "var", "uns"};
    sc_strs list = {0};
    sc_status st = SC_OK;
    if (*sc_header_why(h, what))
        return sc_fail(err, SC_EDATA, "there is no '%s'%s", what, sc_header_why(h, what));
    for (size_t k = 0; k < 3 && st == SC_OK; k++)
        st = sc_strs_push(&list, always[k], strlen(always[k]), err);
    if (st == SC_OK && h->has_raw)
        st = sc_strs_push(&list, "raw/var", 7, err);
    for (int k = 0; k < h->n_mats && st == SC_OK; k++)
        st = sc_strs_push(&list, h->mats[k].path, strlen(h->mats[k].path), err);
    if (st == SC_OK)
        return no_table(what, &list, err);
    sc_strs_free(&list);
    return st;
}

sc_status view_cells(const view *v, sc_reader *in, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    if (!v->what)
        return summary(v, in, err);
    if (strcmp(v->what, "obs") == 0)
        return put_cells(v, in, NULL, err);
    if (strcmp(v->what, "var") == 0)
        return put_genes(v, "gene", &h->var);
    if (strcmp(v->what, "raw/var") == 0 && h->has_raw)
        return put_genes(v, "gene", &h->raw_var);
    if (strcmp(v->what, "uns") == 0)
        return put_json(v->to, json_of_text(h->uns), err);
    const int k = sc_header_find(h, v->what);
    if (k < 0)
        return unknown(v->what, h, err);
    return h->mats[k].varm.values ? put_varm(v, h, &h->mats[k])
                                  : put_cells(v, in, &h->mats[k], err);
}

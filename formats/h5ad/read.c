#include "h5ad.h"

#include <inttypes.h>
#include <stdlib.h>

int64_t h5table_n_numeric(const h5table *t)
{
    int64_t n = 0;
    for (int k = 0; k < t->n_cols; k++)
        n += t->cols[k].type != SC_COL_STRING && t->cols[k].type != SC_COL_CATEGORY;
    return n;
}

static float number_at(const sc_col *c, int64_t i)
{
    if (sc_col_is_missing(c, i))
        return NAN;
    return c->type == SC_COL_REAL  ? (float)c->v.r[i]
           : c->type == SC_COL_INT ? (float)c->v.i[i]
                                   : (float)c->v.b[i];
}

sc_status h5table_numbers(const h5table *t, int64_t row0, int64_t n, sc_dense *out, sc_err *err)
{
    sc_table rows = {.n_rows = n};
    out->n_rows = n;
    out->n_cols = h5table_n_numeric(t);
    sc_status st =
        sc_alloc(&out->values, (size_t)n * (size_t)out->n_cols, sizeof *out->values, err);
    if (st == SC_OK)
        st = h5table_schema(t, &rows, err);
    if (st == SC_OK)
        st = h5table_fill(t, row0, &rows, err);
    int64_t j = 0;
    for (int k = 0; k < rows.n_cols && st == SC_OK; k++) {
        const sc_col *c = &rows.cols[k];
        if (c->type == SC_COL_STRING || c->type == SC_COL_CATEGORY)
            continue;
        for (int64_t i = 0; i < n; i++)
            out->values[i * out->n_cols + j] = number_at(c, i);
        j++;
    }
    sc_table_free(&rows);
    return st;
}

sc_status h5elem_field(hid_t ds, const char *field, int64_t n_sub, int64_t row0, int64_t n,
                       sc_dense *out, sc_err *err)
{
    const h5_vec v = {ds, field, n_sub};
    out->n_rows = n;
    out->n_cols = n_sub;
    SC_TRY(sc_alloc(&out->values, (size_t)n * (size_t)n_sub, sizeof *out->values, err));
    return h5_read_vec(&v, H5T_NATIVE_FLOAT, row0, n, out->values, err);
}

static sc_status fail_unless_anndata(hid_t file, sc_err *err)
{
    static const char *const parts[] = {"obs", "var"};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        if (!h5_has(file, parts[k]))
            return sc_fail(err, SC_EFORMAT, "it is HDF5 but no AnnData: there is no '%s' in it",
                           parts[k]);
    return SC_OK;
}

/* anndata 0.6 keeps the categories of a column of codes in uns. */
static sc_status old_categories(h5ad_reader *s, h5table *t, sc_err *err)
{
    for (int k = 0; k < t->n_cols && s->is_old; k++) {
        char path[H5_PATH_MAX];
        (void)snprintf(path, sizeof path, "uns/%s_categories", t->cols[k].name);
        if (t->cols[k].type != SC_COL_INT || !h5_has(s->file, path))
            continue;
        hid_t names = 0;
        SC_TRY(h5_get(&names, s->file, path, err));
        sc_status st = h5col_set_categories(&t->cols[k], names, err);
        h5_close(&names);
        if (st == SC_OK)
            st = sc_strs_push(&s->uns_used, path, strlen(path), err);
        if (st != SC_OK)
            return st;
    }
    return SC_OK;
}

static sc_status read_tables(h5ad_reader *s, sc_err *err)
{
    h5table var;
    const char *raw_var = h5_has(s->file, "raw.var") ? "raw.var" : "raw/var";
    SC_TRY(h5table_open(&s->obs, s->file, "obs", &s->skipped, err));
    SC_TRY(old_categories(s, &s->obs, err));
    SC_TRY(h5table_schema(&s->obs, &s->h->obs, err));
    if (s->is_raw_used && !h5_has(s->file, raw_var))
        return sc_fail(err, SC_EDATA, "there is no 'raw' to use as X");
    SC_TRY(h5table_open(&var, s->file, s->is_raw_used ? raw_var : "var", &s->skipped, err));
    sc_status st = old_categories(s, &var, err);
    if (st == SC_OK)
        st = h5table_read(&var, &s->h->var, err);
    h5table_close(&var);
    s->n_obs = s->h->n_obs = s->obs.n_rows;
    s->n_vars = s->h->var.n_rows;
    return st;
}

static sc_status read_uns(h5ad_reader *s, sc_err *err)
{
    json_t *uns;
    SC_TRY(h5uns_read(&uns, s->file, s->is_old, &s->uns_used, &s->skipped, err));
    s->has_log1p = json_object_get(uns, "log1p") != NULL;
    free(s->h->uns);
    s->h->uns = json_dumps(uns, JSON_COMPACT);
    json_decref(uns);
    return s->h->uns ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
}

static sc_status open_parts(h5ad_reader *s, sc_err *err)
{
    SC_TRY(fail_unless_anndata(s->file, err));
    s->is_old = !h5_is_group(s->file, "obs");
    s->is_raw_used = s->opts.use && strcmp(s->opts.use, "raw") == 0;
    SC_TRY(read_tables(s, err));
    SC_TRY(h5ad_old_neighbors(s, err));
    SC_TRY(read_uns(s, err));
    SC_TRY(h5ad_find_elements(s, err));
    if (s->skipped.n) {
        char list[400];
        sc_note(s->host, "skipped, as there is no place for them: %s",
                h5_list(&s->skipped, list, sizeof list));
    }
    return SC_OK;
}

sc_status h5ad_open(void **state, sc_source *src, const void *opts, const sc_host *host,
                    sc_header *h, sc_err *err)
{
    const h5ad_opts *o = opts;
    h5ad_reader *s;
    const bool is_known = !o->use || strcmp(o->use, "X") == 0 || strcmp(o->use, "raw") == 0 ||
                          strncmp(o->use, "layers/", 7) == 0;
    if (!is_known)
        return sc_fail(err, SC_EUSAGE, "--use takes X, raw or layers/NAME, not '%s'", o->use);
    SC_TRY(sc_alloc(&s, 1, sizeof *s, err));
    *s = (h5ad_reader){.host = host, .opts = *o, .h = h};
    sc_status st = h5_open(&s->file, src->path, err);
    if (st == SC_OK)
        st = open_parts(s, err);
    if (st == SC_OK)
        st = sc_header_copy(&s->own, h, err);
    if (st != SC_OK) {
        h5ad_close(s);
        return st;
    }
    *state = s;
    return SC_OK;
}

static sc_status read_elem(h5elem *e, const sc_mat *mat, int64_t row0, int64_t n,
                           sc_format_mat *out, sc_err *err)
{
    switch (e->source) {
    case H5ELEM_TABLE:
        return h5table_numbers(&e->table, row0, n, &out->dense, err);
    case H5ELEM_FIELD:
        return h5elem_field(e->ds, e->field, e->n_sub, row0, n, &out->dense, err);
    case H5ELEM_MATRIX:
        break;
    }
    return mat->is_sparse ? h5mat_sparse(&e->mat, row0, n, &out->sparse, err)
                          : h5mat_dense(&e->mat, row0, n, &out->dense, err);
}

sc_status h5ad_next(void *state, sc_format_rows *r, sc_err *err)
{
    h5ad_reader *s = state;
    const int64_t left = s->n_obs - s->row, n = left < SC_BLOCK_ROWS ? left : SC_BLOCK_ROWS;
    h5_quiet();
    if (n == 0)
        return SC_END;
    SC_TRY(sc_format_rows_init(r, &s->own, s->row, n, err));
    SC_TRY(h5table_fill(&s->obs, s->row, &r->obs, err));
    for (int m = 0; m < s->n_elems; m++)
        if (strncmp(s->elems[m].path, "varm/", 5) != 0)
            SC_TRY(read_elem(&s->elems[m], &s->own.mats[m], s->row, n, &r->mats[m], err));
    s->row += n;
    return SC_OK;
}

void h5ad_close(void *state)
{
    h5ad_reader *s = state;
    if (!s)
        return;
    for (int m = 0; m < s->n_elems; m++)
        h5elem_close(&s->elems[m]);
    free(s->elems);
    h5table_close(&s->obs);
    sc_strs_free(&s->skipped);
    sc_strs_free(&s->uns_used);
    sc_header_free(&s->own);
    h5_close(&s->file);
    free(s);
}

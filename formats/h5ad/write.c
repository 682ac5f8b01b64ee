#include "h5ad.h"
#include "table_out.h"

#include <stdlib.h>

/* One matrix on its way out. */
typedef struct mat_out {
    hid_t loc; /* the group it is a member of */
    char key[H5_PATH_MAX];
    hid_t group; /* of a sparse matrix */
    h5grow data, indices;
    int64_t *indptr, n_rows; /* held until the end, which says how wide they must be */
    h5out_table frame;       /* obsm with names of columns: a data frame of floats */
    sc_table schema;
} mat_out;

typedef struct h5ad_writer {
    h5out o;
    const sc_host *host;
    const sc_header *h;
    hid_t layers, obsm, varm, obsp, varp, raw;
    h5out_table obs;
    int64_t n_obs;
    mat_out *mats;
} h5ad_writer;

static bool is_frame(const sc_mat *m)
{
    return strncmp(m->path, "obsm/", 5) == 0 && m->col_names.n > 0;
}

static hid_t parent_of(const h5ad_writer *w, const char *path)
{
    const struct {
        const char *prefix;
        hid_t group;
    } places[] = {{"layers/", w->layers}, {"obsm/", w->obsm}, {"varm/", w->varm},
                  {"obsp/", w->obsp},     {"raw/", w->raw},   {"X", w->o.file}};
    for (size_t k = 0; k < sizeof places / sizeof *places; k++)
        if (strncmp(path, places[k].prefix, strlen(places[k].prefix)) == 0)
            return places[k].group;
    return 0;
}

static sc_status open_frame(h5ad_writer *w, mat_out *m, const sc_mat *mat, sc_err *err)
{
    for (int64_t k = 0; k < mat->col_names.n; k++)
        SC_TRY(sc_table_add(&m->schema, sc_strs_at(&mat->col_names, k), SC_COL_REAL, NULL, err));
    return h5out_table_open(&m->frame, &w->o, m->loc, m->key, &m->schema, err);
}

static sc_status open_mat(h5ad_writer *w, mat_out *m, const sc_mat *mat, sc_err *err)
{
    const char *slash = strchr(mat->path, '/');
    m->loc = parent_of(w, mat->path);
    if (!m->loc)
        return sc_fail(err, SC_EDATA, "there is no place for '%s' in an h5ad file", mat->path);
    h5out_key(slash ? slash + 1 : mat->path, m->key, sizeof m->key);
    if (strncmp(mat->path, "varm/", 5) == 0) {
        const int64_t dims[2] = {mat->varm.n_rows, mat->varm.n_cols};
        return h5out_array(&w->o, m->loc, m->key, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, dims,
                           mat->varm.values, "array", err);
    }
    if (is_frame(mat))
        return open_frame(w, m, mat, err);
    if (!mat->is_sparse)
        return SC_OK;
    return h5out_group(&w->o, m->loc, m->key, "csr_matrix", "0.1.0", &m->group, err);
}

static sc_status open_groups(h5ad_writer *w, sc_err *err)
{
    const h5out *o = &w->o;
    struct {
        const char *name;
        hid_t *group;
    } groups[] = {{"layers", &w->layers},
                  {"obsm", &w->obsm},
                  {"varm", &w->varm},
                  {"obsp", &w->obsp},
                  {"varp", &w->varp}};
    SC_TRY(h5out_encoding(o, o->file, "anndata", "0.1.0", err));
    for (size_t k = 0; k < sizeof groups / sizeof *groups; k++)
        SC_TRY(h5out_group(o, o->file, groups[k].name, "dict", "0.1.0", groups[k].group, err));
    SC_TRY(h5out_table_whole(o, o->file, "var", &w->h->var, err));
    if (w->h->has_raw) {
        hid_t none = 0;
        SC_TRY(h5out_group(o, o->file, "raw", "raw", "0.1.0", &w->raw, err));
        SC_TRY(h5out_table_whole(o, w->raw, "var", &w->h->raw_var, err));
        sc_status st = h5out_group(o, w->raw, "varm", "dict", "0.1.0", &none, err);
        h5_close(&none);
        SC_TRY(st);
    }
    return h5out_table_open(&w->obs, o, o->file, "obs", &w->h->obs, err);
}

static sc_status open_all(h5ad_writer *w, sc_err *err)
{
    sc_strs as_text = {0};
    SC_TRY(open_groups(w, err));
    sc_status st = h5uns_write(&w->o, w->h->uns, &as_text, err);
    if (st == SC_OK && as_text.n) {
        char list[400];
        sc_note(w->host, "written as JSON text, as they are no arrays: uns %s",
                h5_list(&as_text, list, sizeof list));
    }
    sc_strs_free(&as_text);
    SC_TRY(st);
    SC_TRY(sc_alloc(&w->mats, (size_t)w->h->n_mats, sizeof *w->mats, err));
    for (int k = 0; k < w->h->n_mats; k++)
        SC_TRY(open_mat(w, &w->mats[k], &w->h->mats[k], err));
    return SC_OK;
}

sc_status h5ad_create(void **state, const char *path, const char *target, const void *opts,
                      const sc_host *host, const sc_header *h, sc_err *err)
{
    const h5ad_write_opts *o = opts;
    h5ad_writer *w;
    SC_TRY(sc_alloc(&w, 1, sizeof *w, err));
    w->host = host;
    w->h = h;
    sc_status st = h5out_open(&w->o, path, target, o->compression == 1, err);
    if (st == SC_OK)
        st = open_all(w, err);
    if (st != SC_OK) {
        h5ad_discard(w);
        return st;
    }
    *state = w;
    return SC_OK;
}

static sc_status put_sparse(h5ad_writer *w, mat_out *m, const sc_csr *x, sc_err *err)
{
    const int64_t first = x->n_rows ? x->indptr[0] : 0;
    const int64_t nnz = x->n_rows ? x->indptr[x->n_rows] - first : 0;
    SC_TRY(h5grow_put(&w->o, &m->data, m->group, "data", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, -1, nnz,
                      x->values + first, NULL, err));
    SC_TRY(h5grow_put(&w->o, &m->indices, m->group, "indices", H5T_STD_I32LE, H5T_NATIVE_INT32, -1,
                      nnz, x->indices + first, NULL, err));
    const int64_t n = m->n_rows, before = n ? m->indptr[n] : 0;
    SC_TRY(sc_resize(&m->indptr, (size_t)(n + x->n_rows + 1), sizeof *m->indptr, err));
    m->indptr[n] = before;
    for (int64_t i = 0; i < x->n_rows; i++)
        m->indptr[n + i + 1] = before + x->indptr[i + 1] - first;
    m->n_rows += x->n_rows;
    return SC_OK;
}

/* As wide as the column indices where that is enough: scipy has one type for both. */
static sc_status put_indptr(h5ad_writer *w, const mat_out *m, sc_err *err)
{
    h5grow g = {0};
    const hid_t type = m->indptr[m->n_rows] <= INT32_MAX ? H5T_STD_I32LE : H5T_STD_I64LE;
    sc_status st = h5grow_put(&w->o, &g, m->group, "indptr", type, H5T_NATIVE_INT64, -1,
                              m->n_rows + 1, m->indptr, NULL, err);
    h5grow_close(&g);
    return st;
}

static sc_status put_frame(mat_out *m, const sc_dense *x, const sc_strs *names, sc_err *err)
{
    sc_table rows = {.n_rows = x->n_rows};
    sc_status st = sc_strs_copy(&rows.names, names, err);
    for (int k = 0; k < m->schema.n_cols && st == SC_OK; k++) {
        sc_col *c;
        st = sc_table_add(&rows, m->schema.cols[k].name, SC_COL_REAL, &c, err);
        for (int64_t i = 0; st == SC_OK && i < x->n_rows; i++)
            c->v.r[i] = x->values[i * x->n_cols + k];
    }
    if (st == SC_OK)
        st = h5out_table_put(&m->frame, &rows, err);
    sc_table_free(&rows);
    return st;
}

sc_status h5ad_put(void *state, const sc_format_rows *r, sc_err *err)
{
    h5ad_writer *w = state;
    SC_TRY(h5out_table_put(&w->obs, &r->obs, err));
    for (int k = 0; k < w->h->n_mats; k++) {
        const sc_mat *mat = &w->h->mats[k];
        mat_out *m = &w->mats[k];
        if (strncmp(mat->path, "varm/", 5) == 0)
            continue;
        if (m->group)
            SC_TRY(put_sparse(w, m, &r->mats[k].sparse, err));
        else if (m->frame.group)
            SC_TRY(put_frame(m, &r->mats[k].dense, &r->obs.names, err));
        else
            SC_TRY(h5grow_put(&w->o, &m->data, m->loc, m->key, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                              mat->n_cols, r->n_rows, r->mats[k].dense.values, "array", err));
    }
    w->n_obs += r->n_rows;
    return h5out_check(&w->o, err);
}

static sc_status finish_mat(h5ad_writer *w, mat_out *m, const sc_mat *mat, sc_err *err)
{
    if (strncmp(mat->path, "varm/", 5) == 0)
        return SC_OK;
    if (m->group) {
        const bool is_obsp = strncmp(mat->path, "obsp/", 5) == 0;
        const sc_csr none = {0};
        SC_TRY(put_sparse(w, m, &none, err)); /* makes the datasets if no row came */
        SC_TRY(put_indptr(w, m, err));
        return h5out_attr_shape(&w->o, m->group, w->n_obs, is_obsp ? w->n_obs : mat->n_cols, err);
    }
    if (m->frame.group)
        return h5out_table_finish(&m->frame, err);
    return h5grow_put(&w->o, &m->data, m->loc, m->key, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                      mat->n_cols, 0, NULL, "array", err);
}

static void close_parts(h5ad_writer *w)
{
    for (int k = 0; k < w->h->n_mats && w->mats; k++) {
        mat_out *m = &w->mats[k];
        h5grow_close(&m->data);
        h5grow_close(&m->indices);
        free(m->indptr);
        h5_close(&m->group);
        h5out_table_close(&m->frame);
        sc_table_free(&m->schema);
    }
    free(w->mats);
    w->mats = NULL;
    h5out_table_close(&w->obs);
    hid_t *groups[] = {&w->layers, &w->obsm, &w->varm, &w->obsp, &w->varp, &w->raw};
    for (size_t k = 0; k < sizeof groups / sizeof *groups; k++)
        h5_close(groups[k]);
}

sc_status h5ad_finish(void *state, sc_err *err)
{
    h5ad_writer *w = state;
    SC_TRY(h5out_table_finish(&w->obs, err));
    for (int k = 0; k < w->h->n_mats; k++)
        SC_TRY(finish_mat(w, &w->mats[k], &w->h->mats[k], err));
    close_parts(w);
    return h5out_finish(&w->o, err);
}

void h5ad_discard(void *state)
{
    h5ad_writer *w = state;
    if (!w)
        return;
    close_parts(w);
    h5out_close(&w->o);
    free(w);
}

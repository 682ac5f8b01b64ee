#include "h5ad.h"

#include <inttypes.h>
#include <stdlib.h>

enum { OBSM_MAX_COLS = 8192 }; /* wider ones would not flow as dense rows */

void h5elem_close(h5elem *e)
{
    h5mat_close(&e->mat);
    h5table_close(&e->table);
    h5_close(&e->ds);
    free(e->field);
    free(e->path);
    *e = (h5elem){0};
}

static sc_status skip(h5ad_reader *s, const char *path, sc_err *err)
{
    return sc_strs_push(&s->skipped, path, strlen(path), err);
}

/* Takes e, in success only. */
static sc_status add_elem(h5ad_reader *s, h5elem *e, const char *path, sc_matkind kind,
                          bool is_sparse, int64_t n_cols, sc_mat **mat, sc_err *err)
{
    SC_TRY(sc_resize(&s->elems, (size_t)s->n_elems + 1, sizeof *s->elems, err));
    e->path = strdup(path);
    if (!e->path)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    SC_TRY(sc_header_add(s->h, path, kind, is_sparse, n_cols, mat, err));
    s->elems[s->n_elems++] = *e;
    *e = (h5elem){0};
    return SC_OK;
}

static sc_status check_size(const h5mat *m, const char *where, int64_t n_rows, int64_t n_cols,
                            sc_err *err)
{
    if (m->n_rows == n_rows && (n_cols < 0 || m->n_cols == n_cols))
        return SC_OK;
    return sc_fail(err, SC_EFORMAT,
                   "'%s' is %" PRId64 " x %" PRId64 " where %" PRId64 " x %" PRId64 " fit", where,
                   m->n_rows, m->n_cols, n_rows, n_cols < 0 ? m->n_cols : n_cols);
}

/* A matrix of obs x var: X, a layer, raw/X. `where` is its place in the file, path in the header.
 */
static sc_status add_expression(h5ad_reader *s, const char *where, const char *path, int64_t n_vars,
                                sc_err *err)
{
    h5elem e = {.source = H5ELEM_MATRIX};
    SC_TRY(h5mat_open(&e.mat, s->file, where, err));
    sc_status st = check_size(&e.mat, where, s->n_obs, n_vars, err);
    if (st == SC_OK)
        st = h5mat_scan(&e.mat, err);
    if (st == SC_OK) {
        /* fractional counts look the same; scanpy leaves a mark where it took the logarithm, and no
         * log of a library of normal size reaches 20 */
        const bool is_log = s->has_log1p && e.mat.kind == SC_COUNTS_FRACTIONAL && e.mat.max < 20;
        st = add_elem(s, &e, path, is_log ? SC_LOGNORM : e.mat.kind, e.mat.is_sparse, n_vars, NULL,
                      err);
    }
    h5elem_close(&e);
    return st;
}

static sc_status add_layers(h5ad_reader *s, const char *used, sc_err *err)
{
    sc_strs names = {0};
    hid_t group = 0;
    sc_status st = SC_OK;
    if (!h5_is_group(s->file, "layers"))
        return SC_OK;
    SC_GOTO(st, h5_get(&group, s->file, "layers", err), out);
    SC_GOTO(st, h5_members(group, &names, err), out);
    for (int64_t k = 0; k < names.n && st == SC_OK; k++) {
        char path[H5_PATH_MAX];
        (void)snprintf(path, sizeof path, "layers/%s", sc_strs_at(&names, k));
        if (strcmp(path, used) == 0)
            continue;
        st = h5mat_is_one(s->file, path) && !s->is_raw_used
                 ? add_expression(s, path, path, s->n_vars, err)
                 : skip(s, path, err);
    }
out:
    sc_strs_free(&names);
    h5_close(&group);
    return st;
}

static sc_status add_raw(h5ad_reader *s, sc_err *err)
{
    const char *x = h5_has(s->file, "raw.X") ? "raw.X" : "raw/X";
    const char *var = h5_has(s->file, "raw.var") ? "raw.var" : "raw/var";
    const bool has_raw = h5_has(s->file, "raw.X") || h5_is_group(s->file, "raw");
    h5table t;
    if (!has_raw || s->is_raw_used || !h5_has(s->file, x))
        return SC_OK;
    SC_TRY(h5table_open(&t, s->file, var, &s->skipped, err));
    sc_status st = h5table_read(&t, &s->h->raw_var, err);
    h5table_close(&t);
    s->h->has_raw = st == SC_OK;
    return st == SC_OK ? add_expression(s, x, "raw/X", s->h->raw_var.n_rows, err) : st;
}

/* Text and categorical columns of a data frame have no place in a matrix. */
static sc_status skip_texts(h5ad_reader *s, const h5table *t, const char *path, sc_strs *names,
                            sc_err *err)
{
    for (int k = 0; k < t->n_cols; k++) {
        const h5col *c = &t->cols[k];
        char at[2 * H5_PATH_MAX];
        (void)snprintf(at, sizeof at, "%s/%s", path, c->name);
        if (c->type == SC_COL_STRING || c->type == SC_COL_CATEGORY)
            SC_TRY(skip(s, at, err));
        else
            SC_TRY(sc_strs_push(names, c->name, strlen(c->name), err));
    }
    return SC_OK;
}

static sc_status open_rows_matrix(h5ad_reader *s, h5elem *e, const char *path, int64_t n_rows,
                                  sc_strs *names, bool *is_taken, sc_err *err)
{
    char how[64] = "";
    hid_t obj = 0;
    *is_taken = false;
    SC_TRY(h5_get(&obj, s->file, path, err));
    (void)h5_attr_text(obj, "encoding-type", how, sizeof how);
    h5_close(&obj);
    if (strcmp(how, "dataframe") == 0) {
        e->source = H5ELEM_TABLE;
        SC_TRY(h5table_open(&e->table, s->file, path, &s->skipped, err));
        if (e->table.n_rows != n_rows)
            return sc_fail(err, SC_EFORMAT, "'%s' has %" PRId64 " rows, not %" PRId64, path,
                           e->table.n_rows, n_rows);
        *is_taken = h5table_n_numeric(&e->table) > 0;
        return *is_taken ? skip_texts(s, &e->table, path, names, err) : SC_OK;
    }
    if (!h5mat_is_one(s->file, path))
        return SC_OK;
    e->source = H5ELEM_MATRIX;
    SC_TRY(h5mat_open(&e->mat, s->file, path, err));
    SC_TRY(check_size(&e->mat, path, n_rows, -1, err));
    *is_taken = e->mat.n_cols <= OBSM_MAX_COLS;
    return *is_taken ? h5mat_scan(&e->mat, err) : SC_OK;
}

/* Names of the proteins, where an array has none: scvi-tools keeps them in uns/protein_names. */
static sc_status protein_names(h5ad_reader *s, const char *path, int64_t n, sc_strs *out,
                               sc_err *err)
{
    hid_t ds = 0;
    h5_info info;
    if (strcmp(path, "obsm/protein_expression") != 0 || !h5_has(s->file, "uns/protein_names"))
        return SC_OK;
    SC_TRY(h5_get(&ds, s->file, "uns/protein_names", err));
    const h5_vec v = {ds, NULL, 1};
    sc_status st = SC_OK;
    if (H5Iget_type(ds) == H5I_DATASET && h5_describe(ds, &info, err) == SC_OK && info.rank == 1 &&
        info.dims[0] == n && info.kind == H5_TEXT)
        st = h5_read_text(&v, 0, n, out, err);
    h5_close(&ds);
    return st;
}

/* Proteins often come as a data frame: is it all counts? */
static sc_status frame_kind(const h5ad_reader *s, const h5table *t, sc_matkind *kind, sc_err *err)
{
    *kind = SC_COUNTS;
    for (int64_t i = 0; i < s->n_obs && *kind == SC_COUNTS; i += SC_BLOCK_ROWS) {
        sc_dense x = {0};
        const int64_t n = s->n_obs - i < SC_BLOCK_ROWS ? s->n_obs - i : SC_BLOCK_ROWS;
        sc_status st = h5table_numbers(t, i, n, &x, err);
        if (st == SC_OK)
            *kind = sc_kind_scan(*kind, x.values, n * x.n_cols);
        sc_dense_free(&x);
        SC_TRY(st);
    }
    return SC_OK;
}

static sc_status add_obsm(h5ad_reader *s, const char *path, sc_err *err)
{
    h5elem e = {0};
    sc_strs names = {0};
    bool is_taken;
    sc_status st = open_rows_matrix(s, &e, path, s->n_obs, &names, &is_taken, err);
    if (st == SC_OK && !is_taken)
        st = skip(s, path, err);
    if (st == SC_OK && is_taken) {
        const bool is_mat = e.source == H5ELEM_MATRIX;
        const int64_t n_cols = is_mat ? e.mat.n_cols : h5table_n_numeric(&e.table);
        sc_matkind kind = e.mat.kind;
        sc_mat *mat;
        st = is_mat ? protein_names(s, path, n_cols, &names, err)
                    : frame_kind(s, &e.table, &kind, err);
        if (st == SC_OK)
            st = add_elem(s, &e, path, kind == SC_COUNTS ? SC_COUNTS : SC_REAL, false, n_cols, &mat,
                          err);
        if (st == SC_OK)
            st = sc_strs_copy(&mat->col_names, &names, err);
    }
    sc_strs_free(&names);
    h5elem_close(&e);
    return st;
}

static sc_status add_graph(h5ad_reader *s, const char *where, const char *path, sc_err *err)
{
    h5elem e = {.source = H5ELEM_MATRIX};
    SC_TRY(h5mat_open(&e.mat, s->file, where, err));
    sc_status st = check_size(&e.mat, where, s->n_obs, s->n_obs, err);
    if (st == SC_OK)
        st = add_elem(s, &e, path, SC_REAL, true, s->n_obs, NULL, err);
    h5elem_close(&e);
    return st;
}

static sc_status add_obsp(h5ad_reader *s, const char *path, sc_err *err)
{
    return h5mat_is_one(s->file, path) ? add_graph(s, path, path, err) : skip(s, path, err);
}

static const char *const old_graphs[][2] = {
    {"uns/neighbors/connectivities", "obsp/connectivities"},
    {"uns/neighbors/distances", "obsp/distances"},
};
enum { N_OLD_GRAPHS = sizeof old_graphs / sizeof *old_graphs };

sc_status h5ad_old_neighbors(h5ad_reader *s, sc_err *err)
{
    for (int k = 0; k < N_OLD_GRAPHS; k++)
        if (h5mat_is_one(s->file, old_graphs[k][0]) && !h5_has(s->file, old_graphs[k][1]))
            SC_TRY(sc_strs_push(&s->uns_used, old_graphs[k][0], strlen(old_graphs[k][0]), err));
    return SC_OK;
}

static sc_status add_old_graphs(h5ad_reader *s, sc_err *err)
{
    for (int k = 0; k < N_OLD_GRAPHS; k++)
        if (h5mat_is_one(s->file, old_graphs[k][0]) && !h5_has(s->file, old_graphs[k][1]))
            SC_TRY(add_graph(s, old_graphs[k][0], old_graphs[k][1], err));
    return SC_OK;
}

static sc_status add_varm(h5ad_reader *s, const char *path, sc_err *err)
{
    h5elem e = {0};
    sc_strs names = {0};
    sc_dense values = {0};
    sc_mat *mat;
    bool is_taken = false;
    sc_status st =
        s->is_raw_used ? SC_OK : open_rows_matrix(s, &e, path, s->n_vars, &names, &is_taken, err);
    if (st == SC_OK && !is_taken) {
        st = skip(s, path, err);
    } else if (st == SC_OK) {
        st = e.source == H5ELEM_TABLE ? h5table_numbers(&e.table, 0, s->n_vars, &values, err)
                                      : h5mat_dense(&e.mat, 0, s->n_vars, &values, err);
        const int64_t n_cols = values.n_cols;
        if (st == SC_OK)
            st = add_elem(s, &e, path, SC_REAL, false, n_cols, &mat, err);
        if (st == SC_OK) {
            mat->varm = values;
            values = (sc_dense){0};
        }
    }
    sc_dense_free(&values);
    sc_strs_free(&names);
    h5elem_close(&e);
    return st;
}

/* anndata 0.6: obsm and varm are compound datasets, a matrix being a field of sub-arrays. */
static sc_status add_field(h5ad_reader *s, hid_t ds, const h5col *c, int64_t n_sub,
                           const char *path, sc_err *err)
{
    h5elem e = {.source = H5ELEM_FIELD, .n_sub = n_sub};
    sc_mat *mat;
    sc_status st = SC_OK;
    e.field = strdup(c->field);
    if (!e.field)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    (void)H5Iinc_ref(ds);
    e.ds = ds;
    SC_GOTO(st, add_elem(s, &e, path, SC_REAL, false, n_sub, &mat, err), out);
    if (strncmp(path, "varm/", 5) == 0)
        st = h5elem_field(ds, c->field, n_sub, 0, s->n_vars, &mat->varm, err);
out:
    h5elem_close(&e);
    return st;
}

static int64_t sub_array(hid_t ds, const char *field)
{
    int64_t n_sub = 0;
    hid_t type = H5Dget_type(ds);
    const int k = H5Tget_member_index(type, field);
    hid_t member = k >= 0 ? H5Tget_member_type(type, (unsigned)k) : 0;
    const h5_kind kind = member > 0 ? h5_type_kind(member, &n_sub) : H5_OTHER;
    h5_close(&member);
    h5_close(&type);
    return kind <= H5_BOOL && n_sub <= OBSM_MAX_COLS ? n_sub : 0;
}

static sc_status add_compound(h5ad_reader *s, const char *name, int64_t n_rows, sc_err *err)
{
    h5table t;
    hid_t ds = 0;
    SC_TRY(h5table_open(&t, s->file, name, &s->skipped, err));
    sc_status st = h5_get(&ds, s->file, name, err);
    if (st == SC_OK && t.n_rows != n_rows)
        st = sc_fail(err, SC_EFORMAT, "'%s' has %" PRId64 " rows, not %" PRId64, name, t.n_rows,
                     n_rows);
    for (int k = 0; k < t.n_cols && st == SC_OK; k++) {
        char path[H5_PATH_MAX];
        const int64_t n_sub = sub_array(ds, t.cols[k].field);
        (void)snprintf(path, sizeof path, "%s/%s", name, t.cols[k].name);
        st = n_sub && !(s->is_raw_used && name[0] == 'v')
                 ? add_field(s, ds, &t.cols[k], n_sub, path, err)
                 : skip(s, path, err);
    }
    h5_close(&ds);
    h5table_close(&t);
    return st;
}

typedef sc_status (*add_member)(h5ad_reader *s, const char *path, sc_err *err);

/* Every member of a group; without an `add`, they are skipped. */
static sc_status each(h5ad_reader *s, const char *name, int64_t n_rows, add_member add, sc_err *err)
{
    sc_strs names = {0};
    hid_t group = 0;
    sc_status st;
    if (!h5_has(s->file, name))
        return SC_OK;
    if (!h5_is_group(s->file, name))
        return add ? add_compound(s, name, n_rows, err) : skip(s, name, err);
    SC_GOTO(st, h5_get(&group, s->file, name, err), out);
    SC_GOTO(st, h5_members(group, &names, err), out);
    for (int64_t k = 0; k < names.n && st == SC_OK; k++) {
        char path[H5_PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s", name, sc_strs_at(&names, k));
        st = add ? add(s, path, err) : skip(s, path, err);
    }
out:
    sc_strs_free(&names);
    h5_close(&group);
    return st;
}

sc_status h5ad_find_elements(h5ad_reader *s, sc_err *err)
{
    const char *use = s->opts.use ? s->opts.use : "X";
    char where[H5_PATH_MAX];
    if (s->is_raw_used)
        (void)snprintf(where, sizeof where, "%s", h5_has(s->file, "raw.X") ? "raw.X" : "raw/X");
    else
        (void)snprintf(where, sizeof where, "%s", use);
    if (h5_has(s->file, where))
        SC_TRY(add_expression(s, where, "X", s->n_vars, err));
    else if (s->opts.use)
        return sc_fail(err, SC_EDATA, "there is no '%s' to use as X", use);
    if (!s->is_raw_used && strcmp(use, "X") != 0 && h5_has(s->file, "X")) {
        if (h5_has(s->file, "layers/X"))
            SC_TRY(skip(s, "X", err));
        else
            SC_TRY(add_expression(s, "X", "layers/X", s->n_vars, err));
    } else if (s->is_raw_used) {
        SC_TRY(skip(s, "X", err));
    }
    SC_TRY(add_layers(s, where, err));
    SC_TRY(add_raw(s, err));
    SC_TRY(each(s, "obsm", s->n_obs, add_obsm, err));
    SC_TRY(each(s, "obsp", s->n_obs, add_obsp, err));
    SC_TRY(add_old_graphs(s, err));
    SC_TRY(each(s, "varm", s->n_vars, add_varm, err));
    SC_TRY(each(s, "varp", s->n_vars, NULL, err));
    return each(s, "raw/varm", s->n_vars, NULL, err);
}

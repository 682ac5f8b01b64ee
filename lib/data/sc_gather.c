#include "sc_gather.h"
#include "sc_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_rep(const sc_mat *m)
{
    static const char *const others[] = {"protein_expression", "spatial", "X_umap", "X_tsne"};
    if (strncmp(m->path, "obsm/", 5) != 0 || m->is_sparse || ends_with(m->path, "_var"))
        return false;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (strcmp(m->path + 5, others[k]) == 0)
            return false;
    return true;
}

static void list_obsm(const sc_header *h, bool (*takes)(const sc_mat *), char *list, size_t len)
{
    size_t n = 0;
    list[0] = '\0';
    for (int k = 0; k < h->n_mats && n < len; k++)
        if (takes ? takes(&h->mats[k]) : strncmp(h->mats[k].path, "obsm/", 5) == 0)
            n += (size_t)snprintf(list + n, len - n, "%s'%s'", n ? ", " : "", h->mats[k].path + 5);
}

sc_status sc_find_rep(const sc_header *h, const char *use_rep, int *mat, sc_err *err)
{
    char list[512], path[512];
    if (use_rep) {
        (void)snprintf(path, sizeof path, "%s%s", strcmp(use_rep, "X") == 0 ? "" : "obsm/",
                       use_rep);
        *mat = sc_header_find(h, path);
        if (*mat >= 0)
            return SC_OK;
        list_obsm(h, NULL, list, sizeof list);
        return sc_fail(err, SC_EDATA, "there is no '%s' in obsm%s%s", use_rep,
                       *list ? ", which has " : "", list);
    }
    int n = 0;
    for (int k = 0; k < h->n_mats; k++)
        if (is_rep(&h->mats[k])) {
            *mat = k;
            n++;
        }
    list_obsm(h, is_rep, list, sizeof list);
    if (n > 1)
        return sc_fail(err, SC_EDATA, "obsm has %s; say with --use-rep which to take", list);
    return n ? SC_OK
             : sc_fail(err, SC_EDATA,
                       "there is no representation in obsm; sc-embed or sc-pca make one");
}

void sc_graph_path(const char *key, const char *kind, char *path, size_t path_len)
{
    (void)snprintf(path, path_len, "obsp/%s%s%s", key ? key : "", key ? "_" : "", kind);
}

static sc_status check_finite(sc_block *b, const char *path, const float *v, int64_t n_cols,
                              sc_err *err)
{
    const int64_t n = sc_block_n_rows(b) * n_cols;
    for (int64_t k = 0; k < n; k++) {
        if (isfinite(v[k]))
            continue;
        sc_table *obs;
        SC_TRY(sc_block_obs(b, &obs, err));
        return sc_fail(err, SC_EDATA, "cell '%s' has a value in '%s' that is not finite",
                       sc_strs_at(&obs->names, k / n_cols), path);
    }
    return SC_OK;
}

static sc_status take_dense(sc_block *b, const sc_mat *m, float *to, sc_err *err)
{
    const int64_t n = sc_block_n_rows(b);
    if (!m->is_sparse) {
        sc_dense *d;
        SC_TRY(sc_block_dense(b, m->path, &d, err));
        if (n > 0 && m->n_cols > 0)
            memcpy(to, d->values, (size_t)(n * m->n_cols) * sizeof *to);
        return SC_OK;
    }
    sc_csr *s;
    SC_TRY(sc_block_sparse(b, m->path, &s, err));
    memset(to, 0, (size_t)(n * m->n_cols) * sizeof *to);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = s->indptr[i]; k < s->indptr[i + 1]; k++)
            to[i * m->n_cols + s->indices[k]] = s->values[k];
    return SC_OK;
}

static sc_status find_matrix(const sc_reader *in, const char *path, const sc_mat **m, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    const int at = sc_header_find(h, path);
    if (at < 0)
        return sc_fail(err, SC_EDATA, "there is no '%s'%s", path,
                       strncmp(path, "obsp/", 5) == 0 ? "; sc-neighbors makes a graph" : "");
    *m = &h->mats[at];
    return SC_OK;
}

sc_status sc_gather_dense(sc_dense *out, sc_reader *in, const char *path, sc_err *err)
{
    const sc_mat *m;
    sc_block *b;
    int64_t room = 0;
    sc_status st;
    *out = (sc_dense){0};
    SC_TRY(find_matrix(in, path, &m, err));
    out->n_cols = m->n_cols;
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        const int64_t n = sc_block_n_rows(b);
        if (out->n_rows + n > room) {
            room = 2 * (out->n_rows + n);
            SC_TRY(sc_resize(&out->values, (size_t)room * (size_t)m->n_cols, sizeof(float), err));
        }
        float *to = out->values + out->n_rows * m->n_cols;
        SC_TRY(take_dense(b, m, to, err));
        SC_TRY(check_finite(b, path, to, m->n_cols, err));
        out->n_rows += n;
    }
    return st == SC_END ? SC_OK : st;
}

static sc_status append_rows(sc_csr *to, const sc_csr *s, int64_t n, int64_t *room, int64_t *nnz,
                             sc_err *err)
{
    const int64_t more = s->indptr[n];
    if (!to->indptr || to->n_rows + n > room[0]) {
        room[0] = 2 * (to->n_rows + n);
        SC_TRY(sc_resize(&to->indptr, (size_t)room[0] + 1, sizeof *to->indptr, err));
        to->indptr[0] = 0;
    }
    if (*nnz + more > room[1]) {
        room[1] = 2 * (*nnz + more);
        SC_TRY(sc_resize(&to->indices, (size_t)room[1], sizeof *to->indices, err));
        SC_TRY(sc_resize(&to->values, (size_t)room[1], sizeof *to->values, err));
    }
    for (int64_t i = 0; i < n; i++)
        to->indptr[to->n_rows + i + 1] = *nnz + s->indptr[i + 1];
    if (more) {
        memcpy(to->indices + *nnz, s->indices, (size_t)more * sizeof *s->indices);
        memcpy(to->values + *nnz, s->values, (size_t)more * sizeof *s->values);
    }
    to->n_rows += n;
    *nnz += more;
    return SC_OK;
}

static sc_status check_square(const sc_csr *m, int64_t nnz, const char *path, sc_err *err)
{
    for (int64_t k = 0; k < nnz; k++)
        if (m->indices[k] >= m->n_rows)
            return sc_fail(err, SC_EDATA, "'%s' has an edge to cell %lld, and there are %lld cells",
                           path, (long long)m->indices[k], (long long)m->n_rows);
    for (int64_t k = 0; k < nnz; k++)
        if (!isfinite(m->values[k]) || m->values[k] < 0)
            return sc_fail(err, SC_EDATA, "'%s' has an edge whose weight is negative or not finite",
                           path);
    return SC_OK;
}

sc_status sc_gather_sparse(sc_csr *out, sc_reader *in, const char *path, sc_err *err)
{
    const sc_mat *m;
    sc_block *b;
    int64_t room[2] = {0, 0}, nnz = 0;
    sc_status st;
    *out = (sc_csr){0};
    SC_TRY(find_matrix(in, path, &m, err));
    if (!m->is_sparse)
        return sc_fail(err, SC_EDATA, "'%s' is dense, and a sparse one is needed", path);
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        sc_csr *s;
        SC_TRY(sc_block_sparse(b, path, &s, err));
        SC_TRY(append_rows(out, s, sc_block_n_rows(b), room, &nnz, err));
    }
    if (st != SC_END)
        return st;
    if (!out->indptr)
        SC_TRY(sc_alloc(&out->indptr, 1, sizeof *out->indptr, err));
    const bool is_obsp = strncmp(path, "obsp/", 5) == 0;
    out->n_cols = is_obsp ? out->n_rows : m->n_cols;
    return is_obsp ? check_square(out, nnz, path, err) : SC_OK;
}

/* The columns of a block's rows. */
static sc_status take_columns(sc_block *b, const sc_mat *m, const int32_t *old_to_new,
                              int64_t n_new, sc_csr *to, sc_err *err)
{
    sc_rows r;
    int64_t at = 0;
    SC_TRY(sc_rows_of(b, m, &r, err));
    const int64_t n = sc_rows_begin(&r, r.n_rows);
    *to = (sc_csr){.n_rows = r.n_rows, .n_cols = n_new};
    SC_TRY(sc_alloc(&to->indptr, (size_t)r.n_rows + 1, sizeof *to->indptr, err));
    SC_TRY(sc_alloc(&to->indices, (size_t)n, sizeof *to->indices, err));
    SC_TRY(sc_alloc(&to->values, (size_t)n, sizeof *to->values, err));
    for (int64_t i = 0; i < r.n_rows; i++) {
        for (int64_t k = sc_rows_begin(&r, i); k < sc_rows_begin(&r, i + 1); k++) {
            const int32_t j = old_to_new[sc_rows_col(&r, i, k)];
            if (!isfinite(r.values[k])) {
                sc_table *obs;
                SC_TRY(sc_block_obs(b, &obs, err));
                return sc_fail(err, SC_EDATA, "cell '%s' has a value in '%s' that is not finite",
                               sc_strs_at(&obs->names, i), m->path);
            }
            if (j < 0 || r.values[k] == 0)
                continue;
            to->indices[at] = j;
            to->values[at++] = r.values[k];
        }
        to->indptr[i + 1] = at;
    }
    return SC_OK;
}

sc_status sc_gather_columns(sc_csr *out, sc_reader *in, const char *path, const int32_t *old_to_new,
                            int64_t n_new, sc_err *err)
{
    const sc_mat *m;
    sc_block *b;
    int64_t room[2] = {0, 0}, nnz = 0;
    sc_status st;
    *out = (sc_csr){.n_cols = n_new};
    SC_TRY(find_matrix(in, path, &m, err));
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        sc_csr rows = {0};
        st = take_columns(b, m, old_to_new, n_new, &rows, err);
        if (st == SC_OK)
            st = append_rows(out, &rows, rows.n_rows, room, &nnz, err);
        sc_csr_free(&rows);
        SC_TRY(st);
    }
    if (st != SC_END)
        return st;
    return out->indptr ? SC_OK : sc_alloc(&out->indptr, 1, sizeof *out->indptr, err);
}

sc_status sc_twice_open(sc_pass *p, const sc_tool *tool, const sc_common *common, sc_err *err)
{
    SC_TRY(sc_pass_open(p, tool, common, err));
    return sc_reader_keep(p->in, err);
}

typedef struct second {
    sc_reader *in;
    sc_add_to_block add;
    void *ctx;
} second;

static sc_status write_second(void *ctx, sc_writer *out, sc_err *err)
{
    const second *s = ctx;
    sc_block *b;
    sc_status st;
    SC_TRY(sc_reader_rewind(s->in, err));
    while ((st = sc_reader_next(s->in, &b, err)) == SC_OK) {
        SC_TRY(s->add(s->ctx, b, err));
        SC_TRY(sc_writer_put(out, b, err));
    }
    return st == SC_END ? SC_OK : st;
}

sc_status sc_twice_write(sc_pass *p, sc_add_to_block add, void *ctx, sc_err *err)
{
    second s = {p->in, add, ctx};
    return sc_pass_write(p, write_second, &s, err);
}

sc_status sc_add_dense(sc_block *b, const char *path, const sc_dense *m, sc_err *err)
{
    const int64_t n = sc_block_n_rows(b), from = sc_block_row0(b);
    sc_dense rows = {n, m->n_cols, NULL};
    SC_TRY(sc_alloc(&rows.values, (size_t)(n * m->n_cols), sizeof(float), err));
    if (n > 0 && m->n_cols > 0)
        memcpy(rows.values, m->values + from * m->n_cols,
               (size_t)(n * m->n_cols) * sizeof *rows.values);
    const sc_status st = sc_block_set_dense(b, path, &rows, err);
    sc_dense_free(&rows);
    return st;
}

sc_status sc_add_sparse(sc_block *b, const char *path, const sc_csr *m, sc_err *err)
{
    const int64_t n = sc_block_n_rows(b), from = sc_block_row0(b), first = m->indptr[from];
    const size_t nnz = (size_t)(m->indptr[from + n] - first);
    sc_csr rows = {.n_rows = n, .n_cols = m->n_cols};
    sc_status st;
    SC_GOTO(st, sc_alloc(&rows.indptr, (size_t)n + 1, sizeof *rows.indptr, err), out);
    SC_GOTO(st, sc_alloc(&rows.indices, nnz, sizeof *rows.indices, err), out);
    SC_GOTO(st, sc_alloc(&rows.values, nnz, sizeof *rows.values, err), out);
    for (int64_t i = 0; i <= n; i++)
        rows.indptr[i] = m->indptr[from + i] - first;
    if (nnz) {
        memcpy(rows.indices, m->indices + first, nnz * sizeof *rows.indices);
        memcpy(rows.values, m->values + first, nnz * sizeof *rows.values);
    }
    st = sc_block_set_sparse(b, path, &rows, err);
out:
    sc_csr_free(&rows);
    return st;
}

/* The cells that go with an exported model, as an h5ad. */
#include "model.h"
#include "sc_formats.h"

#include <stdlib.h>
#include <string.h>

typedef struct job {
    const model_opts *o;
    const sc_net *net;
    sc_formats formats;
    const sc_plugin *plugin;
    sc_format_opts opts;
    sc_host host;
    void *state;
    sc_reader *in;
    sc_header h;
    int64_t *order;  /* gene of the model -> gene of the data */
    int32_t *to_new; /* and back, -1: not in the model */
    bool is_same;    /* same genes in the same order */
    sc_output to;
} job;

static void note(void *ctx, const char *line)
{
    const job *j = ctx;
    sc_cli_note(&model_tool, j->o, "%s", line);
}

static sc_status match_genes(job *j, sc_err *err)
{
    const sc_strs *want = &j->net->var.names;
    const int64_t n_data = j->h.var.n_rows;
    sc_names *names = NULL;
    SC_TRY(sc_alloc(&j->order, (size_t)want->n, sizeof *j->order, err));
    SC_TRY(sc_alloc(&j->to_new, (size_t)n_data, sizeof *j->to_new, err));
    SC_TRY(sc_names_new(&names, &j->h.var.names, err));
    j->is_same = want->n == n_data;
    for (int64_t k = 0; k < n_data; k++)
        j->to_new[k] = -1;
    sc_status st = SC_OK;
    for (int64_t k = 0; k < want->n && st == SC_OK; k++) {
        const int64_t at = sc_names_find(names, sc_strs_at(want, k));
        if (at < 0) {
            st = sc_fail(err, SC_EDATA, "%s lacks gene '%s' of the model", sc_reader_name(j->in),
                         sc_strs_at(want, k));
            break;
        }
        j->order[k] = at;
        j->to_new[at] = (int32_t)k;
        j->is_same = j->is_same && at == k;
    }
    sc_names_free(names);
    return st;
}

/* scvi-tools goes by the columns' order: it must be the model's. */
static sc_status check_proteins(const job *j, sc_err *err)
{
    char path[512];
    (void)snprintf(path, sizeof path, "obsm/%s", j->net->protein_key);
    const int at = sc_header_find(&j->h, path);
    const sc_strs *want = &j->net->proteins, *have = at < 0 ? NULL : &j->h.mats[at].col_names;
    if (!have)
        return sc_fail(err, SC_EDATA, "%s has no obsm '%s'", sc_reader_name(j->in),
                       j->net->protein_key);
    for (int64_t p = 0; p < want->n && have->n; p++)
        if (p >= have->n || have->n != want->n ||
            strcmp(sc_strs_at(want, p), sc_strs_at(have, p)) != 0)
            return sc_fail(err, SC_EDATA,
                           "%s: obsm '%s' has other proteins than the model, or in another order: "
                           "'%s' of the model is not where it was",
                           sc_reader_name(j->in), j->net->protein_key, sc_strs_at(want, p));
    return SC_OK;
}

static bool has_genes(const sc_mat *m)
{
    return strcmp(m->path, "X") == 0 || strncmp(m->path, "layers/", 7) == 0;
}

static sc_status order_varm(const job *j, sc_mat *m, sc_err *err)
{
    const int64_t n = j->net->dims.n_vars, cols = m->varm.n_cols;
    float *v = NULL;
    SC_TRY(sc_alloc(&v, (size_t)(n * cols), sizeof *v, err));
    for (int64_t k = 0; k < n; k++)
        memcpy(v + k * cols, m->varm.values + j->order[k] * cols, (size_t)cols * sizeof *v);
    free(m->varm.values);
    m->varm.values = v;
    m->varm.n_rows = n;
    return SC_OK;
}

static sc_status order_header(job *j, sc_err *err)
{
    sc_table var = {0};
    if (j->is_same)
        return SC_OK;
    SC_TRY(sc_table_take(&var, &j->h.var, j->order, j->net->dims.n_vars, err));
    sc_table_free(&j->h.var);
    j->h.var = var;
    for (int m = 0; m < j->h.n_mats; m++) {
        if (has_genes(&j->h.mats[m]))
            j->h.mats[m].n_cols = j->net->dims.n_vars;
        else if (strncmp(j->h.mats[m].path, "varm/", 5) == 0)
            SC_TRY(order_varm(j, &j->h.mats[m], err));
    }
    return SC_OK;
}

typedef struct entry {
    int32_t col;
    float value;
} entry;

static int by_col(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->col > y->col) - (x->col < y->col);
}

static sc_status order_sparse(const job *j, const sc_csr *m, sc_csr *to, sc_err *err)
{
    entry *row = NULL;
    int64_t n = 0;
    *to = (sc_csr){.n_rows = m->n_rows, .n_cols = j->net->dims.n_vars};
    SC_TRY(sc_alloc(&to->indptr, (size_t)m->n_rows + 1, sizeof *to->indptr, err));
    SC_TRY(sc_alloc(&to->indices, (size_t)m->indptr[m->n_rows], sizeof *to->indices, err));
    SC_TRY(sc_alloc(&to->values, (size_t)m->indptr[m->n_rows], sizeof *to->values, err));
    SC_TRY(sc_alloc(&row, (size_t)m->n_cols, sizeof *row, err));
    for (int64_t i = 0; i < m->n_rows; i++) {
        size_t len = 0;
        for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++)
            if (j->to_new[m->indices[k]] >= 0)
                row[len++] = (entry){j->to_new[m->indices[k]], m->values[k]};
        qsort(row, len, sizeof *row, by_col);
        for (size_t k = 0; k < len; k++, n++) {
            to->indices[n] = row[k].col;
            to->values[n] = row[k].value;
        }
        to->indptr[i + 1] = n;
    }
    free(row);
    return SC_OK;
}

static sc_status order_dense(const job *j, const sc_dense *m, sc_dense *to, sc_err *err)
{
    const int64_t n = j->net->dims.n_vars;
    *to = (sc_dense){.n_rows = m->n_rows, .n_cols = n};
    SC_TRY(sc_alloc(&to->values, (size_t)(m->n_rows * n), sizeof *to->values, err));
    for (int64_t i = 0; i < m->n_rows; i++)
        for (int64_t k = 0; k < n; k++)
            to->values[i * n + k] = m->values[i * m->n_cols + j->order[k]];
    return SC_OK;
}

/* A matrix of the block, in the order of the model's genes. */
static sc_status take_mat(const job *j, const sc_mat *m, sc_block *b, sc_format_mat *to,
                          sc_err *err)
{
    const bool moves = has_genes(m) && !j->is_same;
    sc_csr *sparse = NULL;
    sc_dense *dense = NULL;
    if (m->is_sparse) {
        SC_TRY(sc_block_sparse(b, m->path, &sparse, err));
        if (moves)
            return order_sparse(j, sparse, &to->sparse, err);
        to->sparse = *sparse;
    } else {
        SC_TRY(sc_block_dense(b, m->path, &dense, err));
        if (moves)
            return order_dense(j, dense, &to->dense, err);
        to->dense = *dense;
    }
    return SC_OK;
}

static sc_status put_block(job *j, sc_block *b, sc_format_rows *r, sc_err *err)
{
    sc_table *obs;
    sc_status st = SC_OK;
    SC_TRY(sc_block_obs(b, &obs, err));
    r->row0 = sc_block_row0(b);
    r->n_rows = sc_block_n_rows(b);
    r->obs = *obs;
    for (int m = 0; m < j->h.n_mats && st == SC_OK; m++)
        if (strncmp(j->h.mats[m].path, "varm/", 5) != 0)
            st = take_mat(j, &j->h.mats[m], b, &r->mats[m], err);
    if (st == SC_OK)
        st = sc_format_of(j->plugin)->put(j->state, r, err);
    for (int m = 0; m < j->h.n_mats; m++) {
        if (has_genes(&j->h.mats[m]) && !j->is_same) {
            sc_csr_free(&r->mats[m].sparse);
            sc_dense_free(&r->mats[m].dense);
        }
        r->mats[m] = (sc_format_mat){0};
    }
    return st;
}

static sc_status put_blocks(job *j, int64_t *n_obs, sc_err *err)
{
    sc_format_rows r = {.n_mats = j->h.n_mats};
    sc_block *b;
    sc_status st;
    SC_TRY(sc_alloc(&r.mats, (size_t)j->h.n_mats, sizeof *r.mats, err));
    while ((st = sc_reader_next(j->in, &b, err)) == SC_OK) {
        *n_obs += sc_block_n_rows(b);
        SC_GOTO(st, put_block(j, b, &r, err), out);
    }
    if (st == SC_END)
        st = sc_format_of(j->plugin)->finish(j->state, err);
out:
    free(r.mats);
    return st;
}

/* Columns of obs that the model was set up with, and the matrix of counts. */
static sc_status find_keys(job *j, exported_cells *out, sc_err *err)
{
    const sc_net *net = j->net;
    char line[SC_ERR_MAX];
    int mat = -1;
    for (int i = 0; i < SC_IN_MAX; i++)
        if (net->cats[i].key)
            SC_TRY(sc_require_obs(&j->h, net->cats[i].key, err));
    for (int64_t i = 0; i < net->cont_covs.n; i++)
        SC_TRY(sc_require_obs(&j->h, sc_strs_at(&net->cont_covs, i), err));
    if (net->size_factor)
        SC_TRY(sc_require_obs(&j->h, net->size_factor, err));
    SC_TRY(sc_reader_counts(j->in, net->layer, &mat, line, sizeof line, err));
    if (line[0])
        note(j, line);
    const char *path = j->h.mats[mat].path;
    if (strncmp(path, "layers/", 7) == 0 && !(out->layer = strdup(path + 7)))
        return sc_fail(err, SC_ENOMEM, "no memory for a name");
    return sc_table_copy(&out->obs, &j->h.obs, err);
}

static sc_status run(job *j, const char *in, const char *dir, exported_cells *out, sc_err *err)
{
    j->host = (sc_host){.size = sizeof j->host, .ctx = j, .note = note};
    char path[4096];
    if (snprintf(path, sizeof path, "%s/adata.h5ad", dir) >= (int)sizeof path)
        return sc_fail(err, SC_EIO, "the path of '%s' is too long", dir);
    SC_TRY(sc_formats_find(&j->formats, "h5ad", &j->plugin, err));
    SC_TRY(sc_formats_opts(&j->formats, j->plugin, &j->opts, err));
    SC_TRY(sc_reader_open_path(&j->in, in, err));
    SC_TRY(sc_header_copy(&j->h, sc_reader_header(j->in), err));
    SC_TRY(find_keys(j, out, err));
    SC_TRY(match_genes(j, err));
    if (j->net->protein_key)
        SC_TRY(check_proteins(j, err));
    SC_TRY(order_header(j, err));
    const sc_format *f = sc_format_of(j->plugin);
    SC_TRY(sc_output_open(&j->to, path, true, err));
    if (!sc_output_way(&j->to))
        return sc_fail(err, SC_EIO, "%s: cannot write: not a file", path);
    SC_TRY(f->create(&j->state, sc_output_way(&j->to), j->to.name,
                     f->write_params ? &j->opts : NULL, &j->host, &j->h, err));
    SC_TRY(put_blocks(j, &out->n_obs, err));
    f->discard(j->state);
    j->state = NULL;
    return sc_output_commit(&j->to, err);
}

sc_status write_cells(const model_opts *o, const sc_net *net, const char *in, const char *dir,
                      exported_cells *out, sc_err *err)
{
    job j = {.o = o, .net = net, .to = {.fd = -1}, .formats = {.is_writing = true}};
    sc_status st = sc_formats_load(&j.formats, err);
    if (st == SC_OK)
        st = run(&j, in, dir, out, err);
    if (j.plugin)
        sc_format_of(j.plugin)->discard(j.state);
    sc_output_abandon(&j.to);
    sc_reader_close(j.in);
    sc_header_free(&j.h);
    free(j.order);
    free(j.to_new);
    sc_formats_free(&j.formats);
    return st;
}

void exported_cells_free(exported_cells *c)
{
    free(c->layer);
    sc_table_free(&c->obs);
    *c = (exported_cells){0};
}

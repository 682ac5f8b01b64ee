/*
 * HDF5 files of cellranger: version 2 (a group a genome) and 3 (/matrix with features). Both are
 * compressed columns of features x cells, that is, sparse rows of cells.
 */
#include "10x-h5/tenx.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct tenx_reader {
    hid_t file, group, barcodes, filtered;
    tenx_features f;
    h5mat mat;
    int64_t n_obs, row;
    sc_header own;
} tenx_reader;

static int probe(const sc_source *src)
{
    hid_t file = 0;
    const int score = h5_probe(&file, src->head, src->head_len, src->path, src->name, ".h5", 1);
    if (score >= 0)
        return score;
    const bool is_ours = tenx_has_group(file);
    h5_close(&file);
    return is_ours ? 95 : 0;
}

static void reader_close(void *state)
{
    tenx_reader *s = state;
    if (!s)
        return;
    h5mat_close(&s->mat);
    tenx_features_free(&s->f);
    sc_header_free(&s->own);
    h5_close(&s->filtered);
    h5_close(&s->barcodes);
    h5_close(&s->group);
    h5_close(&s->file);
    free(s);
}

/* shape is features x cells, the names on its two sides must be as many. */
static sc_status read_shape(tenx_reader *s, sc_err *err)
{
    hid_t ds = 0;
    h5_info info;
    int64_t shape[2];
    SC_TRY(h5_get(&ds, s->group, "shape", err));
    const h5_vec v = {ds, NULL, 1};
    sc_status st = h5_describe(ds, &info, err);
    if (st == SC_OK && (info.rank != 1 || info.dims[0] != 2 || info.kind != H5_NUM_INT))
        st = sc_fail(err, SC_EFORMAT, "'shape' is not two numbers");
    if (st == SC_OK)
        st = h5_read_vec(&v, H5T_NATIVE_INT64, 0, 2, shape, err);
    h5_close(&ds);
    SC_TRY(st);
    SC_TRY(h5_get(&s->barcodes, s->group, "barcodes", err));
    SC_TRY(h5_describe(s->barcodes, &info, err));
    if (info.rank != 1 || info.kind != H5_TEXT || info.dims[0] != shape[1])
        return sc_fail(err, SC_EFORMAT, "'barcodes' does not name the %" PRId64 " cells", shape[1]);
    if (shape[0] < 0 || shape[0] >= INT32_MAX)
        return sc_fail(err, SC_EFORMAT, "'shape' has %" PRId64 " features", shape[0]);
    s->n_obs = shape[1];
    s->f.n = shape[0];
    return SC_OK;
}

static sc_status open_filtered(tenx_reader *s, sc_header *h, sc_err *err)
{
    h5_info info;
    if (!h5_has(s->group, "filtered_barcodes"))
        return SC_OK;
    SC_TRY(h5_get(&s->filtered, s->group, "filtered_barcodes", err));
    SC_TRY(h5_describe(s->filtered, &info, err));
    if (info.rank == 1 && info.dims[0] == s->n_obs &&
        (info.kind == H5_BOOL || info.kind == H5_NUM_INT))
        return sc_table_add(&h->obs, "filtered_barcodes", SC_COL_BOOL, NULL, err);
    h5_close(&s->filtered);
    return SC_OK;
}

static sc_status open_parts(tenx_reader *s, const tenx_opts *o, const sc_host *host, sc_header *h,
                            sc_err *err)
{
    bool is_v3;
    SC_TRY(tenx_find_group(&s->group, &is_v3, s->file, o, err));
    SC_TRY(read_shape(s, err));
    SC_TRY(tenx_read_features(&s->f, s->group, is_v3, o, err));
    SC_TRY(h5mat_open_csr(&s->mat, s->group, s->n_obs, s->f.n, err));
    SC_TRY(h5mat_scan(&s->mat, err));
    SC_TRY(tenx_fill_header(&s->f, s->mat.kind, o, h, err));
    SC_TRY(open_filtered(s, h, err));
    h->n_obs = s->n_obs;
    if (s->f.n_dropped)
        sc_note(host,
                "left out %" PRId64 " features that are neither genes nor antibodies "
                "(--all-features keeps them)",
                s->f.n_dropped);
    return sc_header_copy(&s->own, h, err);
}

static sc_status reader_open(void **state, sc_source *src, const void *opts, const sc_host *host,
                             sc_header *h, sc_err *err)
{
    tenx_reader *s;
    SC_TRY(sc_alloc(&s, 1, sizeof *s, err));
    sc_status st = h5_open(&s->file, src->path, err);
    if (st == SC_OK)
        st = open_parts(s, opts, host, h, err);
    if (st != SC_OK) {
        reader_close(s);
        return st;
    }
    *state = s;
    return SC_OK;
}

static sc_status dense_proteins(const tenx_reader *s, const sc_csr *all, sc_dense *out, sc_err *err)
{
    *out = (sc_dense){.n_rows = all->n_rows, .n_cols = s->f.n_proteins};
    SC_TRY(sc_alloc(&out->values, (size_t)(out->n_rows * out->n_cols), sizeof *out->values, err));
    for (int64_t i = 0; i < all->n_rows; i++)
        for (int64_t k = all->indptr[i]; k < all->indptr[i + 1]; k++) {
            const int32_t to = s->f.to_protein[all->indices[k]];
            if (to >= 0)
                out->values[i * out->n_cols + to] = all->values[k];
        }
    return SC_OK;
}

static sc_status fill_obs(const tenx_reader *s, sc_format_rows *r, sc_err *err)
{
    const h5_vec names = {s->barcodes, NULL, 1}, filtered = {s->filtered, NULL, 1};
    SC_TRY(h5_read_text(&names, r->row0, r->n_rows, &r->obs.names, err));
    if (!s->filtered)
        return SC_OK;
    uint8_t *flags = r->obs.cols[0].v.b;
    SC_TRY(h5_read_vec(&filtered, H5T_NATIVE_UINT8, r->row0, r->n_rows, flags, err));
    for (int64_t i = 0; i < r->n_rows; i++)
        flags[i] = flags[i] != 0;
    return SC_OK;
}

static sc_status reader_next(void *state, sc_format_rows *r, sc_err *err)
{
    tenx_reader *s = state;
    const int64_t left = s->n_obs - s->row, n = left < SC_BLOCK_ROWS ? left : SC_BLOCK_ROWS;
    h5_quiet();
    if (n == 0)
        return SC_END;
    sc_csr all = {0};
    SC_TRY(sc_format_rows_init(r, &s->own, s->row, n, err));
    SC_TRY(fill_obs(s, r, err));
    sc_status st = h5mat_sparse(&s->mat, s->row, n, &all, err);
    if (st == SC_OK && s->f.n_proteins)
        st = dense_proteins(s, &all, &r->mats[1].dense, err);
    if (st == SC_OK && s->f.n_genes == s->f.n) {
        r->mats[0].sparse = all;
        all = (sc_csr){0};
    } else if (st == SC_OK) {
        st = sc_csr_take_cols(&r->mats[0].sparse, &all, s->f.to_gene, s->f.n_genes, err);
    }
    sc_csr_free(&all);
    s->row += n;
    return st;
}

static const sc_param params[] = {
    SC_STRING(tenx_opts, genome, "genome", "NAME", "which one to read, where there are several"),
    SC_CHOICE(tenx_opts, var_names, "var-names", 0, "symbols|ids", "what genes are called"),
    SC_BOOL(tenx_opts, all_features, "all-features", 0,
            "keep features of every type in X (else antibodies go to obsm/protein_expression)"),
    SC_PARAM_END};

static const sc_format format = {
    .size = sizeof(sc_format),
    .flags = SC_FORMAT_SEEKS,
    .suffixes = "",
    .probe = probe,
    .open = reader_open,
    .next = reader_next,
    .close = reader_close,
};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    .abi = SC_PLUGIN_ABI,
    .size = sizeof(sc_plugin),
    .kind = SC_KIND_FORMAT,
    .name = "10x-h5",
    .brief = "cellranger's HDF5 files, versions 2 and 3",
    .doc = "Reads filtered_feature_bc_matrix.h5 and its like; antibodies go to "
           "obsm/protein_expression.",
    .source = "cellranger's feature-barcode matrices in HDF5",
    .params = params,
    .opts_size = sizeof(tenx_opts),
    .impl = &format,
};

/*
 * 10x Matrix Market: a folder with matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv, such a
 * folder in a tar archive, or a matrix.mtx alone; any of them compressed. In the file rows are
 * features and columns are cells.
 */
#include "mtx/mtx.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct mtx_reader {
    sc_entries entries;
    mtx_tables tables;
    mtx_split split;
    const sc_header *h;
    const sc_host *host;
    int64_t row, n_summed;
} mtx_reader;

bool mtx_is_matrix_line(const char *text, size_t len)
{
    static const char banner[] = "%%MatrixMarket";
    return len >= sizeof banner - 1 && memcmp(text, banner, sizeof banner - 1) == 0;
}

bool mtx_is_tar(const unsigned char *text, size_t len)
{
    return len >= 512 && memcmp(text + 257, "ustar", 5) == 0;
}

static int probe(const sc_source *src)
{
    if (src->is_dir)
        return 50;
    if (mtx_is_matrix_line((const char *)src->text, src->text_len))
        return 90;
    return mtx_is_tar(src->text, src->text_len) ? 60 : 0;
}

static void reader_close(void *state)
{
    mtx_reader *r = state;
    if (!r)
        return;
    sc_entries_free(&r->entries);
    mtx_tables_free(&r->tables);
    mtx_split_free(&r->split);
    free(r);
}

static sc_status reader_open(void **state, sc_source *src, const void *opts, const sc_host *host,
                             sc_header *h, sc_err *err)
{
    const mtx_opts *o = opts;
    mtx_reader *r;
    SC_TRY(sc_alloc(&r, 1, sizeof *r, err));
    r->entries = SC_ENTRIES_NEW;
    r->host = host;
    r->h = h;
    sc_status st = mtx_gather(&r->entries, &r->tables, src, o, host, err);
    if (st == SC_OK)
        st = mtx_split_features(&r->split, &r->tables, o->all_features, err);
    if (st == SC_OK)
        st = mtx_fill_header(h, &r->tables, &r->split, r->entries.kind, o, err);
    if (st != SC_OK) {
        reader_close(r);
        return st;
    }
    h->n_obs = r->entries.n_cells;
    if (r->split.n_dropped > 0)
        sc_note(host,
                "left out %" PRId64 " features that are neither genes nor antibodies "
                "(--all-features keeps them)",
                r->split.n_dropped);
    *state = r;
    return SC_OK;
}

/* The columns of the proteins as a dense matrix. */
static sc_status take_proteins(const mtx_reader *r, const sc_csr *all, sc_dense *out, sc_err *err)
{
    const int64_t n_cols = r->split.n_proteins;
    *out = (sc_dense){.n_rows = all->n_rows, .n_cols = n_cols};
    SC_TRY(sc_alloc(&out->values, (size_t)(all->n_rows * n_cols), sizeof *out->values, err));
    for (int64_t i = 0; i < all->n_rows; i++)
        for (int64_t k = all->indptr[i]; k < all->indptr[i + 1]; k++) {
            const int32_t to = r->split.to_protein[all->indices[k]];
            if (to >= 0)
                out->values[i * n_cols + to] = all->values[k];
        }
    return SC_OK;
}

static sc_status take_mats(mtx_reader *r, sc_format_rows *out, sc_err *err)
{
    sc_csr all;
    sc_status st = sc_entries_take(&r->entries, out->n_rows, &all, &r->n_summed, err);
    if (st == SC_OK && r->split.n_genes == r->entries.n_genes) {
        out->mats[0].sparse = all;
        return SC_OK;
    }
    if (st == SC_OK)
        st = sc_csr_take_cols(&out->mats[0].sparse, &all, r->split.to_gene, r->split.n_genes, err);
    if (st == SC_OK && r->split.n_proteins > 0)
        st = take_proteins(r, &all, &out->mats[1].dense, err);
    sc_csr_free(&all);
    return st;
}

static sc_status reader_next(void *state, sc_format_rows *out, sc_err *err)
{
    mtx_reader *r = state;
    const int64_t left = r->entries.n_cells - r->row;
    const int64_t n = left < SC_BLOCK_ROWS ? left : SC_BLOCK_ROWS;
    if (n == 0) {
        if (r->n_summed > 0)
            sc_note(r->host, "added up %" PRId64 " entries that were there more than once",
                    r->n_summed);
        r->n_summed = 0;
        return SC_END;
    }
    SC_TRY(sc_format_rows_init(out, r->h, r->row, n, err));
    for (int64_t i = r->row; i < r->row + n; i++) {
        const char *name = sc_strs_at(&r->tables.barcodes, i);
        SC_TRY(sc_strs_push(&out->obs.names, name, strlen(name), err));
    }
    SC_TRY(take_mats(r, out, err));
    r->row += n;
    return SC_OK;
}

static const sc_param params[] = {
    SC_STRING(mtx_opts, prefix, "prefix", "TEXT",
              "what stands before 'matrix.mtx', where there are several"),
    SC_CHOICE(mtx_opts, var_names, "var-names", 0, "symbols|ids", "what genes are called"),
    SC_BOOL(mtx_opts, all_features, "all-features", 0,
            "keep features of every type in X (else antibodies go to obsm/protein_expression)"),
    SC_BOOL(mtx_opts, is_transposed, "transpose", 0, "the other way round: swap rows and columns"),
    SC_PARAM_END};

static const sc_param write_params[] = {
    SC_STRING(mtx_write_opts, matrix, "matrix", "NAME", "which one to write: X, layers/K, obsm/K"),
    SC_PARAM_END};

static const sc_format impl = {.size = sizeof impl,
                               .flags = SC_FORMAT_DIRS,
                               .suffixes = "tar.gz|tgz|/",
                               .probe = probe,
                               .open = reader_open,
                               .next = reader_next,
                               .close = reader_close,
                               .create = mtx_create,
                               .put = mtx_put,
                               .finish = mtx_finish,
                               .discard = mtx_discard,
                               .write_params = write_params,
                               .write_opts_size = sizeof(mtx_write_opts)};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    .abi = SC_PLUGIN_ABI,
    .size = sizeof sc_plugin_entry,
    .kind = SC_KIND_FORMAT,
    .name = "mtx",
    .brief = "10x Matrix Market: a folder, a tar archive or a single matrix",
    .params = params,
    .opts_size = sizeof(mtx_opts),
    .impl = &impl};

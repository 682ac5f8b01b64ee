/*
 * Delimited text: a dense table of cells by genes, or the other way round (--transpose), with or
 * without names. Which of the two a row of names is, is found as spec/formats.md section 5 says.
 */
#include "csv/csv.h"

#include <stdlib.h>

typedef struct csv_reader {
    sc_entries entries;
    sc_strs cells;
    const sc_header *h;
    int64_t row, n_summed;
} csv_reader;

static bool has_suffix(const char *name, const char *suffix)
{
    static const char *const packed[] = {"", ".gz", ".zst", ".bz2", ".xz"};
    const size_t len = strlen(name);
    for (size_t k = 0; k < sizeof packed / sizeof *packed; k++) {
        char end[16];
        (void)snprintf(end, sizeof end, "%s%s", suffix, packed[k]);
        if (len > strlen(end) && strcmp(name + len - strlen(end), end) == 0)
            return true;
    }
    return false;
}

char csv_delimiter(const char *name)
{
    if (has_suffix(name, ".csv"))
        return ',';
    return has_suffix(name, ".tsv") ? '\t' : '\0';
}

/* The delimiter of the first line that is no comment; '\0' if there is none. */
static char sniff(const sc_source *src)
{
    const char *p = (const char *)src->text, *end = p + src->text_len;
    while (p < end && *p == '#') {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        p = nl ? nl + 1 : end;
    }
    const char *nl = memchr(p, '\n', (size_t)(end - p));
    const size_t len = (size_t)((nl ? nl : end) - p);
    if (memchr(p, '\t', len))
        return '\t';
    if (memchr(p, ',', len))
        return ',';
    return memchr(p, ' ', len) ? ' ' : '\0';
}

static bool is_text(const sc_source *src)
{
    for (size_t k = 0; k < src->text_len && k < 4096; k++)
        if (src->text[k] < ' ' && !memchr("\t\n\r", src->text[k], 3))
            return false;
    return src->text_len > 0;
}

static int probe(const sc_source *src)
{
    if (src->is_dir || !is_text(src) || src->text[0] == '%')
        return 0;
    const bool is_named = csv_delimiter(src->name) != '\0' || has_suffix(src->name, ".txt");
    return (is_named ? 10 : 0) + (sniff(src) ? 5 : 1);
}

static void reader_close(void *state)
{
    csv_reader *r = state;
    if (!r)
        return;
    sc_entries_free(&r->entries);
    sc_strs_free(&r->cells);
    free(r);
}

/* A matrix of which half or more is stored is dense. */
static bool is_sparse(const sc_entries *e)
{
    return 2 * e->n_stored < e->n_cells * e->n_genes;
}

static sc_status reader_open(void **state, sc_source *src, const void *opts, const sc_host *host,
                             sc_header *h, sc_err *err)
{
    (void)host;
    const csv_opts *o = opts;
    csv_reader *r;
    sc_text *in = NULL;
    sc_mat *m;
    char delim = csv_delimiter(src->name);
    if (!delim)
        delim = sniff(src);
    if (o->delimiter)
        delim = strcmp(o->delimiter, "\\t") == 0 ? '\t' : o->delimiter[0];
    SC_TRY(sc_alloc(&r, 1, sizeof *r, err));
    r->entries = SC_ENTRIES_NEW;
    r->h = h;
    sc_status st = sc_text_open_source(&in, src, err);
    if (st == SC_OK)
        st = csv_read(&r->entries, &r->cells, &h->var.names, in, delim ? delim : ' ', o, err);
    sc_text_close(in);
    if (st == SC_OK) {
        h->n_obs = r->cells.n;
        h->var.n_rows = h->var.names.n;
        st = sc_header_add(h, "X", r->entries.kind, is_sparse(&r->entries), h->var.n_rows, &m, err);
    }
    if (st == SC_OK)
        *state = r;
    else
        reader_close(r);
    return st;
}

static sc_status to_dense(const sc_csr *from, sc_dense *to, sc_err *err)
{
    *to = (sc_dense){.n_rows = from->n_rows, .n_cols = from->n_cols};
    SC_TRY(sc_alloc(&to->values, (size_t)(to->n_rows * to->n_cols), sizeof *to->values, err));
    for (int64_t i = 0; i < from->n_rows; i++)
        for (int64_t k = from->indptr[i]; k < from->indptr[i + 1]; k++)
            to->values[i * to->n_cols + from->indices[k]] = from->values[k];
    return SC_OK;
}

static sc_status reader_next(void *state, sc_format_rows *out, sc_err *err)
{
    csv_reader *r = state;
    const int64_t left = r->cells.n - r->row;
    const int64_t n = left < SC_BLOCK_ROWS ? left : SC_BLOCK_ROWS;
    if (n == 0)
        return SC_END;
    SC_TRY(sc_format_rows_init(out, r->h, r->row, n, err));
    for (int64_t i = r->row; i < r->row + n; i++) {
        const char *name = sc_strs_at(&r->cells, i);
        SC_TRY(sc_strs_push(&out->obs.names, name, strlen(name), err));
    }
    sc_csr *x = &out->mats[0].sparse;
    SC_TRY(sc_entries_take(&r->entries, n, x, &r->n_summed, err));
    r->row += n;
    return is_sparse(&r->entries) ? SC_OK : to_dense(x, &out->mats[0].dense, err);
}

static const sc_param params[] = {
    SC_BOOL(csv_opts, is_transposed, "transpose", 0, "the other way round: swap rows and columns"),
    SC_STRING(csv_opts, delimiter, "delimiter", "CHAR",
              "what stands between values; else by the name or the first line"),
    SC_CHOICE(csv_opts, row_names, "row-names", 0, "auto|yes|no", "whether rows begin with a name"),
    SC_PARAM_END};
static const sc_param write_params[] = {
    SC_STRING(csv_write_opts, matrix, "matrix", "NAME", "which one to write: X, layers/K, obsm/K"),
    SC_PARAM_END};

static const sc_format impl = {.size = sizeof impl,
                               .suffixes = "csv|tsv|csv.gz|tsv.gz",
                               .probe = probe,
                               .open = reader_open,
                               .next = reader_next,
                               .close = reader_close,
                               .create = csv_create,
                               .put = csv_put,
                               .finish = csv_finish,
                               .discard = csv_discard,
                               .write_params = write_params,
                               .write_opts_size = sizeof(csv_write_opts)};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {.abi = SC_PLUGIN_ABI,
                                   .size = sizeof sc_plugin_entry,
                                   .kind = SC_KIND_FORMAT,
                                   .name = "csv",
                                   .brief = "tables of delimited text, csv and tsv",
                                   .params = params,
                                   .opts_size = sizeof(csv_opts),
                                   .impl = &impl};

/* sc-read: any format in, a stream out. */
#include "sc-read/duplicates.h"
#include "sc-read/repeats.h"
#include "sc_each.h"
#include "sc_formats.h"
#include "sc_source.h"

#include <inttypes.h>

typedef struct read_opts {
    sc_common common;
    const char *format;
    int duplicates;
} read_opts;

static const sc_param params[] = {
    SC_STRING(read_opts, format, "format", "NAME", "what the input is; else what it looks like"),
    SC_CHOICE(read_opts, duplicates, "duplicates", DUP_UNIQUE, "unique|drop|sum",
              "repeated gene names: add -1, -2 ...; keep the first; add the counts up"),
    SC_PARAM_END};

static const sc_tool tool = {.name = "sc-read",
                             .brief = "read cells of any format into a stream",
                             .operands = "[IN]",
                             .max_operands = 1,
                             .flags = SC_TOOL_FLOW | SC_TOOL_THREADS | SC_TOOL_OUTPUT | SC_TOOL_PG,
                             .params = params,
                             .opts_size = sizeof(read_opts),
                             .example = "sc-read filtered_feature_bc_matrix/ > pbmc.scz"};

typedef struct job {
    read_opts o;
    sc_formats formats;
    sc_source *src;
    sc_output file;
    sc_writer *out;
    sc_pool *pool;
} job;

/* A format while it is read. h is the format's own; out what is written. */
typedef struct reading {
    const sc_plugin *plugin;
    void *state;
    sc_format_opts opts;
    sc_host host;
    sc_header h, out;
    duplicates dups;
    repeats cells;
    int64_t n_obs;
} reading;

static void note(void *ctx, const char *line)
{
    const job *j = ctx;
    sc_cli_note(&tool, &j->o, "%s: %s", j->src->name, line);
}

static sc_status begin_output(job *j, sc_header *h, sc_err *err)
{
    if (!j->o.common.no_pg)
        SC_TRY(sc_header_record(h, tool.name, j->o.common.argc, j->o.common.argv, err));
    SC_TRY(sc_output_open(&j->file, j->o.common.output, true, err));
    return sc_writer_open(&j->out, j->file.fd, j->file.name, h, err);
}

static sc_status end_output(job *j, sc_err *err)
{
    SC_TRY(sc_writer_finish(j->out, err));
    return sc_output_commit(&j->file, err);
}

/* Our own stream goes through as it is, block for block. */
static sc_status copy_stream(job *j, sc_err *err)
{
    int fd;
    sc_status st;
    sc_block *b;
    sc_reader *in = NULL;
    sc_header h = {0};

    if (j->o.duplicates != DUP_UNIQUE)
        return sc_fail(err, SC_EUSAGE, "--duplicates is for other formats than scz");
    SC_TRY(sc_formats_no_opts(&j->formats, err));
    SC_GOTO(st, sc_source_spool(j->src, err), out);
    SC_GOTO(st, sc_source_fd(j->src, &fd, err), out);
    SC_GOTO(st, sc_reader_open(&in, fd, j->src->name, err), out);
    SC_GOTO(st, sc_header_copy(&h, sc_reader_header(in), err), out);
    SC_GOTO(st, begin_output(j, &h, err), out);
    while ((st = sc_reader_next(in, &b, err)) == SC_OK)
        SC_GOTO(st, sc_writer_put(j->out, b, err), out);
    if (st == SC_END)
        st = end_output(j, err);
out:
    sc_reader_close(in);
    sc_header_free(&h);
    return st;
}

static sc_status fail_count(const sc_strs *cells, const sc_header *h, const char *path, int64_t i,
                            int64_t col, float value, sc_err *err)
{
    char gene[32];
    (void)snprintf(gene, sizeof gene, "column %" PRId64, col);
    const bool is_named = strncmp(path, "obsm/", 5) != 0 && col < h->var.names.n;
    return sc_fail(err, SC_EDATA, "cell '%s', %s%s%s: %.9g in '%s' is not a count",
                   sc_strs_at(cells, i), is_named ? "gene '" : "",
                   is_named ? sc_strs_at(&h->var.names, col) : gene, is_named ? "'" : "",
                   (double)value, path);
}

/* A format that says "counts" is held to it. x or d: the matrix. */
static sc_status check_counts(const sc_strs *cells, const sc_header *h, int m, const sc_csr *x,
                              const sc_dense *d, sc_err *err)
{
    const float *values = x ? x->values : d->values;
    const int64_t n = x ? x->indptr[x->n_rows] : d->n_rows * d->n_cols;
    if (h->mats[m].kind != SC_COUNTS || sc_kind_scan(SC_COUNTS, values, n) == SC_COUNTS)
        return SC_OK;
    int64_t k = 0, i = 0;
    while (sc_kind_scan(SC_COUNTS, &values[k], 1) == SC_COUNTS)
        k++;
    while (x ? x->indptr[i + 1] <= k : (i + 1) * d->n_cols <= k)
        i++;
    const int64_t col = x ? x->indices[k] : k - i * d->n_cols;
    return fail_count(cells, h, h->mats[m].path, i, col, values[k], err);
}

static bool is_of_genes(const sc_mat *m)
{
    return strncmp(m->path, "varm/", 5) == 0;
}

/* Before genes are dropped or added up, which blocks without such genes need not wait for. */
static sc_status check_rows(const reading *g, const sc_format_rows *r, sc_err *err)
{
    if (g->dups.mode == DUP_UNIQUE || g->dups.n_repeated == 0)
        return SC_OK;
    for (int m = 0; m < g->h.n_mats; m++) {
        const bool is_sparse = g->h.mats[m].is_sparse;
        if (!is_of_genes(&g->h.mats[m]))
            SC_TRY(check_counts(&r->obs.names, &g->h, m, is_sparse ? &r->mats[m].sparse : NULL,
                                &r->mats[m].dense, err));
    }
    return SC_OK;
}

static sc_status check_block(void *ctx, int tid, sc_block *b, sc_err *err)
{
    const reading *g = ctx;
    sc_table *obs = NULL;
    (void)tid;
    if (g->dups.mode != DUP_UNIQUE && g->dups.n_repeated > 0)
        return SC_OK;
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int m = 0; m < g->h.n_mats; m++) {
        const sc_mat *mat = &g->h.mats[m];
        sc_csr *x = NULL;
        sc_dense *d = NULL;
        if (is_of_genes(mat))
            continue;
        SC_TRY(mat->is_sparse ? sc_block_sparse(b, mat->path, &x, err)
                              : sc_block_dense(b, mat->path, &d, err));
        SC_TRY(check_counts(&obs->names, &g->h, m, x, d, err));
    }
    return SC_OK;
}

static sc_status block_of(const reading *g, sc_format_rows *r, sc_block **out, sc_err *err)
{
    sc_block *b;
    SC_TRY(check_rows(g, r, err));
    SC_TRY(duplicates_apply(&g->dups, &g->h, r, err));
    SC_TRY(sc_block_new(&b, r->n_rows, err));
    sc_status st = sc_block_set_obs(b, &r->obs, err);
    for (int m = 0; m < g->h.n_mats && st == SC_OK; m++) {
        const sc_mat *mat = &g->h.mats[m];
        if (is_of_genes(mat))
            continue;
        st = mat->is_sparse ? sc_block_set_sparse(b, mat->path, &r->mats[m].sparse, err)
                            : sc_block_set_dense(b, mat->path, &r->mats[m].dense, err);
    }
    if (st == SC_OK)
        *out = b;
    else
        sc_block_free(b);
    return st;
}

static sc_status next_block(void *ctx, sc_block **out, sc_err *err)
{
    reading *g = ctx;
    sc_format_rows r = {0};
    sc_status st = sc_format_of(g->plugin)->next(g->state, &r, err);
    if (st == SC_OK)
        st = repeats_add(&g->cells, &r.obs.names, err);
    if (st == SC_OK)
        st = block_of(g, &r, out, err);
    g->n_obs += st == SC_OK ? sc_block_n_rows(*out) : 0;
    sc_format_rows_free(&r);
    return st;
}

/* The format reads on one thread at a time; what it read is encoded on all of them. */
static sc_status copy_rows(job *j, reading *g, sc_err *err)
{
    const sc_each each = {.work = check_block, .ctx = g, .take = next_block};
    SC_TRY(sc_reader_each(NULL, j->out, j->pool, &each, err));
    return end_output(j, err);
}

static void say_duplicates(const job *j, const duplicates *d)
{
    static const char *const done[] = {"made unique with -1, -2 ...", "left out",
                                       "added to the first of their name"};
    if (d->n_repeated > 0)
        sc_cli_note(&tool, &j->o, "%s: %" PRId64 " genes with the name of another were %s",
                    j->src->name, d->n_repeated, done[d->mode]);
}

static void say_what(const job *j, const reading *g)
{
    if (g->cells.n_repeated > 0)
        sc_cli_note(&tool, &j->o,
                    "%s: %" PRId64 " cells have the name of another ('%s' is the first); they "
                    "stay as they are",
                    j->src->name, g->cells.n_repeated, g->cells.first);
    const int x = sc_header_find(&g->out, "X");
    sc_cli_note(&tool, &j->o, "%s: %s, %" PRId64 " cells x %" PRId64 " genes%s%s", j->src->name,
                g->plugin->name, g->n_obs, g->out.var.n_rows, x < 0 ? "" : ", X is ",
                x < 0 ? "" : sc_matkind_name(g->out.mats[x].kind));
}

static sc_status choose_format(job *j, reading *g, sc_err *err)
{
    SC_TRY(sc_formats_load(&j->formats, err));
    if (!j->o.format)
        SC_TRY(sc_formats_sniff(&j->formats, j->src, &g->plugin, err));
    else
        SC_TRY(sc_formats_find(&j->formats, j->o.format, &g->plugin, err));
    const unsigned flags = sc_format_of(g->plugin)->flags;
    if (j->src->is_dir && !(flags & SC_FORMAT_DIRS))
        return sc_fail(err, SC_EIO, "%s: it is a folder, and format '%s' reads files", j->src->name,
                       g->plugin->name);
    if (flags & SC_FORMAT_SEEKS)
        SC_TRY(sc_source_spool(j->src, err));
    return sc_formats_opts(&j->formats, g->plugin, &g->opts, err);
}

static sc_status read_foreign(job *j, sc_err *err)
{
    reading g = {.host = {.size = sizeof g.host, .ctx = j, .note = note}};
    sc_status st;
    SC_GOTO(st, choose_format(j, &g, err), out);
    SC_GOTO(st, sc_format_of(g.plugin)->open(&g.state, j->src, &g.opts, &g.host, &g.h, err), out);
    SC_GOTO(st, sc_header_copy(&g.out, &g.h, err), out);
    SC_GOTO(st, duplicates_plan(&g.dups, (dup_mode)j->o.duplicates, &g.out, err), out);
    say_duplicates(j, &g.dups);
    SC_GOTO(st, begin_output(j, &g.out, err), out);
    SC_GOTO(st, copy_rows(j, &g, err), out);
    say_what(j, &g);
out:
    if (g.plugin)
        sc_format_of(g.plugin)->close(g.state);
    duplicates_free(&g.dups);
    repeats_free(&g.cells);
    sc_header_free(&g.h);
    sc_header_free(&g.out);
    return st;
}

static bool is_stream(const sc_source *src)
{
    static const unsigned char magic[] = {0x89, 'S', 'C', 'Z', '\r', '\n', 0x1a}; /* scz(5) */
    return src->head_len >= sizeof magic && memcmp(src->head, magic, sizeof magic) == 0;
}

static sc_status run(job *j, sc_err *err)
{
    const bool is_scz = j->o.format ? strcmp(j->o.format, "scz") == 0 : is_stream(j->src);
    if (is_scz)
        return copy_stream(j, err);
    const sc_status st = read_foreign(j, err);
    const bool is_input = st == SC_EFORMAT || st == SC_EDATA;
    if (is_input && strncmp(err->msg, j->src->name, strlen(j->src->name)) != 0)
        return sc_err_prefix(err, st, "%s", j->src->name);
    return st;
}

int main(int argc, char **argv)
{
    job j = {0};
    sc_err err = {0};

    sc_status st =
        sc_cli_parse_with(&tool, &j.o, "format", sc_formats_pick, &j.formats, argc, argv, &err);
    if (st == SC_OK)
        st = sc_source_open(&j.src, j.o.common.n_operands ? j.o.common.operands[0] : NULL, &err);
    if (st == SC_OK)
        st = sc_pool_new(&j.pool, (int)j.o.common.n_threads, &err);
    if (st == SC_OK)
        st = run(&j, &err);

    sc_writer_close(j.out);
    sc_pool_free(j.pool);
    sc_output_abandon(&j.file);
    sc_source_close(j.src);
    sc_cli_free(&j.o);
    sc_formats_free(&j.formats);
    return sc_cli_exit(&tool, st, &err);
}

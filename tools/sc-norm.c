/*
 * sc-norm: library size normalization and log1p. The counts stay, as layer "counts".
 */
#include "sc_each.h"
#include "sc_norm.h"
#include "sc_pass.h"
#include "sc_uns.h"

#include <stdlib.h>
#include <string.h>

typedef struct norm_opts {
    sc_common common;
    double target_sum, max_fraction;
    bool is_log, is_excluding;
    const char *layer;
} norm_opts;

static const sc_param params[] = {
    SC_REAL(norm_opts, target_sum, "target-sum", 0, 0, 1e12,
            "library size after scaling, counts; 0: the median of the cells that have any"),
    SC_BOOL(norm_opts, is_log, "log1p", 0, "take log(1 + x) afterwards"),
    SC_BOOL(norm_opts, is_excluding, "exclude-highly-expressed", 0,
            "leave genes that dominate some cell out of the library sizes"),
    SC_REAL(norm_opts, max_fraction, "max-fraction", 0.05, 0, 1,
            "share of a cell's counts above which a gene dominates it"),
    SC_STRING(norm_opts, layer, "layer", "NAME", "counts to normalize, \"X\" or a layer"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-norm",
    .brief = "scale cells to one library size, and take logs",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_FLOW | SC_TOOL_THREADS | SC_TOOL_OUTPUT | SC_TOOL_PG,
    .params = params,
    .opts_size = sizeof(norm_opts),
    .example = "sc-norm --target-sum 1e4 --log1p counts.scz > norm.scz",
};

typedef struct job {
    norm_opts o;
    sc_pass p;
    sc_mat src; /* of the input's header, lent */
    double target;
    uint8_t *is_high; /* n_vars; NULL: no gene is left out */
    double *totals;   /* of the rows of a block, or of all cells so far */
    int64_t n_totals, n_room;
} job;

static sc_status choose_counts(job *j, sc_err *err)
{
    const sc_header *h = sc_reader_header(j->p.in);
    char note[256] = "";
    int m;

    if (!j->o.is_excluding && j->o.max_fraction != 0.05)
        return sc_fail(err, SC_EUSAGE, "--max-fraction needs --exclude-highly-expressed");
    SC_TRY(sc_reader_counts(j->p.in, j->o.layer, &m, note, sizeof note, err));
    if (*note)
        sc_cli_note(&tool, &j->o, "%s", note);
    j->src = h->mats[m];
    if (strcmp(j->src.path, "X") == 0 && sc_header_find(h, "layers/counts") >= 0)
        return sc_fail(err, SC_EDATA,
                       "layer 'counts' exists, where X would go; --layer counts normalizes it");
    return SC_OK;
}

static sc_status describe_output(job *j, sc_err *err)
{
    const sc_matkind kind = j->o.is_log ? SC_LOGNORM : SC_COUNTS_FRACTIONAL;
    sc_mat *m;

    if (strcmp(j->src.path, "X") == 0)
        SC_TRY(
            sc_header_add(&j->p.out, "layers/counts", j->src.kind, j->src.is_sparse, -1, &m, err));
    SC_TRY(sc_header_add(&j->p.out, "X", kind, j->src.is_sparse, -1, &m, err));
    return j->o.is_log ? sc_uns_set(&j->p.out, "log1p", "{}", err) : SC_OK;
}

static sc_status make_room(job *j, int64_t n, sc_err *err)
{
    if (n <= j->n_room)
        return SC_OK;
    n += n / 2;
    SC_TRY(sc_resize(&j->totals, (size_t)n, sizeof *j->totals, err));
    j->n_room = n;
    return SC_OK;
}

/* The counts of a block, known to be counts; path: of the matrix that holds them now. */
static sc_status counts_of(job *j, sc_block *b, char *path, sc_rows *x, sc_err *err)
{
    sc_mat m = j->src;
    m.path = path;
    SC_TRY(sc_rows_of(b, &m, x, err));
    return sc_rows_check(x, b, &j->src, &j->p.out.var, "counts", err);
}

static sc_status decode_counts(void *ctx, int tid, sc_block *b, sc_err *err)
{
    job *j = ctx;
    sc_rows x;
    (void)tid;
    return counts_of(j, b, j->src.path, &x, err);
}

static sc_status mark_high(void *ctx, int tid, sc_block *b, sc_err *err)
{
    job *j = ctx;
    sc_rows x;
    (void)tid;
    SC_TRY(sc_rows_of(b, &j->src, &x, err));
    SC_TRY(make_room(j, x.n_rows, err));
    sc_norm_totals(&x, NULL, j->totals);
    sc_norm_mark_high(&x, j->totals, j->o.max_fraction, j->is_high);
    return SC_OK;
}

static sc_status find_high(job *j, sc_err *err)
{
    const sc_each each = {.work = decode_counts, .turn = mark_high, .ctx = j};
    SC_TRY(sc_alloc(&j->is_high, (size_t)j->p.out.var.n_rows, 1, err));
    SC_TRY(sc_reader_each(j->p.in, NULL, j->p.pool, &each, err));
    return sc_reader_rewind(j->p.in, err);
}

static sc_status add_totals(void *ctx, int tid, sc_block *b, sc_err *err)
{
    job *j = ctx;
    sc_rows x;
    (void)tid;
    SC_TRY(sc_rows_of(b, &j->src, &x, err));
    SC_TRY(make_room(j, j->n_totals + x.n_rows, err));
    sc_norm_totals(&x, j->is_high, j->totals + j->n_totals);
    j->n_totals += x.n_rows;
    return SC_OK;
}

static sc_status find_median(job *j, sc_err *err)
{
    const sc_each each = {.work = decode_counts, .turn = add_totals, .ctx = j};
    SC_TRY(sc_reader_each(j->p.in, NULL, j->p.pool, &each, err));
    j->target = sc_norm_median(j->n_totals, j->totals);
    sc_cli_note(&tool, &j->o, "the median library size is %.9g", j->target);
    return sc_reader_rewind(j->p.in, err);
}

static sc_status normalize(void *ctx, int tid, sc_block *b, sc_err *err)
{
    job *j = ctx;
    char x_path[] = "X";
    double *totals = NULL;
    sc_rows x;
    (void)tid;
    if (strcmp(j->src.path, "X") == 0)
        SC_TRY(sc_block_alias(b, "layers/counts", "X", err));
    else
        SC_TRY(sc_block_alias(b, "X", j->src.path, err));
    SC_TRY(counts_of(j, b, x_path, &x, err));
    SC_TRY(sc_alloc(&totals, (size_t)x.n_rows, sizeof *totals, err));
    sc_norm_totals(&x, j->is_high, totals);
    sc_norm_rows(&x, totals, j->target, j->o.is_log);
    free(totals);
    sc_block_touch(b, "X");
    return SC_OK;
}

static sc_status write_all(void *ctx, sc_writer *out, sc_err *err)
{
    job *j = ctx;
    const sc_each each = {.work = normalize, .ctx = j};
    return sc_reader_each(j->p.in, out, j->p.pool, &each, err);
}

static sc_status run(job *j, sc_err *err)
{
    SC_TRY(sc_pass_open(&j->p, &tool, &j->o.common, err));
    SC_TRY(choose_counts(j, err));
    SC_TRY(describe_output(j, err));
    j->target = j->o.target_sum;
    if (j->o.is_excluding || !(j->target > 0))
        SC_TRY(sc_reader_keep(j->p.in, err));
    if (j->o.is_excluding)
        SC_TRY(find_high(j, err));
    if (!(j->target > 0))
        SC_TRY(find_median(j, err));
    return sc_pass_write(&j->p, write_all, j, err);
}

int main(int argc, char **argv)
{
    job j = {0};
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &j.o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&j, &err);
    const int status = sc_pass_exit(&j.p, &tool, st, &err);
    free(j.is_high);
    free(j.totals);
    sc_cli_free(&j.o);
    return status;
}

/* sc-write: a stream in, a file of another format out. */
#include "sc-write/target.h"
#include "sc_formats.h"

#include <stdlib.h>

typedef struct write_opts {
    sc_common common;
    const char *format;
} write_opts;

static const sc_param params[] = {SC_STRING(write_opts, format, "format", "NAME",
                                            "what to write; else by the name of the output"),
                                  SC_PARAM_END};

static const sc_tool tool = {.name = "sc-write",
                             .brief = "write a stream as a file of another format",
                             .operands = "[IN]",
                             .max_operands = 1,
                             .flags = SC_TOOL_OUTPUT,
                             .params = params,
                             .opts_size = sizeof(write_opts),
                             .example = "sc-embed m.scm hvg.scz | sc-write -o out.h5ad"};

typedef struct job {
    write_opts o;
    sc_formats formats;
    sc_reader *in;
    const sc_plugin *plugin;
    sc_format_opts opts;
    sc_host host;
    target to;
    void *state;
} job;

static void note(void *ctx, const char *line)
{
    const job *j = ctx;
    sc_cli_note(&tool, &j->o, "%s", line);
}

static sc_status choose_format(job *j, sc_err *err)
{
    const char *name = j->o.common.output;
    SC_TRY(sc_formats_load(&j->formats, err));
    if (j->o.format)
        SC_TRY(sc_formats_find(&j->formats, j->o.format, &j->plugin, err));
    else if (!name || strcmp(name, "-") == 0)
        return sc_fail(err, SC_EUSAGE, "the format of stdout is not known: use --format or -o");
    else
        SC_TRY(sc_formats_by_suffix(&j->formats, name, &j->plugin, err));
    return sc_formats_opts(&j->formats, j->plugin, &j->opts, err);
}

/* What a block holds, decoded; r lends from b. */
static sc_status lend(const sc_header *h, sc_block *b, sc_format_rows *r, sc_err *err)
{
    sc_table *obs;
    SC_TRY(sc_block_obs(b, &obs, err));
    r->row0 = sc_block_row0(b);
    r->n_rows = sc_block_n_rows(b);
    r->obs = *obs;
    for (int m = 0; m < h->n_mats; m++) {
        sc_csr *sparse;
        sc_dense *dense;
        if (strncmp(h->mats[m].path, "varm/", 5) == 0)
            continue;
        if (h->mats[m].is_sparse) {
            SC_TRY(sc_block_sparse(b, h->mats[m].path, &sparse, err));
            r->mats[m].sparse = *sparse;
        } else {
            SC_TRY(sc_block_dense(b, h->mats[m].path, &dense, err));
            r->mats[m].dense = *dense;
        }
    }
    return SC_OK;
}

static sc_status copy_rows(job *j, sc_err *err)
{
    const sc_header *h = sc_reader_header(j->in);
    sc_format_rows r = {.n_mats = h->n_mats};
    sc_block *b;
    SC_TRY(sc_alloc(&r.mats, (size_t)h->n_mats, sizeof *r.mats, err));
    sc_status st;
    while ((st = sc_reader_next(j->in, &b, err)) == SC_OK) {
        SC_GOTO(st, lend(h, b, &r, err), out);
        SC_GOTO(st, sc_format_of(j->plugin)->put(j->state, &r, err), out);
    }
    if (st == SC_END)
        st = sc_format_of(j->plugin)->finish(j->state, err);
out:
    free(r.mats);
    return st;
}

static sc_status run(job *j, sc_err *err)
{
    const char *in = j->o.common.n_operands ? j->o.common.operands[0] : NULL;
    j->host = (sc_host){.size = sizeof j->host, .ctx = j, .note = note};
    SC_TRY(choose_format(j, err));
    SC_TRY(sc_reader_open_path(&j->in, in, err));
    const char *name = j->o.common.output ? j->o.common.output : "-";
    SC_TRY(target_open(&j->to, name, sc_formats_makes_folder(j->plugin, name), err));
    SC_TRY(sc_format_of(j->plugin)->create(&j->state, j->to.path, j->to.name,
                                           sc_format_of(j->plugin)->write_params ? &j->opts : NULL,
                                           &j->host, sc_reader_header(j->in), err));
    SC_TRY(copy_rows(j, err));
    sc_format_of(j->plugin)->discard(j->state);
    j->state = NULL;
    return target_commit(&j->to, err);
}

int main(int argc, char **argv)
{
    job j = {.to = {.file = {.fd = -1}, .spool = -1}, .formats = {.is_writing = true}};
    sc_err err = {0};

    sc_status st =
        sc_cli_parse_with(&tool, &j.o, "format", sc_formats_pick, &j.formats, argc, argv, &err);
    if (st == SC_OK)
        st = run(&j, &err);

    if (j.in)
        (void)sc_err_name(&err, st, sc_reader_name(j.in));
    if (j.plugin)
        sc_format_of(j.plugin)->discard(j.state);
    target_close(&j.to);
    sc_reader_close(j.in);
    sc_cli_free(&j.o);
    sc_formats_free(&j.formats);
    return sc_cli_exit(&tool, st, &err);
}

/* One page that shows a model and the cells it was run over. The parts are in sc-report/. */
#include "sc-report/report.h"
#include "sc_cli.h"
#include "sc_loadings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct options {
    sc_common common;
    report_opts report;
} options;

static const sc_param params[] = {
    SC_STRING(options, report.title, "title", "TEXT", "heading; default the model's name"),
    SC_STRING(options, report.layer, "layer", "NAME",
              "matrix of the expression: X, raw or a layer; default X, or a layer that is no real"),
    SC_INT(options, report.max_cells, "max-cells", 20000, 1, 1000000,
           "of more cells, so many are drawn, the same in every run"),
    SC_INT(options, report.max_genes, "max-genes", 2000, 0, 100000,
           "of more genes, those whose expression varies most are kept"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-report",
    .brief = "One HTML page of a model and its cells, to look at without a network.",
    .operands = "MODEL [IN]",
    .min_operands = 1,
    .max_operands = 2,
    .flags = SC_TOOL_OUTPUT,
    .params = params,
    .opts_size = sizeof(options),
    .example = "sc-report -o report.html ldvae.scm clusters.scz",
};

/* A model without a linear decoder has no loadings, which is no mistake here. */
static sc_status read_loadings(report_loadings *l, const sc_net *net, sc_err *err)
{
    const sc_status st = sc_loadings(net, &l->w, &l->d, err);
    return st == SC_EUSAGE ? SC_OK : st;
}

static sc_status write_page(const options *o, const report_cells *c, const sc_net *net,
                            const report_loadings *l, sc_err *err)
{
    sc_header run = {0};
    sc_output out = {.fd = -1};
    report_buf bytes = {0};
    char *json = NULL;
    FILE *f = NULL;
    sc_status st;
    SC_GOTO(st, sc_header_record(&run, tool.name, o->common.argc, o->common.argv, err), out);
    SC_GOTO(st, report_meta(&o->report, c, net, l, sc_strs_at(&run.records, 0), &json, &bytes, err),
            out);
    SC_GOTO(st, sc_output_open(&out, o->common.output, false, err), out);
    f = fdopen(dup(out.fd), "w");
    if (!f) {
        st = sc_fail_errno(err, "%s", out.name);
        goto out;
    }
    st = report_page(f, &o->report, c, json, &bytes, err);
    const bool is_bad = ferror(f) != 0;
    if ((fclose(f) != 0 || is_bad) && st == SC_OK)
        st = sc_fail_errno(err, "%s", out.name);
    if (st == SC_OK)
        st = sc_output_commit(&out, err);
out:
    sc_output_abandon(&out);
    sc_header_free(&run);
    free(json);
    free(bytes.p);
    return st;
}

/* Cells of another experiment than the model's make a page as well, but not in silence. */
static sc_status match_genes(const options *o, const sc_net *net, sc_reader *in, report_cells *c,
                             sc_err *err)
{
    const int64_t n = net->var.names.n;
    SC_TRY(report_matched(net, sc_reader_header(in), &c->n_matched, err));
    if (c->n_matched < n)
        sc_cli_note(&tool, o, "%s: has %" PRId64 " of the model's %" PRId64 " genes%s",
                    sc_reader_name(in), c->n_matched, n,
                    2 * c->n_matched < n ? "; are these cells that it was run over?" : "");
    return SC_OK;
}

static sc_status run(void *opts, sc_err *err)
{
    options *o = opts;
    const char *model = o->common.operands[0];
    const char *cells = o->common.n_operands > 1 ? o->common.operands[1] : "-";
    report_cells c = {0};
    report_loadings l = {0};
    sc_net net = {0};
    sc_reader *in = NULL;
    char title[128];
    sc_status st;
    if (strcmp(model, "-") == 0 && strcmp(cells, "-") == 0)
        return sc_fail(err, SC_EUSAGE, "model and cells can't both come from stdin");
    SC_GOTO(st, sc_net_read(&net, model, err), out);
    SC_GOTO(st, read_loadings(&l, &net, err), out);
    SC_GOTO(st, sc_reader_open_path(&in, cells, err), out);
    SC_GOTO(st, report_cells_read(&c, in, &o->report, err), out);
    SC_GOTO(st, match_genes(o, &net, in, &c, err), out);
    (void)snprintf(title, sizeof title, "%s model", net.handle.plugin->name);
    if (!o->report.title)
        o->report.title = title;
    st = write_page(o, &c, &net, &l, err);
out:
    report_cells_free(&c);
    sc_reader_close(in);
    free(l.w);
    sc_net_free(&net);
    return st;
}

int main(int argc, char **argv)
{
    options o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}

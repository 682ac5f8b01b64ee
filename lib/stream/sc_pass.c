#include "sc_pass.h"

#include "sc_each.h"

sc_status sc_pass_open(sc_pass *p, const sc_tool *tool, const sc_common *common, sc_err *err)
{
    *p = (sc_pass){.tool = tool, .common = common, .to = {.fd = -1}};
    SC_TRY(sc_reader_open_path(&p->in, common->n_operands ? common->operands[0] : NULL, err));
    SC_TRY(sc_header_copy(&p->out, sc_reader_header(p->in), err));
    SC_TRY(sc_output_open(&p->to, common->output, true, err));
    return tool->flags & SC_TOOL_THREADS
               ? sc_reader_pool(&p->pool, p->in, (int)common->n_threads, err)
               : SC_OK;
}

sc_status sc_pass_write(sc_pass *p, sc_pass_blocks write, void *ctx, sc_err *err)
{
    const sc_common *c = p->common;
    sc_writer *out = NULL;
    sc_status st;
    if (!c->no_pg)
        SC_TRY(sc_header_record(&p->out, p->tool->name, c->argc, c->argv, err));
    SC_GOTO(st, sc_writer_open(&out, p->to.fd, p->to.name, &p->out, err), out);
    SC_GOTO(st, write(ctx, out, err), out);
    st = sc_writer_finish(out, err);
out:
    sc_writer_close(out);
    return st == SC_OK ? sc_output_commit(&p->to, err) : st;
}

void sc_pass_close(sc_pass *p)
{
    if (p->tool) /* else it was not opened */
        sc_output_abandon(&p->to);
    sc_header_free(&p->out);
    sc_pool_free(p->pool);
    sc_reader_close(p->in);
    *p = (sc_pass){0};
}

int sc_pass_exit(sc_pass *p, const sc_tool *tool, sc_status st, sc_err *err)
{
    if (p->in)
        (void)sc_err_name(err, st, sc_reader_name(p->in));
    const int code = sc_cli_exit(tool, st, err);
    sc_pass_close(p);
    return code;
}

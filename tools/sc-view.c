/* sc-view: what is in a stream or a model, as text. */
#include "sc-view/view.h"
#include "sc_cli.h"

#include <errno.h>
#include <unistd.h>

typedef struct view_opts {
    sc_common common;
    const char *what;
    bool header_only, json, check;
    int64_t n_rows;
} view_opts;

static const sc_param params[] = {
    {SC_PARAM_STRING, "table", offsetof(view_opts, what), 0, 0, 0, "NAME",
     "print this: obs, var, X, layers/K, obsm/K, uns ...; of a model: history, tensors, tensors/K",
     't'},
    {SC_PARAM_INT, "rows", offsetof(view_opts, n_rows), -1, -1, 9e15, "N",
     "print the first N rows only; -1: all", 'n'},
    {SC_PARAM_BOOL, "header", offsetof(view_opts, header_only), 0, 0, 1, NULL,
     "print what the header says and read no further", 'H'},
    SC_BOOL(view_opts, json, "json", 0, "print the summary as JSON"),
    SC_BOOL(view_opts, check, "check", 0, "decode everything, and say whether it is whole"),
    SC_PARAM_END,
};

static const sc_tool tool = {
    .name = "sc-view",
    .brief = "show what is in a stream of cells or in a model",
    .operands = "[IN]",
    .min_operands = 0,
    .max_operands = 1,
    .flags = SC_TOOL_THREADS | SC_TOOL_OUTPUT,
    .params = params,
    .opts_size = sizeof(view_opts),
    .example = "sc-view -t obs -n 5 cells.scz",
};

static sc_status check_options(const view_opts *o, sc_err *err)
{
    if (o->what && (o->json || o->check || o->header_only))
        return sc_fail(err, SC_EUSAGE, "--table goes with none of --json, --check and --header");
    if (o->header_only && o->check)
        return sc_fail(err, SC_EUSAGE, "--check reads everything, and --header does not");
    if (!o->what && o->n_rows >= 0)
        return sc_fail(err, SC_EUSAGE, "--rows needs a --table");
    return SC_OK;
}

/* Where the text goes. stdio forgets why a write failed, and a closed pipe is no failure. */
typedef struct sink {
    int fd, error;
} sink;

static ssize_t sink_write(void *cookie, const char *p, size_t n)
{
    sink *s = cookie;
    size_t done = 0;
    while (done < n && !s->error) {
        const ssize_t w = write(s->fd, p + done, n - done);
        if (w >= 0)
            done += (size_t)w;
        else if (errno != EINTR)
            s->error = errno;
    }
    return (ssize_t)done; /* short: stdio sets the stream's error flag */
}

static sc_status print(const view_opts *o, sc_reader *in, const sc_output *out, sc_err *err)
{
    sink s = {out->fd, 0};
    FILE *to = fopencookie(&s, "w", (cookie_io_functions_t){.write = sink_write});
    if (!to)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    (void)setvbuf(to, NULL, _IOFBF, 1 << 18);
    const view v = {
        to, o->what, o->n_rows, o->header_only, o->json, o->check, (int)o->common.n_threads};
    const sc_status st = sc_reader_is_model(in) ? view_model(&v, in, err) : view_cells(&v, in, err);
    (void)fclose(to);
    errno = s.error;
    return s.error ? sc_fail_errno(err, "%s: cannot write", out->name)
                   : sc_err_name(err, st, sc_reader_name(in));
}

static sc_status run(void *opts, sc_err *err)
{
    const view_opts *o = opts;
    sc_output out;
    sc_reader *in;
    const char *path = o->common.n_operands ? o->common.operands[0] : NULL;
    SC_TRY(check_options(o, err));
    SC_TRY(sc_reader_open_any_path(&in, path, err));
    sc_status st = sc_output_open(&out, o->common.output, false, err);
    if (st == SC_OK) {
        st = print(o, in, &out, err);
        if (st == SC_OK)
            st = sc_output_commit(&out, err);
        else
            sc_output_abandon(&out);
    }
    sc_reader_close(in);
    return st;
}

int main(int argc, char **argv)
{
    view_opts o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}

/*
 * sc-doctor: what this machine and this installation have, what is missing, and what to do.
 */
#include "sc-doctor/doctor.h"
#include "sc_stream.h"

#include <stdarg.h>
#include <unistd.h>

typedef struct doctor_opts {
    sc_common common;
} doctor_opts;

static const sc_param params[] = {SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-doctor",
    .brief = "tell what this machine and installation have, and what is missing",
    .operands = "",
    .flags = SC_TOOL_OUTPUT,
    .params = params,
    .opts_size = sizeof(doctor_opts),
    .example = "sc-doctor",
};

void doctor_say(doctor *d, doctor_state state, const char *what, const char *fmt, ...)
{
    static const char *const words[] = {"ok", "note", "BAD"};
    va_list ap;
    d->n_notes += state == IS_NOTE;
    d->n_bad += state == IS_BAD;
    if (d->is_quiet && state == IS_OK)
        return;
    fprintf(d->to, "%-4s  %-8s  ", words[state], what);
    va_start(ap, fmt);
    (void)vfprintf(d->to, fmt, ap);
    va_end(ap);
    putc('\n', d->to);
}

static sc_status look(doctor *d, sc_err *err)
{
    look_at_install(d);
    look_at_cpu(d);
    look_at_limits(d);
    SC_TRY(look_at_plugins(d, err));
    if (!d->n_bad)
        fprintf(d->to, "all that is needed works%s\n", d->n_notes ? "; see the notes" : "");
    return SC_OK;
}

static sc_status run(void *opts, sc_err *err)
{
    const doctor_opts *o = opts;
    sc_output out = {.fd = -1};
    SC_TRY(sc_output_open(&out, o->common.output, false, err));
    doctor d = {.to = fdopen(dup(out.fd), "w"), .is_quiet = o->common.quiet};
    sc_status st = d.to ? look(&d, err) : sc_fail_errno(err, "%s", out.name);
    const bool is_cut = d.to && ferror(d.to) != 0;
    if (d.to && (fclose(d.to) != 0 || is_cut) && st == SC_OK)
        st = sc_fail_errno(err, "%s", out.name);
    if (st == SC_OK)
        st = sc_output_commit(&out, err);
    sc_output_abandon(&out);
    if (st == SC_OK && d.n_bad)
        st = sc_fail(err, d.n_bad_plugins ? SC_EPLUGIN : SC_EIO,
                     "%d thing%s that the tools need %s; see BAD above", d.n_bad,
                     d.n_bad > 1 ? "s" : "", d.n_bad > 1 ? "are broken" : "is broken");
    return st;
}

int main(int argc, char **argv)
{
    doctor_opts o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}

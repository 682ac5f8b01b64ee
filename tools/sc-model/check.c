/*
 * sc-model check: loads a model plugin, builds it with its options at their extremes, compares its
 * gradients with differences, its cells alone with the same cells in a batch, a model with what
 * comes back from its file. All in a process of its own, so that a crash is a sentence too.
 */
#include "check.h"
#include "model.h"

#include <float.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 60, MOST_SECONDS = 600 };

void check_doing(check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(c->note->doing, sizeof c->note->doing, fmt, ap);
    va_end(ap);
    /* the first of work, so that a busy machine makes no fault of it; the other of waiting, for a
     * build() that does not end and does nothing */
    const struct itimerval work = {.it_value.tv_sec = SECONDS};
    (void)setitimer(ITIMER_PROF, &work, NULL);
    (void)alarm(MOST_SECONDS);
}

/* Where a model of the name is looked for when it is read again. */
static sc_status set_folder(const check *c, sc_err *err)
{
    const char *slash = strrchr(c->h.path, '/'), *name = c->h.plugin->name;
    const char *file = slash ? slash + 1 : c->h.path;
    const size_t n = strlen(name);
    if (strncmp(file, name, n) != 0 || strcmp(file + n, ".so") != 0)
        return sc_fail(err, SC_EPLUGIN,
                       "the plugin calls itself '%s', so its file has to be '%s.so', or no model "
                       "of it is ever read again",
                       name, name);
    char *folder = slash ? strndup(c->h.path, (size_t)(slash - c->h.path)) : strdup(".");
    const int failed = folder ? setenv("SLUICE_PLUGIN_PATH", folder, 1) : -1;
    free(folder);
    return failed ? sc_fail(err, SC_ENOMEM, "out of memory") : SC_OK;
}

static size_t field_size(const sc_param *p)
{
    return p->type == SC_PARAM_BOOL     ? sizeof(bool)
           : p->type == SC_PARAM_CHOICE ? sizeof(int)
                                        : sizeof(int64_t);
}

static sc_status check_table(const sc_plugin *p, sc_err *err)
{
    size_t len;
    for (const sc_param *q = p->params; q && q->name; q++) {
        const char *wrong = NULL;
        if (q->type != SC_PARAM_BOOL && q->type != SC_PARAM_INT && q->type != SC_PARAM_REAL &&
            q->type != SC_PARAM_CHOICE)
            wrong = "is no boolean, number or choice";
        else if (q->offset + field_size(q) > p->opts_size)
            wrong = "lies outside of the options struct: is opts_size the struct's?";
        else if (q->type == SC_PARAM_CHOICE && !sc_param_choice_at(q, (int)q->def, &len))
            wrong = "has a default that is none of its choices";
        else if (q->type != SC_PARAM_CHOICE && !(q->min <= q->def && q->def <= q->max))
            wrong = "has a default outside of its limits";
        else if (!q->doc || !q->doc[0])
            wrong = "has no line that says what it is";
        for (const sc_param *r = p->params; !wrong && r < q; r++)
            if (strcmp(r->name, q->name) == 0)
                wrong = "is in the table twice";
        if (wrong)
            return sc_fail(err, SC_EPLUGIN, "option '--%s' %s", q->name, wrong);
    }
    return SC_OK;
}

static sc_status check_outputs(const sc_net *net, sc_err *err)
{
    const sc_built *g = net->g;
    int latent = sc_graph_output(g, "latent");
    if (latent < 0)
        return sc_fail(err, SC_EPLUGIN,
                       "there is no output 'latent' for sc-embed: sc_result(g, \"latent\", "
                       "SC_OUT_LATENT, z, ...)");
    char name[256];
    (void)snprintf(name, sizeof name, "%s.weight", g->loadings_linear ? g->loadings_linear : "");
    if (g->loadings_linear && sc_graph_weight(g, name) < 0)
        return sc_fail(err, SC_EPLUGIN, "loadings are of linear '%s', which there isn't",
                       g->loadings_linear);
    return SC_OK;
}

/* One graph: twice the same, then run if it is not too large. n_each 0: no gradients. */
static sc_status check_graph(check *c, check_data data, const void *opts, const char *with,
                             int n_each, sc_err *err)
{
    sc_net net = {0};
    sc_built *again = NULL;
    sc_status st;
    check_doing(c, "build() with %s", with);
    SC_GOTO(st, check_net(c, data, opts, &net, err), out);
    c->n_graphs++;
    SC_GOTO(st, sc_graph_build(&again, net.model, net.opts, &net.dims, err), out);
    if (!sc_graph_same(again, net.g)) {
        st = sc_fail(err, SC_EPLUGIN, "build() gives another graph the second time");
        goto out;
    }
    if (!net.weights)
        goto out;
    check_doing(c, "a model with %s", with);
    SC_GOTO(st, check_outputs(&net, err), out);
    if (n_each > 0)
        SC_GOTO(st, check_gradients(c, &net, n_each, err), out);
    SC_GOTO(st, check_rows(c, &net, err), out);
    SC_GOTO(st, check_file(c, &net, err), out);
    c->n_run++;
out:
    sc_graph_free(again);
    sc_net_free(&net);
    if (st == SC_EUSAGE) /* what asks for labels, say, is no mistake where there are none */
        return SC_OK;
    return st == SC_OK ? SC_OK : sc_err_prefix(err, SC_EPLUGIN, "with %s", with);
}

/* The k-th value worth a look, as text; false: no more. */
static bool value_at(const sc_param *q, int k, char *text, size_t size)
{
    size_t len = 0;
    const char *word = NULL;
    switch (q->type) {
    case SC_PARAM_CHOICE:
        if (!(word = sc_param_choice_at(q, k, &len)))
            return false;
        (void)snprintf(text, size, "%.*s", (int)len, word);
        return true;
    case SC_PARAM_BOOL:
        (void)snprintf(text, size, "%s", k ? "true" : "false");
        return k < 2;
    case SC_PARAM_INT:
        (void)snprintf(text, size, "%.0f", k ? q->max : q->min);
        return k < 2;
    default:
        (void)snprintf(text, size, "%.17g", k ? q->max : q->min);
        return k < 2;
    }
}

/* Nearly everything dropped out, 32 layers: in training that may well overflow on a few cells. */
static bool is_wild(const sc_param *q, int k)
{
    return k > 0 && (q->type == SC_PARAM_INT || q->type == SC_PARAM_REAL);
}

static sc_status check_extremes(check *c, sc_err *err)
{
    const sc_plugin *p = c->h.plugin;
    char text[64], with[256];
    void *opts = NULL;
    SC_TRY(sc_alloc(&opts, 1, p->opts_size, err));
    sc_status st = SC_OK;
    for (const sc_param *q = p->params; q && q->name; q++)
        for (int k = 0; st == SC_OK && value_at(q, k, text, sizeof text); k++) {
            sc_params_default(p->params, opts);
            (void)snprintf(with, sizeof with, "--%s %s", q->name, text);
            check_doing(c, "an option: %s", with);
            st = sc_params_set(p->params, opts, q->name, text, err);
            if (st == SC_OK)
                st = check_graph(c, CHECK_FULL, opts, with, !is_wild(q, k), err);
        }
    free(opts);
    return st;
}

static sc_status uses_of(check *c, sc_err *err)
{
    sc_net net = {0};
    check_doing(c, "build() with its defaults");
    sc_status st = sc_net_new(&net, c->h.path, NULL, err);
    if (st == SC_OK)
        st = sc_net_uses(&net, &c->uses, err);
    sc_net_free(&net);
    return st;
}

static sc_status check_all(check *c, sc_err *err)
{
    char with[128];
    check_doing(c, "loading it");
    SC_TRY(sc_plugin_find(SC_KIND_MODEL, c->path, &c->h, err));
    SC_TRY(check_table(c->h.plugin, err));
    SC_TRY(set_folder(c, err));
    SC_TRY(sc_pool_new(&c->pool, 1, err));
    SC_TRY(uses_of(c, err));
    sc_made_fill(&c->cells, CHECK_VARS, true);
    for (int d = 0; d < CHECK_DATA; d++) {
        (void)snprintf(with, sizeof with, "%s", check_data_name((check_data)d));
        SC_TRY(check_graph(c, (check_data)d, NULL, with, 4, err));
    }
    return check_extremes(c, err);
}

static void report(const check *c, FILE *to)
{
    fputs("what\tn\tfound\n", to);
    fprintf(to, "plugin\t1\t'%s' loads, for ABI %d\n", c->h.plugin->name, SC_PLUGIN_ABI);
    fprintf(to, "graphs\t%d\tbuild() gives each twice the same, options at their extremes\n",
            c->n_graphs);
    fprintf(to, "gradients\t%" PRId64 "\tagree with differences of the loss, in %d models\n",
            c->n_gradients, c->n_run);
    if (c->n_stopped)
        fprintf(to, "stopped\t%d\tweights behind a stop_gradient are not compared\n", c->n_stopped);
    fprintf(to, "cells\t%d\talone, in a batch and in another place: the same bits\n", CHECK_ROWS);
    fprintf(to, "files\t%d\twritten and read: the same bytes, the same results\n", c->n_run);
}

/* The process that may crash. Its last word is is_done. */
static _Noreturn void work(const char *path, check_note *note, FILE *to)
{
    check *c = calloc(1, sizeof *c);
    if (!c)
        _exit(1);
    c->path = path;
    c->note = note;
    note->status = check_all(c, &note->err);
    if (note->status == SC_OK)
        report(c, to);
    (void)fflush(to);
    note->is_done = true;
    _exit(0);
}

static sc_status outcome(const char *path, const check_note *note, int how, sc_err *err)
{
    if (note->is_done && note->status != SC_OK) {
        *err = note->err;
        return strstr(err->msg, path) ? note->status : sc_err_prefix(err, note->status, "%s", path);
    }
    if (note->is_done)
        return SC_OK;
    if (WIFSIGNALED(how) && (WTERMSIG(how) == SIGPROF || WTERMSIG(how) == SIGALRM))
        return sc_fail(err, SC_EPLUGIN, "%s: %s takes more than %d seconds", path, note->doing,
                       WTERMSIG(how) == SIGPROF ? SECONDS : MOST_SECONDS);
    if (WIFSIGNALED(how))
        return sc_fail(err, SC_EPLUGIN, "%s: %s crashes: %s", path, note->doing,
                       strsignal(WTERMSIG(how)));
    return sc_fail(err, SC_EPLUGIN, "%s: %s ends the process, with status %d", path, note->doing,
                   WEXITSTATUS(how));
}

sc_status model_check(const model_opts *o, const char *const *operands, FILE *to, sc_err *err)
{
    (void)o;
    int how = 0;
    check_note *note =
        mmap(NULL, sizeof *note, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (note == MAP_FAILED)
        return sc_fail_errno(err, "no shared memory");
    (void)fflush(to);
    const pid_t child = fork();
    if (child == 0)
        work(operands[0], note, to);
    sc_status st = SC_OK;
    if (child < 0 || waitpid(child, &how, 0) < 0)
        st = sc_fail_errno(err, "can't start a process");
    else
        st = outcome(operands[0], note, how, err);
    (void)munmap(note, sizeof *note);
    return st;
}

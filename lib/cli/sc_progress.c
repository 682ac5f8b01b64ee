#include "sc_progress.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

sc_status sc_progress_open(sc_progress *p, const sc_tool *tool, const sc_common *common,
                           const char *log, bool appends, bool watches, sc_err *err)
{
    sigset_t set;
    *p = (sc_progress){.tool = tool,
                       .common = common,
                       .log_name = log,
                       .is_terminal = isatty(STDERR_FILENO) == 1,
                       .signals = -1};
    if (watches) {
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGTERM);
        (void)sigaddset(&set, SIGINT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
            (p->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
            return sc_fail_errno(err, "can't watch for signals");
    }
    if (log && !(p->log = fopen(log, appends ? "ae" : "we")))
        return sc_fail_errno(err, "can't write '%s'", log);
    return SC_OK;
}

sc_status sc_progress_close(sc_progress *p, sc_err *err)
{
    if (p->signals >= 0)
        (void)close(p->signals);
    if (p->log && fclose(p->log) != 0) /* an error of before stays the one that is told */
        return sc_fail_errno(err, "can't write '%s'", p->log_name);
    return SC_OK;
}

bool sc_progress_stop(void *ctx)
{
    const sc_progress *p = ctx;
    struct signalfd_siginfo info;
    return p->signals >= 0 && read(p->signals, &info, sizeof info) == (ssize_t)sizeof info;
}

void sc_progress_epoch(void *ctx, const sc_epoch_report *r)
{
    sc_progress *p = ctx;
    if (p->log) {
        fprintf(p->log, "{\"epoch\": %lld, \"elbo_train\": %.9g", (long long)r->epoch,
                r->elbo_train);
        if (isfinite(r->elbo_validation))
            fprintf(p->log, ", \"elbo_validation\": %.9g", r->elbo_validation);
        fprintf(p->log, ", \"seconds\": %.3f}\n", r->seconds);
        (void)fflush(p->log);
    }
    const bool is_last = r->epoch == r->n_epochs;
    const double pause = p->common->verbose ? 0 : p->is_terminal ? 0.1 : 10;
    if (p->common->quiet || (!is_last && r->seconds - p->last < pause))
        return;
    p->last = r->seconds;
    const double left = r->seconds / (double)r->epoch * (double)(r->n_epochs - r->epoch);
    if (!p->is_terminal) {
        fprintf(stderr, "%s: epoch %lld of %lld, ELBO %.2f, %.0f s left\n", p->tool->name,
                (long long)r->epoch, (long long)r->n_epochs, r->elbo_train, left);
        return;
    }
    char bar[31];
    const int full = (int)(30 * r->epoch / r->n_epochs);
    memset(bar, ' ', 30);
    memset(bar, '#', (size_t)full);
    bar[30] = 0;
    fprintf(stderr, "\r[%s] epoch %lld/%lld  ELBO %.2f  %.0f s left \033[K%s", bar,
            (long long)r->epoch, (long long)r->n_epochs, r->elbo_train, left, is_last ? "\n" : "");
}

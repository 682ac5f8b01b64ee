#include "sc_progress.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

sc_status sc_progress_open(sc_progress *p, const sc_tool *tool, const sc_common *common,
                           const char *log, sc_err *err)
{
    *p = (sc_progress){
        .tool = tool, .common = common, .log_name = log, .is_terminal = isatty(STDERR_FILENO) == 1};
    if (log && !(p->log = fopen(log, "we")))
        return sc_fail_errno(err, "can't write '%s'", log);
    return SC_OK;
}

static void draw_bar(const sc_epoch_report *r, double left)
{
    char bar[31];
    const int full = (int)(30 * r->epoch / r->n_epochs);
    memset(bar, ' ', 30);
    memset(bar, '#', (size_t)full);
    bar[30] = 0;
    fprintf(stderr, "\r[%s] epoch %lld/%lld  ELBO %.2f  %.0f s left \033[K%s", bar,
            (long long)r->epoch, (long long)r->n_epochs, r->elbo_train, left,
            r->epoch == r->n_epochs ? "\n" : "");
}

void sc_progress_epoch(void *progress, const sc_epoch_report *r)
{
    sc_progress *p = progress;
    if (p->log) {
        fprintf(p->log, "{\"epoch\": %lld, \"elbo_train\": %.9g", (long long)r->epoch,
                r->elbo_train);
        if (isfinite(r->elbo_validation))
            fprintf(p->log, ", \"elbo_validation\": %.9g", r->elbo_validation);
        fprintf(p->log, ", \"seconds\": %.3f}\n", r->seconds);
    }
    const double pause = p->common->verbose ? 0 : p->is_terminal ? 0.1 : 10;
    if (p->common->quiet || (r->epoch != r->n_epochs && r->seconds - p->last < pause))
        return;
    p->last = r->seconds;
    const double left = r->seconds / (double)r->epoch * (double)(r->n_epochs - r->epoch);
    if (p->is_terminal)
        draw_bar(r, left);
    else
        fprintf(stderr, "%s: epoch %lld of %lld, ELBO %.2f, %.0f s left\n", p->tool->name,
                (long long)r->epoch, (long long)r->n_epochs, r->elbo_train, left);
}

sc_status sc_progress_close(sc_progress *p, sc_status st, sc_err *err)
{
    FILE *log = p->log;
    p->log = NULL;
    if (log && fclose(log) != 0 && st == SC_OK)
        return sc_fail_errno(err, "can't write '%s'", p->log_name);
    return st;
}

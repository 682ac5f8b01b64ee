#include "sc_schedule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const usual = "elbo_validation";

static int column_of(const json_t *history, const char *name)
{
    const json_t *columns = json_object_get(history, "columns");
    for (size_t i = 0; i < json_array_size(columns); i++)
        if (strcmp(json_string_value(json_array_get(columns, i)), name) == 0)
            return (int)i;
    return -1;
}

/* NaN where the epoch did not measure it; a loss that is not finite is kept as null, which can't be
 * told apart from that and stops nothing: training has then diverged and says so itself. */
static double last_of(const json_t *history, const char *name)
{
    const json_t *rows = json_object_get(history, "rows");
    const json_t *row = json_array_get(rows, json_array_size(rows) - 1);
    const json_t *v = json_array_get(row, (size_t)column_of(history, name));
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static bool is_figure(const char *name)
{
    return strcmp(name, "epoch") != 0 && strcmp(name, "kl_weight") != 0 && strcmp(name, "lr") != 0;
}

static sc_status check_name(const char *option, const char *name, const json_t *history,
                            sc_err *err)
{
    char known[SC_ERR_MAX / 2] = "";
    const json_t *columns = json_object_get(history, "columns");
    if (column_of(history, name) >= 0 && is_figure(name))
        return SC_OK;
    for (size_t i = 0, at = 0; i < json_array_size(columns); i++) {
        const char *c = json_string_value(json_array_get(columns, i));
        if (is_figure(c) && at < sizeof known)
            at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", at ? ", " : "", c);
    }
    return sc_fail(err, SC_EUSAGE,
                   "--%s: there is no '%s' in the history of this model; there is %s", option, name,
                   known);
}

sc_status sc_schedule_check(const sc_schedule_opts *o, const json_t *history, sc_err *err)
{
    if (o->early_stopping)
        SC_TRY(check_name("early-stopping-monitor",
                          o->early_stopping_monitor ? o->early_stopping_monitor : usual, history,
                          err));
    if (o->reduce_lr_on_plateau)
        SC_TRY(check_name("lr-scheduler-metric",
                          o->lr_scheduler_metric ? o->lr_scheduler_metric : usual, history, err));
    return SC_OK;
}

bool sc_schedule_is_validation(const char *name)
{
    return strstr(name ? name : usual, "validation") != NULL;
}

void sc_schedule_start(sc_schedule_state *s, const sc_schedule_opts *o)
{
    *s = (sc_schedule_state){.stop_best = o->early_stopping_max ? -INFINITY : INFINITY,
                             .lr_best = INFINITY};
}

double sc_schedule_before(const sc_schedule_opts *o, int64_t epoch, double lr)
{
    for (int i = 0; i < o->n_milestones; i++)
        if (o->milestones[i] == epoch)
            lr *= o->lr_gamma;
    return lr;
}

static bool stops(sc_schedule_state *s, const sc_schedule_opts *o, int64_t epoch, double value)
{
    const double sign = o->early_stopping_max ? -1 : 1;
    if (epoch < o->early_stopping_warmup_epochs || isnan(value))
        return false;
    if (sign * value + fabs(o->early_stopping_min_delta) < sign * s->stop_best) {
        s->stop_best = value;
        s->stop_wait = 0;
        return false;
    }
    return ++s->stop_wait >= o->early_stopping_patience;
}

static void reduce(sc_schedule_state *s, const sc_schedule_opts *o, double value, double *lr)
{
    if (isnan(value))
        return;
    if (value < s->lr_best - o->lr_threshold) {
        s->lr_best = value;
        s->lr_bad = 0;
    } else {
        s->lr_bad++;
    }
    if (s->lr_bad <= o->lr_patience)
        return;
    const double lower = fmax(*lr * o->lr_factor, o->lr_min);
    if (*lr - lower > 1e-8)
        *lr = lower;
    s->lr_bad = 0;
}

bool sc_schedule_after(sc_schedule_state *s, const sc_schedule_opts *o, int64_t epoch,
                       const json_t *history, double *lr)
{
    if (o->reduce_lr_on_plateau)
        reduce(s, o, last_of(history, o->lr_scheduler_metric ? o->lr_scheduler_metric : usual), lr);
    return o->early_stopping &&
           stops(s, o, epoch,
                 last_of(history, o->early_stopping_monitor ? o->early_stopping_monitor : usual));
}

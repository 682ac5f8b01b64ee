#include "sc_train_cli.h"

#include "sc_progress.h"
#include "sc_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --lr-milestones, as epochs. */
static sc_status milestones(const char *text, sc_schedule_opts *s, sc_err *err)
{
    for (const char *p = text; p;) {
        char *end = NULL;
        const long long epoch = strtoll(p, &end, 10);
        const bool rises = !s->n_milestones || epoch > s->milestones[s->n_milestones - 1];
        if (end == p || (*end && *end != ',') || epoch < 1 || !rises ||
            s->n_milestones == SC_MILESTONES_MAX)
            return sc_fail(err, SC_EUSAGE,
                           "--lr-milestones: '%s' is no list of up to %d rising epochs", text,
                           SC_MILESTONES_MAX);
        s->milestones[s->n_milestones++] = epoch;
        p = *end ? end + 1 : NULL;
    }
    return SC_OK;
}

/* An option that means nothing without another one that was not given. */
static sc_status check_pairs(const sc_train_cli *o, sc_err *err)
{
    const struct {
        const char *option, *needs;
        bool given, has;
    } pairs[] = {
        {"early-stopping-monitor", "early-stopping", o->early_stopping_monitor, o->early_stopping},
        {"early-stopping-mode", "early-stopping", o->early_stopping_mode != 0, o->early_stopping},
        {"early-stopping-patience", "early-stopping", o->early_stopping_patience != 45,
         o->early_stopping},
        {"early-stopping-warmup-epochs", "early-stopping", o->early_stopping_warmup_epochs > 0,
         o->early_stopping},
        {"early-stopping-min-delta", "early-stopping", o->early_stopping_min_delta > 0,
         o->early_stopping},
        {"lr-scheduler-metric", "reduce-lr-on-plateau", o->lr_scheduler_metric,
         o->reduce_lr_on_plateau},
        {"lr-factor", "reduce-lr-on-plateau", o->lr_factor != 0.6, o->reduce_lr_on_plateau},
        {"lr-patience", "reduce-lr-on-plateau", o->lr_patience != 30, o->reduce_lr_on_plateau},
        {"lr-threshold", "reduce-lr-on-plateau", o->lr_threshold > 0, o->reduce_lr_on_plateau},
        {"lr-min", "reduce-lr-on-plateau", o->lr_min > 0, o->reduce_lr_on_plateau},
        {"lr-gamma", "lr-milestones", o->lr_gamma != 0.1, o->lr_milestones != NULL},
        {"checkpoint-every", "checkpoint", o->checkpoint_every != 10, o->checkpoint != NULL},
        {"resume", "checkpoint", o->resume, o->checkpoint != NULL}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].given && !pairs[i].has)
            return sc_fail(err, SC_EUSAGE, "--%s means nothing without --%s", pairs[i].option,
                           pairs[i].needs);
    return SC_OK;
}

/* Options that exclude each other. */
static sc_status check_conflicts(const sc_train_cli *o, sc_err *err)
{
    if (o->validation_cells && (o->train_size >= 0 || o->validation_size >= 0))
        return sc_fail(err, SC_EUSAGE,
                       "--%s means nothing with --validation-cells: all other cells train",
                       o->train_size >= 0 ? "train-size" : "validation-size");
    if (o->n_epochs_kl_warmup > 0 && o->n_steps_kl_warmup > 0)
        return sc_fail(err, SC_EUSAGE,
                       "the warm-up is counted in epochs or in steps: --n-epochs-kl-warmup and "
                       "--n-steps-kl-warmup exclude each other");
    if (o->min_kl_weight > o->max_kl_weight)
        return sc_fail(err, SC_EUSAGE, "--min-kl-weight is %g, above --max-kl-weight, which is %g",
                       o->min_kl_weight, o->max_kl_weight);
    return SC_OK;
}

static sc_schedule_opts schedule(const sc_train_cli *o)
{
    return (sc_schedule_opts){.early_stopping = o->early_stopping,
                              .early_stopping_monitor = o->early_stopping_monitor,
                              .early_stopping_max = o->early_stopping_mode == 1,
                              .early_stopping_patience = o->early_stopping_patience,
                              .early_stopping_warmup_epochs = o->early_stopping_warmup_epochs,
                              .early_stopping_min_delta = o->early_stopping_min_delta,
                              .reduce_lr_on_plateau = o->reduce_lr_on_plateau,
                              .lr_scheduler_metric = o->lr_scheduler_metric,
                              .lr_factor = o->lr_factor,
                              .lr_threshold = o->lr_threshold,
                              .lr_min = o->lr_min,
                              .lr_patience = o->lr_patience,
                              .lr_gamma = o->lr_gamma};
}

sc_status sc_train_cli_opts(const sc_train_cli *o, uint64_t seed, sc_train_opts *t, sc_err *err)
{
    *t = (sc_train_opts){.max_epochs = o->max_epochs,
                         .batch_size = o->batch_size,
                         .lr = o->lr,
                         .eps = o->eps,
                         .weight_decay = o->weight_decay,
                         .n_epochs_kl_warmup = o->n_epochs_kl_warmup,
                         .n_steps_kl_warmup = o->n_steps_kl_warmup,
                         .min_kl_weight = o->min_kl_weight,
                         .max_kl_weight = o->max_kl_weight,
                         .train_size = o->train_size,
                         .validation_size = o->validation_size,
                         .check_val_every = o->check_val_every,
                         .load_best = o->load_best,
                         .seed = seed,
                         .n_samples_per_label = o->n_samples_per_label,
                         .gradient_clip_val = o->gradient_clip_val,
                         .schedule = schedule(o),
                         .checkpoint = o->checkpoint,
                         .checkpoint_every = o->checkpoint_every,
                         .resume = o->resume};
    SC_TRY(check_pairs(o, err));
    SC_TRY(check_conflicts(o, err));
    return milestones(o->lr_milestones, &t->schedule, err);
}

/* The number after `key` in a file of the system; INT64_MAX where there is none. */
static int64_t number_in(const char *path, const char *key, int64_t unit)
{
    char line[256];
    int64_t n = INT64_MAX;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) {
            char *end = NULL;
            const long long v = strtoll(line + strlen(key), &end, 10);
            n = end > line + strlen(key) ? v * unit : n;
        }
    if (f)
        (void)fclose(f);
    return n;
}

int64_t sc_train_cli_memory(const sc_train_cli *o)
{
    if (o->memory > 0)
        return o->memory;
    const int64_t machine = number_in("/proc/meminfo", "MemAvailable:", 1024);
    const int64_t group = number_in("/sys/fs/cgroup/memory.max", "", 1);
    const int64_t least = machine < group ? machine : group;
    return least == INT64_MAX ? 0 : least / 4 * 3;
}

sc_status sc_train_cli_run(const sc_train_cli *o, const sc_tool *tool, const sc_common *common,
                           sc_train_opts *t, sc_net *net, const sc_cells *cells, sc_err *err)
{
    sc_strs validation = {0};
    sc_pool *pool = NULL;
    const sc_kernels *k = NULL;
    sc_progress p = {.signals = -1};
    sc_status st;
    SC_GOTO(st, sc_kernels_pick(o->isa, &k, err), out);
    SC_GOTO(st,
            sc_progress_open(&p, tool, common, o->log_json, o->resume, o->checkpoint != NULL, err),
            out);
    SC_GOTO(st, sc_pool_new(&pool, (int)common->n_threads, err), out);
    if (o->validation_cells)
        SC_GOTO(st, sc_text_names(o->validation_cells, &validation, err), out);
    t->validation_cells = o->validation_cells ? &validation : NULL;
    t->stop = o->checkpoint ? sc_progress_stop : NULL;
    t->stop_ctx = &p;
    st = sc_train(net, cells, t, pool, k, sc_progress_epoch, &p, err);
out:
    t->validation_cells = NULL; /* they lived here, and the caller's struct lives on */
    t->stop = NULL;
    t->stop_ctx = NULL;
    sc_pool_free(pool);
    sc_strs_free(&validation);
    const sc_status st_close = sc_progress_close(&p, st == SC_OK ? err : NULL);
    return st == SC_OK ? st_close : st;
}

/*
 * Training that can be taken up where it was left: weights, moments of Adam, schedule, history,
 * and the sums of an epoch that had begun. The order of minibatches and all draws come from seed
 * and epoch, so the bytes at the end are those of a training that was never stopped.
 *
 * The file is a container of tensors as a model is, but says "checkpoint" where a model says which
 * variant it is.
 */
#include "sc_train_int.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* Of everything that training takes from the cells. */
static uint64_t digest(const sc_cells *c)
{
    const size_t n = (size_t)c->n_obs;
    XXH3_state_t *x = XXH3_createState();
    if (!x)
        return 0;
    (void)XXH3_64bits_reset(x);
    for (int64_t i = 0; i < c->names.n; i++)
        (void)XXH3_64bits_update(x, sc_strs_at(&c->names, i), strlen(sc_strs_at(&c->names, i)) + 1);
    const uint64_t counts = sc_packed_digest(c->counts);
    (void)XXH3_64bits_update(x, &counts, sizeof counts);
    for (int i = 0; i < SC_IN_MAX; i++)
        if (c->codes[i])
            (void)XXH3_64bits_update(x, c->codes[i], n * sizeof **c->codes);
    if (c->cont_covs)
        (void)XXH3_64bits_update(x, c->cont_covs, n * (size_t)c->n_cont_covs * sizeof(float));
    if (c->size_factor)
        (void)XXH3_64bits_update(x, c->size_factor, n * sizeof(float));
    if (c->proteins)
        (void)XXH3_64bits_update(x, c->proteins, n * (size_t)c->dims.n_proteins * sizeof(float));
    const uint64_t out = XXH3_64bits_digest(x);
    (void)XXH3_freeState(x);
    return out;
}

static json_t *milestones(const sc_schedule_opts *s)
{
    json_t *a = json_array();
    for (int i = 0; i < s->n_milestones; i++)
        json_array_append_new(a, json_integer((json_int_t)s->milestones[i]));
    return a;
}

/* What must be as it was for training to go on as it would have. max_epochs may grow. */
static json_t *settings(const sc_trainer *t)
{
    const sc_train_opts *o = &t->o;
    const sc_schedule_opts *s = &o->schedule;
    char hash[17], rows[17];
    const XXH64_hash_t trained = XXH3_64bits(
        t->rows[SC_ROWS_ALL].fit ? t->rows[SC_ROWS_ALL].fit : t->rows[SC_ROWS_LABELLED].fit,
        (size_t)(t->rows[SC_ROWS_ALL].fit ? t->rows[SC_ROWS_ALL].n_fit
                                          : t->rows[SC_ROWS_LABELLED].n_fit) *
            sizeof(int64_t));
    (void)snprintf(hash, sizeof hash, "%016llx", (unsigned long long)digest(t->cells));
    (void)snprintf(rows, sizeof rows, "%016llx", (unsigned long long)trained);
    json_t *j = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:I, s:I, s:f, s:f, s:I, s:b, s:b, s:I}",
        "variant", t->net->handle.plugin->name, "cells", hash, "training cells", rows, "isa",
        t->k->isa, "seed", (json_int_t)o->seed, "batch-size", (json_int_t)o->batch_size, "eps",
        o->eps, "weight-decay", o->weight_decay, "n-epochs-kl-warmup",
        (json_int_t)o->n_epochs_kl_warmup, "n-steps-kl-warmup", (json_int_t)o->n_steps_kl_warmup,
        "min-kl-weight", o->min_kl_weight, "max-kl-weight", o->max_kl_weight, "check-val-every",
        (json_int_t)o->check_val_every, "load-best", o->load_best, "evaluation mode", o->eval_mode,
        "n-samples-per-label", (json_int_t)o->n_samples_per_label);
    json_t *more = json_pack(
        "{s:f, s:f, s:b, s:s?, s:b, s:I, s:I, s:f, s:b, s:s?, s:f, s:f, s:f, s:I, s:o, s:f, s:I}",
        "lr", o->lr, "gradient-clip-val", o->gradient_clip_val, "early-stopping", s->early_stopping,
        "early-stopping-monitor", s->early_stopping_monitor, "early-stopping-mode",
        s->early_stopping_max, "early-stopping-patience", (json_int_t)s->early_stopping_patience,
        "early-stopping-warmup-epochs", (json_int_t)s->early_stopping_warmup_epochs,
        "early-stopping-min-delta", s->early_stopping_min_delta, "reduce-lr-on-plateau",
        s->reduce_lr_on_plateau, "lr-scheduler-metric", s->lr_scheduler_metric, "lr-factor",
        s->lr_factor, "lr-threshold", s->lr_threshold, "lr-min", s->lr_min, "lr-patience",
        (json_int_t)s->lr_patience, "lr-milestones", milestones(s), "lr-gamma", s->lr_gamma,
        "parts of weights that train", (json_int_t)o->n_spans);
    json_object_update(j, more);
    json_decref(more);
    json_object_set_new(j, "options", sc_net_options(t->net));
    return j;
}

/* Infinities have no JSON: they are left out. */
static void set_real(json_t *to, const char *key, double x)
{
    if (isfinite(x))
        json_object_set_new(to, key, json_real(x));
}

static json_t *tally_to_json(const sc_tally *s)
{
    return json_pack("[f, f, f, f, f, f, I, I, I]", s->loss, s->rec, s->kl, s->classification,
                     s->accuracy, s->calibration, (json_int_t)s->n, (json_int_t)s->n_loss,
                     (json_int_t)s->n_class);
}

static bool tally_from_json(const json_t *j, sc_tally *s)
{
    json_int_t n, n_loss, n_class;
    if (json_unpack((json_t *)j, "[F, F, F, F, F, F, I, I, I]", &s->loss, &s->rec, &s->kl,
                    &s->classification, &s->accuracy, &s->calibration, &n, &n_loss, &n_class) != 0)
        return false;
    s->n = n;
    s->n_loss = n_loss;
    s->n_class = n_class;
    return true;
}

static json_t *state_to_json(const sc_trainer *t)
{
    json_t *steps = json_array();
    const sc_adam_state a = sc_optimizer_state(t->adam);
    for (int i = 0; i < t->net->g->n_weights; i++)
        json_array_append_new(steps, json_integer((json_int_t)a.t[i]));
    json_t *j = json_pack("{s:I, s:I, s:I, s:f, s:f, s:o, s:I, s:I, s:I, s:o, s:b, s:O}", "epoch",
                          (json_int_t)t->epoch, "step", (json_int_t)t->step, "n_steps",
                          (json_int_t)t->n_steps, "lr", t->lr, "kl_weight", t->last_kl_weight,
                          "adam_steps", steps, "best_epoch", (json_int_t)t->best_epoch, "stop_wait",
                          (json_int_t)t->schedule.stop_wait, "lr_bad",
                          (json_int_t)t->schedule.lr_bad, "sums", tally_to_json(&t->fit_sum),
                          "is_over", t->is_over, "history", t->net->history);
    set_real(j, "best_elbo", t->best_elbo);
    set_real(j, "stop_best", t->schedule.stop_best);
    set_real(j, "lr_best", t->schedule.lr_best);
    return j;
}

static double real_or(const json_t *j, const char *key, double none)
{
    const json_t *v = json_object_get(j, key);
    return v ? json_number_value(v) : none;
}

static bool state_from_json(sc_trainer *t, const json_t *j)
{
    const json_t *steps, *sums, *history;
    json_int_t epoch, step, n_steps, best_epoch, wait, bad;
    int is_over;
    const sc_adam_state a = sc_optimizer_state(t->adam);
    if (json_unpack((json_t *)j, "{s:I, s:I, s:I, s:F, s:F, s:o, s:I, s:I, s:I, s:o, s:b, s:o}",
                    "epoch", &epoch, "step", &step, "n_steps", &n_steps, "lr", &t->lr, "kl_weight",
                    &t->last_kl_weight, "adam_steps", &steps, "best_epoch", &best_epoch,
                    "stop_wait", &wait, "lr_bad", &bad, "sums", &sums, "is_over", &is_over,
                    "history", &history) != 0 ||
        json_array_size(steps) != (size_t)t->net->g->n_weights || epoch < 0 || step < 0 ||
        !tally_from_json(sums, &t->fit_sum))
        return false;
    t->epoch = epoch;
    t->step = step;
    t->n_steps = n_steps;
    t->best_epoch = best_epoch;
    t->is_over = is_over;
    t->schedule.stop_wait = wait;
    t->schedule.lr_bad = bad;
    t->best_elbo = real_or(j, "best_elbo", 0);
    t->schedule.stop_best = real_or(j, "stop_best", t->schedule.stop_best);
    t->schedule.lr_best = real_or(j, "lr_best", t->schedule.lr_best);
    for (size_t i = 0; i < json_array_size(steps); i++)
        a.t[i] = json_integer_value(json_array_get(steps, i));
    return json_object_update(t->net->history, (json_t *)history) == 0;
}

typedef struct part {
    const char *name;
    float *values;
} part;

/* The tensors, all of n_params. */
static int parts_of(const sc_trainer *t, part p[4])
{
    const sc_adam_state a = sc_optimizer_state(t->adam);
    int n = 0;
    p[n++] = (part){"weights", sc_exec_weights_f32(t->e)};
    p[n++] = (part){"first moments", a.m};
    p[n++] = (part){"second moments", a.v};
    if (t->best)
        p[n++] = (part){"best weights", t->best};
    return n;
}

sc_status sc_checkpoint_write(const sc_trainer *t, sc_err *err)
{
    sc_output out = {.fd = -1};
    part p[4];
    sc_tensor tensors[4];
    sc_status st;
    json_t *meta = json_pack("{s:I, s:o, s:o}", "checkpoint", (json_int_t)1, "settings",
                             settings(t), "state", state_to_json(t));
    sc_model_file f = {.var = t->net->var, .n_tensors = parts_of(t, p), .tensors = tensors};
    for (int i = 0; i < f.n_tensors; i++)
        tensors[i] = (sc_tensor){(char *)p[i].name, 1, {t->net->g->n_params}, p[i].values};
    f.meta = meta ? json_dumps(meta, JSON_COMPACT) : NULL;
    if (!f.meta) {
        st = sc_fail(err, SC_ENOMEM, "out of memory");
        goto out;
    }
    SC_GOTO(st, sc_output_open(&out, t->o.checkpoint, true, err), out);
    SC_GOTO(st, sc_model_file_write(&f, out.fd, out.name, err), out);
    st = sc_output_commit(&out, err);
out:
    sc_output_abandon(&out);
    free(f.meta);
    json_decref(meta);
    return st;
}

static sc_status compare(const json_t *theirs, const sc_trainer *t, sc_err *err)
{
    const char *key;
    json_t *v, *ours = settings(t);
    sc_status st = ours ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
    json_object_foreach(ours, key, v)
    {
        json_t *other = json_object_get(theirs, key);
        if (st != SC_OK || json_equal(v, other))
            continue;
        char *was = other ? json_dumps(other, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
        char *is = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        const bool is_long = !was || !is || strlen(was) + strlen(is) > 60 || strstr(key, "cells");
        st = is_long ? sc_fail(err, SC_EUSAGE,
                               "checkpoint '%s' is of another training: other %s; without --resume "
                               "training starts anew",
                               t->o.checkpoint, key)
                     : sc_fail(err, SC_EUSAGE,
                               "checkpoint '%s' is of another training: %s was %s and is %s; "
                               "without --resume training starts anew",
                               t->o.checkpoint, key, was, is);
        free(was);
        free(is);
    }
    json_decref(ours);
    return st;
}

static sc_status take(sc_trainer *t, const sc_model_file *f, sc_err *err)
{
    const size_t n = (size_t)t->net->g->n_params;
    part p[4];
    const int n_parts = parts_of(t, p);
    json_t *meta = json_loads(f->meta, JSON_REJECT_DUPLICATES, NULL);
    const json_t *state = json_object_get(meta, "state");
    sc_status st = SC_OK;
    if (!json_object_get(meta, "checkpoint") || !state)
        st = sc_fail(err, SC_EFORMAT, "'%s' is no checkpoint of sc-fit", t->o.checkpoint);
    if (st == SC_OK)
        st = compare(json_object_get(meta, "settings"), t, err);
    for (int i = 0; i < n_parts && st == SC_OK; i++) {
        const sc_tensor *w = sc_model_file_find(f, p[i].name);
        if (!w || w->n_dims != 1 || w->dims[0] != t->net->g->n_params)
            st = sc_fail(err, SC_EFORMAT, "checkpoint '%s' lacks its %s", t->o.checkpoint,
                         p[i].name);
        else
            memcpy(p[i].values, w->values, n * sizeof(float));
    }
    if (st == SC_OK && !state_from_json(t, state))
        st = sc_fail(err, SC_EFORMAT, "checkpoint '%s' does not say where training stood",
                     t->o.checkpoint);
    json_decref(meta);
    return st;
}

sc_status sc_checkpoint_read(sc_trainer *t, sc_err *err)
{
    sc_model_file f = {0};
    const int fd = open(t->o.checkpoint, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) /* killed before the first one was written */
        return SC_OK;
    if (fd < 0)
        return sc_fail_errno(err, "can't open '%s'", t->o.checkpoint);
    sc_status st = sc_model_file_read(&f, fd, t->o.checkpoint, err);
    if (st == SC_OK)
        st = take(t, &f, err);
    sc_model_file_free(&f);
    (void)close(fd);
    return st;
}

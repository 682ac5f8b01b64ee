#include "sc_train_int.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill_defaults(sc_trainer *t)
{
    const sc_train_defaults *d = &t->net->model->train;
    sc_train_opts *o = &t->o;
    if (o->max_epochs == 0)
        o->max_epochs = sc_default_epochs(t->cells->n_obs);
    if (o->batch_size == 0)
        o->batch_size = d->batch_size;
    if (o->lr < 0)
        o->lr = d->lr;
    if (o->eps < 0)
        o->eps = d->eps;
    if (o->weight_decay < 0)
        o->weight_decay = d->weight_decay;
    if (o->n_epochs_kl_warmup < 0 && o->n_steps_kl_warmup == 0) { /* 0 epochs asked for: none */
        o->n_epochs_kl_warmup = d->n_epochs_kl_warmup;
        if (d->n_epochs_kl_warmup == 0)
            o->n_steps_kl_warmup = (int64_t)(d->n_steps_kl_warmup * (double)t->cells->n_obs);
    }
    if (o->n_epochs_kl_warmup < 0)
        o->n_epochs_kl_warmup = 0;
}

/* What a model's authors watch by default goes without where no cell is left to watch; what the
 * user asks for doesn't. */
static sc_status check_watched(const sc_trainer *t, sc_err *err)
{
    const sc_schedule_opts *o = &t->o.schedule;
    const sc_model *m = t->net->model;
    const sc_train_course usual =
        m->size >= offsetof(sc_model, course) + sizeof m->course ? m->course : (sc_train_course){0};
    if (t->n_val > 0)
        return SC_OK;
    if (o->early_stopping && !usual.early_stopping &&
        sc_schedule_is_validation(o->early_stopping_monitor))
        return sc_fail(err, SC_EUSAGE,
                       "--early-stopping needs validation cells, and there are none");
    if (o->reduce_lr_on_plateau && !usual.reduce_lr_on_plateau &&
        sc_schedule_is_validation(o->lr_scheduler_metric))
        return sc_fail(err, SC_EUSAGE,
                       "--reduce-lr-on-plateau needs validation cells, and there are none");
    return SC_OK;
}

static sc_status open_trainer(sc_trainer *t, sc_err *err)
{
    const sc_built *g = t->net->g;
    int64_t most = 0;
    fill_defaults(t);
    if (t->o.min_kl_weight > 0 && !t->o.n_epochs_kl_warmup && !t->o.n_steps_kl_warmup)
        return sc_fail(err, SC_EUSAGE, "--min-kl-weight means nothing without a warm-up");
    t->lr = t->o.lr;
    SC_TRY(sc_rows_open(t, err));
    SC_TRY(sc_batches_open(t, err));
    for (int s = 0; s < SC_N_STREAMS; s++)
        if (t->batches[0].buf[s] && t->batches[0].buf[s]->n_rows > most)
            most = t->batches[0].buf[s]->n_rows;
    SC_TRY(sc_exec_new_f32(&t->e, g, most, true, t->pool, t->k, err));
    memcpy(sc_exec_weights_f32(t->e), t->net->weights, (size_t)g->n_params * sizeof(float));
    SC_TRY(sc_optimizer_new(&t->adam, g, err));
    if (t->o.spans)
        SC_TRY(sc_optimizer_limit(t->adam, t->o.spans, t->o.n_spans, err));
    if (t->o.load_best)
        SC_TRY(sc_alloc(&t->best, (size_t)g->n_params, sizeof(float), err));
    SC_TRY(sc_history_open(t, err));
    SC_TRY(sc_schedule_check(&t->o.schedule, t->net->history, err));
    SC_TRY(check_watched(t, err));
    sc_schedule_start(&t->schedule, &t->o.schedule);
    if (t->o.check_val_every == 0 &&
        (t->o.schedule.early_stopping || t->o.schedule.reduce_lr_on_plateau) && t->n_val > 0)
        t->o.check_val_every = 1;
    return t->o.resume ? sc_checkpoint_read(t, err) : SC_OK;
}

static void close_trainer(sc_trainer *t)
{
    sc_batches_close(t);
    sc_exec_free_f32(t->e);
    for (int i = 0; i < 1 << SC_N_STREAMS; i++) {
        sc_plan_free(&t->fit[i]);
        sc_plan_free(&t->check[i]);
    }
    sc_optimizer_free(t->adam);
    sc_rows_close(t);
    free(t->best);
}

static void keep_best(sc_trainer *t, int64_t epoch, const sc_tally *val)
{
    const double elbo = (val->rec + val->kl) / (double)val->n;
    if (!t->o.load_best || !val->n || !isfinite(elbo) ||
        !(t->best_epoch == 0 || elbo < t->best_elbo))
        return;
    t->best_elbo = elbo;
    t->best_epoch = epoch + 1;
    memcpy(t->best, sc_exec_weights_f32(t->e), (size_t)t->net->g->n_params * sizeof(float));
}

static sc_status stopped(const sc_trainer *t, sc_err *err)
{
    SC_TRY(sc_checkpoint_write(t, err));
    return sc_fail(err, SC_EIO,
                   "stopped in epoch %lld of %lld; '%s' has what was done, and --resume goes on",
                   (long long)t->epoch + 1, (long long)t->o.max_epochs, t->o.checkpoint);
}

bool sc_validates(const sc_trainer *t, int64_t epoch)
{
    return t->o.check_val_every > 0 && (epoch + 1) % t->o.check_val_every == 0;
}

/* The epoch that t->epoch says, from t->step on. */
static sc_status one_epoch(sc_trainer *t, sc_tally *val, sc_err *err)
{
    if (t->step == 0) {
        t->lr = sc_schedule_before(&t->o.schedule, t->epoch, t->lr);
        t->fit_sum = (sc_tally){0};
    }
    sc_rows_shuffle(t, t->epoch);
    const int64_t n_fit = sc_rows_steps(t, false), n_val = sc_rows_steps(t, true);
    while (t->step < n_fit) {
        t->last_kl_weight = sc_kl_weight(t, t->epoch);
        SC_TRY(sc_train_one(t, t->epoch, t->step, &t->fit_sum, err));
        t->step++;
        if (t->o.stop && t->o.stop(t->o.stop_ctx))
            return stopped(t, err);
    }
    for (int64_t i = 0; i < n_val && sc_validates(t, t->epoch); i++)
        SC_TRY(sc_validate_one(t, t->epoch, i, t->last_kl_weight, val, err));
    keep_best(t, t->epoch, val);
    sc_history_add(t, t->epoch, &t->fit_sum, val, t->last_kl_weight);
    t->is_over = sc_schedule_after(&t->schedule, &t->o.schedule, t->epoch, t->net->history, &t->lr);
    t->epoch++;
    t->step = 0;
    return SC_OK;
}

static sc_status epochs(sc_trainer *t, sc_epoch_fn report, void *ctx, sc_err *err)
{
    const double began = now();
    const size_t bytes = (size_t)t->net->g->n_params * sizeof(float);
    memcpy(t->net->weights, sc_exec_weights_f32(t->e), bytes); /* where a checkpoint stood */
    while (t->epoch < t->o.max_epochs && !t->is_over) {
        sc_tally val = {0};
        SC_TRY(one_epoch(t, &val, err));
        memcpy(t->net->weights, sc_exec_weights_f32(t->e),
               bytes); /* the last good ones, should the next epoch fail */
        const bool is_last = t->epoch == t->o.max_epochs || t->is_over;
        if (t->o.checkpoint && t->o.checkpoint_every > 0 &&
            (is_last || t->epoch % t->o.checkpoint_every == 0))
            SC_TRY(sc_checkpoint_write(t, err));
        if (report) {
            const sc_epoch_report r = {t->epoch, is_last ? t->epoch : t->o.max_epochs,
                                       (t->fit_sum.rec + t->fit_sum.kl) / (double)t->fit_sum.n,
                                       val.n ? (val.rec + val.kl) / (double)val.n : NAN,
                                       now() - began};
            report(ctx, &r);
        }
    }
    return SC_OK;
}

static sc_status finish(sc_trainer *t, sc_err *err)
{
    sc_net *net = t->net;
    if (t->best_epoch) {
        memcpy(net->weights, t->best, (size_t)net->g->n_params * sizeof(float));
        json_object_set_new(net->training, "best_epoch",
                            json_integer((json_int_t)t->best_epoch - 1));
    }
    json_t *facts = json_pack(
        "{s:I, s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:I}", "seed", (json_int_t)t->o.seed, "isa",
        t->k->isa, "n_train", (json_int_t)t->n_train, "n_validation", (json_int_t)t->n_val,
        "epochs", (json_int_t)t->epoch, "batch_size", (json_int_t)t->o.batch_size, "lr", t->o.lr,
        "eps", t->o.eps, "weight_decay", t->o.weight_decay, "n_epochs_kl_warmup",
        (json_int_t)t->o.n_epochs_kl_warmup);
    if (!facts)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    json_object_update(net->training, facts);
    json_decref(facts);
    return SC_OK;
}

sc_status sc_train(sc_net *net, const sc_cells *cells, const sc_train_opts *o, sc_pool *pool,
                   const sc_kernels *k, sc_epoch_fn report, void *ctx, sc_err *err)
{
    sc_trainer t = {.net = net, .cells = cells, .o = *o, .pool = pool, .k = k};
    sc_status st = open_trainer(&t, err);
    if (st == SC_OK)
        st = epochs(&t, report, ctx, err);
    if (st == SC_OK)
        st = finish(&t, err);
    close_trainer(&t);
    return st;
}

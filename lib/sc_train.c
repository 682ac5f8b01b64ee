#include "sc_train.h"

#include "sc_optimizer.h"
#include "sc_philox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct tally { /* sums over cells */
    double loss, rec, kl;
    int64_t n;
} tally;

typedef struct trainer {
    sc_net *net;
    const sc_cells *cells;
    sc_train_opts o; /* with the model's defaults filled in */
    sc_pool *pool;
    const sc_kernels *k;
    sc_exec_f32 *e;
    sc_plan fit, check;
    sc_optimizer *adam;
    sc_minibuf *buf;
    int64_t *rows, *order, n_train, n_val, n_steps;
    float *best; /* weights of the best validation so far */
    double best_elbo;
    int64_t best_epoch;
} trainer;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double kl_weight(const trainer *t, int64_t epoch)
{
    const sc_train_opts *o = &t->o;
    const double span = o->max_kl_weight - o->min_kl_weight;
    if (o->n_epochs_kl_warmup > 0)
        return epoch < o->n_epochs_kl_warmup
                   ? o->min_kl_weight + span * (double)epoch / (double)o->n_epochs_kl_warmup
                   : o->max_kl_weight;
    if (o->n_steps_kl_warmup > 0)
        return t->n_steps < o->n_steps_kl_warmup
                   ? o->min_kl_weight + span * (double)t->n_steps / (double)o->n_steps_kl_warmup
                   : o->max_kl_weight;
    return o->max_kl_weight;
}

static void count(const trainer *t, const sc_plan *p, const sc_run *run, int64_t n, tally *sum)
{
    const sc_built *g = t->net->g;
    sum->loss += sc_exec_loss_f32(t->e, p, run, 0) * (double)n;
    sum->n += n;
    for (int i = 0; i < g->n_terms; i++) {
        const sc_term_role role = g->terms[i].spec.role;
        if (!p->term_on[i] || role == SC_TERM_OTHER)
            continue;
        const float *v = sc_exec_value_f32(t->e, g->terms[i].node);
        for (int64_t r = 0; r < n; r++)
            *(role == SC_TERM_RECONSTRUCTION ? &sum->rec : &sum->kl) += (double)v[r];
    }
}

static sc_status diverged(const trainer *t, int64_t epoch, const int64_t *rows, int64_t n,
                          const char *what, sc_err *err)
{
    return sc_fail(err, SC_EDIVERGED,
                   "training diverged in epoch %lld: the %s of a minibatch of %lld cells ('%s' ... "
                   "'%s') is not finite; a lower --lr may help",
                   (long long)epoch + 1, what, (long long)n, sc_strs_at(&t->cells->names, rows[0]),
                   sc_strs_at(&t->cells->names, rows[n - 1]));
}

static sc_status train_epoch(trainer *t, int64_t epoch, tally *sum, sc_err *err)
{
    memcpy(t->order, t->rows, (size_t)t->n_train * sizeof *t->order);
    sc_shuffle((sc_key){t->o.seed, (uint32_t)epoch, UINT32_C(0x4f524452), 0}, t->n_train, t->order);
    for (int64_t at = 0; at < t->n_train; at += t->o.batch_size) {
        const int64_t n = t->n_train - at < t->o.batch_size ? t->n_train - at : t->o.batch_size;
        SC_TRY(sc_minibuf_rows(t->buf, t->cells, t->order + at, n, t->pool, err));
        const sc_run run = {.mini = {&t->buf->mini},
                            .train = !t->o.eval_mode,
                            .draw = SC_DRAW_SAMPLE,
                            .seed = t->o.seed,
                            .epoch = (uint32_t)epoch,
                            .kl_weight = kl_weight(t, epoch)};
        SC_TRY(sc_exec_forward_f32(t->e, &t->fit, &run, err));
        const double before = sum->loss;
        count(t, &t->fit, &run, n, sum);
        if (!isfinite(sum->loss - before))
            return diverged(t, epoch, t->order + at, n, "loss", err);
        sc_exec_backward_f32(t->e, &t->fit, &run, 0);
        if (!sc_optimizer_step(t->adam, t->fit.moves[0], sc_exec_weights_f32(t->e),
                               sc_exec_gradients_f32(t->e), t->o.lr, t->o.eps, t->o.weight_decay,
                               t->pool, t->k))
            return diverged(t, epoch, t->order + at, n, "gradient", err);
        t->n_steps++;
    }
    return SC_OK;
}

static sc_status validate(trainer *t, int64_t epoch, double w, tally *sum, sc_err *err)
{
    for (int64_t at = 0; at < t->n_val; at += t->o.batch_size) {
        const int64_t n = t->n_val - at < t->o.batch_size ? t->n_val - at : t->o.batch_size;
        SC_TRY(sc_minibuf_rows(t->buf, t->cells, t->rows + t->n_train + at, n, t->pool, err));
        const sc_run run = {.mini = {&t->buf->mini},
                            .draw = SC_DRAW_SAMPLE,
                            .seed = t->o.seed,
                            .epoch = (uint32_t)epoch + 1,
                            .kl_weight = w};
        SC_TRY(sc_exec_forward_f32(t->e, &t->check, &run, err));
        count(t, &t->check, &run, n, sum);
    }
    return SC_OK;
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static sc_status open_history(sc_net *net, sc_err *err)
{
    static const char *const names[] = {"epoch",
                                        "train_loss",
                                        "elbo_train",
                                        "reconstruction_loss_train",
                                        "kl_local_train",
                                        "kl_global_train",
                                        "validation_loss",
                                        "elbo_validation",
                                        "reconstruction_loss_validation",
                                        "kl_local_validation",
                                        "kl_global_validation",
                                        "kl_weight",
                                        "lr"};
    json_t *columns = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        json_array_append_new(columns, json_string(names[i]));
    json_object_set_new(net->history, "columns", columns);
    return json_object_set_new(net->history, "rows", json_array())
               ? sc_fail(err, SC_ENOMEM, "out of memory")
               : SC_OK;
}

static void record(sc_net *net, int64_t epoch, const tally *fit, const tally *val, double w,
                   double lr)
{
    json_t *row = json_pack("[I]", (json_int_t)epoch);
    for (int i = 0; i < 2; i++) {
        const tally *s = i ? val : fit;
        const double n = s->n ? (double)s->n : NAN;
        const double v[5] = {s->loss / n, (s->rec + s->kl) / n, s->rec / n, s->kl / n,
                             s->n ? 0 : NAN};
        for (int k = 0; k < 5; k++)
            json_array_append_new(row, number(v[k]));
    }
    json_array_append_new(row, number(w));
    json_array_append_new(row, number(lr));
    json_array_append_new(json_object_get(net->history, "rows"), row);
}

static void fill_defaults(trainer *t)
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
    if (o->n_epochs_kl_warmup < 0)
        o->n_epochs_kl_warmup = o->n_steps_kl_warmup > 0 ? 0 : d->n_epochs_kl_warmup;
    if (o->n_steps_kl_warmup == 0 && o->n_epochs_kl_warmup == 0 && d->n_steps_kl_warmup > 0)
        o->n_steps_kl_warmup = (int64_t)(d->n_steps_kl_warmup * (double)t->cells->n_obs);
}

static sc_status open_trainer(trainer *t, sc_err *err)
{
    const sc_built *g = t->net->g;
    for (int i = 1; i < g->n_nodes; i++)
        if (g->nodes[i].reps && g->nodes[i].stream != SC_ROWS_ALL)
            return sc_fail(
                err, SC_EPLUGIN,
                "model '%s' needs labelled and unlabelled minibatches, which training can't draw",
                t->net->handle.plugin->name);
    for (int i = 0; i < g->n_weights; i++) /* sc-fit fills in what the library sizes give */
        if (g->weights[i].group ||
            (g->weights[i].kind == SC_W_PLAIN && g->weights[i].init > SC_INIT_LIBRARY_LOG_VARS))
            return sc_fail(err, SC_EPLUGIN,
                           "model '%s' has a side network, or weights that start from proteins or "
                           "total counts ('%s'), which training can't do",
                           t->net->handle.plugin->name, g->weights[i].name);
    const int64_t room = t->o.batch_size < t->cells->n_obs ? t->o.batch_size : t->cells->n_obs;
    SC_TRY(sc_exec_new_f32(&t->e, g, room, true, t->pool, t->k, err));
    memcpy(sc_exec_weights_f32(t->e), t->net->weights, (size_t)g->n_params * sizeof(float));
    SC_TRY(sc_plan_make(&t->fit, g, 1U << SC_ROWS_ALL,
                        SC_PLAN_TERMS | SC_PLAN_KEEPS | SC_PLAN_BACKWARD | SC_PLAN_FUSE, NULL, 0,
                        err));
    SC_TRY(
        sc_plan_make(&t->check, g, 1U << SC_ROWS_ALL, SC_PLAN_TERMS | SC_PLAN_FUSE, NULL, 0, err));
    SC_TRY(sc_optimizer_new(&t->adam, g, err));
    if (t->o.spans)
        SC_TRY(sc_optimizer_limit(t->adam, t->o.spans, t->o.n_spans, err));
    SC_TRY(sc_minibuf_new(&t->buf, room, err));
    SC_TRY(sc_alloc(&t->rows, (size_t)t->cells->n_obs, sizeof *t->rows, err));
    SC_TRY(sc_alloc(&t->order, (size_t)t->cells->n_obs, sizeof *t->order, err));
    SC_TRY(sc_split(t->cells, &t->o, t->o.batch_size, t->rows, &t->n_train, &t->n_val, err));
    if (t->o.check_val_every > 0 && t->n_val == 0)
        return sc_fail(err, SC_EUSAGE,
                       "--check-val-every needs validation cells, and there are none");
    if (t->o.load_best)
        SC_TRY(sc_alloc(&t->best, (size_t)g->n_params, sizeof(float), err));
    return open_history(t->net, err);
}

static void keep_best(trainer *t, int64_t epoch, const tally *val)
{
    const double elbo = (val->rec + val->kl) / (double)val->n;
    if (!t->o.load_best || !val->n || !(t->best_epoch == 0 || elbo < t->best_elbo))
        return;
    t->best_elbo = elbo;
    t->best_epoch = epoch + 1;
    memcpy(t->best, sc_exec_weights_f32(t->e), (size_t)t->net->g->n_params * sizeof(float));
}

static sc_status epochs(trainer *t, sc_epoch_fn report, void *ctx, sc_err *err)
{
    const double began = now();
    const size_t bytes = (size_t)t->net->g->n_params * sizeof(float);
    for (int64_t epoch = 0; epoch < t->o.max_epochs; epoch++) {
        tally fit = {0}, val = {0};
        SC_TRY(train_epoch(t, epoch, &fit, err));
        const double w = kl_weight(t, epoch);
        if (t->o.check_val_every > 0 && (epoch + 1) % t->o.check_val_every == 0)
            SC_TRY(validate(t, epoch, w, &val, err));
        keep_best(t, epoch, &val);
        record(t->net, epoch, &fit, &val, w, t->o.lr);
        memcpy(t->net->weights, sc_exec_weights_f32(t->e),
               bytes); /* the last good ones, should the next epoch fail */
        if (report) {
            const sc_epoch_report r = {
                epoch + 1, t->o.max_epochs, (fit.rec + fit.kl) / (double)fit.n,
                val.n ? (val.rec + val.kl) / (double)val.n : NAN, now() - began};
            report(ctx, &r);
        }
    }
    return SC_OK;
}

sc_status sc_train(sc_net *net, const sc_cells *cells, const sc_train_opts *o, sc_pool *pool,
                   const sc_kernels *k, sc_epoch_fn report, void *ctx, sc_err *err)
{
    trainer t = {.net = net, .cells = cells, .o = *o, .pool = pool, .k = k};
    fill_defaults(&t);
    sc_status st = open_trainer(&t, err);
    if (st == SC_OK)
        st = epochs(&t, report, ctx, err);
    if (st == SC_OK && t.best_epoch) {
        memcpy(net->weights, t.best, (size_t)net->g->n_params * sizeof(float));
        json_object_set_new(net->training, "best_epoch",
                            json_integer((json_int_t)t.best_epoch - 1));
    }
    if (st == SC_OK) {
        json_t *facts = json_pack(
            "{s:I, s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:I}", "seed", (json_int_t)t.o.seed,
            "isa", k->isa, "n_train", (json_int_t)t.n_train, "n_validation", (json_int_t)t.n_val,
            "epochs", (json_int_t)t.o.max_epochs, "batch_size", (json_int_t)t.o.batch_size, "lr",
            t.o.lr, "eps", t.o.eps, "weight_decay", t.o.weight_decay, "n_epochs_kl_warmup",
            (json_int_t)t.o.n_epochs_kl_warmup);
        json_object_update(net->training, facts);
        json_decref(facts);
    }
    sc_exec_free_f32(t.e);
    sc_plan_free(&t.fit);
    sc_plan_free(&t.check);
    sc_optimizer_free(t.adam);
    sc_minibuf_free(t.buf);
    free(t.rows);
    free(t.order);
    free(t.best);
    return st;
}

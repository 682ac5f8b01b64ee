/* One minibatch: forward, what it adds to the history, gradients, optimizers. */
#include "sc_train_int.h"

#include <math.h>

double sc_kl_weight(const sc_trainer *t, int64_t epoch)
{
    const sc_train_opts *o = &t->o;
    const bool by_epoch = o->n_epochs_kl_warmup > 0;
    const int64_t at = by_epoch ? epoch : t->n_steps,
                  end = by_epoch ? o->n_epochs_kl_warmup : o->n_steps_kl_warmup;
    if (end <= 0 || at >= end)
        return o->max_kl_weight;
    return o->min_kl_weight + (o->max_kl_weight - o->min_kl_weight) * (double)at / (double)end;
}

/* The stream whose cells a step counts: the first that takes part. */
static int counted(const sc_draw_rows *d)
{
    int s = 0;
    while (s < SC_N_STREAMS - 1 && !d->n[s])
        s++;
    return s;
}

/* Accuracy, and calibration error: |confidence - accuracy| over 15 bins of the largest probability,
 * weighted by their cells. */
static void count_classes(const sc_trainer *t, const sc_run *run, int64_t weight, sc_tally *sum)
{
    enum { BINS = 15 };
    const sc_gnode *logits = &t->net->g->nodes[t->class_term.logits];
    const sc_mini *m = run->mini[logits->stream];
    const int32_t *truth = m->codes[SC_IN_LABELS - SC_IN_BATCH][SC_ENCODER_SIDE];
    const float *v = sc_exec_value_f32(t->e, t->class_term.logits);
    const float *loss = sc_exec_value_f32(t->e, t->net->g->terms[t->class_term.term].node);
    double right[BINS] = {0}, sure[BINS] = {0}, n_right = 0, error = 0, lost = 0;
    for (int64_t i = 0; i < m->n; i++, v += logits->n_cols) {
        int64_t top = 0;
        double total = 0;
        for (int64_t c = 1; c < logits->n_cols; c++)
            top = v[c] > v[top] ? c : top;
        for (int64_t c = 0; c < logits->n_cols; c++)
            total += exp((double)v[c] - (double)v[top]);
        const double p = t->class_term.is_probs ? (double)v[top] : 1 / total;
        const int bin = p >= 1 ? BINS - 1 : p > 0 ? (int)ceil(p * BINS) - 1 : 0;
        right[bin] += top == truth[i];
        n_right += top == truth[i];
        sure[bin] += p;
        lost += (double)loss[i];
    }
    for (int b = 0; b < BINS; b++)
        error += fabs(right[b] - sure[b]);
    const double w = (double)weight / (double)m->n;
    sum->n_class += weight;
    sum->classification += w * lost;
    sum->accuracy += w * n_right;
    sum->calibration += w * error;
}

static void count(const sc_trainer *t, const sc_plan *p, const sc_run *run, const sc_draw_rows *d,
                  sc_tally *sum)
{
    const sc_built *g = t->net->g;
    const int stream = counted(d);
    const int64_t n = d->n[stream];
    /* a sum over the minibatch, already scaled by its usual size, is averaged over minibatches */
    const int64_t weight = g->schedule == SC_STEP_EITHER ? 1 : n;
    sum->loss += sc_exec_loss_f32(t->e, p, run, 0) * (double)weight;
    sum->n_loss += weight;
    sum->n += n;
    for (int i = 0; i < g->n_terms; i++) {
        const sc_term_role role = g->terms[i].spec.role;
        if (p->term_on[i] && i == t->class_term.term)
            count_classes(t, run, weight, sum);
        if (!p->term_on[i] || role == SC_TERM_OTHER ||
            (int)g->nodes[g->terms[i].node].stream != stream)
            continue;
        const float *v = sc_exec_value_f32(t->e, g->terms[i].node);
        for (int64_t r = 0; r < n; r++)
            *(role == SC_TERM_RECONSTRUCTION ? &sum->rec : &sum->kl) += (double)v[r];
    }
}

static const char *name_of(const sc_trainer *t, const sc_mini *m, int64_t i)
{
    return sc_strs_at(&t->cells->names, (int64_t)(m->keys[i] % (uint64_t)t->cells->n_obs));
}

static sc_status diverged(const sc_trainer *t, int64_t epoch, const sc_batch *b, const char *what,
                          sc_err *err)
{
    const sc_mini *m = &b->buf[counted(&b->d)]->mini;
    return sc_fail(err, SC_EDIVERGED,
                   "training diverged in epoch %lld: the %s of a minibatch of %lld cells ('%s' ... "
                   "'%s') is not finite; a lower --lr may help",
                   (long long)epoch + 1, what, (long long)m->n, name_of(t, m, 0),
                   name_of(t, m, m->n - 1));
}

/* A step between its forward and its backward. */
typedef struct pass {
    sc_trainer *t;
    const sc_batch *b;
    const sc_run *run;
    sc_tally *sum;
    bool is_finite; /* the loss */
} pass;

static bool take_stock(void *ctx)
{
    pass *s = ctx;
    const double before = s->sum->loss;
    count(s->t, s->b->plan, s->run, &s->b->d, s->sum);
    s->is_finite = isfinite(s->sum->loss - before);
    return s->is_finite;
}

static sc_rates rates_of(const sc_trainer *t, int group)
{
    const sc_built *g = t->net->g;
    return (sc_rates){group ? g->group_lr[group] : t->lr, group ? g->group_eps[group] : t->o.eps,
                      t->o.weight_decay};
}

/* Forward and the descent of the model's own terms. False in *descended: the loss or a gradient is
 * not finite. */
static sc_status descend(pass *s, bool *descended, sc_err *err)
{
    sc_trainer *t = s->t;
    const sc_plan *p = s->b->plan;
    sc_judge judge = {take_stock, s, false};
    const sc_rates r = rates_of(t, 0);
    if (t->o.gradient_clip_val <= 0)
        return sc_optimizer_pass(t->adam, t->e, p, s->run, &judge, &r, t->pool, t->k, descended,
                                 err);
    SC_TRY(sc_exec_forward_f32(t->e, p, s->run, err));
    *descended = take_stock(s);
    if (!*descended)
        return SC_OK;
    float *grad = sc_exec_gradients_f32(t->e);
    sc_exec_backward_f32(t->e, p, s->run, 0);
    sc_optimizer_clip(t->adam, p->moves[0], grad, t->o.gradient_clip_val);
    *descended =
        sc_optimizer_step(t->adam, p->moves[0], sc_exec_weights_f32(t->e), grad, &r, t->pool, t->k);
    return SC_OK;
}

static void show(const sc_batch *b, sc_run *run)
{
    for (int s = 0; s < SC_N_STREAMS; s++)
        run->mini[s] = b->d.n[s] ? &b->buf[s]->mini : NULL;
}

sc_status sc_train_one(sc_trainer *t, int64_t epoch, int64_t step, sc_tally *sum, sc_err *err)
{
    sc_batch *b = NULL;
    sc_run run = {.train = !t->o.eval_mode,
                  .draw = SC_DRAW_SAMPLE,
                  .seed = t->o.seed,
                  .epoch = (uint32_t)epoch,
                  .kl_weight = sc_kl_weight(t, epoch)};
    SC_TRY(sc_batch_take(t, epoch, step, false, &b, err));
    SC_TRY(sc_batch_offer(t, epoch, step, err));
    show(b, &run);
    pass s = {.t = t, .b = b, .run = &run, .sum = sum};
    bool descended;
    SC_TRY(descend(&s, &descended, err));
    t->n_steps++;
    /* side networks, each by its own optimizer, from the same forward pass */
    for (int k = 1; descended && k < t->net->g->n_groups; k++, t->n_steps++) {
        const sc_rates r = rates_of(t, k);
        descended = sc_optimizer_descend(t->adam, t->e, b->plan, &run, k, &r, t->pool, t->k);
    }
    return descended ? SC_OK : diverged(t, epoch, b, s.is_finite ? "gradient" : "loss", err);
}

sc_status sc_validate_one(sc_trainer *t, int64_t epoch, int64_t step, double kl_weight,
                          sc_tally *sum, sc_err *err)
{
    sc_batch *b = NULL;
    sc_run run = {.draw = SC_DRAW_SAMPLE,
                  .seed = t->o.seed,
                  .epoch = (uint32_t)epoch + 1,
                  .kl_weight = kl_weight};
    SC_TRY(sc_batch_take(t, epoch, step, true, &b, err));
    show(b, &run);
    SC_TRY(sc_exec_forward_f32(t->e, b->plan, &run, err));
    count(t, b->plan, &run, &b->d, sum);
    return SC_OK;
}

#include "sc_net_tensors.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    STRIPE = 16,  /* rows that are turned over at a time */
    FEW = 1 << 19 /* values that one thread has decoded before the others would be awake */
};

void sc_net_dims(const sc_gweight *w, sc_tensor *t)
{
    t->n_dims = w->n_dims;
    t->dims[0] = w->n_dims == 1 ? w->rows * w->cols : w->rows;
    t->dims[1] = w->cols;
}

/* The weight of a tensor, by its name and shape. */
static sc_status find_weight(const sc_net *net, const char *name, int n_dims, const int64_t *dims,
                             int *weight, sc_err *err)
{
    sc_tensor t = {0};
    *weight = sc_graph_weight(net->g, name);
    if (*weight < 0)
        return sc_fail(err, SC_EFORMAT, "tensor '%s' is none of model '%s'", name,
                       net->handle.plugin->name);
    sc_net_dims(&net->g->weights[*weight], &t);
    return t.n_dims == n_dims && memcmp(t.dims, dims, (size_t)n_dims * sizeof *dims) == 0
               ? SC_OK
               : sc_fail(err, SC_EFORMAT,
                         "tensor '%s' has another shape than the model's options ask for", name);
}

/* Else every cell would get NaN, or differ without a reason. */
static sc_status check_finite(const char *name, const float *v, int64_t n, sc_err *err)
{
    const uint32_t exponent = UINT32_C(0x7f800000);
    uint32_t n_bad = 0; /* a loop without a way out vectorizes */
    for (int64_t k = 0; k < n; k++) {
        uint32_t bits;
        memcpy(&bits, &v[k], sizeof bits);
        n_bad += (bits & exponent) == exponent;
    }
    for (int64_t k = 0; k < n && n_bad; k++)
        if (!isfinite(v[k]))
            return sc_fail(err, SC_EDATA, "tensor '%s' has a value that is not finite, %g", name,
                           (double)v[k]);
    return SC_OK;
}

bool sc_net_has(const sc_net *net, const sc_plan *p)
{
    bool *weights = NULL, has = true;
    if (!net->is_read)
        return true;
    if (sc_alloc(&weights, (size_t)net->g->n_weights, sizeof *weights, NULL) != SC_OK)
        return false;
    sc_plan_weights(p, net->g, weights);
    for (int w = 0; w < net->g->n_weights; w++)
        has = has && (!weights[w] || net->is_read[w]);
    free(weights);
    return has;
}

sc_status sc_net_take(sc_net *net, const char *name, int n_dims, const int64_t *dims,
                      const float *values, sc_err *err)
{
    int w;
    SC_TRY(find_weight(net, name, n_dims, dims, &w, err));
    SC_TRY(check_finite(name, values, net->g->weights[w].rows * net->g->weights[w].cols, err));
    sc_net_set(net, w, values);
    return SC_OK;
}

/* Each once: with as many tensors as weights, none may be missing. */
static sc_status has_all(const sc_net *net, const sc_model_file *f, sc_err *err)
{
    int want = 0;
    for (int i = 0; i < net->g->n_weights; i++) {
        const sc_gweight *w = &net->g->weights[i];
        want += w->is_saved;
        if (w->is_saved && !sc_model_file_find(f, w->name))
            return sc_fail(err, SC_EFORMAT, "the model has no tensor '%s'", w->name);
    }
    return f->n_tensors == want
               ? SC_OK
               : sc_fail(err, SC_EFORMAT, "the model has %d tensors where %d are needed",
                         f->n_tensors, want);
}

typedef struct taking {
    sc_net *net;
    const sc_model_file *f;
    sc_reader *in;
    const int *weights; /* by tensor */
    pthread_mutex_t reading;
    int n_read, failed; /* tensors; the first of those that failed */
    sc_status st;
    sc_err err;
} taking;

/* What a thread has of its own. */
typedef struct hand {
    sc_stored *p;
    float *stripe;
    size_t n; /* values that it has room for */
} hand;

static void hand_free(hand *h)
{
    sc_stored_free(h->p);
    free(h->stripe);
}

static sc_status read_next(taking *t, hand *h, int *k, sc_err *err)
{
    (void)pthread_mutex_lock(&t->reading);
    sc_status st = SC_END;
    if (t->st == SC_OK && t->n_read < t->f->n_tensors) {
        *k = t->n_read++;
        st = h->p ? SC_OK : sc_stored_new(&h->p, err);
        if (st == SC_OK)
            st = sc_stored_read(h->p, t->in, t->f, *k, err);
    }
    (void)pthread_mutex_unlock(&t->reading);
    return st;
}

static bool is_wanted(const sc_net *net, int weight)
{
    return !net->is_read || net->is_read[weight];
}

/* Straight from the stored bytes to where the weight is, a stripe at a time: memory that is touched
 * for the first time takes longer than all the rest. */
static sc_status take_values(const taking *t, hand *h, int k, sc_err *err)
{
    const sc_gweight *w = &t->net->g->weights[t->weights[k]];
    const int64_t most = w->rows < STRIPE ? w->rows : STRIPE;
    if (!is_wanted(t->net, t->weights[k]))
        return sc_stored_check(h->p, err);
    SC_TRY(sc_stored_decode(h->p, err));
    if ((size_t)(most * w->cols) > h->n) {
        SC_TRY(sc_resize(&h->stripe, (size_t)(most * w->cols), sizeof *h->stripe, err));
        h->n = (size_t)(most * w->cols);
    }
    for (int64_t r = 0; r < w->rows; r += STRIPE) {
        const int64_t n = w->rows - r < STRIPE ? w->rows - r : STRIPE;
        sc_stored_values(h->p, (size_t)(r * w->cols), (size_t)(n * w->cols), h->stripe);
        SC_TRY(check_finite(t->f->tensors[k].name, h->stripe, n * w->cols, err));
        sc_net_set_rows(t->net, t->weights[k], r, n, h->stripe);
    }
    return SC_OK;
}

static void note_failure(taking *t, int k, sc_status st, const sc_err *err)
{
    (void)pthread_mutex_lock(&t->reading);
    if (t->st == SC_OK || k < t->failed) {
        t->st = st;
        t->failed = k;
        t->err = *err;
    }
    (void)pthread_mutex_unlock(&t->reading);
}

static void run(void *ctx, int tid, int n)
{
    taking *t = ctx;
    hand h = {0};
    sc_err err = {0};
    sc_status st;
    int k = 0;
    (void)tid;
    (void)n;
    while ((st = read_next(t, &h, &k, &err)) == SC_OK &&
           (st = take_values(t, &h, k, &err)) == SC_OK)
        ;
    if (st != SC_END)
        note_failure(t, k, st, &err);
    hand_free(&h);
}

static int64_t n_wanted(const sc_net *net)
{
    int64_t n = 0;
    for (int i = 0; i < net->g->n_weights; i++)
        if (is_wanted(net, i))
            n += net->g->weights[i].rows * net->g->weights[i].cols;
    return n;
}

sc_status sc_net_take_all(sc_net *net, const sc_model_file *f, sc_reader *in, sc_pool *pool,
                          sc_err *err)
{
    taking t = {.net = net, .f = f, .in = in};
    int *weights = NULL;
    sc_status st;
    SC_TRY(sc_alloc(&weights, (size_t)f->n_tensors, sizeof *weights, err));
    for (int k = 0; k < f->n_tensors; k++)
        SC_GOTO(st,
                find_weight(net, f->tensors[k].name, f->tensors[k].n_dims, f->tensors[k].dims,
                            &weights[k], err),
                out);
    SC_GOTO(st, has_all(net, f, err), out);
    t.weights = weights;
    (void)pthread_mutex_init(&t.reading, NULL);
    if (pool && n_wanted(net) > FEW)
        sc_pool_run(pool, run, &t);
    else
        run(&t, 0, 1);
    (void)pthread_mutex_destroy(&t.reading);
    st = t.st;
    if (st != SC_OK && err)
        *err = t.err;
out:
    free(weights);
    return st;
}

/* A small neural classifier: one hidden layer of rectified units, trained by
 * Adam. */
#include "sc_philox.h"
#include "sc_transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HIDDEN = 64, BATCH = 128, MIN_EPOCHS = 20, MIN_STEPS = 3000 };
static const double RATE = 2e-3, DECAY = 1e-4;

/* Weights lie in one array: hidden x (d + 1), then classes x (HIDDEN + 1),
 * biases last in a row. */
typedef struct network {
    int64_t d, n_classes, n;
    double *w, *gradient, *moment, *square;
    double *center, *scale;          /* of each column of the reference */
    double *x, *hidden, *out, *back; /* of one cell */
} network;

static void network_free(network *m)
{
    free(m->w);
    free(m->gradient);
    free(m->moment);
    free(m->square);
    free(m->center);
    free(m->scale);
    free(m->x);
    free(m->hidden);
    free(m->out);
    free(m->back);
}

static sc_status network_new(network *m, const sc_labelled *ref, sc_err *err)
{
    const int64_t d = ref->x.n_cols, k = ref->n_classes;
    *m = (network){.d = d, .n_classes = k, .n = HIDDEN * (d + 1) + k * (HIDDEN + 1)};
    double **const whole[] = {&m->w, &m->gradient, &m->moment, &m->square};
    for (int i = 0; i < 4; i++)
        SC_TRY(sc_alloc(whole[i], (size_t)m->n, sizeof(double), err));
    SC_TRY(sc_alloc(&m->center, (size_t)d, sizeof(double), err));
    SC_TRY(sc_alloc(&m->scale, (size_t)d, sizeof(double), err));
    SC_TRY(sc_alloc(&m->x, (size_t)d, sizeof(double), err));
    SC_TRY(sc_alloc(&m->hidden, HIDDEN, sizeof(double), err));
    SC_TRY(sc_alloc(&m->back, HIDDEN, sizeof(double), err));
    return sc_alloc(&m->out, (size_t)k, sizeof(double), err);
}

static void standardize(network *m, const sc_dense *x)
{
    for (int64_t j = 0; j < m->d; j++) {
        double sum = 0, square = 0;
        for (int64_t i = 0; i < x->n_rows; i++)
            sum += (double)x->values[i * m->d + j];
        m->center[j] = sum / (double)x->n_rows;
        for (int64_t i = 0; i < x->n_rows; i++) {
            const double v = (double)x->values[i * m->d + j] - m->center[j];
            square += v * v;
        }
        const double sd = sqrt(square / (double)x->n_rows);
        m->scale[j] = sd > 0 ? 1 / sd : 0;
    }
}

static void start(network *m, uint64_t seed)
{
    sc_rng rng = sc_rng_new((sc_key){seed, 0, 0, UINT32_C(0x4E)});
    double *second = m->w + HIDDEN * (m->d + 1);
    for (int64_t h = 0; h < HIDDEN; h++)
        for (int64_t j = 0; j < m->d; j++)
            m->w[h * (m->d + 1) + j] = sc_rng_normal(&rng) * sqrt(2 / (double)m->d);
    for (int64_t c = 0; c < m->n_classes; c++)
        for (int64_t h = 0; h < HIDDEN; h++)
            second[c * (HIDDEN + 1) + h] = sc_rng_normal(&rng) / sqrt(HIDDEN);
}

/* Probabilities of the classes of one cell, into out. */
static void forward(network *m, const float *cell)
{
    const double *row = m->w;
    double top = -INFINITY, sum = 0;
    for (int64_t j = 0; j < m->d; j++)
        m->x[j] = ((double)cell[j] - m->center[j]) * m->scale[j];
    for (int64_t h = 0; h < HIDDEN; h++, row += m->d + 1) {
        double v = row[m->d];
        for (int64_t j = 0; j < m->d; j++)
            v += row[j] * m->x[j];
        m->hidden[h] = v > 0 ? v : 0;
    }
    for (int64_t c = 0; c < m->n_classes; c++, row += HIDDEN + 1) {
        double v = row[HIDDEN];
        for (int64_t h = 0; h < HIDDEN; h++)
            v += row[h] * m->hidden[h];
        m->out[c] = v;
        top = fmax(top, v);
    }
    for (int64_t c = 0; c < m->n_classes; c++)
        sum += m->out[c] = exp(m->out[c] - top);
    for (int64_t c = 0; c < m->n_classes; c++)
        m->out[c] /= sum;
}

/* Adds the gradient of the cross-entropy of the cell that forward saw last. */
static void backward(network *m, int32_t class)
{
    const double *second = m->w + HIDDEN * (m->d + 1);
    double *to = m->gradient + HIDDEN * (m->d + 1);
    memset(m->back, 0, HIDDEN * sizeof *m->back);
    for (int64_t c = 0; c < m->n_classes; c++, second += HIDDEN + 1, to += HIDDEN + 1) {
        const double e = m->out[c] - (c == class);
        for (int64_t h = 0; h < HIDDEN; h++) {
            m->back[h] += e * second[h];
            to[h] += e * m->hidden[h];
        }
        to[HIDDEN] += e;
    }
    to = m->gradient;
    for (int64_t h = 0; h < HIDDEN; h++, to += m->d + 1) {
        if (!(m->hidden[h] > 0))
            continue;
        for (int64_t j = 0; j < m->d; j++)
            to[j] += m->back[h] * m->x[j];
        to[m->d] += m->back[h];
    }
}

/* One step of Adam with decoupled weight decay; the gradient is a sum over n
 * cells, cleared. */
static void step(network *m, int64_t n, int64_t number)
{
    const double first = 1 - pow(0.9, (double)number), second = 1 - pow(0.999, (double)number);
    for (int64_t k = 0; k < m->n; k++) {
        const double g = m->gradient[k] / (double)n;
        m->gradient[k] = 0;
        m->moment[k] = 0.9 * m->moment[k] + 0.1 * g;
        m->square[k] = 0.999 * m->square[k] + 0.001 * g * g;
        m->w[k] -=
            RATE * (m->moment[k] / first / (sqrt(m->square[k] / second) + 1e-8) + DECAY * m->w[k]);
    }
}

static sc_status train(network *m, const sc_labelled *ref, uint64_t seed, sc_err *err)
{
    const int64_t n = ref->x.n_rows, per_epoch = (n + BATCH - 1) / BATCH;
    int64_t *order = NULL, number = 0;
    SC_TRY(sc_alloc(&order, (size_t)n, sizeof *order, err));
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t epoch = 0; epoch < MIN_EPOCHS || epoch * per_epoch < MIN_STEPS; epoch++) {
        sc_shuffle((sc_key){seed, epoch, 1, UINT32_C(0x4E)}, n, order);
        for (int64_t at = 0; at < n; at += BATCH) {
            const int64_t end = at + BATCH < n ? at + BATCH : n;
            for (int64_t i = at; i < end; i++) {
                forward(m, ref->x.values + order[i] * m->d);
                backward(m, ref->class[order[i]]);
            }
            step(m, end - at, ++number);
        }
    }
    free(order);
    return SC_OK;
}

sc_status sc_transfer_network(float *probs, const sc_labelled *ref, const sc_dense *query,
                              uint64_t seed, sc_err *err)
{
    network m;
    sc_status st = network_new(&m, ref, err);
    if (st == SC_OK) {
        standardize(&m, &ref->x);
        start(&m, seed);
        st = train(&m, ref, seed, err);
    }
    for (int64_t i = 0; i < query->n_rows && st == SC_OK; i++) {
        forward(&m, query->values + i * m.d);
        for (int64_t c = 0; c < m.n_classes; c++)
            probs[i * m.n_classes + c] = (float)m.out[c];
    }
    network_free(&m);
    return st;
}

#include "sc_umap.h"
#include "sc_philox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 300, FIT_STEPS = 500, TILE = 256, SMALL = 10000 };

static double curve_loss(const double *z, const double *f, double a, double b)
{
    double loss = 0;
    for (int i = 0; i < POINTS; i++) {
        const double r = 1 / (1 + a * pow(z[i], 2 * b)) - f[i];
        loss += r * r;
    }
    return loss;
}

/* Levenberg and Marquardt's way, from a = b = 1. */
void sc_umap_curve(double min_dist, double spread, double *a, double *b)
{
    double z[POINTS], f[POINTS], damping = 1e-3;
    for (int i = 0; i < POINTS; i++) {
        z[i] = 3 * spread * i / (POINTS - 1);
        f[i] = z[i] < min_dist ? 1 : exp(-(z[i] - min_dist) / spread);
    }
    *a = *b = 1;
    for (int step = 0; step < FIT_STEPS; step++) {
        double aa = 0, ab = 0, bb = 0, ra = 0, rb = 0;
        for (int i = 1; i < POINTS; i++) {
            const double p = pow(z[i], 2 * *b), value = 1 / (1 + *a * p);
            const double da = -p * value * value, db = 2 * *a * log(z[i]) * da, r = value - f[i];
            aa += da * da;
            ab += da * db;
            bb += db * db;
            ra += da * r;
            rb += db * r;
        }
        const double ad = aa * (1 + damping), bd = bb * (1 + damping), det = ad * bd - ab * ab;
        const double to_a = *a - (bd * ra - ab * rb) / det, to_b = *b - (ad * rb - ab * ra) / det;
        if (to_a > 0 && to_b > 0 && curve_loss(z, f, to_a, to_b) <= curve_loss(z, f, *a, *b)) {
            const bool is_still = fabs(to_a - *a) + fabs(to_b - *b) < 1e-14 * (*a + *b);
            *a = to_a;
            *b = to_b;
            damping = damping > 1e-12 ? damping / 10 : damping;
            if (is_still)
                return;
        } else if ((damping *= 10) > 1e12) {
            return;
        }
    }
}

typedef struct edge {
    int32_t to;
    float period;   /* epochs between two pulls */
    float next;     /* epoch of the next one */
    float next_far; /* of the next push */
} edge;

/*
 * A function of the squared distance, at STEPS points in each octave of it and straight in between:
 * within 1e-4 of its value, and several times as fast as two powers.
 */
enum { STEP_BITS = 6, STEPS = 1 << STEP_BITS, OCTAVES = 80, FIRST_OCTAVE = -40, BIAS = 127 };
typedef struct table {
    float value[OCTAVES * STEPS + 1];
} table;

typedef struct layout {
    int64_t n, n_epochs, epoch;
    int dim, n_negative;
    float step;
    int64_t *start; /* n + 1 */
    edge *edges;
    uint64_t *random; /* a state for each cell */
    float *y[2];      /* positions after an even and an odd number of epochs */
    table pull, push;
} layout;

static void make_tables(layout *l, double a, double b, double gamma)
{
    for (int i = 0; i <= OCTAVES * STEPS; i++) {
        const double d2 = ldexp(1 + (double)(i % STEPS) / STEPS, FIRST_OCTAVE + i / STEPS);
        const double p = pow(d2, b);
        l->pull.value[i] = (float)(-2 * a * b * p / (d2 * (1 + a * p)));
        l->push.value[i] = (float)(2 * gamma * b / ((0.001 + d2) * (1 + a * p)));
    }
}

static inline float look_up(const table *t, float d2)
{
    enum { REST = 23 - STEP_BITS };
    const uint32_t low = (uint32_t)(FIRST_OCTAVE + BIAS) << 23;
    const uint32_t high = (uint32_t)(FIRST_OCTAVE + OCTAVES + BIAS) << 23;
    uint32_t bits;
    memcpy(&bits, &d2, sizeof bits);
    bits = bits < low ? low : bits >= high ? high - 1 : bits;
    const uint32_t i = (bits - low) >> REST;
    const float rest = (float)(int32_t)(bits & ((1U << REST) - 1)) * (1.0F / (1 << REST));
    return t->value[i] + rest * (t->value[i + 1] - t->value[i]);
}

static inline float clip(float x)
{
    x = x < -4 ? -4 : x;
    return x > 4 ? 4 : x;
}

/* Adds to `to` what draws `at` to other, or away from it; nothing where both are in one place. */
static inline __attribute__((always_inline)) void
force(const layout *l, const table *t, const float *at, const float *other, int dim, float *to)
{
    float gap[SC_UMAP_MAX_DIMS], d2 = 0;
#pragma GCC unroll 2
    for (int k = 0; k < dim; k++) {
        gap[k] = at[k] - other[k];
        d2 += gap[k] * gap[k];
    }
    const float c = look_up(t, d2);
#pragma GCC unroll 2
    for (int k = 0; k < dim; k++)
        to[k] += l->step * clip(c * gap[k]);
}

static inline int64_t draw(uint64_t *state, int64_t n)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((*state >> 32) * (uint64_t)n >> 32);
}

typedef float four __attribute__((vector_size(16)));
typedef int32_t four_int __attribute__((vector_size(16)));

static inline four clip_four(four x)
{
    const four high = {4, 4, 4, 4}, low = -high;
    const four_int is_low = x<low, is_high = x> high;
    return (four)(((four_int)x & ~(is_low | is_high)) | ((four_int)low & is_low) |
                  ((four_int)high & is_high));
}

/* What pushes a cell of a plane, by four at a time: the same as one by one, but for the order of
 * the sum. */
static inline void push_in_plane(const layout *l, int64_t i, const float *at, int n_push,
                                 uint64_t *random, float *sum)
{
    const float *y = l->y[l->epoch & 1];
    four sx = {0}, sz = {0};
    for (; n_push > 0; n_push -= 4) {
        four x = {at[0], at[0], at[0], at[0]}, z = {at[1], at[1], at[1], at[1]}, c = {0};
        four ox = x, oz = z;
        for (int s = 0; s < 4 && s < n_push; s++) {
            const int64_t j = draw(random, l->n);
            if (j == i)
                continue;
            ox[s] = y[2 * j];
            oz[s] = y[2 * j + 1];
        }
        x -= ox;
        z -= oz;
        const four d2 = x * x + z * z;
        for (int s = 0; s < 4; s++)
            c[s] = look_up(&l->push, d2[s]);
        sx += clip_four(c * x);
        sz += clip_four(c * z);
    }
    sum[0] = l->step * ((sx[0] + sx[1]) + (sx[2] + sx[3]));
    sum[1] = l->step * ((sz[0] + sz[1]) + (sz[2] + sz[3]));
}

/* An edge stands in the rows of both of its cells, and each row pulls either: a cell is pulled
 * twice. */
static inline __attribute__((always_inline)) void follow(const layout *l, edge *e, int64_t i,
                                                         uint64_t *random, int dim, float *at)
{
    const float now = (float)l->epoch, *y = l->y[l->epoch & 1];
    if (e->next > now)
        return;
    force(l, &l->pull, at, y + e->to * dim, dim, at);
    force(l, &l->pull, at, y + e->to * dim, dim, at);
    e->next += e->period;
    if (l->n_negative == 0)
        return;
    const float period = e->period / (float)l->n_negative;
    const int n_push = (int)((now - e->next_far) / period);
    float sum[SC_UMAP_MAX_DIMS] = {0};
    if (dim == 2) {
        push_in_plane(l, i, at, n_push, random, sum);
    } else {
        for (int s = 0; s < n_push; s++) {
            const int64_t j = draw(random, l->n);
            if (j != i)
                force(l, &l->push, at, y + j * dim, dim, sum);
        }
    }
#pragma GCC unroll 2
    for (int k = 0; k < dim; k++)
        at[k] += sum[k];
    e->next_far += (float)n_push * period;
}

/*
 * A cell ends near the neighbor that pulls it last. So each epoch begins at another edge: else all
 * would gather at the same few cells, and clusters would tear.
 */
static inline __attribute__((always_inline)) void move_cell(layout *l, int64_t i, int dim)
{
    uint64_t random = l->random[i];
    float at[SC_UMAP_MAX_DIMS];
    memcpy(at, l->y[l->epoch & 1] + i * dim, (size_t)dim * sizeof *at);
    edge *const begin = l->edges + l->start[i], *const end = l->edges + l->start[i + 1];
    edge *const first = begin + (end > begin ? draw(&random, end - begin) : 0);
    for (edge *e = first; e < end; e++)
        follow(l, e, i, &random, dim, at);
    for (edge *e = begin; e < first; e++)
        follow(l, e, i, &random, dim, at);
    memcpy(l->y[(l->epoch + 1) & 1] + i * dim, at, (size_t)dim * sizeof *at);
    l->random[i] = random;
}

static void move_tile(void *ctx, int64_t tile, int tid)
{
    layout *l = ctx;
    const int64_t end = (tile + 1) * TILE < l->n ? (tile + 1) * TILE : l->n;
    (void)tid;
    for (int64_t i = tile * TILE; i < end; i++) {
        if (l->dim == 2)
            move_cell(l, i, 2);
        else
            move_cell(l, i, l->dim);
    }
}

static sc_status allocate(layout *l, const sc_csr *graph, sc_err *err)
{
    const size_t n = (size_t)l->n, nnz = (size_t)graph->indptr[l->n];
    SC_TRY(sc_alloc(&l->start, n + 1, sizeof *l->start, err));
    SC_TRY(sc_alloc(&l->edges, nnz, sizeof *l->edges, err));
    SC_TRY(sc_alloc(&l->random, n, sizeof *l->random, err));
    for (int p = 0; p < 2; p++)
        SC_TRY(sc_alloc(&l->y[p], n * (size_t)l->dim, sizeof *l->y[p], err));
    return SC_OK;
}

/* Edges that would not be pulled once are left out. */
static void take_edges(layout *l, const sc_csr *graph)
{
    float most = 0;
    int64_t at = 0;
    for (int64_t k = 0; k < graph->indptr[l->n]; k++)
        most = graph->values[k] > most ? graph->values[k] : most;
    for (int64_t i = 0; i < l->n; i++) {
        for (int64_t k = graph->indptr[i]; k < graph->indptr[i + 1]; k++) {
            const float w = graph->values[k], period = most / w;
            if (w > 0 && w * (float)l->n_epochs >= most && graph->indices[k] != i)
                l->edges[at++] = (edge){graph->indices[k], period, period,
                                        l->n_negative ? period / (float)l->n_negative : 0};
        }
        l->start[i + 1] = at;
    }
}

sc_status sc_umap_layout(const sc_csr *graph, const sc_umap_opts *o, float *y, sc_pool *pool,
                         sc_err *err)
{
    const size_t bytes = (size_t)graph->n_rows * (size_t)o->n_dims * sizeof *y;
    layout *l = NULL;
    double a, b;
    SC_TRY(sc_alloc(&l, 1, sizeof *l, err));
    l->n = graph->n_rows;
    l->dim = o->n_dims;
    l->n_negative = (int)o->n_negative;
    l->n_epochs = o->n_epochs ? o->n_epochs : l->n <= SMALL ? 500 : 200;
    const sc_status st = allocate(l, graph, err);
    if (st == SC_OK) {
        sc_umap_curve(o->min_dist, o->spread, &a, &b);
        make_tables(l, a, b, o->gamma);
        take_edges(l, graph);
        sc_fill_u32((sc_key){o->seed, 0, 0, 0x756d6170}, 2 * l->n, (uint32_t *)l->random);
        memcpy(l->y[0], y, bytes);
    }
    for (; st == SC_OK && l->epoch < l->n_epochs; l->epoch++) {
        const double done = l->epoch ? (double)(l->epoch - 1) / (double)l->n_epochs : 0;
        l->step = (float)(o->alpha * (1 - done));
        sc_pool_for(pool, (l->n + TILE - 1) / TILE, move_tile, l);
    }
    if (st == SC_OK)
        memcpy(y, l->y[l->epoch & 1], bytes);
    free(l->start);
    free(l->edges);
    free(l->random);
    free(l->y[0]);
    free(l->y[1]);
    free(l);
    return st;
}

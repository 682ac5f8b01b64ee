#include "sc_de.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 16 }; /* features whose draws are taken out of the rows together */

typedef struct job {
    const sc_de_rules *rules;
    const sc_de_draws *sets[2];
    int64_t n, n_features; /* n: pairs */
    sc_de_result *out;
    float *tops[2];    /* n_features: the largest draw */
    double *lfc_means; /* with the whole pseudocount */
    float **columns;   /* a thread: TILE x n, twice */
    double **lfc;      /* a thread: n */
} job;

static double bayes(double p)
{
    return log(p + 1e-8) - log(1 - p + 1e-8);
}

/* Draws of features [from, from + n) of a set, as columns. */
static void take_columns(const job *w, int set, int64_t from, int64_t n, float *to)
{
    const float *row = w->sets[set]->scale + from;
    for (int64_t i = 0; i < w->n; i++, row += w->n_features)
        for (int64_t j = 0; j < n; j++)
            to[j * w->n + i] = row[j];
}

static int64_t tile_of(const job *w, int64_t tile)
{
    const int64_t left = w->n_features - tile * TILE;
    return left < TILE ? left : TILE;
}

/* Mean and largest of all draws, pairs or not. */
static void describe_tile(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    const job *w = ctx;
    for (int set = 0; set < 2; set++) {
        double sum[TILE] = {0};
        float top[TILE] = {0};
        const int64_t n = tile_of(w, tile);
        const float *row = w->sets[set]->scale + tile * TILE;
        for (int64_t i = 0; i < w->sets[set]->n; i++, row += w->n_features)
            for (int64_t j = 0; j < n; j++) {
                sum[j] += (double)row[j];
                top[j] = row[j] > top[j] ? row[j] : top[j];
            }
        for (int64_t j = 0; j < n; j++) {
            w->out->of[SC_DE_SCALE1 + set][tile * TILE + j] = sum[j] / (double)w->sets[set]->n;
            w->tops[set][tile * TILE + j] = top[j];
        }
    }
}

static void vanilla_tile(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    const job *w = ctx;
    int64_t wins[TILE] = {0};
    const int64_t n = tile_of(w, tile);
    const float *a = w->sets[0]->scale + tile * TILE, *b = w->sets[1]->scale + tile * TILE;
    for (int64_t i = 0; i < w->n; i++, a += w->n_features, b += w->n_features)
        for (int64_t j = 0; j < n; j++)
            wins[j] += a[j] > b[j];
    for (int64_t j = 0; j < n; j++) {
        const double p = (double)wins[j] / (double)w->n;
        w->out->of[SC_DE_PROBA][tile * TILE + j] = p;
        w->out->of[SC_DE_BAYES][tile * TILE + j] = bayes(p);
    }
}

static double lfc_of(float a, float b, double pc)
{
    return log2((double)a + pc) - log2((double)b + pc);
}

static void lfc_mean_tile(void *ctx, int64_t tile, int tid)
{
    const job *w = ctx;
    float *a = w->columns[tid], *b = a + TILE * w->n;
    const int64_t n = tile_of(w, tile);
    take_columns(w, 0, tile * TILE, n, a);
    take_columns(w, 1, tile * TILE, n, b);
    for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < w->n; i++)
            sum += lfc_of(a[j * w->n + i], b[j * w->n + i], w->out->pseudocount);
        w->lfc_means[tile * TILE + j] = sum / (double)w->n;
    }
}

static int by_value(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Summaries of lfc (n, sorted here) into feature f's row. */
static void describe(const job *w, double *lfc, int64_t f)
{
    const int64_t n = w->n;
    double sum = 0, square = 0;
    double *const *to = w->out->of;
    for (int64_t i = 0; i < n; i++)
        sum += lfc[i];
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        square += (lfc[i] - mean) * (lfc[i] - mean);
    qsort(lfc, (size_t)n, sizeof *lfc, by_value);
    to[SC_DE_LFC_MEAN][f] = mean;
    to[SC_DE_LFC_STD][f] = sqrt(square / (double)n);
    to[SC_DE_LFC_MEDIAN][f] = (lfc[(n - 1) / 2] + lfc[n / 2]) / 2;
    to[SC_DE_LFC_MIN][f] = lfc[0];
    to[SC_DE_LFC_MAX][f] = lfc[n - 1];
    for (int k = 0; k < w->rules->n_levels; k++) {
        const int64_t width = (int64_t)floor(w->rules->levels[k] * (double)n);
        int64_t best = 0;
        for (int64_t i = 1; i + width < n; i++)
            if (lfc[i + width] - lfc[i] < lfc[best + width] - lfc[best])
                best = i;
        to[SC_DE_INTERVALS + 2 * k][f] = lfc[best];
        to[SC_DE_INTERVALS + 2 * k + 1][f] = lfc[best + width];
    }
}

static void change_tile(void *ctx, int64_t tile, int tid)
{
    const job *w = ctx;
    float *a = w->columns[tid], *b = a + TILE * w->n;
    const int64_t n = tile_of(w, tile);
    const double pc = w->out->pseudocount, delta = w->out->delta;
    take_columns(w, 0, tile * TILE, n, a);
    take_columns(w, 1, tile * TILE, n, b);
    for (int64_t j = 0; j < n; j++, a += w->n, b += w->n) {
        int64_t up = 0, down = 0;
        for (int64_t i = 0; i < w->n; i++) {
            const double lfc = lfc_of(a[i], b[i], pc);
            up += lfc >= delta;
            down += lfc < -delta;
        }
        const int64_t changed = w->rules->is_two ? up + down : up > down ? up : down;
        const double p = (double)changed / (double)w->n;
        w->out->of[SC_DE_PROBA][tile * TILE + j] = p;
        w->out->of[SC_DE_BAYES][tile * TILE + j] = bayes(p);
        for (int64_t i = 0; i < w->n; i++)
            w->lfc[tid][i] = lfc_of(a[i], b[i], 1e-3 * pc);
        describe(w, w->lfc[tid], tile * TILE + j);
    }
}

/* The 0.9 quantile of the largest draws of silent features; 1e-10 if none is. */
static sc_status silent_top(const job *w, int set, double *out, sc_err *err)
{
    double *v = NULL;
    int64_t n = 0;
    *out = 1e-10;
    SC_TRY(sc_alloc(&v, (size_t)w->n_features, sizeof *v, err));
    for (int64_t j = 0; j < w->n_features; j++)
        if (w->sets[set]->mute[j])
            v[n++] = (double)w->tops[set][j];
    if (n > 0) {
        qsort(v, (size_t)n, sizeof *v, by_value);
        const double at = 0.9 * (double)(n - 1);
        const int64_t i = (int64_t)at;
        *out = v[i] + (i + 1 < n ? (at - (double)i) * (v[i + 1] - v[i]) : 0);
    }
    free(v);
    return SC_OK;
}

static sc_status find_pseudocount(job *w, sc_err *err)
{
    double a, b;
    w->out->pseudocount = w->rules->pseudocount;
    if (w->rules->pseudocount > 0)
        return SC_OK;
    SC_TRY(silent_top(w, 0, &a, err));
    SC_TRY(silent_top(w, 1, &b, err));
    w->out->pseudocount = fmax(1e-10, fmax(a, b) / (double)w->n_features);
    return SC_OK;
}

static sc_status compare_change(job *w, int64_t n_tiles, sc_pool *pool, sc_err *err)
{
    SC_TRY(find_pseudocount(w, err));
    w->out->delta = w->rules->delta;
    if (w->rules->delta <= 0) {
        sc_pool_for(pool, n_tiles, lfc_mean_tile, w);
        SC_TRY(sc_de_delta(w->n_features, w->lfc_means, &w->out->delta, err));
    }
    sc_pool_for(pool, n_tiles, change_tile, w);
    return SC_OK;
}

typedef struct rank {
    double key;
    int64_t feature;
} rank;

static int by_rank(const void *x, const void *y)
{
    const rank *a = x, *b = y;
    return a->key != b->key ? (a->key < b->key) - (a->key > b->key)
                            : (a->feature > b->feature) - (a->feature < b->feature);
}

static sc_status put_in_order(sc_de_result *r, sc_err *err)
{
    rank *ranks = NULL;
    SC_TRY(sc_alloc(&ranks, (size_t)r->n_features, sizeof *ranks, err));
    for (int64_t j = 0; j < r->n_features; j++)
        ranks[j] = (rank){r->of[SC_DE_PROBA][j], j};
    qsort(ranks, (size_t)r->n_features, sizeof *ranks, by_rank);
    for (int64_t j = 0; j < r->n_features; j++)
        r->order[j] = ranks[j].feature;
    free(ranks);
    return SC_OK;
}

static sc_status make_room(job *w, int n_threads, sc_err *err)
{
    const sc_de_rules *r = w->rules;
    const int n_columns = r->is_change ? SC_DE_INTERVALS + 2 * r->n_levels : SC_DE_LFC_MEAN;
    for (int c = 0; c < n_columns; c++)
        SC_TRY(sc_alloc(&w->out->of[c], (size_t)w->n_features, sizeof(double), err));
    SC_TRY(sc_alloc(&w->out->order, (size_t)w->n_features, sizeof(int64_t), err));
    for (int set = 0; set < 2; set++)
        SC_TRY(sc_alloc(&w->tops[set], (size_t)w->n_features, sizeof(float), err));
    if (!r->is_change)
        return SC_OK;
    SC_TRY(sc_alloc(&w->lfc_means, (size_t)w->n_features, sizeof(double), err));
    SC_TRY(sc_alloc(&w->columns, (size_t)n_threads, sizeof *w->columns, err));
    SC_TRY(sc_alloc(&w->lfc, (size_t)n_threads, sizeof *w->lfc, err));
    for (int t = 0; t < n_threads; t++) {
        SC_TRY(sc_alloc(&w->columns[t], (size_t)(2 * TILE * w->n), sizeof(float), err));
        SC_TRY(sc_alloc(&w->lfc[t], (size_t)w->n, sizeof(double), err));
    }
    return SC_OK;
}

static void job_free(job *w, int n_threads)
{
    for (int t = 0; t < n_threads; t++) {
        if (w->columns)
            free(w->columns[t]);
        if (w->lfc)
            free(w->lfc[t]);
    }
    free(w->columns);
    free(w->lfc);
    free(w->lfc_means);
    free(w->tops[0]);
    free(w->tops[1]);
}

sc_status sc_de_compare(sc_de_result *out, const sc_de_rules *rules, int64_t n_features,
                        const sc_de_draws *a, const sc_de_draws *b, sc_pool *pool, sc_err *err)
{
    const int n_threads = sc_pool_size(pool);
    const int64_t n_tiles = (n_features + TILE - 1) / TILE;
    job w = {.rules = rules,
             .sets = {a, b},
             .n = a->n < b->n ? a->n : b->n,
             .n_features = n_features,
             .out = out};
    *out = (sc_de_result){.n_features = n_features};
    sc_status st = make_room(&w, n_threads, err);
    if (st == SC_OK) {
        sc_pool_for(pool, n_tiles, describe_tile, &w);
        if (rules->is_change)
            st = compare_change(&w, n_tiles, pool, err);
        else
            sc_pool_for(pool, n_tiles, vanilla_tile, &w);
    }
    if (st == SC_OK)
        st = put_in_order(out, err);
    job_free(&w, n_threads);
    return st;
}

void sc_de_free(sc_de_result *r)
{
    for (int c = 0; c < SC_DE_COLUMNS; c++)
        free(r->of[c]);
    free(r->order);
    *r = (sc_de_result){0};
}

int64_t sc_de_called(int64_t n, const double *sorted_probas, double fdr)
{
    double sum = 0;
    int64_t called = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += 1 - sorted_probas[i];
        called += sum / (double)(i + 1) <= fdr;
    }
    return called;
}

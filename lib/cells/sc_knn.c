#include "sc_knn_int.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 64, CHUNK = 512 };

typedef struct candidate {
    float score; /* squared distance less the query's squared length */
    int32_t at;
} candidate;

typedef struct reach { /* of a part */
    double least;      /* no row of it is nearer to any query of the tile */
    int32_t part;
} reach;

typedef struct nearest { /* the candidates of one query */
    candidate *c;
    int64_t n, room;
    float limit; /* only scores below it can matter */
    double
        margin; /* what rounding can have added to or taken from the k-th score and from another */
    double length; /* squared, of the query */
} nearest;

typedef struct ranked {
    double dist;
    int32_t row;
} ranked;

typedef struct scratch {
    float *left, limit[TILE];
    sc_hit *hits;
    reach *parts;
    double *center;
    nearest query[TILE];
    ranked *ranked;
    int64_t ranked_room;
} scratch;

typedef struct search {
    const sc_dense *ref, *query;
    sc_metric metric;
    bool is_self;
    const sc_kernels *kernels;
    sc_knn_parts parts;
    const float *x;       /* queries in order, prepared */
    const int32_t *order; /* position of a query -> its row */
    const int64_t *cuts;  /* tiles of queries of one part: positions */
    sc_knn *out;
    scratch *by_thread;
    _Atomic bool is_out_of_memory;
} search;

/* Orders c so that the k-th lowest score stands at k, lower ones before it (Hoare's selection). */
static void select_kth(candidate *c, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        const float pivot = c[(low + high) / 2].score;
        int64_t i = low, j = high;
        while (i <= j) {
            while (c[i].score < pivot)
                i++;
            while (c[j].score > pivot)
                j--;
            if (i <= j) {
                const candidate t = c[i];
                c[i++] = c[j];
                c[j--] = t;
            }
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            return;
    }
}

/* Lowers the limit to the k-th score so far and drops what is above. */
static void tighten(nearest *q, int k)
{
    if (q->n < k)
        return;
    select_kth(q->c, q->n, k - 1);
    const float limit = nextafterf((float)((double)q->c[k - 1].score + q->margin), INFINITY);
    q->limit = limit < q->limit ? limit : q->limit;
    int64_t kept = 0;
    for (int64_t i = 0; i < q->n; i++)
        if (q->c[i].score < q->limit)
            q->c[kept++] = q->c[i];
    q->n = kept;
}

static bool make_room(nearest *q, int k)
{
    tighten(q, k);
    if (q->n < q->room / 2)
        return true;
    const int64_t room = 2 * q->room + 8 * k;
    candidate *c = realloc(q->c, (size_t)room * sizeof *c);
    if (!c)
        return false;
    q->c = c;
    q->room = room;
    return true;
}

/* Compares the tile's queries with the rows of a part. */
static bool look_into(search *s, scratch *t, int n, int64_t part)
{
    const sc_knn_parts *p = &s->parts;
    const int64_t from = p->start[part], size = p->padded[part + 1] - p->padded[part];
    const float *block = p->block + p->padded[part] * (p->d + 1);
    for (int64_t j = 0; j < size; j += CHUNK) {
        const int width = (int)(size - j < CHUNK ? size - j : CHUNK);
        const int n_hits = s->kernels->near((n + 7) / 8 * 8, width, p->d + 1, t->left, TILE,
                                            block + j, (int)size, t->limit, t->hits);
        for (const sc_hit *h = t->hits; h < t->hits + n_hits; h++) {
            nearest *q = &t->query[h->row];
            if (q->n == q->room && !make_room(q, s->out->k))
                return false;
            q->c[q->n++] = (candidate){h->value, (int32_t)(from + j + h->col)};
        }
        for (int i = 0; i < n && n_hits; i++) {
            if (t->query[i].n >= 2 * s->out->k)
                tighten(&t->query[i], s->out->k);
            t->limit[i] = t->query[i].limit;
        }
    }
    return true;
}

static int by_reach(const void *a, const void *b)
{
    const reach *x = a, *y = b;
    if (x->least != y->least)
        return x->least < y->least ? -1 : 1;
    return (x->part > y->part) - (x->part < y->part);
}

static int by_distance(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->dist != y->dist)
        return x->dist < y->dist ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Readies the tile's queries; returns the distance from their center to the farthest. */
static double start_tile(search *s, scratch *t, int64_t from, int n)
{
    const int d = s->parts.d;
    double radius = 0;
    memset(t->center, 0, (size_t)d * sizeof *t->center);
    for (int i = 0; i < TILE; i++) /* of rows that are not there, nothing matters */
        t->limit[i] = -INFINITY;
    for (int i = 0; i < n; i++) {
        const float *x = s->x + (from + i) * d;
        nearest *q = &t->query[i];
        q->length = 0;
        for (int k = 0; k < d; k++) {
            t->left[k * TILE + i] = -2 * x[k];
            t->center[k] += (double)x[k] / n;
            q->length += (double)x[k] * (double)x[k];
        }
        t->left[d * TILE + i] = 1;
        const double longest = sqrt(q->length) + s->parts.max_norm;
        q->margin = 2 * (d + 12) * 0x1p-23 * longest * longest;
        q->limit = t->limit[i] = INFINITY;
        q->n = 0;
    }
    for (int i = 0; i < n; i++) {
        double r = 0;
        for (int k = 0; k < d; k++) {
            const double gap = (double)s->x[(from + i) * d + k] - t->center[k];
            r += gap * gap;
        }
        radius = r > radius ? r : radius;
    }
    return sqrt(radius);
}

static void order_parts(search *s, scratch *t, double radius)
{
    const sc_knn_parts *p = &s->parts;
    for (int j = 0; j < p->n_parts; j++) {
        double r = 0;
        for (int k = 0; k < p->d; k++) {
            const double gap = (double)p->centroid[j * p->d + k] - t->center[k];
            r += gap * gap;
        }
        t->parts[j] = (reach){sqrt(r) - radius - p->radius[j], j};
    }
    qsort(t->parts, (size_t)p->n_parts, sizeof *t->parts, by_reach);
}

/* True if some query of the tile may have a neighbor at that distance. */
static bool can_matter(const scratch *t, int n, double least)
{
    if (least <= 0)
        return true;
    for (int i = 0; i < n; i++)
        if (least * least <= (double)t->query[i].limit + t->query[i].length + t->query[i].margin)
            return true;
    return false;
}

/* The candidates of a query by their distances in double. */
static bool rank(search *s, scratch *t, const nearest *q, int64_t row)
{
    const int64_t d = s->parts.d;
    const int k = s->out->k;
    if (q->n > t->ranked_room) {
        ranked *r = realloc(t->ranked, (size_t)q->n * 2 * sizeof *r);
        if (!r)
            return false;
        t->ranked = r;
        t->ranked_room = q->n * 2;
    }
    const float *x = s->query->values + row * d;
    for (int64_t i = 0; i < q->n; i++) {
        const int32_t other = s->parts.order[q->c[i].at];
        const bool is_itself = s->is_self && other == row;
        t->ranked[i] = (ranked){
            is_itself ? -1 : sc_knn_distance(x, s->ref->values + other * d, (int)d, s->metric),
            other};
    }
    qsort(t->ranked, (size_t)q->n, sizeof *t->ranked, by_distance);
    for (int j = 0; j < k; j++) {
        s->out->index[row * k + j] = t->ranked[j].row;
        s->out->dist[row * k + j] = t->ranked[j].dist < 0 ? 0 : t->ranked[j].dist;
    }
    return true;
}

static void search_tile(void *ctx, int64_t tile, int tid)
{
    search *s = ctx;
    scratch *t = &s->by_thread[tid];
    const int64_t from = s->cuts[tile];
    const int n = (int)(s->cuts[tile + 1] - from);
    order_parts(s, t, start_tile(s, t, from, n));
    bool ok = true;
    for (int j = 0; ok && j < s->parts.n_parts && can_matter(t, n, t->parts[j].least); j++)
        ok = look_into(s, t, n, t->parts[j].part);
    for (int i = 0; ok && i < n; i++) {
        tighten(&t->query[i], s->out->k);
        ok = rank(s, t, &t->query[i], s->order[from + i]);
    }
    if (!ok)
        atomic_store(&s->is_out_of_memory, true);
}

static void free_scratch(search *s, int n_threads)
{
    for (int i = 0; s->by_thread && i < n_threads; i++) {
        scratch *t = &s->by_thread[i];
        free(t->left);
        free(t->hits);
        free(t->parts);
        free(t->center);
        free(t->ranked);
        for (int j = 0; j < TILE; j++)
            free(t->query[j].c);
    }
    free(s->by_thread);
}

static sc_status new_scratch(search *s, int n_threads, sc_err *err)
{
    const size_t d = (size_t)s->parts.d;
    SC_TRY(sc_alloc(&s->by_thread, (size_t)n_threads, sizeof *s->by_thread, err));
    for (int i = 0; i < n_threads; i++) {
        scratch *t = &s->by_thread[i];
        SC_TRY(sc_alloc(&t->left, TILE * (d + 1), sizeof *t->left, err));
        SC_TRY(sc_alloc(&t->hits, TILE * CHUNK, sizeof *t->hits, err));
        SC_TRY(sc_alloc(&t->parts, (size_t)s->parts.n_parts, sizeof *t->parts, err));
        SC_TRY(sc_alloc(&t->center, d, sizeof *t->center, err));
    }
    return SC_OK;
}

/* Tiles of at most TILE queries, none of two parts. */
static sc_status cut_tiles(const int64_t *start, int n_parts, int64_t **cuts, int64_t *n,
                           sc_err *err)
{
    *n = 0;
    SC_TRY(sc_alloc(cuts, (size_t)(start[n_parts] / TILE + n_parts + 1), sizeof **cuts, err));
    for (int p = 0; p < n_parts; p++)
        for (int64_t i = start[p]; i < start[p + 1]; i += TILE)
            (*cuts)[(*n)++] = i;
    (*cuts)[*n] = start[n_parts];
    return SC_OK;
}

typedef struct grouped { /* queries that are not the rows searched */
    float *x, *prepared;
    int32_t *part, *order;
    int64_t *start;
} grouped;

static sc_status group_queries(search *s, grouped *g, sc_pool *pool, sc_err *err)
{
    const int64_t n = s->query->n_rows, d = s->query->n_cols;
    const sc_knn_parts *p = &s->parts;
    SC_TRY(sc_alloc(&g->x, (size_t)(n * d), sizeof *g->x, err));
    SC_TRY(sc_alloc(&g->prepared, (size_t)(n * d), sizeof *g->prepared, err));
    SC_TRY(sc_alloc(&g->part, (size_t)n, sizeof *g->part, err));
    SC_TRY(sc_alloc(&g->order, (size_t)n, sizeof *g->order, err));
    SC_TRY(sc_alloc(&g->start, (size_t)p->n_parts + 1, sizeof *g->start, err));
    SC_TRY(sc_knn_prepare(s->query, p->shift, s->metric, g->prepared, err));
    SC_TRY(sc_knn_assign(p, g->prepared, n, g->part, pool, s->kernels, err));
    sc_knn_group(g->part, n, p->n_parts, g->start, g->order);
    for (int64_t i = 0; i < n; i++)
        memcpy(g->x + i * d, g->prepared + g->order[i] * d, (size_t)d * sizeof *g->x);
    s->x = g->x;
    s->order = g->order;
    return SC_OK;
}

static sc_status find(search *s, sc_pool *pool, sc_err *err)
{
    grouped g = {0};
    int64_t *cuts = NULL, n_tiles;
    sc_status st;
    SC_GOTO(st, sc_knn_parts_new(&s->parts, s->ref, s->metric, pool, s->kernels, err), out);
    s->x = s->parts.x;
    s->order = s->parts.order;
    if (!s->is_self)
        SC_GOTO(st, group_queries(s, &g, pool, err), out);
    SC_GOTO(
        st,
        cut_tiles(s->is_self ? s->parts.start : g.start, s->parts.n_parts, &cuts, &n_tiles, err),
        out);
    s->cuts = cuts;
    SC_GOTO(st, new_scratch(s, sc_pool_size(pool), err), out);
    sc_pool_for(pool, n_tiles, search_tile, s);
    if (atomic_load(&s->is_out_of_memory))
        st = sc_fail(err, SC_ENOMEM, "there is no memory for the candidates of the neighbors");
out:
    free_scratch(s, sc_pool_size(pool));
    sc_knn_parts_free(&s->parts);
    free(g.x);
    free(g.prepared);
    free(g.part);
    free(g.order);
    free(g.start);
    free(cuts);
    return st;
}

sc_status sc_knn_find(sc_knn *out, const sc_dense *ref, const sc_dense *query, int k,
                      sc_metric metric, sc_pool *pool, const sc_kernels *kernels, sc_err *err)
{
    search s = {.ref = ref,
                .query = query ? query : ref,
                .metric = metric,
                .is_self = !query,
                .kernels = kernels,
                .out = out};
    *out = (sc_knn){.n_rows = s.query->n_rows, .k = k};
    if (k < 1 || k > ref->n_rows)
        return sc_fail(err, SC_EDATA, "%d neighbors of each of %lld rows can't be had", k,
                       (long long)ref->n_rows);
    const size_t n = (size_t)out->n_rows * (size_t)k;
    SC_TRY(sc_alloc(&out->index, n, sizeof *out->index, err));
    SC_TRY(sc_alloc(&out->dist, n, sizeof *out->dist, err));
    return find(&s, pool, err);
}

void sc_knn_free(sc_knn *x)
{
    free(x->index);
    free(x->dist);
    *x = (sc_knn){0};
}

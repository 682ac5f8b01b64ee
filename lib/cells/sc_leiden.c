#include "sc_leiden_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double least_gain = 1e-6; /* of quality, which is at most 1 */

void sc_level_free(sc_net_level *l)
{
    free(l->start);
    free(l->to);
    free(l->weight);
    free(l->strength);
    *l = (sc_net_level){0};
}

sc_status sc_level_mirror(sc_net_level *l, const int64_t *start, const int32_t *to,
                          const float *weight, sc_err *err)
{
    const int32_t n = l->n;
    int64_t *at = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&l->start, (size_t)n + 1, sizeof *l->start, err), out);
    SC_GOTO(st, sc_alloc(&at, (size_t)n + 1, sizeof *at, err), out);
    for (int32_t i = 0; i < n; i++)
        for (int64_t k = start[i]; k < start[i + 1]; k++)
            if (to[k] > i && weight[k] > 0) {
                l->start[i + 1]++;
                l->start[to[k] + 1]++;
            }
    for (int32_t i = 0; i < n; i++)
        l->start[i + 1] += l->start[i];
    memcpy(at, l->start, (size_t)n * sizeof *at);
    SC_GOTO(st, sc_alloc(&l->to, (size_t)l->start[n], sizeof *l->to, err), out);
    SC_GOTO(st, sc_alloc(&l->weight, (size_t)l->start[n], sizeof *l->weight, err), out);
    for (int32_t i = 0; i < n; i++)
        for (int64_t k = start[i]; k < start[i + 1]; k++) {
            const int32_t j = to[k];
            if (j <= i || !(weight[k] > 0))
                continue;
            l->to[at[i]] = j;
            l->weight[at[i]++] = weight[k];
            l->to[at[j]] = i;
            l->weight[at[j]++] = weight[k];
        }
out:
    free(at);
    return st;
}

/* The nodes of part p stand in order from first[p] to first[p + 1]. */
static void sort_by_part(const int32_t *part, int32_t n, int32_t n_parts, int64_t *first,
                         int32_t *order)
{
    for (int32_t v = 0; v < n; v++)
        first[part[v] + 1]++;
    for (int32_t p = 0; p < n_parts; p++)
        first[p + 1] += first[p];
    for (int32_t v = n - 1; v >= 0; v--)
        order[--first[part[v] + 1]] = v;
    memmove(first, first + 1, (size_t)n_parts * sizeof *first); /* filling moved each end back */
    first[n_parts] = n;
}

/* Edges between parts, each in the row of the lower one; sum is zero before and after. */
static sc_status join_edges(sc_csr *upper, const sc_net_level *l, const int32_t *part,
                            const int64_t *first, const int32_t *order, int32_t *seen, double *sum,
                            sc_err *err)
{
    int64_t at = 0, room = 0;
    for (int64_t p = 0; p < upper->n_rows; p++) {
        int32_t n = 0;
        for (int64_t i = first[p]; i < first[p + 1]; i++)
            for (int64_t k = l->start[order[i]]; k < l->start[order[i] + 1]; k++) {
                const int32_t q = part[l->to[k]];
                if (q <= p)
                    continue;
                if (sum[q] == 0)
                    seen[n++] = q;
                sum[q] += (double)l->weight[k];
            }
        if (at + n > room) {
            room = 2 * (at + n);
            SC_TRY(sc_resize(&upper->indices, (size_t)room, sizeof *upper->indices, err));
            SC_TRY(sc_resize(&upper->values, (size_t)room, sizeof *upper->values, err));
        }
        for (int32_t i = 0; i < n; i++) {
            upper->indices[at] = seen[i];
            upper->values[at++] = (float)sum[seen[i]];
            sum[seen[i]] = 0;
        }
        upper->indptr[p + 1] = at;
    }
    return SC_OK;
}

sc_status sc_level_join(sc_net_level *into, const sc_net_level *l, const int32_t *part,
                        int32_t n_parts, double *sum, sc_err *err)
{
    sc_csr upper = {.n_rows = n_parts, .n_cols = n_parts};
    int64_t *first = NULL;
    int32_t *order = NULL, *seen = NULL;
    sc_status st;
    *into = (sc_net_level){.n = n_parts};
    SC_GOTO(st, sc_alloc(&first, (size_t)n_parts + 1, sizeof *first, err), out);
    SC_GOTO(st, sc_alloc(&order, (size_t)l->n, sizeof *order, err), out);
    SC_GOTO(st, sc_alloc(&seen, (size_t)n_parts, sizeof *seen, err), out);
    SC_GOTO(st, sc_alloc(&upper.indptr, (size_t)n_parts + 1, sizeof *upper.indptr, err), out);
    SC_GOTO(st, sc_alloc(&into->strength, (size_t)n_parts, sizeof *into->strength, err), out);
    sort_by_part(part, l->n, n_parts, first, order);
    for (int32_t v = 0; v < l->n; v++)
        into->strength[part[v]] += l->strength[v];
    SC_GOTO(st, join_edges(&upper, l, part, first, order, seen, sum, err), out);
    st = sc_level_mirror(into, upper.indptr, upper.indices, upper.values, err);
out:
    free(first);
    free(order);
    free(seen);
    sc_csr_free(&upper);
    return st;
}

/* Renumbers what is in use from 0 on, in the order of the nodes; returns how many there are. */
static int32_t renumber(int32_t *of, int32_t n, int32_t *number)
{
    int32_t count = 0;
    for (int32_t v = 0; v < n; v++)
        number[v] = -1;
    for (int32_t v = 0; v < n; v++) {
        if (number[of[v]] < 0)
            number[of[v]] = count++;
        of[v] = number[of[v]];
    }
    return count;
}

/* One round, from the clusters in found to better ones there. node: n of scratch. */
static sc_status go_round(sc_leiden_state *s, const sc_net_level *cells, int32_t *found,
                          int32_t *node, sc_err *err)
{
    sc_net_level l = *cells, next = {0};
    sc_status st = SC_OK;
    for (int32_t i = 0; i < cells->n; i++)
        node[i] = i;
    memcpy(s->cluster, found, (size_t)cells->n * sizeof *found);
    for (;;) {
        sc_leiden_move(s, &l);
        const int32_t n_clusters = renumber(s->cluster, l.n, s->seen);
        if (n_clusters == l.n)
            break;
        sc_leiden_split(s, &l);
        int32_t n_parts = renumber(s->part, l.n, s->seen);
        if (n_parts == l.n) { /* no part is larger than a node: whole clusters, then */
            memcpy(s->part, s->cluster, (size_t)l.n * sizeof *s->part);
            n_parts = n_clusters;
        }
        for (int32_t v = 0; v < l.n; v++)
            s->order[s->part[v]] = s->cluster[v];
        memcpy(s->cluster, s->order, (size_t)n_parts * sizeof *s->cluster);
        for (int32_t v = 0; v < cells->n; v++)
            node[v] = s->part[node[v]];
        st = sc_level_join(&next, &l, s->part, n_parts, s->gain, err);
        if (l.start != cells->start)
            sc_level_free(&l);
        l = next;
        if (st != SC_OK)
            break;
    }
    for (int32_t i = 0; i < cells->n && st == SC_OK; i++)
        found[i] = s->cluster[node[i]];
    if (l.start != cells->start)
        sc_level_free(&l);
    return st;
}

static double quality_of(const sc_net_level *l, const int32_t *of, double resolution, double *total)
{
    double all = 0, inside = 0, chance = 0;
    memset(total, 0, (size_t)l->n * sizeof *total);
    for (int32_t i = 0; i < l->n; i++) {
        double row = 0;
        for (int64_t k = l->start[i]; k < l->start[i + 1]; k++)
            row += of[l->to[k]] == of[i] ? (double)l->weight[k] : 0;
        inside += row;
        total[of[i]] += l->strength[i];
        all += l->strength[i];
    }
    for (int32_t c = 0; c < l->n; c++)
        chance += total[c] * total[c];
    return all > 0 ? (inside - resolution * chance / all) / all : 0;
}

typedef struct counted {
    int64_t size;
    int32_t first, id; /* its first cell */
} counted;

static int by_size(const void *a, const void *b)
{
    const counted *x = a, *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

/* Numbers the clusters from the largest on. */
static sc_status number_by_size(sc_clusters *out, int32_t n, int32_t *number, sc_err *err)
{
    counted *c = NULL;
    out->n = renumber(out->of, n, number);
    SC_TRY(sc_alloc(&c, (size_t)n, sizeof *c, err));
    for (int32_t i = n - 1; i >= 0; i--) {
        counted *to = &c[out->of[i]];
        *to = (counted){to->size + 1, i, out->of[i]};
    }
    qsort(c, (size_t)out->n, sizeof *c, by_size);
    for (int32_t k = 0; k < out->n; k++)
        number[c[k].id] = k;
    for (int32_t i = 0; i < n; i++)
        out->of[i] = number[out->of[i]];
    free(c);
    return SC_OK;
}

static sc_status new_state(sc_leiden_state *s, int32_t n, sc_err *err)
{
    const size_t m = (size_t)n;
    SC_TRY(sc_alloc(&s->cluster, m, sizeof *s->cluster, err));
    SC_TRY(sc_alloc(&s->part, m, sizeof *s->part, err));
    SC_TRY(sc_alloc(&s->total, m, sizeof *s->total, err));
    SC_TRY(sc_alloc(&s->outside, m, sizeof *s->outside, err));
    SC_TRY(sc_alloc(&s->strength_of_cluster, m, sizeof *s->strength_of_cluster, err));
    SC_TRY(sc_alloc(&s->gain, m, sizeof *s->gain, err));
    SC_TRY(sc_alloc(&s->size, m, sizeof *s->size, err));
    SC_TRY(sc_alloc(&s->seen, m, sizeof *s->seen, err));
    SC_TRY(sc_alloc(&s->order, m, sizeof *s->order, err));
    SC_TRY(sc_alloc(&s->free_ids, m, sizeof *s->free_ids, err));
    return sc_alloc(&s->is_queued, m, sizeof *s->is_queued, err);
}

static void free_state(sc_leiden_state *s)
{
    free(s->cluster);
    free(s->part);
    free(s->total);
    free(s->outside);
    free(s->strength_of_cluster);
    free(s->gain);
    free(s->size);
    free(s->seen);
    free(s->order);
    free(s->free_ids);
    free(s->is_queued);
}

/* The graph, each cell a node. */
static sc_status new_cells(sc_net_level *l, const sc_csr *graph, double *all, sc_err *err)
{
    if (graph->n_rows >= INT32_MAX)
        return sc_fail(err, SC_EDATA, "there are more than 2147483646 cells");
    *l = (sc_net_level){.n = (int32_t)graph->n_rows};
    for (int64_t i = 0; i < graph->n_rows; i++)
        for (int64_t k = graph->indptr[i]; k < graph->indptr[i + 1]; k++)
            if (!(graph->values[k] >= 0) || isinf(graph->values[k]))
                return sc_fail(err, SC_EDATA, "row %lld of the graph has the weight %g",
                               (long long)i, (double)graph->values[k]);
    SC_TRY(sc_level_mirror(l, graph->indptr, graph->indices, graph->values, err));
    SC_TRY(sc_alloc(&l->strength, (size_t)l->n, sizeof *l->strength, err));
    for (int32_t i = 0; i < l->n; i++)
        for (int64_t k = l->start[i]; k < l->start[i + 1]; k++) {
            l->strength[i] += (double)l->weight[k];
            *all += (double)l->weight[k];
        }
    return SC_OK;
}

static sc_status find(sc_leiden_state *s, const sc_net_level *cells, const sc_leiden_opts *o,
                      sc_clusters *out, int32_t *node, sc_err *err)
{
    for (int32_t i = 0; i < cells->n; i++)
        out->of[i] = i;
    for (int64_t round = 0; round != o->n_iterations; round++) {
        const double before = out->quality;
        SC_TRY(go_round(s, cells, out->of, node, err));
        out->quality = quality_of(cells, out->of, o->resolution, s->total);
        if (o->n_iterations < 0 && round > 0 && !(out->quality > before + least_gain))
            break;
    }
    return number_by_size(out, cells->n, s->seen, err);
}

sc_status sc_leiden(sc_clusters *out, const sc_csr *graph, const sc_leiden_opts *o, sc_err *err)
{
    sc_leiden_state s = {.beta = o->beta, .rng = sc_rng_new((sc_key){o->seed, 0, 0, 0x6c656964})};
    sc_net_level cells = {0};
    int32_t *node = NULL;
    double all = 0;
    sc_status st;
    *out = (sc_clusters){0};
    SC_GOTO(st, new_cells(&cells, graph, &all, err), out);
    s.gamma = all > 0 ? o->resolution / all : 0;
    SC_GOTO(st, new_state(&s, cells.n, err), out);
    SC_GOTO(st, sc_alloc(&node, (size_t)cells.n, sizeof *node, err), out);
    SC_GOTO(st, sc_alloc(&out->of, (size_t)cells.n, sizeof *out->of, err), out);
    st = find(&s, &cells, o, out, node, err);
out:
    free(node);
    free_state(&s);
    sc_level_free(&cells);
    return st;
}

void sc_clusters_free(sc_clusters *x)
{
    free(x->of);
    *x = (sc_clusters){0};
}

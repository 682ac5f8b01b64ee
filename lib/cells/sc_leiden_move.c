#include "sc_leiden_int.h"

#include <math.h>
#include <string.h>

/* Nodes 0 .. n-1 in a random order. */
static void shuffle(sc_leiden_state *s, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        const int32_t j = (int32_t)sc_rng_below(&s->rng, (uint64_t)i + 1);
        s->order[i] = s->order[j];
        s->order[j] = i;
    }
}

/* Adds up the weights from v to what its neighbors are `of`; returns how many those are, in seen.
 */
static int32_t gather(sc_leiden_state *s, const sc_net_level *l, int32_t v, const int32_t *of,
                      int32_t cluster)
{
    int32_t n = 0;
    for (int64_t k = l->start[v]; k < l->start[v + 1]; k++) {
        const int32_t u = l->to[k], c = of[u];
        if (cluster >= 0 && s->cluster[u] != cluster)
            continue;
        if (s->gain[c] == 0) /* weights are above 0 */
            s->seen[n++] = c;
        s->gain[c] += (double)l->weight[k];
    }
    return n;
}

/* Takes v out of its cluster and puts it where it raises the quality most; true if elsewhere. */
static bool move_node(sc_leiden_state *s, const sc_net_level *l, int32_t v, int32_t *n_free)
{
    const double k = l->strength[v], least = 1e-10 * k;
    const int32_t from = s->cluster[v];
    const int32_t n = gather(s, l, v, s->cluster, -1);
    s->total[from] -= k;
    s->size[from]--;
    int32_t best = from;
    double most = s->gain[from] - s->gamma * k * s->total[from];
    for (int32_t i = 0; i < n; i++) {
        const int32_t c = s->seen[i];
        const double gain = s->gain[c] - s->gamma * k * s->total[c];
        if (c != from && gain > most + least) {
            most = gain;
            best = c;
        }
        s->gain[c] = 0;
    }
    if (most < -least && s->size[from] > 0) /* alone it gains 0 */
        best = s->free_ids[--*n_free];
    if (best != from && s->size[from] == 0) {
        s->total[from] = 0;
        s->free_ids[(*n_free)++] = from;
    }
    s->total[best] += k;
    s->size[best]++;
    s->cluster[v] = best;
    return best != from;
}

void sc_leiden_move(sc_leiden_state *s, const sc_net_level *l)
{
    int32_t n_free = 0, at = 0, n_queued = l->n;
    memset(s->total, 0, (size_t)l->n * sizeof *s->total);
    memset(s->size, 0, (size_t)l->n * sizeof *s->size);
    for (int32_t v = 0; v < l->n; v++) {
        s->total[s->cluster[v]] += l->strength[v];
        s->size[s->cluster[v]]++;
        s->is_queued[v] = true;
    }
    for (int32_t c = l->n - 1; c >= 0; c--)
        if (s->size[c] == 0)
            s->free_ids[n_free++] = c;
    shuffle(s, l->n);
    for (; n_queued > 0; n_queued--) { /* order is a ring of n */
        const int32_t v = s->order[at];
        s->is_queued[v] = false;
        const bool has_moved = move_node(s, l, v, &n_free);
        const int32_t c = s->cluster[v];
        for (int64_t k = l->start[v]; has_moved && k < l->start[v + 1]; k++) {
            const int32_t u = l->to[k];
            if (s->is_queued[u] || s->cluster[u] == c)
                continue;
            const int64_t end = (int64_t)at + n_queued++;
            s->order[end % l->n] = u;
            s->is_queued[u] = true;
        }
        at = at + 1 < l->n ? at + 1 : 0;
    }
}

/* One of the parts seen that v may join, or its own, the likelier the more it gains. */
static int32_t choose(sc_leiden_state *s, int32_t v, double k, double cluster_total, int32_t n)
{
    double most = 0, sum = 1; /* of exp((gain - most) / beta); alone it gains 0 */
    int32_t n_open = 0, chosen = v;
    for (int32_t i = 0; i < n; i++) {
        const int32_t p = s->seen[i];
        const double gain = s->gain[p] - s->gamma * k * s->total[p];
        if (gain < 0 || s->outside[p] < s->gamma * s->total[p] * (cluster_total - s->total[p]))
            continue;
        s->seen[n_open++] = p;
        if (gain > most) {
            sum *= exp((most - gain) / s->beta);
            most = gain;
        }
        sum += exp((gain - most) / s->beta);
    }
    double left = sc_rng_uniform(&s->rng) * sum;
    for (int32_t i = 0; i < n_open && left >= 0; i++) {
        const int32_t p = s->seen[i];
        left -= exp((s->gain[p] - s->gamma * k * s->total[p] - most) / s->beta);
        if (left < 0)
            chosen = p;
    }
    return chosen;
}

/* Joins v, alone in its part, to a part of its cluster. */
static void join_part(sc_leiden_state *s, const sc_net_level *l, int32_t v, double cluster_total)
{
    const double k = l->strength[v];
    const int32_t n = gather(s, l, v, s->part, s->cluster[v]);
    /* seen is cut down to what is open, so gain is cleared by the edges */
    const int32_t p = choose(s, v, k, cluster_total, n);
    if (p != v) {
        s->part[v] = p;
        s->size[v]--;
        s->size[p]++;
        s->total[v] -= k;
        s->total[p] += k;
        s->outside[p] += s->outside[v] - 2 * s->gain[p];
    }
    for (int64_t e = l->start[v]; e < l->start[v + 1]; e++)
        s->gain[s->part[l->to[e]]] = 0;
}

void sc_leiden_split(sc_leiden_state *s, const sc_net_level *l)
{
    double *of_cluster = s->strength_of_cluster;
    memset(of_cluster, 0, (size_t)l->n * sizeof *of_cluster);
    for (int32_t v = 0; v < l->n; v++) {
        of_cluster[s->cluster[v]] += l->strength[v];
        s->part[v] = v;
        s->size[v] = 1;
        s->total[v] = l->strength[v];
        s->outside[v] = 0;
        for (int64_t k = l->start[v]; k < l->start[v + 1]; k++)
            if (s->cluster[l->to[k]] == s->cluster[v])
                s->outside[v] += (double)l->weight[k];
    }
    shuffle(s, l->n);
    for (int32_t i = 0; i < l->n; i++) {
        const int32_t v = s->order[i];
        const double k = l->strength[v], all = of_cluster[s->cluster[v]];
        if (s->size[v] == 1 && s->part[v] == v && s->outside[v] >= s->gamma * k * (all - k))
            join_part(s, l, v, all);
    }
}

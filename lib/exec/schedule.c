#include "schedule.h"

#include <stdlib.h>
#include <string.h>

enum { PHASES_MAX = 3 };

sc_status SC_R(sc_steps_new)(sc_steps *s, const sc_built *g, sc_err *err)
{
    const size_t n = (size_t)g->n_nodes, entries = n * PHASES_MAX;
    SC_TRY(sc_alloc(&s->from, entries + 1, sizeof *s->from, err));
    SC_TRY(sc_alloc(&s->entries, entries, sizeof *s->entries, err));
    SC_TRY(sc_alloc(&s->level, n, sizeof *s->level, err));
    SC_TRY(sc_alloc(&s->order, n, sizeof *s->order, err));
    SC_TRY(sc_alloc(&s->stamp, n, sizeof *s->stamp, err));
    SC_TRY(sc_alloc(&s->waiting, entries, sizeof *s->waiting, err));
    SC_TRY(sc_alloc(&s->weight_writer, (size_t)g->n_weights, sizeof *s->weight_writer, err));
    return sc_alloc(&s->weight_stamp, (size_t)g->n_weights, sizeof *s->weight_stamp, err);
}

void SC_R(sc_steps_free)(sc_steps *s)
{
    free(s->from);
    free(s->entries);
    free(s->level);
    free(s->order);
    free(s->stamp);
    free(s->waiting);
    free(s->weight_stamp);
    free(s->weight_writer);
}

/* What node id reads, a head's inside left out: number k, or 0 behind the last. */
static int32_t parent(const ex *e, int32_t id, int k)
{
    const sc_gnode *n = nd(e, id);
    const sc_head *h = e->plan->head && e->plan->head[id].logits ? &e->plan->head[id] : NULL;
    if (k < n->n_in)
        return h && n->in[k] == h->rate ? h->logits : n->in[k];
    return h && k == n->n_in ? h->library : 0;
}

/* A batch norm that a model passes twice moves its statistics in the order of the passes: the
 * level behind the passes before the i-th of the list. */
static int behind_same(const sc_steps *s, const ex *e, const int32_t *list, int i)
{
    const sc_gnode *n = nd(e, list[i]);
    int level = 0;
    for (int k = 0; k < i && n->op == SC_OP_BATCH_NORM; k++)
        if (nd(e, list[k])->op == SC_OP_BATCH_NORM && nd(e, list[k])->weight == n->weight &&
            s->level[list[k]] >= level)
            level = s->level[list[k]] + 1;
    return level;
}

/* A node's level is one more than that of any it depends on; -1: not in the list. */
static int find_levels(sc_steps *s, const ex *e, const int32_t *list, int n, bool backward)
{
    int top = 0;
    for (int i = 0; i < e->g->n_nodes; i++)
        s->level[i] = -1;
    for (int i = 0; i < n; i++)
        s->level[list[i]] = 0;
    for (int i = 0; i < n; i++) {
        int32_t p, *own = &s->level[list[i]];
        if (!backward)
            *own = behind_same(s, e, list, i);
        for (int k = 0; (p = parent(e, list[i], k)) != 0 || k < nd(e, list[i])->n_in; k++) {
            if (s->level[p] < 0)
                continue;
            if (!backward)
                *own = s->level[p] >= *own ? s->level[p] + 1 : *own;
            else if (s->level[p] <= *own)
                s->level[p] = *own + 1;
        }
        top = *own > top ? *own : top;
    }
    return top;
}

static bool has_weights(const sc_gnode *n)
{
    return n->op == SC_OP_LINEAR || n->op == SC_OP_BATCH_NORM;
}

/* Whether another node of this step writes what id would; marks what id writes if not. */
static bool collides(sc_steps *s, const ex *e, int32_t id, int phase, bool backward)
{
    const sc_gnode *n = nd(e, id);
    const sc_op *op = e->ops[n->op];
    const bool by_node = backward && (!op->reach || op->reach(e, id, phase) == SC_REACH_PARENTS);
    const bool by_weight = has_weights(n) && (backward || n->op == SC_OP_BATCH_NORM);
    int32_t p;
    if (by_weight && s->weight_stamp[n->weight] == s->last_stamp &&
        s->weight_writer[n->weight] != id)
        return true;
    for (int k = 0; by_node && ((p = parent(e, id, k)) != 0 || k < n->n_in); k++)
        if (wants_grad(e, p) && s->stamp[p] == s->last_stamp)
            return true;
    if (by_weight) {
        s->weight_stamp[n->weight] = s->last_stamp;
        s->weight_writer[n->weight] = id;
    }
    for (int k = 0; by_node && ((p = parent(e, id, k)) != 0 || k < n->n_in); k++)
        s->stamp[p] = s->last_stamp;
    return false;
}

/* The waiting nodes' phases, in as few steps as their collisions allow. */
static void add_steps(sc_steps *s, const ex *e, int n_waiting, bool backward)
{
    while (n_waiting > 0) {
        int n_left = 0;
        int64_t tiles = 0;
        s->last_stamp++;
        for (int i = 0; i < n_waiting; i++) {
            const int32_t id = s->waiting[i].id;
            const int phase = s->waiting[i].phase;
            const int64_t n = e->ops[nd(e, id)->op]->tiles(e, id, phase, backward);
            if (n <= 0)
                continue;
            if (collides(s, e, id, phase, backward)) {
                s->waiting[n_left++] = s->waiting[i];
                continue;
            }
            s->entries[s->n_entries++] = (sc_entry){id, phase, tiles, tiles + n};
            tiles += n;
        }
        if (tiles)
            s->from[++s->n] = s->n_entries;
        n_waiting = n_left;
    }
}

/* Those of a run of nodes, or of all, that have this phase, and whose time it is. */
static int collect(const sc_steps *s, const ex *e, int from, int to, int phase, bool backward,
                   bool is_end, sc_entry *waiting)
{
    int n = 0;
    for (int i = from; i < to; i++) {
        const int32_t id = s->order[i];
        const sc_op *op = e->ops[nd(e, id)->op];
        const bool is_late = backward && op->reach && op->reach(e, id, phase) == SC_REACH_END;
        if (phase < (backward ? op->bwd_phases : op->fwd_phases) && is_late == is_end)
            waiting[n++] = (sc_entry){id, phase, 0, 0};
    }
    return n;
}

void SC_R(sc_steps_make)(sc_steps *s, const ex *e, const int32_t *list, int n, bool backward)
{
    const int top = find_levels(s, e, list, n, backward);
    int at = 0, n_late = 0;
    for (int level = 0; level <= top; level++)
        for (int i = 0; i < n; i++)
            if (s->level[list[i]] == level)
                s->order[at++] = list[i];
    s->n = s->n_entries = s->from[0] = 0;
    for (int from = 0, to = 0; from < n; from = to) {
        while (to < n && s->level[s->order[to]] == s->level[s->order[from]])
            to++;
        for (int phase = 0; phase < PHASES_MAX; phase++)
            add_steps(s, e, collect(s, e, from, to, phase, backward, false, s->waiting), backward);
    }
    for (int phase = PHASES_MAX - 1; phase >= 0; phase--) /* counts have the longest tiles */
        n_late += collect(s, e, 0, n, phase, backward, true, s->waiting + n_late);
    add_steps(s, e, n_late, backward);
}

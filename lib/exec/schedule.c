#include "schedule.h"

#include <stdlib.h>
#include <string.h>

enum { PHASES_MAX = 3, BLOCK = 32 }; /* rows of a chain's tile */

sc_status SC_R(sc_steps_new)(sc_steps *s, const sc_built *g, sc_err *err)
{
    const size_t n = (size_t)g->n_nodes, tasks = n * PHASES_MAX;
    SC_TRY(sc_alloc(&s->from, tasks + 1, sizeof *s->from, err));
    SC_TRY(sc_alloc(&s->entries, tasks, sizeof *s->entries, err));
    SC_TRY(sc_alloc(&s->tasks, tasks, sizeof *s->tasks, err));
    SC_TRY(sc_alloc(&s->places, tasks, sizeof *s->places, err));
    SC_TRY(sc_alloc(&s->of_node, n, sizeof *s->of_node, err));
    return sc_alloc(&s->of_weight, (size_t)g->n_weights, sizeof *s->of_weight, err);
}

void SC_R(sc_steps_free)(sc_steps *s)
{
    free(s->from);
    free(s->entries);
    free(s->tasks);
    free(s->places);
    free(s->of_node);
    free(s->of_weight);
}

/* What node id reads, the inside of a head or a thin layer left out: number k, or 0 behind the
 * last. */
static int32_t parent(const ex *e, int32_t id, int k)
{
    const sc_gnode *n = nd(e, id);
    if (e->plan->thin && e->plan->thin[id].linear) {
        n = nd(e, e->plan->thin[id].linear);
        return k < n->n_in ? n->in[k] : 0;
    }
    const sc_head *h = e->plan->head && e->plan->head[id].logits ? &e->plan->head[id] : NULL;
    if (k < n->n_in)
        return h && n->in[k] == h->rate ? h->logits : n->in[k];
    return h && k == n->n_in ? h->library : 0;
}

static int n_parents(const ex *e, int32_t id)
{
    const int32_t thin = e->plan->thin ? e->plan->thin[id].linear : 0;
    const int n = nd(e, thin ? thin : id)->n_in;
    return parent(e, id, n) ? n + 1 : n;
}

/* Rows of a tile of the phase, if it reads and writes no others; else 0. */
static int64_t height_of(const ex *e, int32_t id, int phase, bool backward)
{
    const sc_gnode *n = nd(e, id);
    const sc_op *op = e->ops[n->op];
    const int64_t rows = op->rows && n->reps ? op->rows(e, id, phase, backward) : 0;
    for (int k = 0; k < n->n_in; k++) {
        const sc_gnode *p = nd(e, n->in[k]);
        if (p->reps && (p->reps != n->reps || p->stream != n->stream))
            return 0;
    }
    return rows;
}

static int root_of(const sc_steps *s, int task)
{
    while (s->places[task].chain != task)
        task = s->places[task].chain;
    return task;
}

/* A chain holds rows of one kind. */
static bool may_follow(const sc_steps *s, const ex *e, int earlier, int task)
{
    if (earlier < 0 || !s->places[task].height)
        return false;
    const sc_gnode *a = nd(e, s->places[earlier].task.id), *b = nd(e, s->places[task].task.id);
    return a->stream == b->stream && a->reps == b->reps;
}

/* The task comes behind w: in the same step if it can follow in its chain. */
static void come_behind(const sc_steps *s, const ex *e, sc_writer *w, int task)
{
    sc_place *p = &s->places[task];
    const int step = may_follow(s, e, w->task, task) ? w->step : w->step + 1;
    if (p->step < step)
        p->step = step;
}

/* Now that its step is known: it is one chain with those of the step that it comes behind. */
static void join(const sc_steps *s, const ex *e, sc_writer *w, int task)
{
    if (w->step != s->places[task].step || !may_follow(s, e, w->task, task))
        return;
    const int a = root_of(s, w->task), b = root_of(s, task);
    s->places[a > b ? a : b].chain = a > b ? b : a;
}

static void has_written(const sc_steps *s, const ex *e, sc_writer *w, int task)
{
    (void)e;
    const sc_place *p = &s->places[task];
    *w = (sc_writer){p->step, p->height ? task : -1};
}

/* What a task comes behind and then has written: its node, in backward the parents it adds to, and
 * weights, of a batch norm its statistics, too, in the order of the passes. Rows alone change no
 * weights. */
typedef void visit(const sc_steps *s, const ex *e, sc_writer *w, int task);

/* Nodes of one weight have one gradient. */
static sc_writer *writer_of(const sc_steps *s, const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    return n->op == SC_OP_WEIGHT ? &s->of_weight[n->weight] : &s->of_node[id];
}

static void for_each_writer(const sc_steps *s, const ex *e, int task, bool backward, visit *visits,
                            bool as_writer)
{
    const sc_place *p = &s->places[task];
    const int32_t id = p->task.id;
    const sc_gnode *n = nd(e, id);
    const sc_op *op = e->ops[n->op];
    const bool to_parents =
        backward && (!op->reach || op->reach(e, id, p->task.phase) == SC_REACH_PARENTS);
    visits(s, e, writer_of(s, e, id), task);
    for (int k = 0; (as_writer || backward ? to_parents : true) && k < n_parents(e, id); k++)
        visits(s, e, writer_of(s, e, parent(e, id, k)), task);
    if (!p->height && (n->op == SC_OP_BATCH_NORM || (backward && n->op == SC_OP_LINEAR)))
        visits(s, e, &s->of_weight[n->weight], task);
}

static void add_task(sc_steps *s, const ex *e, int32_t id, int phase, bool backward)
{
    const int64_t tiles = e->ops[nd(e, id)->op]->tiles(e, id, phase, backward);
    if (tiles <= 0)
        return;
    const int task = s->n_tasks++;
    s->places[task] = (sc_place){.task = {id, phase, tiles, 0},
                                 .step = s->n,
                                 .chain = task,
                                 .height = height_of(e, id, phase, backward)};
    s->places[task].task.share = s->places[task].height ? BLOCK / s->places[task].height : 1;
    for_each_writer(s, e, task, backward, come_behind, false);
    for_each_writer(s, e, task, backward, join, false);
    for_each_writer(s, e, task, backward, has_written, true);
}

static bool is_late(const ex *e, int32_t id, int phase, bool backward)
{
    const sc_op *op = e->ops[nd(e, id)->op];
    return backward && op->reach && op->reach(e, id, phase) == SC_REACH_END;
}

static int phases_of(const ex *e, int32_t id, bool backward)
{
    const sc_op *op = e->ops[nd(e, id)->op];
    return backward ? op->bwd_phases : op->fwd_phases;
}

/* The steps from the one that a task added next may have at the earliest. */
static void count_steps(sc_steps *s)
{
    for (int i = 0; i < s->n_tasks; i++)
        if (s->places[i].step >= s->n)
            s->n = s->places[i].step + 1;
}

/* Chains become entries, in the order of their first tasks, step by step. */
static void sort_entries(sc_steps *s)
{
    memset(s->from, 0, (size_t)(s->n + 1) * sizeof *s->from);
    memset(s->entries, 0, (size_t)s->n_tasks * sizeof *s->entries);
    for (int i = 0; i < s->n_tasks; i++)
        if (s->places[i].chain == i)
            s->from[s->places[i].step + 1]++;
    for (int k = 0; k < s->n; k++)
        s->from[k + 1] += s->from[k];
    s->n_entries = s->from[s->n];
    for (int i = 0; i < s->n_tasks; i++) {
        sc_place *p = &s->places[i];
        p->entry = p->chain == i ? s->from[p->step]++ : s->places[root_of(s, i)].entry;
        s->entries[p->entry].to++;
    }
    for (int k = s->n; k > 0; k--) /* back to where each begins */
        s->from[k] = s->from[k - 1];
    s->from[0] = 0;
    for (int k = 0, at = 0; k < s->n_entries; k++) {
        s->entries[k].from = at;
        at += s->entries[k].to;
        s->entries[k].to = s->entries[k].from;
    }
    for (int i = 0; i < s->n_tasks; i++) {
        const sc_place *p = &s->places[i];
        s->tasks[s->entries[p->entry].to++] = p->task;
    }
}

static void count_tiles(sc_steps *s, const ex *e)
{
    for (int k = 0; k < s->n; k++) {
        int64_t tiles = 0;
        for (int i = s->from[k]; i < s->from[k + 1]; i++) {
            sc_entry *to = &s->entries[i];
            const bool is_chain = to->to - to->from > 1;
            sc_task *first = &s->tasks[to->from];
            to->first = tiles;
            to->end = tiles += is_chain ? ceil_div(rows_of(e, first->id), BLOCK) : first->n_tiles;
        }
    }
}

static uint64_t mix(uint64_t h, int64_t v)
{
    h = (h ^ (uint64_t)v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

/* Of all that tiles and phases depend on. */
static uint64_t digest(const ex *e, const int32_t *list, int n, bool backward)
{
    const sc_plan *p = e->plan;
    uint64_t h = mix((uint64_t)n, backward);
    for (int s = 0; s < SC_N_STREAMS; s++) {
        h = mix(h, e->run->mini[s] ? e->run->mini[s]->n : -1);
        h = mix(h, e->columns[s].is_dense + 2 * e->columns[s].of);
    }
    h = mix(h, e->run->train * 4 + (e->owned != NULL) * 2 + (e->descent != NULL));
    for (int i = 0; i < n; i++) {
        h = mix(h, list[i]);
        h = mix(h, p->head ? p->head[list[i]].logits : -1);
        h = mix(h, p->thin ? p->thin[list[i]].linear * 2 + p->thin[list[i]].only_moves : -1);
        h = mix(h, e->is_taken ? e->is_taken[list[i]] : -1);
        h = mix(h, e->mate ? e->mate[list[i]] : -1);
    }
    for (int w = 0; w < e->g->n_weights; w++)
        for (int k = 0; k < e->g->n_groups; k++)
            h = mix(h, p->moves[k] ? p->moves[k][w] * 2 + (p->owned[k] && p->owned[k][w]) : -1);
    return h ? h : 1;
}

void SC_R(sc_steps_make)(sc_steps *s, const ex *e, const int32_t *list, int n, bool backward)
{
    const uint64_t of = digest(e, list, n, backward);
    if (s->of == of)
        return;
    s->of = of;
    s->n = s->n_tasks = 0;
    for (int i = 0; i < e->g->n_nodes; i++)
        s->of_node[i] = (sc_writer){-1, -1};
    for (int i = 0; i < e->g->n_weights; i++)
        s->of_weight[i] = (sc_writer){-1, -1};
    for (int i = 0; i < n; i++)
        for (int phase = 0; phase < phases_of(e, list[i], backward); phase++)
            if (!is_late(e, list[i], phase, backward))
                add_task(s, e, list[i], phase, backward);
    count_steps(s);
    for (int phase = PHASES_MAX - 1; phase >= 0; phase--) /* counts have the longest tiles */
        for (int i = 0; i < n; i++)
            if (phase < phases_of(e, list[i], backward) && is_late(e, list[i], phase, backward))
                add_task(s, e, list[i], phase, backward);
    count_steps(s);
    sort_entries(s);
    count_tiles(s, e);
}

/*
 * The order in which a list of nodes is run: in steps of tiles that may all run at the same time.
 *
 * A node's phase is a task. Tasks that take nothing but their own rows, one after the other, form a
 * chain: a tile is a block of rows that passes through all of them while it is in the cache, and
 * the threads do not meet in between. What two tasks would both add to is added in the order of the
 * list, in steps of their own or by turns in a chain, so the order of every sum is fixed. Gradients
 * of weights come last.
 */
#ifndef SC_EXEC_SCHEDULE_H
#define SC_EXEC_SCHEDULE_H

#include "../ops/op.h"

typedef struct sc_task {
    int32_t id;
    int phase;
    int64_t n_tiles, share; /* tiles: all, and how many of them a chain's tile takes */
} sc_task;

typedef struct sc_entry { /* tiles first .. end - 1 of its step are those of a task or a chain */
    int from, to;         /* tasks */
    int64_t first, end;
} sc_entry;

/* What was last to write a node, or a weight: the step, and the task if others of its chain may
 * follow in the same step; -1: nothing, or no such task. */
typedef struct sc_writer {
    int step, task;
} sc_writer;

/* Of a task while the order is made. */
typedef struct sc_place {
    sc_task task;
    int step, entry, chain; /* chain: a task of it that comes earlier, or itself */
    int64_t height;         /* rows of a tile; 0: it takes others' rows, too */
} sc_place;

typedef struct sc_steps {
    uint64_t of; /* what it was made for; 0: nothing yet */
    int n, n_entries, n_tasks;
    int *from; /* by step: its first entry; n + 1 */
    sc_entry *entries;
    sc_task *tasks;
    sc_place *places;
    sc_writer *of_node, *of_weight;
} sc_steps;

sc_status SC_R(sc_steps_new)(sc_steps *s, const sc_built *g, sc_err *err) SC_MUST_CHECK;
void SC_R(sc_steps_free)(sc_steps *s);
/* Fills s for n nodes of e's plan and run, unless it is so already; a node comes after those it
 * depends on in the list. */
void SC_R(sc_steps_make)(sc_steps *s, const ex *e, const int32_t *list, int n, bool backward);

#endif

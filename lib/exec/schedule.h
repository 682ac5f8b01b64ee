/*
 * The order in which a list of nodes is run: in steps of tiles that may all run at the same time.
 * Nodes that do not depend on each other share their steps, so that threads meet less often and the
 * tiles of a step are many. What two nodes would both add to is added in the order of the list, in
 * steps of their own, so the order of every sum is fixed. Gradients of weights come last.
 */
#ifndef SC_EXEC_SCHEDULE_H
#define SC_EXEC_SCHEDULE_H

#include "../ops/op.h"

typedef struct sc_entry { /* tiles first .. end - 1 of its step are those of a node's phase */
    int32_t id;
    int phase;
    int64_t first, end;
} sc_entry;

typedef struct sc_steps {
    int n, n_entries;
    int *from;         /* by step: its first entry; n + 1 */
    sc_entry *entries; /* room for all phases of all nodes */
    int32_t *level, *order, *stamp, *weight_stamp, *weight_writer;
    sc_entry *waiting;
    int32_t last_stamp;
} sc_steps;

sc_status SC_R(sc_steps_new)(sc_steps *s, const sc_built *g, sc_err *err) SC_MUST_CHECK;
void SC_R(sc_steps_free)(sc_steps *s);
/* Fills s for n nodes of e's plan and run; a node comes after those it depends on in the list. */
void SC_R(sc_steps_make)(sc_steps *s, const ex *e, const int32_t *list, int n, bool backward);

#endif

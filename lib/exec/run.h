/* Between the executor's files. */
#ifndef SC_EXEC_RUN_H
#define SC_EXEC_RUN_H

#include "schedule.h"

enum { N_STEPS = 1 + SC_GROUPS_MAX }; /* orders that an executor keeps: forward, each backward */

/* Room for the stored entries of e->run's minibatches. SC_EFORMAT: more rows than were announced.
 */
sc_status SC_R(sc_exec_reserve)(ex *e, sc_err *err) SC_MUST_CHECK;

#endif

/* Where sc-write writes: beside the final place first, so that a file or folder appears whole or
 * not at all. */
#ifndef TARGET_H
#define TARGET_H

#include "sc_err.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

typedef struct target {
    const char *name; /* as the user gave it; "-" for stdout */
    char *place;      /* where it goes: what a link leads to */
    char *dir, *path; /* the new folder, and the place in it that a format writes to */
    bool is_copied;   /* to stdout, a pipe or a device: they can't be renamed to */
    bool is_watched;  /* a thread waits for signals that end the process, to take dir away first */
    pthread_t watch;
    sigset_t signals, before; /* those it waits for; what was blocked before */
} target;

/* name NULL: stdout. SC_EUSAGE if that is a terminal. t stays where it is until target_close; it is
 * opened before other threads begin, which are to leave those signals alone too. */
sc_status target_open(target *t, const char *name, sc_err *err) SC_MUST_CHECK;
/* Puts what stands at path in its place. A folder replaces one that has no other files. */
sc_status target_commit(target *t, sc_err *err) SC_MUST_CHECK;
/* Takes away what is left; harmless after commit. */
void target_close(target *t);

#endif

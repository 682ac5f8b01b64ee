/* Where sc-write writes: without a name or beside the final place first, so that a file or folder
 * appears whole or not at all. */
#ifndef TARGET_H
#define TARGET_H

#include "sc_stream.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

typedef struct target {
    const char *name; /* as the user gave it; "-" for stdout */
    char *place;      /* where it goes: what a link leads to */
    char *path;       /* what a format writes to */
    sc_output file;   /* without a name, if the file system has that; nothing else is set then */
    int spool;        /* likewise what is_copied; else -1 */
    char *dir;        /* or the new folder that path is in: no folder goes without a name */
    bool is_copied;   /* to stdout, a pipe or a device: they can't be renamed to */
    bool is_watched;  /* a thread waits for signals that end the process, to take dir away first */
    pthread_t watch;
    sigset_t signals, before; /* those it waits for; what was blocked before */
} target;

/* name "-": stdout. SC_EUSAGE if that is a terminal. is_folder: the format will make one there. t
 * stays where it is until target_close; it is opened before other threads begin, which are to leave
 * those signals alone too. */
sc_status target_open(target *t, const char *name, bool is_folder, sc_err *err) SC_MUST_CHECK;
/* Puts what stands at path in its place. A folder replaces one that has no other files. */
sc_status target_commit(target *t, sc_err *err) SC_MUST_CHECK;
/* Takes away what is left; harmless after commit. */
void target_close(target *t);

#endif

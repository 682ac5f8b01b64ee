/* Where sc-write writes: beside the final place first, so that a file or folder appears whole or
 * not at all. */
#ifndef TARGET_H
#define TARGET_H

#include "sc_err.h"

#include <stdbool.h>

typedef struct target {
    const char *name; /* as the user gave it; "-" for stdout */
    char *dir, *path; /* the new folder, and the place in it that a format writes to */
    bool is_copied;   /* to stdout, a pipe or a device: they can't be renamed to */
} target;

/* name NULL: stdout. SC_EUSAGE if that is a terminal. */
sc_status target_open(target *t, const char *name, sc_err *err) SC_MUST_CHECK;
/* Puts what stands at path in its place. */
sc_status target_commit(target *t, sc_err *err) SC_MUST_CHECK;
/* Takes away what is left; harmless after commit. */
void target_close(target *t);

#endif

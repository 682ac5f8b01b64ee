/*
 * Scratch files: unlinked, in $TMPDIR or else /tmp.
 */
#ifndef SC_TEMP_H
#define SC_TEMP_H

#include "sc_err.h"

const char *sc_temp_folder(void); /* lent, by the environment or for ever */
/* Empty, open for reading and writing; the caller closes it. SC_EIO naming the folder. */
sc_status sc_temp_fd(int *fd, sc_err *err) SC_MUST_CHECK;
/* What errno says went wrong with one, and where it lies. */
sc_status sc_temp_fail(sc_err *err);

#endif

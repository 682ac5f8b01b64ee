/*
 * What sc-read reads from: a file, a directory or a pipe, with a look at how it begins (sc_format.h
 * says what formats may do with it).
 */
#ifndef SC_SOURCE_H
#define SC_SOURCE_H

#include "sc_format.h"

/* path NULL or "-": stdin. SC_EIO if it can't be opened or read, SC_EFORMAT if it is empty. */
sc_status sc_source_open(sc_source **out, const char *path, sc_err *err) SC_MUST_CHECK;
/* Copies what comes through a pipe into an unlinked file of $TMPDIR (or /tmp), so that there is a
 * path from then on; nothing to do where there is one. Only before the first read. */
sc_status sc_source_spool(sc_source *src, sc_err *err) SC_MUST_CHECK;
/* A descriptor at the first byte, that the source owns; the source must have a path. */
sc_status sc_source_fd(sc_source *src, int *fd, sc_err *err) SC_MUST_CHECK;
void sc_source_close(sc_source *src);

#endif

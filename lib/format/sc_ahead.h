/*
 * Bytes that a thread makes ahead of whoever takes them: decompression beside parsing.
 */
#ifndef SC_AHEAD_H
#define SC_AHEAD_H

#include "sc_err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sc_ahead sc_ahead;

/* Fills at most cap bytes of buf; *len == 0 at the end. Called on the thread, never at once. */
typedef sc_status (*sc_ahead_make)(void *ctx, char *buf, size_t cap, size_t *len, sc_err *err);

/* Starts the thread; ctx is its alone until sc_ahead_free. SC_EIO: the system has none to give. */
sc_status sc_ahead_new(sc_ahead **out, sc_ahead_make make, void *ctx, sc_err *err) SC_MUST_CHECK;
/* Copies at most cap of the next bytes; *len == 0 at the end. An error comes when the bytes before
 * it are taken. */
sc_status sc_ahead_take(sc_ahead *a, char *buf, size_t cap, size_t *len, sc_err *err) SC_MUST_CHECK;
void sc_ahead_free(sc_ahead *a); /* ends the thread; accepts NULL */

#endif

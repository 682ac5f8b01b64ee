/*
 * Zeroed memory for large arrays that are walked again and again: on huge pages where the system
 * lends them, since otherwise looking up addresses takes longer than the arithmetic. Pages that are
 * never touched cost nothing.
 */
#ifndef SC_PAGES_H
#define SC_PAGES_H

#include "sc_err.h"

/* n elements of `size` bytes to *out, aligned to 64 bytes; SC_ENOMEM. To be freed with
 * sc_pages_free, which accepts NULL. */
sc_status sc_pages_new(void *out, size_t n, size_t size, sc_err *err) SC_MUST_CHECK;
void sc_pages_free(void *pages);

#endif

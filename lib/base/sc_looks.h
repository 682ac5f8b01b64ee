/* What a file is by its first bytes, for the sentence that says why it can't be taken. */
#ifndef SC_LOOKS_H
#define SC_LOOKS_H

#include <stddef.h>

/* "an HDF5 file (h5ad, loom, h5 of 10x)", to follow "is": by the n bytes that a file begins with,
 * 8 of which tell the kinds apart. NULL: it may be text; n 0 is text. */
const char *sc_looks_like(const void *bytes, size_t n);

#endif

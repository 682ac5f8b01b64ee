/*
 * Numbers as text: what printf makes of them, several times faster.
 */
#ifndef SC_PRINT_H
#define SC_PRINT_H

#include <stddef.h>

enum { SC_REAL_TEXT = 24 }; /* bytes for any number, its end included */

/* What "%.9g" gives, to the byte; its length without the end. 9 digits tell all floats apart. */
size_t sc_print_real(char to[SC_REAL_TEXT], double x);

#endif

/* Cell names that occur more than once, noticed while cells go by. */
#ifndef REPEATS_H
#define REPEATS_H

#include "sc_data.h"

/* Starts as {0}; 16 to 32 bytes a cell. */
typedef struct repeats {
    uint64_t *seen; /* hashes of names, open addressing; 0: free */
    int64_t n, cap;
    int64_t n_repeated; /* cells whose name came before */
    char *first;        /* of those the first */
} repeats;

/* Takes note of the names of further cells, which are not kept; SC_ENOMEM. */
sc_status repeats_add(repeats *r, const sc_strs *names, sc_err *err) SC_MUST_CHECK;
void repeats_free(repeats *r);

#endif

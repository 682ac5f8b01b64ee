/* Gene names that occur more than once. */
#ifndef DUPLICATES_H
#define DUPLICATES_H

#include "sc_format.h"

typedef enum dup_mode { DUP_UNIQUE, DUP_DROP, DUP_SUM } dup_mode;

/* What becomes of the genes; n_repeated == 0: nothing. */
typedef struct duplicates {
    dup_mode mode;
    int64_t n_repeated; /* genes whose name came before */
    int64_t n_old, n_new;
    int32_t *to; /* old -> new; -1: dropped; NULL with DUP_UNIQUE */
} duplicates;

/* Decides by the names of h's var, and changes h as it has to be: names made unique, or var and the
 * columns of X, layers and varm taken. */
sc_status duplicates_plan(duplicates *d, dup_mode mode, sc_header *h, sc_err *err) SC_MUST_CHECK;
/* Does the same to a block: X and the layers of h. */
sc_status duplicates_apply(const duplicates *d, const sc_header *h, sc_format_rows *r,
                           sc_err *err) SC_MUST_CHECK;
void duplicates_free(duplicates *d);

#endif

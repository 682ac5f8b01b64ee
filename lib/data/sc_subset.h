/*
 * Fewer genes: what becomes of a header and of the blocks under it.
 */
#ifndef SC_SUBSET_H
#define SC_SUBSET_H

#include "sc_stream.h"

typedef struct sc_subset {
    int64_t n_old, n_new;
    int32_t *old_to_new; /* n_old; -1: dropped */
    int64_t *kept;       /* n_new old positions, rising */
} sc_subset;

/* keep: n marks. s is newly made. */
sc_status sc_subset_new(sc_subset *s, const uint8_t *keep, int64_t n, sc_err *err) SC_MUST_CHECK;
void sc_subset_free(sc_subset *s);
/* var, varm, and the widths of X and of all layers; obs, obsm and raw stay as they are. */
sc_status sc_subset_header(const sc_subset *s, sc_header *h, sc_err *err) SC_MUST_CHECK;
/* X and the layers that h lists. */
sc_status sc_subset_block(const sc_subset *s, const sc_header *h, sc_block *b,
                          sc_err *err) SC_MUST_CHECK;

#endif

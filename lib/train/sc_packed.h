/*
 * Counts of cells x genes, packed, to be read back by rows in any order: 16-bit gene indices where
 * they fit, and 8-, 16- or 32-bit (float) counts, as small as each thousand rows allows. In memory
 * while they take no more than asked, else in an unlinked file of $TMPDIR.
 */
#ifndef SC_PACKED_H
#define SC_PACKED_H

#include "sc_err.h"

#include <stdint.h>

typedef struct sc_packed sc_packed;

/* memory: bytes; 0: no limit. */
sc_status sc_packed_new(sc_packed **out, int64_t n_vars, int64_t memory, sc_err *err) SC_MUST_CHECK;
void sc_packed_free(sc_packed *p);
/* Appends a row of n counts, none of them 0; index rising. SC_EIO if the file can't be written. */
sc_status sc_packed_add(sc_packed *p, int64_t n, const int32_t *index, const float *value,
                        sc_err *err) SC_MUST_CHECK;
/* After the last row, before the first is read. */
sc_status sc_packed_end(sc_packed *p, sc_err *err) SC_MUST_CHECK;
int64_t sc_packed_count(const sc_packed *p, int64_t row); /* counts that the row has */
/* Unpacks a row. Threads may read at the same time. */
sc_status sc_packed_row(const sc_packed *p, int64_t row, int32_t *index, float *value,
                        sc_err *err) SC_MUST_CHECK;
/* Has the memory fetch a row that is to be unpacked soon. */
void sc_packed_ask(const sc_packed *p, int64_t row);
/* Hash of all rows, wherever they are. */
uint64_t sc_packed_digest(const sc_packed *p);

#endif

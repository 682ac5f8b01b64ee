/*
 * The opcodes of pickle protocol 2, written into a buffer: without memo, every value stands where
 * it is written. The first failure is kept, and nothing is written after it.
 */
#ifndef SC_PICKLE_PUT_H
#define SC_PICKLE_PUT_H

#include "sc_err.h"
#include "sc_pickle_ops.h"
#include "sc_zip_write.h"

#include <stdint.h>

typedef struct sc_pickle_out {
    sc_bytes buf; /* at most SC_PT_MAX_PICKLE bytes; owned by who has the struct */
    sc_status status;
    sc_err err;
} sc_pickle_out;

/* Keeps the first failure. */
void sc_pickle_fail(sc_pickle_out *o, sc_status status, const char *fmt, ...) SC_PRINTF(3, 4);
/* Each appends, unless something has failed: a memory that is short or a pickle too long is
 * SC_ENOMEM or SC_EUSAGE in o->status. */
void sc_pickle_op(sc_pickle_out *o, int op);
void sc_pickle_op_number(sc_pickle_out *o, int op, int size, uint64_t value); /* size <= 8 bytes */
void sc_pickle_put_raw(sc_pickle_out *o, const void *bytes, size_t n);
void sc_pickle_put_global(sc_pickle_out *o, const char *module, const char *name);
void sc_pickle_put_text(sc_pickle_out *o, const char *utf8, size_t n);

/* n bytes, as encode("...", "latin1"): protocol 2 has none, and each becomes a character. */
void sc_pickle_put_latin1(sc_pickle_out *o, const unsigned char *p, size_t n);

#endif

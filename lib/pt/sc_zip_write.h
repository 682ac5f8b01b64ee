/*
 * Zip archives of stored members, written into memory. The same members give the same bytes: every
 * date is 1980-01-01. Up to 4 GiB and 65,535 members (SC_EUSAGE beyond).
 */
#ifndef SC_ZIP_WRITE_H
#define SC_ZIP_WRITE_H

#include "sc_err.h"

/* Bytes that grow. {0} is empty; free(p) at the end. */
typedef struct sc_bytes {
    unsigned char *p;
    size_t n, cap;
} sc_bytes;

/* Puts n bytes at the end; with bytes NULL they are for the caller to fill. */
sc_status sc_bytes_put(sc_bytes *b, const void *bytes, size_t n, sc_err *err) SC_MUST_CHECK;

/* {0} is an empty archive. */
typedef struct sc_zip_writer {
    sc_bytes file, directory; /* file is the archive, whole after sc_zip_finish */
    size_t n_members;
} sc_zip_writer;

/* A member at the end; name and bytes are copied. */
sc_status sc_zip_put(sc_zip_writer *z, const char *name, const void *bytes, size_t n,
                     sc_err *err) SC_MUST_CHECK;
/* The directory behind the members: no put after it. */
sc_status sc_zip_finish(sc_zip_writer *z, sc_err *err) SC_MUST_CHECK;
void sc_zip_writer_free(sc_zip_writer *z);

#endif

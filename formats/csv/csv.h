/* Parts of the delimited text format. */
#ifndef CSV_H
#define CSV_H

#include "sc_entries.h"
#include "sc_text.h"

typedef struct csv_opts {
    bool is_transposed;
    const char *delimiter;
    int row_names; /* 0: found out, 1: yes, 2: no */
} csv_opts;

typedef struct csv_write_opts {
    const char *matrix; /* NULL: X */
} csv_write_opts;

/* ',' or '\t' by a file's name, compressed or not; else '\0'. */
char csv_delimiter(const char *name);

/*
 * Reads a whole table; ' ' stands for any run of blanks. SC_EFORMAT with the line for a line of
 * another length, a field that is no number, an empty field; SC_EDATA for NaN and infinity.
 */
sc_status csv_read(sc_entries *e, sc_strs *cells, sc_strs *genes, sc_text *in, char delim,
                   const csv_opts *o, sc_err *err) SC_MUST_CHECK;

/* Writing: the calls that sc_format.h tells of. */
sc_status csv_create(void **state, const char *path, const char *target, const void *opts,
                     const sc_host *host, const sc_header *h, sc_err *err);
sc_status csv_put(void *state, const sc_format_rows *r, sc_err *err);
sc_status csv_finish(void *state, sc_err *err);
void csv_discard(void *state);

#endif

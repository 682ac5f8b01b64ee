/*
 * Tables of an h5ad file (obs, var, raw/var, data frames in obsm): as groups of columns, today's
 * form, or as one compound dataset, anndata 0.6's.
 */
#ifndef SC_FORMATS_H5AD_TABLE_H
#define SC_FORMATS_H5AD_TABLE_H

#include "../common/h5col.h"

typedef struct h5table {
    int64_t n_rows;
    char *index_name; /* NULL where it is none that a user gave */
    hid_t index;      /* 0: rows are named by their number */
    char *index_field;
    int n_cols;
    h5col *cols;
} h5table;

/* Opens the table `name` of loc. Columns that have no counterpart are left out, and their paths
 * appended to skipped. On failure nothing is left open. */
sc_status h5table_open(h5table *t, hid_t loc, const char *name, sc_strs *skipped,
                       sc_err *err) SC_MUST_CHECK;
/* Adds the columns (with categories) to out, which has n_rows 0 or those to be read. */
sc_status h5table_schema(const h5table *t, sc_table *out, sc_err *err) SC_MUST_CHECK;
/* Names and values of rows row0 .. row0 + out->n_rows; out has the columns of h5table_schema. */
sc_status h5table_fill(const h5table *t, int64_t row0, sc_table *out, sc_err *err) SC_MUST_CHECK;
/* The whole table. */
sc_status h5table_read(const h5table *t, sc_table *out, sc_err *err) SC_MUST_CHECK;
void h5table_close(h5table *t);

#endif

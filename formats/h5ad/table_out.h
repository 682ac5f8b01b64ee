/* Tables as anndata 0.8 and later write them, rows by rows. */
#ifndef SC_FORMATS_H5AD_TABLE_OUT_H
#define SC_FORMATS_H5AD_TABLE_OUT_H

#include "out.h"

typedef struct h5out_col {
    hid_t group; /* of a categorical; else the table's, lent */
    h5grow values;
    uint8_t *missing; /* a flag a row */
    bool has_missing;
} h5out_col;

typedef struct h5out_table {
    const h5out *o;
    const sc_table *schema; /* lent */
    char index[H5_PATH_MAX];
    hid_t group;
    h5grow names;
    int64_t n_rows;
    int n_cols;
    h5out_col *cols;
} h5out_table;

/* Makes the group; schema says the columns and lives as long as t. */
sc_status h5out_table_open(h5out_table *t, const h5out *o, hid_t loc, const char *name,
                           const sc_table *schema, sc_err *err) SC_MUST_CHECK;
/* Rows with the schema's columns, in its order. */
sc_status h5out_table_put(h5out_table *t, const sc_table *rows, sc_err *err) SC_MUST_CHECK;
/* What is known at the end: masks, attributes. */
sc_status h5out_table_finish(h5out_table *t, sc_err *err) SC_MUST_CHECK;
void h5out_table_close(h5out_table *t);
/* Open, put, finish, close. */
sc_status h5out_table_whole(const h5out *o, hid_t loc, const char *name, const sc_table *table,
                            sc_err *err) SC_MUST_CHECK;

#endif

/*
 * Tables of an h5ad file (obs, var, raw/var, data frames in obsm): as groups of columns, today's
 * form, or as one compound dataset, anndata 0.6's.
 */
#ifndef SC_FORMATS_H5AD_TABLE_H
#define SC_FORMATS_H5AD_TABLE_H

#include "../common/h5.h"

typedef struct h5col {
    char *name;
    sc_col_type type;
    bool is_ordered;
    sc_strs categories;
    hid_t values, mask; /* mask: 0 if there is none */
    char *field;        /* of a compound dataset; NULL otherwise */
    int64_t n_sub;
} h5col;

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

/* Of column.c. Opens one column; *is_known false (and nothing open) if it has no counterpart. */
sc_status h5col_open(h5col *c, hid_t group, const char *name, int64_t n_rows, bool *is_known,
                     sc_err *err) SC_MUST_CHECK;
/* The field k of a compound dataset. */
sc_status h5col_open_field(h5col *c, hid_t ds, const char *name, bool *is_known,
                           sc_err *err) SC_MUST_CHECK;
/* Makes categories of integer codes: anndata 0.6 keeps their names in uns. */
sc_status h5col_set_categories(h5col *c, hid_t names, sc_err *err) SC_MUST_CHECK;
sc_status h5col_fill(const h5col *c, int64_t row0, sc_col *out, sc_err *err) SC_MUST_CHECK;
void h5col_close(h5col *c);
/* The elements of a dataset (or of a nullable array) of any simple type, as text. */
sc_status h5_read_as_text(const h5_vec *v, int64_t row0, int64_t n, sc_strs *out,
                          sc_err *err) SC_MUST_CHECK;

#endif

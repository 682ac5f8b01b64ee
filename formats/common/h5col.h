/* A column of a table in an HDF5 file: a vector of text, numbers, booleans or categories. */
#ifndef SC_FORMATS_H5COL_H
#define SC_FORMATS_H5COL_H

#include "h5.h"

typedef struct h5col {
    char *name;
    sc_col_type type;
    bool is_ordered;
    sc_strs categories;
    hid_t values, mask; /* mask: 0 if there is none */
    char *field;        /* of a compound dataset; NULL otherwise */
    int64_t n_sub;
} h5col;

/* Opens one column; *is_known false (and nothing open) if it has no counterpart. */
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

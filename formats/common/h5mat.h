/*
 * A matrix in an HDF5 file, read in blocks of rows whatever way it lies there. Memory is bounded by
 * the rows asked for and, for CSC, by a band of rows that is transposed at a time.
 */
#ifndef SC_FORMATS_H5MAT_H
#define SC_FORMATS_H5MAT_H

#include "h5.h"
#include "sc_format.h"

typedef enum h5mat_layout {
    H5MAT_DENSE,   /* dataset obs x var */
    H5MAT_DENSE_T, /* dataset var x obs (loom) */
    H5MAT_CSR,
    H5MAT_CSC
} h5mat_layout;

typedef struct h5mat {
    h5mat_layout layout;
    int64_t n_rows, n_cols;
    int64_t nnz;                 /* stored entries; of dense layouts: the values that aren't 0 */
    hid_t data, indices, indptr; /* dense: data only */
    sc_matkind kind;             /* the four below by h5mat_scan */
    bool is_sparse;              /* how it should flow */
    float max;
    /* CSC: entries in each row, column starts, and the band of rows at hand */
    int32_t *row_nnz;
    int64_t *col_start;
    int64_t band_row0;
    sc_csr band;
} h5mat;

/*
 * Opens the dataset or sparse group `name` of loc: with AnnData's attributes of every version, or
 * 10x's. Fails with SC_EFORMAT if it isn't a matrix, or if its parts don't agree. On failure
 * nothing is left open.
 */
sc_status h5mat_open(h5mat *m, hid_t loc, const char *name, sc_err *err) SC_MUST_CHECK;
/* The same for a dense matrix that lies var x obs. */
sc_status h5mat_open_transposed(h5mat *m, hid_t loc, const char *name, sc_err *err) SC_MUST_CHECK;
/* Sparse rows from a group without attributes whose parts are data, indices, indptr (10x). */
sc_status h5mat_open_csr(h5mat *m, hid_t group, int64_t n_rows, int64_t n_cols,
                         sc_err *err) SC_MUST_CHECK;
/* True if `name` looks like a matrix that h5mat_open takes. */
bool h5mat_is_one(hid_t loc, const char *name);
/* Looks at all values once: kind (never SC_LOGNORM), max, is_sparse. */
sc_status h5mat_scan(h5mat *m, sc_err *err) SC_MUST_CHECK;
/* Rows row0 .. row0 + n into a zeroed out; columns rise, duplicates are added up, zeros dropped. */
sc_status h5mat_sparse(h5mat *m, int64_t row0, int64_t n, sc_csr *out, sc_err *err) SC_MUST_CHECK;
sc_status h5mat_dense(h5mat *m, int64_t row0, int64_t n, sc_dense *out, sc_err *err) SC_MUST_CHECK;
void h5mat_close(h5mat *m);

/* Of h5mat_band.c: counts the entries of each row of a CSC matrix, checking its indices. */
sc_status h5mat_csc_prepare(h5mat *m, sc_err *err) SC_MUST_CHECK;
sc_status h5mat_csc_rows(h5mat *m, int64_t row0, int64_t n, sc_csr *out, sc_err *err) SC_MUST_CHECK;
/* Rows become canonical in place: rising columns, duplicates summed, zeros dropped. */
sc_status h5mat_tidy(sc_csr *m, sc_err *err) SC_MUST_CHECK;

#endif

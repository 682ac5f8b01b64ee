/*
 * Tables and matrices in memory: what flows through a pipe, as AnnData names it.
 */
#ifndef SC_DATA_H
#define SC_DATA_H

#include "sc_err.h"

#include <stdbool.h>
#include <stdint.h>

/* Strings that own their bytes. Each is NUL-terminated UTF-8 without NUL inside. A zeroed struct is
 * empty. */
typedef struct sc_strs {
    int64_t n;
    uint64_t *off; /* n + 1 offsets into bytes; NULL while n is 0 */
    char *bytes;
    int64_t cap_n; /* room, for push */
    uint64_t cap_bytes;
} sc_strs;

static inline const char *sc_strs_at(const sc_strs *s, int64_t i)
{
    return s->bytes + s->off[i];
}
/* SC_EFORMAT if the bytes are not UTF-8 or hold a NUL. */
sc_status sc_strs_push(sc_strs *s, const char *str, size_t len, sc_err *err) SC_MUST_CHECK;
sc_status sc_strs_copy(sc_strs *to, const sc_strs *from,
                       sc_err *err) SC_MUST_CHECK; /* to is freed first */
void sc_strs_free(sc_strs *s);
/* A hash index over strings: position of a name, or -1. Of equal names the first is found. Lends s.
 */
typedef struct sc_names sc_names;
sc_status sc_names_new(sc_names **out, const sc_strs *s, sc_err *err) SC_MUST_CHECK;
int64_t sc_names_find(const sc_names *x, const char *name);
void sc_names_free(sc_names *x);
/* As anndata makes names unique: the first keeps its name, later ones get -1, -2, ... (a taken one
 * is skipped). */
sc_status sc_strs_make_unique(sc_strs *s, int64_t *n_renamed, sc_err *err) SC_MUST_CHECK;
/* Up to three names near to the one not found, as "'a', 'b' or 'c'" (edit distance, or one is a
 * part of the other); "" if none is near. */
void sc_strs_near(const sc_strs *s, const char *name, char *buf, size_t buf_len);

typedef enum sc_col_type {
    SC_COL_STRING,
    SC_COL_CATEGORY,
    SC_COL_INT,
    SC_COL_REAL,
    SC_COL_BOOL
} sc_col_type;

typedef struct sc_col {
    char *name;
    sc_col_type type;
    bool is_ordered;    /* category */
    sc_strs categories; /* category */
    int64_t n;
    union {
        sc_strs str;
        int32_t *code; /* -1: missing */
        int64_t *i;
        double *r; /* NaN: missing */
        uint8_t *b;
    } v;
    uint8_t *missing; /* string, int, bool: 1 where missing; NULL: none is */
} sc_col;

typedef struct sc_table {
    int64_t n_rows;
    char *index_name; /* NULL: none */
    sc_strs
        names; /* cell or gene names, n_rows of them (in a header's obs: empty, the schema only) */
    int n_cols;
    sc_col *cols;
} sc_table;

/* Column by name, or NULL. */
sc_col *sc_table_find(const sc_table *t, const char *name);
/* Appends a column of n_rows zeros (strings: empty, categories: -1, real: NaN) and lends it; fails
 * if it exists. */
sc_status sc_table_add(sc_table *t, const char *name, sc_col_type type, sc_col **out,
                       sc_err *err) SC_MUST_CHECK;
sc_status sc_table_drop(sc_table *t, const char *name, sc_err *err) SC_MUST_CHECK;
sc_status sc_table_copy(sc_table *to, const sc_table *from, sc_err *err) SC_MUST_CHECK;
/* Rows (in the order given; repeats allowed) of a table. Categories are kept, unused ones too. */
sc_status sc_table_take(sc_table *to, const sc_table *from, const int64_t *rows, int64_t n,
                        sc_err *err) SC_MUST_CHECK;
sc_status sc_col_copy(sc_col *to, const sc_col *from, sc_err *err) SC_MUST_CHECK;
void sc_col_free(sc_col *c);
void sc_table_free(sc_table *t);
/* The value as sc-view prints it (9 significant digits, True/False, "" for missing); returns buf or
 * a lent string. */
const char *sc_col_text(const sc_col *c, int64_t i, char *buf, size_t buf_len);
bool sc_col_is_missing(const sc_col *c, int64_t i);

/* Rows of a sparse matrix. Column indices rise strictly inside a row; zeros are not stored. */
typedef struct sc_csr {
    int64_t n_rows, n_cols;
    int64_t *indptr;  /* n_rows + 1, from 0 */
    int32_t *indices; /* indptr[n_rows] */
    float *values;
} sc_csr;

typedef struct sc_dense {
    int64_t n_rows, n_cols;
    float *values; /* row-major */
} sc_dense;

/* These free what a matrix holds, not m itself, and leave it empty; {0} is fine. */
void sc_csr_free(sc_csr *m);
void sc_dense_free(sc_dense *m);
/* Columns cols[0..n) (old index -> new, -1 drops) of m; to is newly made. n_new: columns after. */
sc_status sc_csr_take_cols(sc_csr *to, const sc_csr *m, const int32_t *old_to_new, int64_t n_new,
                           sc_err *err) SC_MUST_CHECK;
sc_status sc_csr_take_rows(sc_csr *to, const sc_csr *m, const int64_t *rows, int64_t n,
                           sc_err *err) SC_MUST_CHECK;

typedef enum sc_matkind {
    SC_COUNTS,            /* integers >= 0 */
    SC_COUNTS_FRACTIONAL, /* >= 0, some not integers (ambient-corrected, pseudo-counts) */
    SC_LOGNORM,           /* log1p of normalized counts */
    SC_REAL               /* anything else */
} sc_matkind;
const char *sc_matkind_name(sc_matkind k); /* "counts", "counts-fractional", "lognorm", "real" */

#endif

/* AnnData's h5ad: what its reader and its writer share. */
#ifndef SC_FORMATS_H5AD_H5AD_H
#define SC_FORMATS_H5AD_H5AD_H

#include "../common/h5mat.h"
#include "table.h"
#include "uns.h"

typedef struct h5ad_opts {
    const char *use; /* what becomes X; NULL: X */
} h5ad_opts;

typedef struct h5ad_write_opts {
    int compression; /* 0 none, 1 gzip */
} h5ad_write_opts;

/* Where the rows of one matrix of the header come from. */
typedef enum h5elem_source { H5ELEM_MATRIX, H5ELEM_TABLE, H5ELEM_FIELD } h5elem_source;

typedef struct h5elem {
    char *path; /* the header's */
    h5elem_source source;
    h5mat mat;
    h5table table; /* a data frame in obsm: its numeric columns */
    hid_t ds;      /* a field of a compound dataset */
    char *field;
    int64_t n_sub;
} h5elem;

typedef struct h5ad_reader {
    hid_t file;
    const sc_host *host;
    h5ad_opts opts;
    int64_t n_obs, n_vars, row; /* row: the next one */
    bool is_old;                /* obs is a compound dataset: anndata 0.6 and before */
    bool is_raw_used, has_log1p;
    h5table obs;
    sc_header *h;  /* the host's, while it is being filled */
    sc_header own; /* a copy, which the host can't change */
    int n_elems;
    h5elem *elems; /* as the header's mats */
    sc_strs skipped, uns_used;
} h5ad_reader;

/* Reading: the calls that sc_format.h tells of. */
sc_status h5ad_open(void **state, sc_source *src, const void *opts, const sc_host *host,
                    sc_header *h, sc_err *err);
sc_status h5ad_next(void *state, sc_format_rows *r, sc_err *err);
void h5ad_close(void *state);

/* Of elements.c: X, layers, raw, obsm, obsp, varm as elements, and as matrices of the header. */
sc_status h5ad_find_elements(h5ad_reader *s, sc_err *err) SC_MUST_CHECK;
/* Notes in uns_used the graphs of scanpy before 1.5, in uns/neighbors: they become obsp. */
sc_status h5ad_old_neighbors(h5ad_reader *s, sc_err *err) SC_MUST_CHECK;
void h5elem_close(h5elem *e);
/* A table's numeric columns, as rows of floats; text and categories are left out. */
int64_t h5table_n_numeric(const h5table *t);
sc_status h5table_numbers(const h5table *t, int64_t row0, int64_t n, sc_dense *out,
                          sc_err *err) SC_MUST_CHECK;
sc_status h5elem_field(hid_t ds, const char *field, int64_t n_sub, int64_t row0, int64_t n,
                       sc_dense *out, sc_err *err) SC_MUST_CHECK;

/* Writing, likewise. */
sc_status h5ad_create(void **state, const char *path, const char *target, const void *opts,
                      const sc_host *host, const sc_header *h, sc_err *err);
sc_status h5ad_put(void *state, const sc_format_rows *r, sc_err *err);
sc_status h5ad_finish(void *state, sc_err *err);
void h5ad_discard(void *state);

#endif

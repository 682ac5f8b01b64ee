/* Parts of the 10x Matrix Market format, shared between formats/mtx.c and formats/mtx/. */
#ifndef MTX_H
#define MTX_H

#include "sc_entries.h"
#include "sc_source.h"
#include "sc_text.h"

typedef struct mtx_opts {
    const char *prefix;
    int var_names; /* 0: symbols, 1: ids */
    bool all_features, is_transposed;
} mtx_opts;

typedef struct mtx_write_opts {
    const char *matrix; /* NULL: X */
} mtx_write_opts;

/*
 * Reads a whole "matrix coordinate" file. SC_EFORMAT with the line for what isn't one, an index out
 * of range, fewer or more entries than stated; SC_EDATA for a value that is NaN, infinite or
 * negative.
 */
sc_status mtx_read_entries(sc_entries *e, sc_text *in, bool is_transposed,
                           sc_err *err) SC_MUST_CHECK;

/* features.tsv or genes.tsv, and barcodes.tsv. */
typedef struct mtx_tables {
    bool has_features, has_barcodes;
    sc_strs ids, symbols, types; /* types: empty unless each line has one */
    sc_strs barcodes;
} mtx_tables;

/* Into t, which is empty or has the other of the two. SC_EFORMAT with the line for an empty one. */
sc_status mtx_read_features(mtx_tables *t, sc_text *in, sc_err *err) SC_MUST_CHECK;
sc_status mtx_read_barcodes(mtx_tables *t, sc_text *in, sc_err *err) SC_MUST_CHECK;
void mtx_tables_free(mtx_tables *t);

/* Where a feature goes: a column of X, of the proteins, or nowhere (-1 in both). */
typedef struct mtx_split {
    int32_t *to_gene, *to_protein; /* by feature */
    int64_t n_genes, n_proteins, n_dropped;
} mtx_split;

/* Decides by feature type: all go to X if there is one type or all_features; else Gene Expression
 * to X, Antibody Capture to the proteins, the rest nowhere. */
sc_status mtx_split_features(mtx_split *s, const mtx_tables *t, bool all_features,
                             sc_err *err) SC_MUST_CHECK;
/* Fills h: var, X, and obsm/protein_expression where there are proteins. */
sc_status mtx_fill_header(sc_header *h, const mtx_tables *t, const mtx_split *s, sc_matkind kind,
                          const mtx_opts *o, sc_err *err) SC_MUST_CHECK;
void mtx_split_free(mtx_split *s);

/* Matrix and tables from a directory, an archive or a single file. */
sc_status mtx_gather(sc_entries *e, mtx_tables *t, sc_source *src, const mtx_opts *o,
                     const sc_host *host, sc_err *err) SC_MUST_CHECK;
bool mtx_is_matrix_line(const char *text, size_t len);
bool mtx_is_tar(const unsigned char *text, size_t len);

typedef enum mtx_role { MTX_OTHER, MTX_MATRIX, MTX_FEATURES, MTX_BARCODES } mtx_role;
/* What a file is by its name, compressed or not; *stem_len: how much of the path stands before
 * "matrix.mtx", "features.tsv" ... */
mtx_role mtx_role_of(const char *path, size_t *stem_len);

/* Writing (write.c): the calls that sc_format.h tells of. */
sc_status mtx_create(void **state, const char *path, const char *target, const void *opts,
                     const sc_host *host, const sc_header *h, sc_err *err);
sc_status mtx_put(void *state, const sc_format_rows *r, sc_err *err);
sc_status mtx_finish(void *state, sc_err *err);
void mtx_discard(void *state);

#endif

/*
 * What a report is made of. cells.c and genes.c read a stream, in two passes; meta.c says what is
 * in words and numbers; page.c writes the one file, into which assets.c brings page.html and the
 * scripts and styles beside it.
 */
#ifndef REPORT_H
#define REPORT_H

#include "sc_net.h"
#include "sc_vector.h"

#include <stdio.h>

enum { REPORT_SHADES = 15, REPORT_CHUNK = 32 }; /* levels of expression; genes decoded at a time */

typedef struct report_opts {
    const char *title, *layer;
    int64_t max_cells, max_genes;
} report_opts;

/* Expression of the genes that are kept, of the cells that are kept; zeros are not stored. */
typedef struct report_genes {
    int mat;     /* of the header's matrices; -1: there is none to show */
    bool is_log; /* counts, shown as log(1 + count) */
    int64_t n, n_there;
    int64_t *at;          /* n: columns of the matrix, rising */
    int32_t *slot;        /* n_there: place in `at`, or -1 */
    float *most;          /* n_there: largest value of any cell */
    double *sum, *square; /* n_there, of all cells */
    int64_t n_stored, room, n_rows, row_room;
    int32_t *gene; /* n_stored, cell by cell: the slot */
    uint8_t *code; /* n_stored: 1 .. REPORT_SHADES, of the gene's largest value */
    int64_t *end;  /* n_rows: where a cell's entries end */
} report_genes;

typedef struct report_rep {
    const sc_mat *mat; /* lent by the reader */
    int64_t n, room;
    int n_dims;
    float *values; /* n x n_dims */
} report_rep;

typedef struct report_cells {
    const sc_header *header; /* of the reader, lent */
    int64_t n_total, n;
    int64_t n_matched; /* of the model's genes, those that the cells have: report_matched */
    uint8_t *is_kept;  /* n_total */
    sc_strs names;
    int n_columns, n_reps;
    sc_vector *columns;
    report_rep *reps;
    report_genes genes;
} report_cells;

/* Reads all of `in`. SC_EDATA: no cells, no such layer, negative expression, or no layout. */
sc_status report_cells_read(report_cells *c, sc_reader *in, const report_opts *o,
                            sc_err *err) SC_MUST_CHECK;
void report_cells_free(report_cells *c);

/* genes.c: open, then `measure` every block of the first pass; choose; then `take` each block of
 * the second, which holds only the rows that are kept. */
sc_status report_genes_open(report_genes *g, const sc_header *h, const char *layer,
                            sc_err *err) SC_MUST_CHECK;
sc_status report_genes_measure(report_genes *g, sc_block *b, const sc_header *h,
                               sc_err *err) SC_MUST_CHECK;
sc_status report_genes_choose(report_genes *g, int64_t n_cells, int64_t max,
                              sc_err *err) SC_MUST_CHECK;
sc_status report_genes_take(report_genes *g, sc_block *b, const sc_header *h,
                            sc_err *err) SC_MUST_CHECK;
void report_genes_free(report_genes *g);

/* Bytes that grow. */
typedef struct report_buf {
    uint8_t *p;
    size_t n, cap;
} report_buf;
sc_status report_put(report_buf *b, const void *bytes, size_t n, sc_err *err) SC_MUST_CHECK;

/*
 * Genes first .. last-1: for each the number of cells that express it; then for each the gaps
 * between these cells' indices (numbers in base 128, low digits first, 128 added to all but the
 * last digit); then all codes. Alike bytes stand together, so that they deflate well.
 */
sc_status report_genes_pack(int64_t first, int64_t last, const int64_t *begin, const int32_t *cell,
                            const uint8_t *code, report_buf *b, sc_err *err) SC_MUST_CHECK;
/* The entries gene by gene; begin (n + 1), cell and code are the caller's to free. */
sc_status report_genes_turn(const report_genes *g, int64_t **begin, int32_t **cell, uint8_t **code,
                            sc_err *err) SC_MUST_CHECK;

/* A linear decoder's loadings, or w NULL. */
typedef struct report_loadings {
    float *w; /* genes of the model x d */
    int64_t d;
} report_loadings;

/*
 * The page's JSON, and with it the numbers that go into the page as bytes: of each column codes
 * (uint8, 255 missing) or numbers (uint16, 65535 missing), of each layout its dimensions (uint16),
 * then loadings (float32), then names of the cells, a line each. record: of this run.
 */
sc_status report_meta(const report_opts *o, const report_cells *c, const sc_net *net,
                      const report_loadings *l, const char *record, char **json, report_buf *bytes,
                      sc_err *err) SC_MUST_CHECK;

/* How many of the model's genes are genes of the cells. */
sc_status report_matched(const sc_net *net, const sc_header *h, int64_t *n,
                         sc_err *err) SC_MUST_CHECK;

/* Writes the page. */
sc_status report_page(FILE *f, const report_opts *o, const report_cells *c, const char *json,
                      const report_buf *bytes, sc_err *err) SC_MUST_CHECK;

typedef struct report_asset {
    const char *name, *begin, *end;
} report_asset;
extern const report_asset
    report_assets[]; /* the page first, then what it takes in; name NULL ends */

#endif

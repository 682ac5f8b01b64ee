/*
 * A training set: counts, packed, in memory or on disk; and of each cell what is named to go with
 * them.
 *
 * Labels are coded with the unlabelled level last where keys name one: code n_labels, which is no
 * class. Without a panel key a cell's panel is its batch.
 */
#ifndef SC_CELLS_H
#define SC_CELLS_H

#include "sc_category.h"
#include "sc_exec.h"
#include "sc_packed.h"

#include <stdatomic.h>

/* What a reference model knows, where the cells are a query of it: its genes (others are left out,
 * missing ones have no counts), its proteins (likewise) and its categories by input - SC_IN_BATCH,
 * behind which new ones are put; labels must be among them, if it has any. Lent. */
typedef struct sc_known {
    const sc_table *var;
    const sc_category *cats;
    const sc_strs *proteins;
    double min_gene_overlap; /* share of its genes that must be there */
} sc_known;

typedef struct sc_keys { /* what the user named; NULL or empty: none */
    const char *layer, *batch, *labels, *unlabeled, *size_factor;
    int n_cat_covs, n_cont_covs;
    const char *const *cat_covs, *const *cont_covs;
    double min_gene_overlap;      /* of inference: of the model's genes; 0: as the model has it */
    const sc_known *known;        /* NULL: the cells are nobody's query */
    const char *proteins, *panel; /* obsm of protein counts; obs column of what was measured */
    int64_t memory;               /* bytes that counts may take; more are kept on disk. 0: any */
} sc_keys;

typedef struct sc_cells {
    int64_t n_obs, n_vars;
    sc_table var;  /* names and columns */
    sc_strs names; /* of the cells */
    sc_packed *counts;
    double *totals;        /* of each cell's counts */
    double *log_factorial; /* likewise (sc_log_factorial.h) */
    int64_t cap_obs;
    sc_category cats[SC_IN_MAX]; /* by input - SC_IN_BATCH */
    int32_t *codes[SC_IN_MAX];
    int n_cont_covs;
    float *cont_covs, *size_factor;
    sc_strs protein_names;
    float *proteins;          /* n_obs x n_proteins; NULL: none */
    uint8_t *protein_missing; /* n_panels x n_proteins: 1 where no cell of the panel has a count;
                                 NULL: everything was measured everywhere */
    sc_dims dims;
    sc_strs records;                                         /* provenance of the stream */
    char gene_note[512], protein_note[256], label_note[256]; /* of a query: how it was matched */
    char note[SC_ERR_MAX]; /* which matrix was taken, if that is worth saying */
} sc_cells;

/* Reads all of a stream. SC_EDATA: no counts, a negative or non-finite value (cell and gene named),
 * missing keys, protein counts that are none. */
sc_status sc_cells_load(sc_cells *c, sc_reader *in, const sc_keys *keys, sc_err *err) SC_MUST_CHECK;
void sc_cells_free(sc_cells *c);

/* Mean and population variance of log total counts for each batch; a cell without counts has log
 * total 0. n_batch each. */
void sc_cells_library(const sc_cells *c, float *log_mean, float *log_var, int64_t *n_empty);

/* Room for minibatches of up to n_rows rows, and what a minibatch is made of. */
typedef struct sc_minibuf {
    sc_mini mini;
    int64_t n_rows, cap_nnz;
    uint64_t *keys;
    int64_t *indptr;
    int32_t *indices, *codes[SC_IN_MAX];
    float *values, *cont_covs, *size_factor, *proteins;
    double *log_factorial;
    sc_gene_order order;
    const sc_kernels *kernels; /* NULL: no order */
    const sc_cells *cells;
    const int64_t *rows;
    atomic_bool has_failed;
    sc_err failure; /* the first */
} sc_minibuf;

/* For the caller to free, with no room for entries yet. SC_ENOMEM. */
sc_status sc_minibuf_new(sc_minibuf **out, int64_t n_rows, sc_err *err) SC_MUST_CHECK;
/* Makes g->mini of n rows of c in three parts: begin takes all but the counts; unpack has the
 * counts; then sort their order by gene, if it is asked for by the kernels to use, else NULL.
 * Unpack and sort are of SC_GENE_ORDER_TILES tiles each, which may run at the same time. end says
 * what failed: SC_EIO, SC_ENOMEM. rows and c are lent until then. */
void sc_minibuf_begin(sc_minibuf *g, const sc_cells *c, const int64_t *rows, int64_t n,
                      const sc_kernels *by_gene);
void sc_minibuf_unpack(sc_minibuf *g, int64_t tile);
void sc_minibuf_sort(sc_minibuf *g, int64_t tile);
sc_status sc_minibuf_end(sc_minibuf *g, sc_err *err) SC_MUST_CHECK;
sc_status sc_minibuf_room(sc_minibuf *g, int64_t nnz, sc_err *err) SC_MUST_CHECK;
void sc_minibuf_free(sc_minibuf *g);

#endif

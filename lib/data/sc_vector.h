/*
 * One value a cell, as users ask for it by name: an obs column, the expression of a gene, a
 * protein.
 */
#ifndef SC_VECTOR_H
#define SC_VECTOR_H

#include "sc_stream.h"

enum { SC_VECTOR_LEVELS_MAX = 1000 };

typedef enum sc_vector_kind { SC_VECTOR_ANY, SC_VECTOR_CATEGORY, SC_VECTOR_NUMBER } sc_vector_kind;

typedef struct sc_vector {
    char *name;
    sc_vector_kind kind; /* category or number, once it is open */
    int64_t n, room;
    sc_strs levels; /* category; after finish only those that some cell has, sorted by name where
                       the column has no order of its own */
    int32_t *code;  /* category: n, -1 missing */
    float *number;  /* n, NaN where missing or not finite */
    int gene_mat;   /* index of the gene's or protein's matrix in the header; -1: an obs column */
    int64_t gene;   /* its column there */
    bool is_log1p;  /* the matrix is counts, and number is log(1 + count) */
    bool has_order;
} sc_vector;

/*
 * Finds `name`: an obs column, otherwise a gene of X, otherwise a gene of raw, otherwise a column
 * of an obsm whose columns have names (proteins). layer ("X", "raw" or a layer's name; NULL: as
 * said) means a gene of that matrix, before any obs column. wanted: what an obs column is read as;
 * a column of int as a category has its numbers for names. v is zeroed first. SC_EDATA, naming near
 * ones, if there is neither column nor gene; if the layer is not there; if a number is wanted and
 * the column is none, or a category and it is a gene.
 */
sc_status sc_vector_open(sc_vector *v, const sc_header *h, const char *name, const char *layer,
                         sc_vector_kind wanted, sc_err *err) SC_MUST_CHECK;
/* The same for a column of an obsm whose columns have names. */
sc_status sc_vector_open_obsm(sc_vector *v, const sc_header *h, int mat, int64_t column,
                              sc_err *err) SC_MUST_CHECK;
/* Appends the rows of b. SC_EDATA where a column has more than SC_VECTOR_LEVELS_MAX values. */
sc_status sc_vector_block(sc_vector *v, sc_block *b, const sc_header *h, sc_err *err) SC_MUST_CHECK;
/* After the last block: drops levels that no cell has, and sorts them. */
sc_status sc_vector_finish(sc_vector *v, sc_err *err) SC_MUST_CHECK;
void sc_vector_free(sc_vector *v);

#endif

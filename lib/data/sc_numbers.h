/*
 * Numbers that cells carry beside their counts, by name: an obs column ("age"), or a column of a
 * dense matrix in obsm ("obsm/X_pca:3", "obsm/X_nearby:Gad2": by its name, where columns have
 * names, otherwise by its number from 0).
 */
#ifndef SC_NUMBERS_H
#define SC_NUMBERS_H

#include "sc_stream.h"

typedef struct sc_number {
    char *name;  /* obs column, or path of the matrix */
    int64_t col; /* of the matrix; -1: an obs column */
} sc_number;

typedef struct sc_numbers { /* zeroed: none */
    int64_t n;
    sc_number *items;
} sc_numbers;

/* SC_EDATA, naming near ones, if the stream has no such column. */
sc_status sc_numbers_add(sc_numbers *x, const sc_header *h, const char *name,
                         sc_err *err) SC_MUST_CHECK;
/* The block's numbers, rows x n. SC_EDATA naming the cell that has none, or one that is not
 * finite. */
sc_status sc_numbers_rows(const sc_numbers *x, sc_block *b, float *out, sc_err *err) SC_MUST_CHECK;
void sc_numbers_free(sc_numbers *x);

/* "obsm/X_pca" stands for all of its columns: their names are appended to out. Any other name is
 * appended as it is. */
sc_status sc_numbers_expand(sc_strs *out, const sc_header *h, const char *name,
                            sc_err *err) SC_MUST_CHECK;

#endif

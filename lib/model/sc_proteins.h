/*
 * Protein counts of a stream: which obsm they are, and where the proteins wanted stand in it.
 */
#ifndef SC_PROTEINS_H
#define SC_PROTEINS_H

#include "sc_stream.h"

typedef struct sc_proteins {
    char *path;
    sc_strs names;
    int64_t n;
    int64_t *from;  /* column in the data, -1: not there, which counts as 0 */
    char note[256]; /* of proteins that are wanted and not there; "" */
} sc_proteins;

/* The proteins of obsm `key`, without column names numbered from 1; or those of `want` (not NULL),
 * matched by name. SC_EDATA: no such obsm, or none of the proteins wanted. sc_proteins_free is due
 * whatever was returned; p is zeroed before. */
sc_status sc_proteins_open(sc_proteins *p, const sc_header *h, const char *key, const sc_strs *want,
                           sc_err *err) SC_MUST_CHECK;
/* Rows of a block, n_rows x n, to out. SC_EDATA naming cell and protein where a value is no count.
 */
sc_status sc_proteins_block(const sc_proteins *p, sc_block *b, float *out,
                            sc_err *err) SC_MUST_CHECK;
void sc_proteins_free(sc_proteins *p);

#endif

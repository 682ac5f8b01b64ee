/*
 * A categorical key of the data, as scvi-tools registers it: levels and the code of each cell.
 */
#ifndef SC_CATEGORY_H
#define SC_CATEGORY_H

#include "sc_stream.h"

typedef struct sc_category {
    char *key;      /* obs column; NULL: there is none */
    sc_strs levels; /* sorted, or in the order of an existing categorical column */
} sc_category;

/* Frees what it holds, not c itself; {0} is fine. */
void sc_category_free(sc_category *c);

/* Which level a user's text means: the one spelled so, or else of the same number, since levels of
 * scvi-tools are spelled 1.0, or of one that is shown so, with 9 digits; -1: none. */
int32_t sc_level_find(const sc_strs *levels, const char *text);

/*
 * Learns the levels of a column while its cells pass by. A categorical column brings its own,
 * unused ones too; of others the values are collected and sorted (numbers by value) at the end.
 */
typedef struct sc_coder {
    char *key;
    sc_col_type type;
    bool is_fixed;          /* levels are given: a value outside them is an error */
    const char *if_missing; /* level of cells without a value; NULL: they are an error. Lent. */
    sc_strs levels;
    int64_t n_known; /* of levels: those given by sc_coder_know */
    int64_t n, cap;
    int32_t *codes; /* of the cells so far */
    int32_t last;
} sc_coder;

/* SC_EDATA, naming near ones, if obs has no such column. fixed: NULL, or the levels to code by. */
sc_status sc_coder_open(sc_coder *c, const sc_header *h, const char *key, const sc_strs *fixed,
                        sc_err *err) SC_MUST_CHECK;
/* Before the first block: these levels come first and keep their codes; others that occur are
 * sorted behind them. */
sc_status sc_coder_know(sc_coder *c, const sc_strs *known, sc_err *err) SC_MUST_CHECK;
/* Codes the rows of a block; SC_EDATA naming the cell where the value is missing or not among fixed
 * levels. */
sc_status sc_coder_block(sc_coder *c, sc_block *b, sc_err *err) SC_MUST_CHECK;
/* Sorts the levels and renumbers; moves them to cat. */
sc_status sc_coder_finish(sc_coder *c, sc_category *cat, sc_err *err) SC_MUST_CHECK;
/* The same for labels: the unlabelled level, which need not occur, changes places with the last, as
 * scvi-tools has it. */
sc_status sc_coder_finish_labels(sc_coder *c, const char *unlabeled, sc_category *cat,
                                 sc_err *err) SC_MUST_CHECK;
void sc_coder_reset(sc_coder *c); /* forgets the cells, keeps the levels */
void sc_coder_close(sc_coder *c);

/* A numeric obs column's values of a block, appended to out[at ..]; SC_EDATA for missing or
 * non-numeric ones. */
sc_status sc_numbers_block(sc_block *b, const char *key, int64_t stride, float *out,
                           sc_err *err) SC_MUST_CHECK;
/* SC_EDATA if h has no such obs column. */
sc_status sc_require_obs(const sc_header *h, const char *key, sc_err *err) SC_MUST_CHECK;

#endif

/*
 * Rows of many inputs as one data set: what their headers become, and what becomes of a block.
 *
 * - Genes are matched by name: with SC_JOIN_INNER those that all inputs have, in the first input's
 *   order; with SC_JOIN_OUTER all, new ones appended; where a cell's input lacks a gene it has 0.
 * - var columns are kept that all inputs have and agree about; obs columns are united, with missing
 *   values where an input has none. Categories are merged by name. An obs column that is int here
 *   and real there becomes real; where types differ otherwise, string.
 * - Columns of obsm that have names are matched by name too, as the caller says; where inputs
 *   differ, an input's cells have 0 in columns that it lacks, and uns["panels"] says which
 *   (sc_panels.h). Without names they must be the same.
 * - Matrices are kept that all inputs have in a like form (counts and fractional counts give
 *   fractional counts). X of unlike kinds is an error; other matrices are dropped with a note, and
 *   so are obsp and varm, which do not outlive a change of rows or genes.
 * - uns is kept as far as all inputs say the same (sc_uns_agree); panels of all are united.
 */
#ifndef SC_CONCAT_H
#define SC_CONCAT_H

#include "sc_stream.h"

typedef enum sc_join { SC_JOIN_INNER, SC_JOIN_OUTER } sc_join;

/* Names along one axis, and where each input's columns went. */
typedef struct sc_axis {
    sc_table table;
    int n;             /* inputs */
    int32_t **to_new;  /* to_new[i][old column of input i]: new column, -1: dropped */
    bool *is_identity; /* input i's columns stay as they are */
} sc_axis;

typedef struct sc_concat {
    sc_header out;
    sc_axis var, raw;
    sc_axis *obsm; /* by matrix of out; n 0: its columns stay as they are */
    sc_join obsm_join;
    int n;
    const sc_header *const *in; /* lent */
    const char *batch_key;      /* lent; NULL: no such column */
    sc_strs batches;            /* one an input */
    bool with_suffix;           /* cells become name-batch; to be set by the caller */
    sc_strs notes;              /* what was dropped and why, a sentence each */
} sc_concat;

/*
 * in: the headers; names: the inputs' names, for messages; batches: what batch_key's column says of
 * each input. All are lent as long as the plan is used. SC_EDATA: no gene in common, a gene name
 * twice in one input, unlike X, an obs column batch_key that exists. sc_concat_free is due whatever
 * was returned.
 */
sc_status sc_concat_plan(sc_concat *c, const sc_header *const *in, const char *const *names,
                         const sc_strs *batches, int n, sc_join join, sc_join obsm_join,
                         const char *batch_key, sc_err *err) SC_MUST_CHECK;
/* Turns a block of input i into one of the output. */
sc_status sc_concat_block(const sc_concat *c, int i, sc_block *b, sc_err *err) SC_MUST_CHECK;
void sc_concat_free(sc_concat *c);

/* One axis alone. what: "gene", for messages. */
sc_status sc_axis_join(sc_axis *axis, const sc_table *const *tables, const char *const *names,
                       int n, sc_join join, const char *what, sc_err *err) SC_MUST_CHECK;
void sc_axis_free(sc_axis *axis);

#endif

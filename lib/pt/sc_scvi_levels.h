/*
 * Names of genes and levels of categories, as scvi-tools' registry has them.
 */
#ifndef SC_SCVI_LEVELS_H
#define SC_SCVI_LEVELS_H

#include "sc_category.h"
#include "sc_pt_write.h"

/* A numpy array of str objects; more (NULL: none) goes last. */
sc_status sc_scvi_put_names(sc_pt_writer *w, const sc_strs *s, const char *more,
                            sc_err *err) SC_MUST_CHECK;

/*
 * The levels of a category as values of its obs column: str, int64, float64 or bool, since
 * scvi-tools looks the column's values up among them. col NULL: there are no cells, and they are
 * taken to be text. more (NULL: none) is a text that goes last.
 * SC_EDATA where the column is of numbers and a level is no such number, or not to the last digit.
 */
sc_status sc_scvi_put_levels(sc_pt_writer *w, const sc_category *c, const sc_col *col,
                             const char *more, sc_err *err) SC_MUST_CHECK;

#endif

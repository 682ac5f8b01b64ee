/*
 * What a scatter needs of a stream: coordinates, and a column to colour by.
 */
#ifndef PLOT_CELLS_H
#define PLOT_CELLS_H

#include "sc_stream.h"

typedef enum plot_tint { PLOT_TINT_NONE, PLOT_TINT_CATEGORY, PLOT_TINT_NUMBER } plot_tint;

typedef struct plot_cells {
    int64_t n, room;
    int n_dims;
    float **dims; /* n_dims of n */
    char **names; /* of the dims, n_dims */
    char *rep;    /* the obsm they come from, without "obsm/" */
    plot_tint tint;
    sc_strs levels; /* category; only those that some cell has */
    int32_t *code;  /* category: n, -1 missing */
    float *number;  /* n, NaN missing */
} plot_cells;

/*
 * Reads all cells, of the obsm no more than max_dims columns. rep NULL: the only obsm there is;
 * color NULL: none. SC_EDATA, naming what there is, if a key is missing or more than one would do.
 */
sc_status plot_cells_read(plot_cells *c, sc_reader *in, const char *rep, const char *color,
                          int max_dims, sc_err *err) SC_MUST_CHECK;
void plot_cells_free(plot_cells *c);

#endif

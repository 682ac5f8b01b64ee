/*
 * What a scatter needs of a stream: coordinates, and a value to colour by.
 */
#ifndef PLOT_CELLS_H
#define PLOT_CELLS_H

#include "sc_vector.h"

enum { PLOT_COLOURS_MAX = 24, PLOT_UNLABELLED = -2 /* code of cells that are 'Unknown' */ };

typedef struct plot_cells {
    int64_t n, room;
    int n_dims;
    float **dims; /* n_dims of n */
    char **names; /* of the dims, n_dims */
    char *rep;    /* the obsm they come from, without "obsm/" */
    int n_tints;
    sc_vector
        tints[PLOT_COLOURS_MAX]; /* the first of kind SC_VECTOR_ANY: no colour was asked for */
} plot_cells;

/* What there is to choose from, as "'a', 'b'". suffix NULL: any name. */
sc_status plot_find_obsm(const sc_reader *in, const char *key, const char *suffix,
                         const sc_mat **out, sc_err *err) SC_MUST_CHECK;

/* Opens the tints of color: one name, though it may have commas, or else several with commas
 * between them; NULL: one tint, of kind SC_VECTOR_ANY. Otherwise as sc_vector_open. */
sc_status plot_tints_open(plot_cells *c, const sc_header *h, const char *color, const char *layer,
                          sc_vector_kind wanted, sc_err *err) SC_MUST_CHECK;

/*
 * Reads all cells, of the obsm no more than max_dims columns. rep NULL: the only one that is no
 * layout, or the only one; color NULL: none, otherwise a name or several with commas between them;
 * layer: see sc_vector_open. SC_EDATA, naming what there is, if a key is missing or more than one
 * would do; SC_EUSAGE for more than PLOT_COLOURS_MAX colours.
 */
sc_status plot_cells_read(plot_cells *c, sc_reader *in, const char *rep, const char *color,
                          const char *layer, int max_dims, sc_err *err) SC_MUST_CHECK;
void plot_cells_free(plot_cells *c);

#endif

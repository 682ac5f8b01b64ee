/*
 * A scatter in one colour: what its points look like (tint.c) and where they stand (scatter.c).
 */
#ifndef PLOT_FIGURE_H
#define PLOT_FIGURE_H

#include "cells.h"
#include "plot.h"

enum { PLOT_LEVELS_MAX = 120 }; /* categories with a colour in the legend */

typedef struct plot_figure {
    const plot_opts *opts;
    const plot_cells *cells;
    const sc_vector *tint; /* one of the cells' */
    int n_panels, n_columns, n_rows;
    double x, y, width, height; /* on the page */
    double side, left;          /* of a panel's square; room at its left */
    int64_t *order;
    float *shade; /* of a panel's points, or of all */
    plot_legend legend;
    const char **names;
    plot_colour *colours;
    int64_t n_names; /* written on the points */
    bool is_inside;  /* the legend stands where the last row has no panel */
    double legend_x, legend_y;
} plot_figure;

/* Makes order, shade and legend, of cells and tint; plot_figure_free frees them. */
sc_status plot_figure_tint(plot_figure *f, sc_err *err) SC_MUST_CHECK;
void plot_figure_free(plot_figure *f);

#endif

/*
 * Drawing for sc-plot: a page, axes, lines, points, legends. Lengths are points (1/72 inch), y runs
 * down the page. The core knows of arrays only; history.c and scatter.c know of models and cells.
 */
#ifndef PLOT_H
#define PLOT_H

#include "sc_stream.h"

#include <cairo.h>

typedef enum plot_format { PLOT_BY_NAME, PLOT_SVG, PLOT_PNG, PLOT_PDF } plot_format;

typedef enum plot_names { PLOT_NAMES_AUTO, PLOT_NAMES_ON, PLOT_NAMES_OFF } plot_names;

typedef struct plot_colour {
    double r, g, b;
} plot_colour;

typedef struct plot_rect {
    double x, y, w, h;
} plot_rect;

/* What to draw, as the command line has it. */
typedef struct plot_opts {
    const char *output, *title;
    int format; /* plot_format */
    int64_t dpi;
    const char *color, *layer, *use_rep, *key, *group_by, *truth, *pred;
    int64_t top; /* 0: not given */
    bool all;
    int names;         /* plot_names */
    const char *input; /* NULL: stdin */
} plot_opts;

/* page.c: a surface that becomes a file */
typedef struct plot_page {
    cairo_t *cr;
    cairo_surface_t *surface;
    plot_format format;
    double dpi;
    sc_output file;
    int io_errno; /* of the last failed write */
} plot_page;

/* width x height; the format comes from the file's suffix unless it is given. SC_EUSAGE for a
 * suffix that is none of svg, png, pdf. */
sc_status plot_page_open(plot_page *p, const plot_opts *o, double width, double height,
                         sc_err *err) SC_MUST_CHECK;
sc_status plot_page_commit(plot_page *p, sc_err *err) SC_MUST_CHECK;
void plot_page_close(plot_page *p); /* harmless after commit */

enum { PLOT_LEFT, PLOT_CENTRE, PLOT_RIGHT };
/* Text whose baseline begins (is centred, ends) at x, y. */
void plot_text(cairo_t *cr, double x, double y, int align, double size, bool is_bold, plot_colour c,
               const char *text);
/* Bold and centred at x, with a white rim, so that it can be read on points of any colour. */
void plot_text_on_points(cairo_t *cr, double x, double y, double size, const char *text);
double plot_text_width(cairo_t *cr, double size, const char *text);
double plot_bold_width(cairo_t *cr, double size, const char *text);
/* The same turned by `angle` degrees, clockwise, about x, y. */
void plot_text_turned(cairo_t *cr, double x, double y, double angle, int align, double size,
                      plot_colour c, const char *text);
/* The name, or what fits of its two ends, in buf with an ellipsis between them. */
const char *plot_text_fit(cairo_t *cr, double size, double width, const char *name, char *buf,
                          size_t buf_len);

/* palette.c */
extern const plot_colour plot_ink, plot_faint, plot_missing;
plot_colour plot_category_colour(int64_t k); /* apart for colour-blind eyes up to eight */
plot_colour plot_ramp_colour(double u);      /* 0 .. 1, evenly brighter */
plot_colour plot_gene_colour(double u);      /* 0 .. 1, from light grey to dark */
plot_colour plot_share_colour(double u);     /* 0 .. 1, from white to dark */

/* axis.c */
typedef struct plot_axis {
    double low, high; /* of the data that are shown */
    const char *label;
    bool is_whole; /* ticks at whole numbers only */
} plot_axis;

/* Range of n finite values with a margin of `part` at both ends; never empty. */
plot_axis plot_axis_of(const float *v, int64_t n, double part, const char *label);
/* A round step that cuts the axis into about n parts. */
double plot_axis_step(const plot_axis *a, int n);
/* Where a value falls between from and to. */
double plot_axis_at(const plot_axis *a, double v, double from, double to);
/* The value as a tick says it: as many decimals as the step needs, a true minus sign. */
void plot_number(double v, double step, char *buf, size_t buf_len);
/* What stands left of the data's rectangle: ticks, their numbers, the label. */
double plot_y_room(cairo_t *cr, const plot_axis *y, double height);
/* Left and bottom spine, ticks, labels around the rectangle of the data. x NULL: a bare spine. */
void plot_axes(cairo_t *cr, const plot_rect *r, const plot_axis *x, const plot_axis *y,
               bool has_grid);

/* points.c */
typedef struct plot_points {
    int64_t n;
    const float *x, *y;   /* NaN: not drawn */
    const int32_t *code;  /* category, -1 missing; or NULL */
    const float *shade;   /* 0 .. 1, NaN missing; or NULL */
    bool is_gene;         /* shade is of a gene's expression */
    const int64_t *order; /* drawn in this order */
} plot_points;
/* Many points are drawn as an image, so that the file does not grow with them. */
sc_status plot_draw_points(plot_page *p, const plot_rect *r, const plot_axis *x, const plot_axis *y,
                           const plot_points *points, sc_err *err) SC_MUST_CHECK;
/* How crowded each point's place is, 0 .. 1; the square root of a smoothed histogram. */
sc_status plot_density(const plot_axis *x, const plot_axis *y, const plot_points *points,
                       float *shade, sc_err *err) SC_MUST_CHECK;

/* legend.c */
typedef struct plot_legend {
    const char *title, *note; /* either may be NULL */
    int64_t n;                /* entries: 0 for a ramp */
    const char **names;
    const plot_colour *colours;
    int n_columns, n_rows; /* set by plot_legend_fit */
    double name_width, column_width, width, height;
    char low[32], high[32];    /* ends of a ramp */
    bool is_gene, has_missing; /* of a ramp */
    int64_t n_numbered;        /* the first entries have their numbers before their names */
} plot_legend;
/* Lays it out no higher than `height`. */
void plot_legend_fit(cairo_t *cr, plot_legend *l, double height);
void plot_legend_draw(cairo_t *cr, const plot_legend *l, double x, double y);

/* names.c */
/* Can n names be written on the points without hiding them? */
bool plot_names_fit(cairo_t *cr, const plot_rect *r, int64_t n, const char **names);
/* Writes the first n of the legend's entries, their numbers if it has such, where the category's
 * points are densest, none over another while there is room. p has codes. */
sc_status plot_draw_names(plot_page *page, const plot_rect *r, const plot_axis *x,
                          const plot_axis *y, const plot_points *p, const plot_legend *l, int64_t n,
                          sc_err *err) SC_MUST_CHECK;

/* The pictures. in: a reader of sc_reader_open_any_path, lent; loadings opens o->input itself. */
sc_status plot_history(const plot_opts *o, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status plot_latent(const plot_opts *o, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status plot_umap(const plot_opts *o, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status plot_loadings(const plot_opts *o, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status plot_violin(const plot_opts *o, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status plot_dots(const plot_opts *o, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status plot_calibration(const plot_opts *o, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status plot_confusion(const plot_opts *o, sc_reader *in, sc_err *err) SC_MUST_CHECK;

#endif

/* The genes with the largest and the smallest loadings of each dimension, as bars. */
#include "plot.h"
#include "sc_loadings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LEFT 16.0
#define TOP 46.0
#define PANEL 170.0
#define GAP 14.0
#define ROW 11.0
#define HEAD 18.0
#define TEXT 7.0
#define NAME 62.0 /* room for a gene's name on either side of zero */

typedef struct bar {
    float w;
    int64_t gene;
} bar;

typedef struct figure {
    const plot_opts *opts;
    const char *variant;
    const sc_strs *genes;
    const float *w; /* genes x d */
    int64_t d;
    int top; /* bars in each direction */
    int n_columns;
    double most; /* largest loading there is, without its sign */
} figure;

static int by_loading(const void *a, const void *b)
{
    const bar *x = a, *y = b;
    if (x->w != y->w)
        return x->w > y->w ? -1 : 1;
    return (x->gene > y->gene) - (x->gene < y->gene);
}

static void draw_bar(cairo_t *cr, const figure *f, double zero, double y, const bar *b)
{
    const double room = PANEL / 2 - 4, length = fabs((double)b->w) / f->most * room;
    const plot_colour c = plot_category_colour(b->w > 0 ? 5 : 0);
    char buf[128];
    cairo_set_source_rgb(cr, c.r, c.g, c.b);
    cairo_rectangle(cr, b->w > 0 ? zero : zero - length, y + 1.5, length, ROW - 3);
    cairo_fill(cr);
    /* the name stands across zero from its bar, where it never meets it */
    plot_text(cr, b->w > 0 ? zero - 4 : zero + 4, y + ROW / 2 + TEXT * 0.36,
              b->w > 0 ? PLOT_RIGHT : PLOT_LEFT, TEXT, false, plot_ink,
              plot_text_fit(cr, TEXT, room, sc_strs_at(f->genes, b->gene), buf, sizeof buf));
}

static void draw_scale(cairo_t *cr, const figure *f, double zero, double y)
{
    const plot_axis a = {-f->most, f->most, "", false};
    const double step = plot_axis_step(&a, 3), half = PANEL / 2 - 4;
    char text[64];
    cairo_set_source_rgb(cr, plot_faint.r, plot_faint.g, plot_faint.b);
    cairo_set_line_width(cr, 0.7);
    cairo_move_to(cr, zero - half, y);
    cairo_line_to(cr, zero + half, y);
    for (double k = ceil(-f->most / step); k * step <= f->most; k++) {
        const double x = plot_axis_at(&a, k * step, zero - half, zero + half);
        cairo_move_to(cr, x, y);
        cairo_line_to(cr, x, y + 2.5);
    }
    cairo_stroke(cr);
    for (double k = ceil(-f->most / step); k * step <= f->most; k++) {
        plot_number(k * step, step, text, sizeof text);
        plot_text(cr, plot_axis_at(&a, k * step, zero - half, zero + half), y + 10, PLOT_CENTRE,
                  6.5, false, plot_faint, text);
    }
}

static double panel_height(const figure *f)
{
    return HEAD + 2 * f->top * ROW + 4 + 14;
}

static void draw_panel(cairo_t *cr, const figure *f, int64_t k, bar *all)
{
    const int64_t n = f->genes->n;
    const double x = LEFT + (double)(k % f->n_columns) * (PANEL + GAP);
    const double y = TOP + (double)(k / f->n_columns) * (panel_height(f) + GAP);
    const double zero = x + PANEL / 2, bottom = y + HEAD + 2 * f->top * ROW + 4;
    char name[32];
    for (int64_t j = 0; j < n; j++)
        all[j] = (bar){f->w[j * f->d + k], j};
    qsort(all, (size_t)n, sizeof *all, by_loading);
    (void)snprintf(name, sizeof name, "Z_%d", (int)k);
    plot_text(cr, zero, y + 10, PLOT_CENTRE, 8.5, true, plot_ink, name);
    for (int i = 0; i < f->top && all[i].w > 0; i++)
        draw_bar(cr, f, zero, y + HEAD + i * ROW, &all[i]);
    for (int i = 0; i < f->top && all[n - 1 - i].w < 0; i++) /* the smallest last */
        draw_bar(cr, f, zero, y + HEAD + (2 * f->top - 1 - i) * ROW, &all[n - 1 - i]);
    cairo_set_source_rgb(cr, plot_ink.r, plot_ink.g, plot_ink.b);
    cairo_set_line_width(cr, 0.7);
    cairo_move_to(cr, zero, y + HEAD - 2);
    cairo_line_to(cr, zero, bottom);
    cairo_stroke(cr);
    draw_scale(cr, f, zero, bottom);
}

static sc_status draw(figure *f, sc_err *err)
{
    const int64_t rows = (f->d + f->n_columns - 1) / f->n_columns;
    const double width = 2 * LEFT + f->n_columns * (PANEL + GAP) - GAP;
    const double height = TOP + (double)rows * (panel_height(f) + GAP);
    plot_page page = {0};
    bar *all = NULL;
    char title[256];
    sc_status st;
    SC_GOTO(st, sc_alloc(&all, (size_t)f->genes->n, sizeof *all, err), out);
    SC_GOTO(st, plot_page_open(&page, f->opts, width, height, err), out);
    (void)snprintf(title, sizeof title, "Loadings of %s", f->variant);
    plot_text(page.cr, LEFT, 18, PLOT_LEFT, 11, true, plot_ink,
              f->opts->title ? f->opts->title : title);
    (void)snprintf(title, sizeof title, "the %d genes furthest from zero in either direction",
                   f->top);
    plot_text(page.cr, LEFT, 31, PLOT_LEFT, 8, false, plot_faint, title);
    for (int64_t k = 0; k < f->d; k++)
        draw_panel(page.cr, f, k, all);
    st = plot_page_commit(&page, err);
out:
    plot_page_close(&page);
    free(all);
    return st;
}

sc_status plot_loadings(const plot_opts *o, sc_reader *in, sc_err *err)
{
    sc_net net = {0};
    float *w = NULL;
    figure f = {.opts = o, .top = o->top ? (int)o->top : 5, .genes = &net.var.names};
    sc_status st;
    (void)in;
    SC_GOTO(st, sc_net_read(&net, o->input ? o->input : "-", err), out);
    SC_GOTO(st, sc_loadings(&net, &w, &f.d, err), out);
    f.w = w;
    f.variant = net.handle.plugin->name;
    f.n_columns = f.d < 5 ? (int)f.d : f.d <= 8 ? 4 : 5;
    if (f.top > f.genes->n)
        f.top = (int)f.genes->n;
    for (int64_t k = 0; k < f.genes->n * f.d; k++)
        f.most = fmax(f.most, fabs((double)w[k]));
    if (!(f.most > 0))
        f.most = 1;
    st = draw(&f, err);
out:
    free(w);
    sc_net_free(&net);
    return st;
}

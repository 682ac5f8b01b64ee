/* Genes by groups of cells: a dot's area is the share of the group's cells that have the gene, its
 * colour their mean. */
#include "cells.h"
#include "plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT 7.5
#define CELL 17.0
#define RADIUS 7.2
#define NAME_MAX 130.0
#define TURN (-45.0)

enum { GROUPS_MAX = 80 };

typedef struct dot {
    double mean;       /* over the cells that have a value */
    int64_t n, n_some; /* cells that have one, and one above zero */
} dot;

typedef struct dots {
    const plot_opts *opts;
    plot_cells genes; /* its tints */
    sc_vector by;
    int64_t n_groups;
    dot *dots; /* n_groups x n_tints */
    double low, high;
    plot_legend legend;
    double left, top, legend_x, sizes_x, width, height;
} dots;

static sc_status read_cells(dots *d, sc_reader *in, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    sc_block *b = NULL;
    sc_status st;
    SC_TRY(plot_tints_open(&d->genes, h, d->opts->key, d->opts->layer, SC_VECTOR_NUMBER, err));
    SC_TRY(sc_vector_open(&d->by, h, d->opts->group_by, NULL, SC_VECTOR_CATEGORY, err));
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        SC_TRY(sc_vector_block(&d->by, b, h, err));
        for (int k = 0; k < d->genes.n_tints; k++)
            SC_TRY(sc_vector_block(&d->genes.tints[k], b, h, err));
    }
    if (st != SC_END)
        return st;
    if (d->by.n == 0)
        return sc_fail(err, SC_EDATA, "%s: has no cells", sc_reader_name(in));
    return sc_vector_finish(&d->by, err);
}

static int64_t group_of(const dots *d, int64_t i)
{
    return d->by.code[i] < 0 ? d->by.levels.n : d->by.code[i];
}

static sc_status make_dots(dots *d, sc_err *err)
{
    const int n_genes = d->genes.n_tints;
    bool has_missing = false;
    for (int64_t i = 0; i < d->by.n && !has_missing; i++)
        has_missing = d->by.code[i] < 0;
    d->n_groups = d->by.levels.n + has_missing;
    if (d->n_groups > GROUPS_MAX)
        return sc_fail(err, SC_EDATA,
                       "obs column '%s' has %" PRId64 " values, and no more than %d can be drawn",
                       d->opts->group_by, d->n_groups, GROUPS_MAX);
    SC_TRY(sc_alloc(&d->dots, (size_t)d->n_groups * (size_t)n_genes, sizeof *d->dots, err));
    for (int k = 0; k < n_genes; k++)
        for (int64_t i = 0; i < d->by.n; i++) {
            const float v = d->genes.tints[k].number[i];
            dot *at = &d->dots[group_of(d, i) * n_genes + k];
            if (isnan(v))
                continue;
            at->mean += (double)v;
            at->n++;
            at->n_some += v > 0;
        }
    for (int64_t j = 0; j < d->n_groups * n_genes; j++) {
        dot *at = &d->dots[j];
        at->mean /= at->n ? (double)at->n : 1;
        d->low = fmin(d->low, at->mean);
        d->high = fmax(d->high, at->mean);
    }
    return SC_OK;
}

static const char *group_name(const dots *d, int64_t g)
{
    return g < d->by.levels.n ? sc_strs_at(&d->by.levels, g) : "missing";
}

static double name_width(cairo_t *cr, const char *name)
{
    return fmin(plot_text_width(cr, TEXT, name), NAME_MAX);
}

/* Sizes need a surface to measure text on: one that draws nowhere. */
static void lay_out(dots *d)
{
    cairo_surface_t *nowhere = cairo_recording_surface_create(CAIRO_CONTENT_COLOR, NULL);
    cairo_t *cr = cairo_create(nowhere);
    const plot_axis ramp = {d->low, d->high > d->low ? d->high : d->low + 1, "", false};
    const double step = plot_axis_step(&ramp, 100), title = d->opts->title ? 22 : 0;
    double names = 0, genes = 0, reach = 0;
    for (int64_t g = 0; g < d->n_groups; g++)
        names = fmax(names, name_width(cr, group_name(d, g)));
    for (int k = 0; k < d->genes.n_tints; k++) {
        const double slope = name_width(cr, d->genes.tints[k].name) * 0.7072;
        genes = fmax(genes, slope);
        reach = fmax(reach, (k + 0.5) * CELL + slope);
    }
    plot_number(ramp.low, step, d->legend.low, sizeof d->legend.low);
    plot_number(ramp.high, step, d->legend.high, sizeof d->legend.high);
    d->legend.title = "mean";
    d->legend.note = d->genes.tints[0].is_log1p ? "log(1 + count)" : NULL;
    d->legend.is_gene = true;
    plot_legend_fit(cr, &d->legend, 300);
    d->left = 32 + names;
    d->top = 14 + title + genes + 8;
    d->legend_x = d->left + fmax(d->genes.n_tints * CELL + 16, reach + 10);
    d->sizes_x = d->legend_x + d->legend.width + 18;
    d->width = d->sizes_x + 62;
    if (d->opts->title)
        d->width = fmax(d->width, 28 + plot_bold_width(cr, 11, d->opts->title));
    d->height = fmax(d->top + (double)d->n_groups * CELL + 14, 28 + title + d->legend.height);
    cairo_destroy(cr);
    cairo_surface_destroy(nowhere);
}

static void draw_dot(cairo_t *cr, double x, double y, double share, plot_colour c)
{
    cairo_arc(cr, x, y, RADIUS * sqrt(share), 0, 6.28318530717958647693);
    cairo_set_source_rgb(cr, c.r, c.g, c.b);
    cairo_fill(cr);
}

static void draw_dots(cairo_t *cr, const dots *d)
{
    const int n_genes = d->genes.n_tints;
    for (int64_t g = 0; g < d->n_groups; g++)
        for (int k = 0; k < n_genes; k++) {
            const dot *at = &d->dots[g * n_genes + k];
            const double u = d->high > d->low ? (at->mean - d->low) / (d->high - d->low) : 0;
            draw_dot(cr, d->left + (k + 0.5) * CELL, d->top + ((double)g + 0.5) * CELL,
                     at->n ? (double)at->n_some / (double)at->n : 0, plot_gene_colour(u));
        }
    cairo_rectangle(cr, d->left, d->top, n_genes * CELL, (double)d->n_groups * CELL);
    cairo_set_source_rgb(cr, plot_ink.r, plot_ink.g, plot_ink.b);
    cairo_set_line_width(cr, 0.6);
    cairo_stroke(cr);
}

static void draw_names(cairo_t *cr, const dots *d)
{
    char buf[256];
    for (int64_t g = 0; g < d->n_groups; g++)
        plot_text(cr, d->left - 5, d->top + ((double)g + 0.5) * CELL + TEXT * 0.36, PLOT_RIGHT,
                  TEXT, false, plot_ink,
                  plot_text_fit(cr, TEXT, NAME_MAX, group_name(d, g), buf, sizeof buf));
    for (int k = 0; k < d->genes.n_tints; k++)
        plot_text_turned(
            cr, d->left + (k + 0.5) * CELL + 3, d->top - 5, TURN, PLOT_LEFT, TEXT, plot_ink,
            plot_text_fit(cr, TEXT, NAME_MAX, d->genes.tints[k].name, buf, sizeof buf));
    plot_text_turned(cr, 18, d->top + (double)d->n_groups * CELL / 2, -90, PLOT_CENTRE, 8.5,
                     plot_ink, d->opts->group_by);
}

static void draw_sizes(cairo_t *cr, const dots *d, double y)
{
    char text[16];
    plot_text(cr, d->sizes_x, y + 8.5, PLOT_LEFT, 8.5, true, plot_ink, "cells");
    for (int k = 1; k <= 4; k++) {
        const double middle = y + 8.5 + 6 + (k - 0.5) * CELL;
        draw_dot(cr, d->sizes_x + RADIUS, middle, k / 4.0, plot_faint);
        (void)snprintf(text, sizeof text, "%d %%", 25 * k);
        plot_text(cr, d->sizes_x + 2 * RADIUS + 5, middle + TEXT * 0.36, PLOT_LEFT, TEXT, false,
                  plot_ink, text);
    }
}

static sc_status draw(dots *d, sc_err *err)
{
    plot_page page;
    const double top = d->opts->title ? 36 : 14;
    sc_status st = plot_page_open(&page, d->opts, d->width, d->height, err);
    if (st == SC_OK) {
        if (d->opts->title)
            plot_text(page.cr, 14, 20, PLOT_LEFT, 11, true, plot_ink, d->opts->title);
        draw_dots(page.cr, d);
        draw_names(page.cr, d);
        plot_legend_draw(page.cr, &d->legend, d->legend_x, top);
        draw_sizes(page.cr, d, top);
        st = plot_page_commit(&page, err);
    }
    plot_page_close(&page);
    return st;
}

sc_status plot_dots(const plot_opts *o, sc_reader *in, sc_err *err)
{
    dots d = {.opts = o};
    sc_status st;
    if (!o->key || !o->group_by)
        return sc_fail(err, SC_EUSAGE, "dots needs --key, genes, and --group-by, an obs column");
    SC_GOTO(st, read_cells(&d, in, err), out);
    SC_GOTO(st, make_dots(&d, err), out);
    lay_out(&d);
    st = draw(&d, err);
out:
    free(d.dots);
    sc_vector_free(&d.by);
    plot_cells_free(&d.genes);
    return st;
}

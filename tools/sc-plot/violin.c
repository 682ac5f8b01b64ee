/* A number of the cells, or the expression of a gene, by group: its distribution and quartiles. */
#include "cells.h"
#include "plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT 50.0
#define TOP 44.0
#define HEIGHT 190.0
#define TEXT 7.5
#define SIZE_TEXT 6.0
#define NAME_MAX 120.0
#define RIGHT 14.0

enum { GROUPS_MAX = 80, BINS = 512, POINTS = 128 };

typedef struct group {
    const char *name;
    int64_t n; /* cells with a value */
    float *v;  /* sorted; lent */
} group;

typedef struct figure {
    const plot_opts *opts;
    sc_vector value, by; /* by.kind SC_VECTOR_ANY: one group of all */
    int64_t n_groups;
    group *groups;
    float *sorted;
    plot_axis y;
    double pitch, left, bottom; /* width of a group; room for names */
    bool is_turned;
} figure;

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int64_t group_of(const figure *f, int64_t i)
{
    if (f->by.kind == SC_VECTOR_ANY)
        return 0;
    return f->by.code[i] < 0 ? f->by.levels.n : f->by.code[i];
}

static sc_status count_groups(figure *f, sc_err *err)
{
    bool has_missing = false;
    for (int64_t i = 0; i < f->by.n && !has_missing; i++)
        has_missing = f->by.code[i] < 0;
    f->n_groups = f->by.kind == SC_VECTOR_ANY ? 1 : f->by.levels.n + has_missing;
    if (f->n_groups > GROUPS_MAX)
        return sc_fail(err, SC_EDATA,
                       "obs column '%s' has %" PRId64 " values, and no more than %d can be drawn",
                       f->opts->group_by, f->n_groups, GROUPS_MAX);
    SC_TRY(sc_alloc(&f->groups, (size_t)f->n_groups, sizeof *f->groups, err));
    for (int64_t g = 0; g < f->n_groups; g++)
        f->groups[g].name = f->by.kind == SC_VECTOR_ANY ? "all cells"
                            : g < f->by.levels.n        ? sc_strs_at(&f->by.levels, g)
                                                        : "missing";
    return SC_OK;
}

static sc_status sort_values(figure *f, sc_err *err)
{
    SC_TRY(count_groups(f, err));
    SC_TRY(sc_alloc(&f->sorted, (size_t)f->value.n + 1, sizeof *f->sorted, err));
    for (int64_t i = 0; i < f->value.n; i++)
        f->groups[group_of(f, i)].n += !isnan(f->value.number[i]);
    float *at = f->sorted;
    for (int64_t g = 0; g < f->n_groups; g++) {
        f->groups[g].v = at;
        at += f->groups[g].n;
        f->groups[g].n = 0;
    }
    for (int64_t i = 0; i < f->value.n; i++) {
        group *g = &f->groups[group_of(f, i)];
        if (!isnan(f->value.number[i]))
            g->v[g->n++] = f->value.number[i];
    }
    for (int64_t g = 0; g < f->n_groups; g++)
        qsort(f->groups[g].v, (size_t)f->groups[g].n, sizeof *f->groups[g].v, by_value);
    if (at == f->sorted)
        return sc_fail(err, SC_EDATA, "no cell has a value of '%s'", f->value.name);
    return SC_OK;
}

static double quantile(const group *g, double q)
{
    const double at = q * (double)(g->n - 1);
    const int64_t k = (int64_t)at;
    const double a = (double)g->v[k], b = (double)g->v[k + 1 < g->n ? k + 1 : k];
    return a + (b - a) * (at - (double)k);
}

/* Silverman's rule; the smaller of two measures of spread, so that far values don't smear it. */
static double bandwidth(const group *g)
{
    double mean = 0, square = 0;
    for (int64_t i = 0; i < g->n; i++)
        mean += (double)g->v[i];
    mean /= (double)g->n;
    for (int64_t i = 0; i < g->n; i++)
        square += ((double)g->v[i] - mean) * ((double)g->v[i] - mean);
    const double sd = sqrt(square / (double)g->n);
    const double iqr = (quantile(g, 0.75) - quantile(g, 0.25)) / 1.349;
    return 0.9 * (iqr > 0 ? fmin(sd, iqr) : sd) * pow((double)g->n, -0.2);
}

/* Kernel density between the smallest and the largest value, at POINTS places, its peak 1. False:
 * all values are alike. */
static bool density(const group *g, double *out)
{
    const double low = (double)g->v[0], span = (double)g->v[g->n - 1] - low;
    const double h = g->n > 1 ? fmax(bandwidth(g), span / 100) : 0;
    double bins[BINS] = {0}, most = 0;
    if (!(span > 0) || !(h > 0))
        return false;
    for (int64_t i = 0; i < g->n; i++) {
        const int b = (int)(((double)g->v[i] - low) / span * BINS);
        bins[b < BINS ? b : BINS - 1]++;
    }
    for (int k = 0; k < POINTS; k++) {
        const double at = (double)k / (POINTS - 1) * span;
        out[k] = 0;
        for (int b = 0; b < BINS; b++) {
            const double z = (at - (b + 0.5) / BINS * span) / h;
            if (bins[b] > 0 && fabs(z) < 6)
                out[k] += bins[b] * exp(-0.5 * z * z);
        }
        most = fmax(most, out[k]);
    }
    for (int k = 0; k < POINTS; k++)
        out[k] /= most;
    return true;
}

static double y_of(const figure *f, double v)
{
    return plot_axis_at(&f->y, v, TOP + HEIGHT, TOP);
}

static void draw_body(cairo_t *cr, const figure *f, const group *g, double x, plot_colour c)
{
    double d[POINTS];
    const double half = f->pitch * 0.42, low = (double)g->v[0];
    const double span = (double)g->v[g->n - 1] - low;
    cairo_set_source_rgb(cr, c.r, c.g, c.b);
    if (!density(g, d)) {
        cairo_set_line_width(cr, 1.6);
        cairo_move_to(cr, x - half, y_of(f, low));
        cairo_line_to(cr, x + half, y_of(f, low));
        cairo_stroke(cr);
        return;
    }
    cairo_new_path(cr); /* text leaves a current point */
    for (int k = 0; k < POINTS; k++)
        cairo_line_to(cr, x - d[k] * half, y_of(f, low + span * k / (POINTS - 1)));
    for (int k = POINTS - 1; k >= 0; k--)
        cairo_line_to(cr, x + d[k] * half, y_of(f, low + span * k / (POINTS - 1)));
    cairo_close_path(cr);
    cairo_fill_preserve(cr);
    cairo_set_source_rgb(cr, c.r * 0.6, c.g * 0.6, c.b * 0.6);
    cairo_set_line_width(cr, 0.6);
    cairo_stroke(cr);
}

/* Box from the first to the third quartile, a dot at the median. */
static void draw_quartiles(cairo_t *cr, const figure *f, const group *g, double x)
{
    const double a = y_of(f, quantile(g, 0.25)), b = y_of(f, quantile(g, 0.75));
    const double w = fmin(f->pitch * 0.05 + 1, 3);
    cairo_set_source_rgb(cr, plot_ink.r, plot_ink.g, plot_ink.b);
    cairo_rectangle(cr, x - w / 2, b, w, a - b);
    cairo_fill(cr);
    cairo_new_path(cr);
    cairo_arc(cr, x, y_of(f, quantile(g, 0.5)), w / 2 + 1, 0, 6.28318530717958647693);
    cairo_set_line_width(cr, 1); /* a dark rim: a flat violin leaves the dot on white paper */
    cairo_stroke_preserve(cr);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_fill(cr);
}

static void draw_name(cairo_t *cr, const figure *f, const group *g, double x)
{
    char buf[256];
    const double y = TOP + HEIGHT + 6;
    const char *name =
        plot_text_fit(cr, TEXT, f->is_turned ? NAME_MAX : f->pitch - 4, g->name, buf, sizeof buf);
    if (f->is_turned)
        plot_text_turned(cr, x + 3, y + 5, -45, PLOT_RIGHT, TEXT, plot_ink, name);
    else
        plot_text(cr, x, y + TEXT, PLOT_CENTRE, TEXT, false, plot_ink, name);
}

/* How many cells each group has, in two rows where they would touch. */
static void draw_sizes(cairo_t *cr, const figure *f, double pitch)
{
    char text[64];
    double widest = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t k = 0; k < f->n_groups; k++) {
            plot_number((double)f->groups[k].n, 1, text, sizeof text);
            if (pass == 0)
                widest = fmax(widest, plot_text_width(cr, SIZE_TEXT, text) + 4);
            else if (widest < 2 * pitch)
                plot_text(cr, f->left + ((double)k + 0.5) * pitch,
                          TOP - 3 - (k % 2 && widest > pitch ? SIZE_TEXT + 1.5 : 0), PLOT_CENTRE,
                          SIZE_TEXT, false, plot_faint, text);
        }
}

static void lay_out(figure *f)
{
    cairo_surface_t *nowhere = cairo_recording_surface_create(CAIRO_CONTENT_COLOR, NULL);
    cairo_t *cr = cairo_create(nowhere);
    double widest = 0, overhang = 0;
    f->pitch = f->n_groups <= 6 ? 56 : f->n_groups <= 14 ? 34 : f->n_groups <= 30 ? 22 : 16;
    for (int64_t g = 0; g < f->n_groups; g++)
        widest = fmax(widest, plot_text_width(cr, TEXT, f->groups[g].name));
    f->is_turned = widest > f->pitch - 4;
    /* turned names end at the middle of their group, and the first may begin left of the axis */
    for (int64_t g = 0; g < f->n_groups && f->is_turned; g++)
        overhang =
            fmax(overhang, fmin(plot_text_width(cr, TEXT, f->groups[g].name), NAME_MAX) * 0.7072 -
                               ((double)g + 0.5) * f->pitch);
    f->bottom =
        (f->is_turned ? fmin(widest, NAME_MAX) * 0.7072 + 16 : 18) + (f->opts->group_by ? 18 : 4);
    f->y = plot_axis_of(f->sorted,
                        f->groups[f->n_groups - 1].v + f->groups[f->n_groups - 1].n - f->sorted,
                        0.03, f->value.is_log1p ? "log(1 + count)" : f->value.name);
    f->left = fmax(fmax(LEFT, overhang + 6), plot_y_room(cr, &f->y, HEIGHT));
    cairo_destroy(cr);
    cairo_surface_destroy(nowhere);
}

static sc_status draw(const figure *f, sc_err *err)
{
    const double w = fmax((double)f->n_groups * f->pitch, 80);
    const plot_rect r = {f->left, TOP, w, HEIGHT};
    plot_page page;
    sc_status st = plot_page_open(&page, f->opts, fmax(f->left + w + RIGHT, 200),
                                  TOP + HEIGHT + f->bottom, err);
    if (st == SC_OK) {
        plot_text(page.cr, f->left, 18, PLOT_LEFT, 11, true, plot_ink,
                  f->opts->title ? f->opts->title : f->value.name);
        plot_axes(page.cr, &r, NULL, &f->y, true);
        for (int64_t k = 0; k < f->n_groups; k++) {
            const double x = f->left + ((double)k + 0.5) * w / (double)f->n_groups;
            const bool is_missing = f->by.kind != SC_VECTOR_ANY && k == f->by.levels.n;
            if (f->groups[k].n > 0) {
                draw_body(page.cr, f, &f->groups[k], x,
                          is_missing ? plot_missing : plot_category_colour(k));
                draw_quartiles(page.cr, f, &f->groups[k], x);
            }
            draw_name(page.cr, f, &f->groups[k], x);
        }
        draw_sizes(page.cr, f, w / (double)f->n_groups);
        if (f->opts->group_by)
            plot_text(page.cr, f->left + w / 2, TOP + HEIGHT + f->bottom - 6, PLOT_CENTRE, 8.5,
                      false, plot_ink, f->opts->group_by);
        st = plot_page_commit(&page, err);
    }
    plot_page_close(&page);
    return st;
}

static sc_status read_all(figure *f, sc_reader *in, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    sc_block *b = NULL;
    sc_status st;
    SC_TRY(sc_vector_open(&f->value, h, f->opts->key, f->opts->layer, SC_VECTOR_NUMBER, err));
    if (f->opts->group_by)
        SC_TRY(sc_vector_open(&f->by, h, f->opts->group_by, NULL, SC_VECTOR_CATEGORY, err));
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        SC_TRY(sc_vector_block(&f->value, b, h, err));
        if (f->opts->group_by)
            SC_TRY(sc_vector_block(&f->by, b, h, err));
    }
    if (st != SC_END)
        return st;
    if (f->value.n == 0)
        return sc_fail(err, SC_EDATA, "%s: has no cells", sc_reader_name(in));
    SC_TRY(sc_vector_finish(&f->by, err));
    return sort_values(f, err);
}

sc_status plot_violin(const plot_opts *o, sc_reader *in, sc_err *err)
{
    figure f = {.opts = o};
    sc_status st;
    if (!o->key)
        return sc_fail(err, SC_EUSAGE, "a violin needs --key: an obs column of numbers, or a gene");
    SC_GOTO(st, read_all(&f, in, err), out);
    lay_out(&f);
    st = draw(&f, err);
out:
    sc_vector_free(&f.value);
    sc_vector_free(&f.by);
    free(f.groups);
    free(f.sorted);
    return st;
}

/* Cells by pairs of coordinates: Z_0 against Z_1, Z_2 against Z_3, and so on. */
#include "cells.h"
#include "plot.h"
#include "sc_philox.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT 42.0
#define BOTTOM 36.0
#define GAP 10.0
#define LEGEND_GAP 16.0

enum { DIMS_MAX = 60, NAMES_MAX = 120 };

typedef struct figure {
    const plot_opts *opts;
    const plot_cells *cells;
    int n_panels, n_columns, n_rows;
    double side, left, top, width, height; /* side of a panel's square; room at its left */
    int64_t *order;
    float *shade; /* of a panel's points, or of all */
    plot_legend legend;
    const char **names;
    plot_colour *colours;
    int64_t n_names; /* written on the points */
    bool is_inside;  /* the legend stands where the last row has no panel */
    double legend_x, legend_y;
} figure;

/* Cells are drawn in a shuffled order, so that none of the types lies on top because it came last;
 * those without a value first. */
static sc_status shuffle(figure *f, sc_err *err)
{
    const sc_key key = {0, 0, 0, 0};
    const plot_cells *c = f->cells;
    int64_t *order = NULL, n = 0;
    SC_TRY(sc_alloc(&f->order, (size_t)c->n, sizeof *f->order, err));
    SC_TRY(sc_alloc(&order, (size_t)c->n, sizeof *order, err));
    for (int64_t i = 0; i < c->n; i++)
        order[i] = i;
    sc_shuffle(key, c->n, order);
    for (int pass = 0; pass < 2; pass++)
        for (int64_t k = 0; k < c->n; k++) {
            const int64_t i = order[k];
            const bool is_missing = c->tint.kind == SC_VECTOR_CATEGORY ? c->tint.code[i] < 0
                                    : c->tint.kind == SC_VECTOR_NUMBER ? isnan(c->tint.number[i])
                                                                       : false;
            if (is_missing == (pass == 0))
                f->order[n++] = i;
        }
    free(order);
    return SC_OK;
}

typedef struct ranked {
    float value;
    int64_t i;
} ranked;

/* Cells with the highest expression on top: few cells express most genes, and the others would hide
 * them. Equal ones keep their shuffled order. */
static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value > y->value ? 1 : -1;
    return (x->i > y->i) - (x->i < y->i);
}

static sc_status highest_last(figure *f, sc_err *err)
{
    const plot_cells *c = f->cells;
    ranked *r = NULL;
    int64_t *order = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&r, (size_t)c->n, sizeof *r, err), out);
    SC_GOTO(st, sc_alloc(&order, (size_t)c->n, sizeof *order, err), out);
    for (int64_t k = 0; k < c->n; k++) {
        const float v = c->tint.number[f->order[k]];
        r[k] = (ranked){isnan(v) ? -INFINITY : v, k};
    }
    qsort(r, (size_t)c->n, sizeof *r, by_rank);
    for (int64_t k = 0; k < c->n; k++)
        order[k] = f->order[r[k].i];
    memcpy(f->order, order, (size_t)c->n * sizeof *order);
out:
    free(r);
    free(order);
    return st;
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/*
 * A few far values would leave one colour for all others: the ramp spans the middle 98 %. That of a
 * gene begins at 0, and ends where a hundredth of the cells that express it lie above.
 */
static sc_status ends_of_ramp(const sc_vector *v, plot_axis *ramp, sc_err *err)
{
    float *sorted = NULL;
    int64_t n = 0;
    SC_TRY(sc_alloc(&sorted, (size_t)v->n, sizeof *sorted, err));
    *ramp = (plot_axis){.low = NAN, .high = NAN, .is_whole = true};
    for (int64_t i = 0; i < v->n; i++)
        if (isfinite(v->number[i])) {
            sorted[n++] = v->number[i];
            ramp->is_whole &= floorf(v->number[i]) == v->number[i];
        }
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    int64_t first = 0;
    while (v->gene_mat >= 0 && first < n && sorted[0] >= 0 && sorted[first] <= 0)
        first++;
    if (n > 0) {
        const bool is_from_0 = v->gene_mat >= 0 && sorted[0] >= 0;
        ramp->low = is_from_0 ? 0 : (double)sorted[(n - 1) / 100];
        ramp->high = first == n ? 0 : (double)sorted[n - 1 - (n - first - 1) / 100];
    }
    free(sorted);
    return SC_OK;
}

/* Numbers that are all alike, or none at all, are an entry or none, where others have a ramp. */
static sc_status name_number(figure *f, double value, double shade, sc_err *err)
{
    plot_legend *l = &f->legend;
    SC_TRY(sc_alloc(&f->names, 2, sizeof *f->names, err));
    SC_TRY(sc_alloc(&f->colours, 2, sizeof *f->colours, err));
    (void)snprintf(l->low, sizeof l->low, "%.4g", value);
    if (!isnan(value)) {
        f->names[l->n] = l->low;
        f->colours[l->n++] = l->is_gene ? plot_gene_colour(shade) : plot_ramp_colour(shade);
    }
    if (l->has_missing) {
        f->names[l->n] = "missing";
        f->colours[l->n++] = plot_missing;
    }
    l->names = f->names;
    l->colours = f->colours;
    return SC_OK;
}

static sc_status shade_numbers(figure *f, sc_err *err)
{
    const sc_vector *v = &f->cells->tint;
    plot_legend *l = &f->legend;
    plot_axis ramp;
    SC_TRY(ends_of_ramp(v, &ramp, err));
    const double span = ramp.high - ramp.low, alike = v->gene_mat >= 0 ? 0 : 0.5;
    for (int64_t i = 0; i < v->n; i++)
        f->shade[i] = !isfinite(v->number[i]) ? NAN
                      : span > 0              ? (float)(((double)v->number[i] - ramp.low) / span)
                                              : (float)alike;
    l->is_gene = v->gene_mat >= 0;
    l->note = v->is_log1p ? "log(1 + count)" : NULL;
    for (int64_t i = 0; i < v->n && !l->has_missing; i++)
        l->has_missing = isnan(v->number[i]);
    if (!(span > 0))
        return name_number(f, ramp.low, alike, err);
    const double step = plot_axis_step(&ramp, 100);
    plot_number(ramp.low, step, l->low, sizeof l->low);
    plot_number(ramp.high, step, l->high, sizeof l->high);
    return SC_OK;
}

static sc_status name_levels(figure *f, sc_err *err)
{
    const sc_vector *c = &f->cells->tint;
    bool has_missing = false;
    for (int64_t i = 0; i < c->n && !has_missing; i++)
        has_missing = c->code[i] < 0;
    const int64_t n = c->levels.n < NAMES_MAX ? c->levels.n : NAMES_MAX;
    SC_TRY(sc_alloc(&f->names, (size_t)n + 1, sizeof *f->names, err));
    SC_TRY(sc_alloc(&f->colours, (size_t)n + 1, sizeof *f->colours, err));
    for (int64_t k = 0; k < n; k++) {
        f->names[k] = sc_strs_at(&c->levels, k);
        f->colours[k] = plot_category_colour(k);
    }
    f->names[n] = c->levels.n > n ? "further ones" : "missing";
    f->colours[n] = plot_missing;
    f->legend.n = n + (has_missing || c->levels.n > n);
    f->legend.names = f->names;
    f->legend.colours = f->colours;
    return SC_OK;
}

static sc_status make_legend(figure *f, sc_err *err)
{
    f->legend.title = f->opts->color;
    if (f->cells->tint.kind == SC_VECTOR_CATEGORY)
        return name_levels(f, err);
    SC_TRY(sc_alloc(&f->shade, (size_t)f->cells->n, sizeof *f->shade, err));
    if (f->cells->tint.kind == SC_VECTOR_NUMBER) {
        if (f->cells->tint.gene_mat >= 0)
            SC_TRY(highest_last(f, err));
        return shade_numbers(f, err);
    }
    f->legend.title = "cells";
    (void)snprintf(f->legend.low, sizeof f->legend.low, "sparse");
    (void)snprintf(f->legend.high, sizeof f->legend.high, "dense");
    return SC_OK;
}

/* The first dimension of a panel; an odd last one is shown against the one before it. */
static int dim_of(const plot_cells *c, int panel)
{
    return 2 * panel + 1 < c->n_dims ? 2 * panel : c->n_dims - 2;
}

static plot_axis axis_of(const plot_cells *c, int dim)
{
    return plot_axis_of(c->dims[dim], c->n, 0.04, c->names[dim]);
}

/*
 * More than eight colours are not told apart by every eye, so there the names stand on the points
 * as well; in full where they are short, else by the numbers that the legend gives them.
 */
static void choose_names(figure *f, cairo_t *cr)
{
    const bool is_category = f->cells->tint.kind == SC_VECTOR_CATEGORY;
    const int64_t levels = f->cells->tint.levels.n, n = levels < NAMES_MAX ? levels : NAMES_MAX;
    const plot_rect panel = {0, 0, f->side, f->side};
    const bool is_wanted = f->opts->names == PLOT_NAMES_ON ||
                           (f->opts->names == PLOT_NAMES_AUTO && n > 8 && f->n_panels == 1);
    if (!is_category || !is_wanted)
        return;
    f->n_names = n;
    f->legend.n_numbered = plot_names_fit(cr, &panel, n, f->names) ? 0 : n;
}

/* Sizes need a surface to measure text on: one that draws nowhere. */
static void lay_out(figure *f)
{
    cairo_surface_t *nowhere = cairo_recording_surface_create(CAIRO_CONTENT_COLOR, NULL);
    cairo_t *cr = cairo_create(nowhere);
    const int n = f->n_panels;
    f->side = n == 1 ? 290 : 140;
    f->left = LEFT;
    for (int k = 0; k < n; k++) {
        const plot_axis y = axis_of(f->cells, dim_of(f->cells, k) + 1);
        f->left = fmax(f->left, plot_y_room(cr, &y, f->side));
    }
    f->n_columns = n <= 3 ? n : n == 4 ? 2 : 3;
    f->n_rows = (n + f->n_columns - 1) / f->n_columns;
    f->top = f->opts->title ? 34 : 12;
    choose_names(f, cr);
    const double pitch_x = f->left + f->side + GAP, pitch_y = f->side + BOTTOM + GAP;
    const double body = f->n_rows * pitch_y - GAP - BOTTOM;
    const int used = n - (f->n_rows - 1) * f->n_columns;
    plot_legend_fit(cr, &f->legend, f->side);
    f->is_inside = used < f->n_columns &&
                   f->legend.width <= (f->n_columns - used) * pitch_x - f->left - GAP &&
                   f->legend.height <= f->side + 1;
    f->width = f->n_columns * pitch_x + 4;
    f->height = f->top + body + BOTTOM + 4;
    if (f->is_inside) {
        f->legend_x = used * pitch_x + f->left;
        f->legend_y = f->top + (f->n_rows - 1) * pitch_y;
    } else {
        plot_legend_fit(cr, &f->legend, body);
        f->legend_x = f->n_columns * pitch_x - GAP + LEGEND_GAP;
        f->legend_y = f->top;
        f->width = f->legend_x + f->legend.width + 10;
    }
    cairo_destroy(cr);
    cairo_surface_destroy(nowhere);
}

static sc_status draw_panel(figure *f, plot_page *page, int k, sc_err *err)
{
    const plot_cells *c = f->cells;
    const int dx = dim_of(c, k), dy = dx + 1;
    const plot_rect r = {f->left + (k % f->n_columns) * (f->left + f->side + GAP),
                         f->top + (k / f->n_columns) * (f->side + BOTTOM + GAP), f->side, f->side};
    const plot_axis x = axis_of(c, dx), y = axis_of(c, dy);
    plot_points p = {.n = c->n, .x = c->dims[dx], .y = c->dims[dy], .order = f->order};
    if (c->tint.kind == SC_VECTOR_CATEGORY)
        p.code = c->tint.code;
    else
        p.shade = f->shade;
    p.is_gene = c->tint.gene_mat >= 0 && c->tint.kind == SC_VECTOR_NUMBER;
    if (c->tint.kind == SC_VECTOR_ANY)
        SC_TRY(plot_density(&x, &y, &p, f->shade, err));
    SC_TRY(plot_draw_points(page, &r, &x, &y, &p, err));
    if (f->n_names > 0)
        SC_TRY(plot_draw_names(page, &r, &x, &y, &p, &f->legend, f->n_names, err));
    plot_axes(page->cr, &r, &x, &y, false);
    return SC_OK;
}

static sc_status draw(figure *f, sc_err *err)
{
    plot_page page;
    sc_status st = plot_page_open(&page, f->opts, f->width, f->height, err);
    for (int k = 0; k < f->n_panels && st == SC_OK; k++)
        st = draw_panel(f, &page, k, err);
    if (st == SC_OK) {
        if (f->opts->title)
            plot_text(page.cr, f->left, 18, PLOT_LEFT, 11, true, plot_ink, f->opts->title);
        plot_legend_draw(page.cr, &f->legend, f->legend_x, f->legend_y);
        st = plot_page_commit(&page, err);
    }
    plot_page_close(&page);
    return st;
}

static sc_status need_places(const plot_cells *c, const char *name, sc_err *err)
{
    for (int64_t i = 0; i < c->n; i++)
        if (isfinite(c->dims[0][i]) && isfinite(c->dims[1][i]))
            return SC_OK;
    return sc_fail(err, SC_EDATA, "%s: no cell has a finite place in obsm '%s'", name, c->rep);
}

static sc_status scatter(const plot_opts *o, sc_reader *in, const char *rep, int max_dims,
                         sc_err *err)
{
    plot_cells cells = {0};
    figure f = {.opts = o, .cells = &cells};
    sc_status st;
    SC_GOTO(st, plot_cells_read(&cells, in, rep, o->color, o->layer, max_dims, err), out);
    if (o->names == PLOT_NAMES_ON && cells.tint.kind != SC_VECTOR_CATEGORY) {
        st = sc_fail(err, SC_EUSAGE, "--names on needs a --color that has names");
        goto out;
    }
    SC_GOTO(st, need_places(&cells, sc_reader_name(in), err), out);
    f.n_panels = (cells.n_dims + 1) / 2;
    SC_GOTO(st, shuffle(&f, err), out);
    SC_GOTO(st, make_legend(&f, err), out);
    lay_out(&f);
    st = draw(&f, err);
out:
    free(f.order);
    free(f.shade);
    free(f.names);
    free(f.colours);
    plot_cells_free(&cells);
    return st;
}

sc_status plot_latent(const plot_opts *o, sc_reader *in, sc_err *err)
{
    return scatter(o, in, o->use_rep, DIMS_MAX, err);
}

sc_status plot_umap(const plot_opts *o, sc_reader *in, sc_err *err)
{
    return scatter(o, in, o->use_rep ? o->use_rep : "X_umap", 2, err);
}

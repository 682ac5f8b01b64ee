/* How two obs columns go together: of the cells with each value of one, the share with each value
 * of the other. */
#include "cells.h"
#include "plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT 7.5
#define NAME_MAX 150.0
#define RIGHT 70.0
#define TURN (-45.0)
#define WITH_SHARES 15.0 /* cells of that size, and larger ones, have their share written in */

enum { VALUES_MAX = 80 };

typedef struct side {
    sc_vector of;
    int64_t n;          /* values, "missing" the last where a cell has none */
    const char **names; /* n */
    int64_t *at;        /* n: the values in the order drawn */
} side;

typedef struct figure {
    const plot_opts *opts;
    side truth, pred;
    int64_t *count; /* truth.n x pred.n, then row sums */
    int64_t *total;
    double cell, left, top;
    int64_t n_same, n_cells;
    bool has_same_names;
} figure;

static sc_status finish_side(side *s, const char *column, sc_err *err)
{
    SC_TRY(sc_vector_finish(&s->of, err));
    bool has_missing = false;
    for (int64_t i = 0; i < s->of.n && !has_missing; i++)
        has_missing = s->of.code[i] < 0;
    s->n = s->of.levels.n + has_missing;
    if (s->n > VALUES_MAX)
        return sc_fail(err, SC_EDATA,
                       "obs column '%s' has %" PRId64 " values, and no more than %d can be drawn",
                       column, s->n, VALUES_MAX);
    SC_TRY(sc_alloc(&s->names, (size_t)s->n, sizeof *s->names, err));
    SC_TRY(sc_alloc(&s->at, (size_t)s->n, sizeof *s->at, err));
    for (int64_t k = 0; k < s->n; k++) {
        s->names[k] = k < s->of.levels.n ? sc_strs_at(&s->of.levels, k) : "missing";
        s->at[k] = k;
    }
    return SC_OK;
}

static int64_t value_of(const side *s, int64_t i)
{
    return s->of.code[i] < 0 ? s->of.levels.n : s->of.code[i];
}

static int64_t find(const side *s, const char *name)
{
    for (int64_t k = 0; k < s->of.levels.n; k++)
        if (strcmp(s->names[k], name) == 0)
            return k;
    return -1;
}

static sc_status count(figure *f, sc_err *err)
{
    const int64_t n = f->pred.n;
    SC_TRY(sc_alloc(&f->count, (size_t)(f->truth.n * n), sizeof *f->count, err));
    SC_TRY(sc_alloc(&f->total, (size_t)f->truth.n, sizeof *f->total, err));
    f->n_cells = f->truth.of.n;
    for (int64_t i = 0; i < f->n_cells; i++) {
        const int64_t a = value_of(&f->truth, i), b = value_of(&f->pred, i);
        f->count[a * n + b]++;
        f->total[a]++;
        f->n_same += f->truth.of.code[i] >= 0 && strcmp(f->truth.names[a], f->pred.names[b]) == 0;
    }
    for (int64_t a = 0; a < f->truth.n; a++)
        f->has_same_names |= find(&f->pred, f->truth.names[a]) >= 0;
    return SC_OK;
}

/* The place of a column: that of the row of its name, or of the row that gives it most cells. */
static double place_of(const figure *f, int64_t b)
{
    if (b == f->pred.of.levels.n)
        return 1e9;
    if (f->has_same_names) {
        const int64_t a = find(&f->truth, f->pred.names[b]);
        return a < 0 ? 1e6 + (double)b : (double)a;
    }
    double most = -1, place = 0;
    for (int64_t a = 0; a < f->truth.n; a++) {
        const double share =
            f->total[a] ? (double)f->count[a * f->pred.n + b] / (double)f->total[a] : 0;
        if (share > most) {
            most = share;
            place = (double)a + 0.9 * (1 - share);
        }
    }
    return place;
}

static void order_columns(figure *f)
{
    int64_t *at = f->pred.at;
    for (int64_t n = 1; n < f->pred.n; n++)
        for (int64_t k = n; k > 0 && place_of(f, at[k]) < place_of(f, at[k - 1]); k--) {
            const int64_t moved = at[k];
            at[k] = at[k - 1];
            at[k - 1] = moved;
        }
}

static void draw_value(cairo_t *cr, const figure *f, double x, double y, int64_t n, double share)
{
    const plot_colour c = plot_share_colour(share);
    cairo_set_source_rgb(cr, c.r, c.g, c.b);
    cairo_rectangle(cr, x + 0.4, y + 0.4, f->cell - 0.8, f->cell - 0.8);
    cairo_fill(cr);
    const bool is_small = f->cell <= WITH_SHARES;
    if (f->cell < WITH_SHARES || n == 0 || (is_small && share < 0.005))
        return;
    const double size = is_small ? 5.5 : 7;
    char text[32];
    if (share < 0.005)
        (void)snprintf(text, sizeof text, "<1");
    else
        (void)snprintf(text, sizeof text, "%.0f", 100 * share);
    const plot_colour white = {1, 1, 1};
    plot_text(cr, x + f->cell / 2, y + f->cell / 2 + size * 0.37, PLOT_CENTRE, size, false,
              share > 0.5 ? white : plot_ink, text);
}

static void draw_names(cairo_t *cr, const figure *f)
{
    char buf[256], text[320], number[64];
    for (int64_t a = 0; a < f->truth.n; a++) {
        const double y = f->top + ((double)a + 0.5) * f->cell + TEXT * 0.36;
        plot_text(cr, f->left - 5, y, PLOT_RIGHT, TEXT, false, plot_ink,
                  plot_text_fit(cr, TEXT, NAME_MAX, f->truth.names[a], buf, sizeof buf));
        plot_number((double)f->total[a], 1, number, sizeof number);
        (void)snprintf(text, sizeof text, "%s", number);
        plot_text(cr, f->left + (double)f->pred.n * f->cell + 5, y, PLOT_LEFT, TEXT, false,
                  plot_faint, text);
    }
    for (int64_t b = 0; b < f->pred.n; b++)
        plot_text_turned(
            cr, f->left + ((double)b + 0.5) * f->cell + 3, f->top - 5, TURN, PLOT_LEFT, TEXT,
            plot_ink,
            plot_text_fit(cr, TEXT, NAME_MAX, f->pred.names[f->pred.at[b]], buf, sizeof buf));
}

static void heading_of(const figure *f, char *title, char *note, size_t len)
{
    char n_cells[64];
    (void)snprintf(title, len, "%s by %s", f->opts->truth, f->opts->pred);
    if (f->opts->title)
        (void)snprintf(title, len, "%s", f->opts->title);
    plot_number((double)f->n_cells, 1, n_cells, sizeof n_cells);
    const size_t n =
        (size_t)snprintf(note, len, "%% of the cells in a row, whose number is on the right; ");
    if (f->has_same_names)
        (void)snprintf(note + n, len - n, "%.1f %% of %s agree",
                       100 * (double)f->n_same / (double)f->n_cells, n_cells);
    else
        (void)snprintf(note + n, len - n, "%s in all", n_cells);
}

/* Returns the heading's width. */
static double draw_heading(cairo_t *cr, const figure *f)
{
    char title[512], note[512];
    const char *scale = "from white, 0 %, to dark blue, 100 %";
    const bool has_scale = f->cell < WITH_SHARES;
    heading_of(f, title, note, sizeof title);
    plot_text(cr, 14, 18, PLOT_LEFT, 11, true, plot_ink, title);
    plot_text(cr, 14, 31, PLOT_LEFT, 8, false, plot_faint, note);
    if (has_scale)
        plot_text(cr, 14, 42, PLOT_LEFT, 8, false, plot_faint, scale);
    return 14 + fmax(plot_bold_width(cr, 11, title), plot_text_width(cr, 8, note)) + 14;
}

static double widest(cairo_t *cr, const side *s)
{
    double most = 0;
    for (int64_t k = 0; k < s->n; k++)
        most = fmax(most, plot_text_width(cr, TEXT, s->names[k]));
    return fmin(most, NAME_MAX);
}

static void draw_matrix(cairo_t *cr, const figure *f)
{
    const double w = (double)f->pred.n * f->cell, h = (double)f->truth.n * f->cell;
    for (int64_t a = 0; a < f->truth.n; a++)
        for (int64_t b = 0; b < f->pred.n; b++) {
            const int64_t n = f->count[a * f->pred.n + f->pred.at[b]];
            draw_value(cr, f, f->left + (double)b * f->cell, f->top + (double)a * f->cell, n,
                       f->total[a] ? (double)n / (double)f->total[a] : 0);
        }
    cairo_set_source_rgb(cr, plot_ink.r, plot_ink.g, plot_ink.b);
    cairo_set_line_width(cr, 0.6);
    cairo_rectangle(cr, f->left, f->top, w, h);
    cairo_stroke(cr);
    plot_text(cr, f->left + w / 2, f->top + h + 16, PLOT_CENTRE, 8.5, true, plot_ink,
              f->opts->pred);
    plot_text_turned(cr, 20, f->top + h / 2, -90, PLOT_CENTRE, 8.5, plot_ink, f->opts->truth);
}

static sc_status draw(figure *f, sc_err *err)
{
    cairo_surface_t *nowhere = cairo_recording_surface_create(CAIRO_CONTENT_COLOR, NULL);
    cairo_t *cr = cairo_create(nowhere);
    const int64_t most = f->pred.n > f->truth.n ? f->pred.n : f->truth.n;
    const double last = widest(cr, &f->pred) * 0.7072;
    f->cell = most <= 20 ? 22 : most <= 40 ? WITH_SHARES : 10;
    f->left = 30 + widest(cr, &f->truth);
    f->top = (f->cell < WITH_SHARES ? 57 : 46) + last;
    const double heading = draw_heading(cr, f);
    const double right = fmax(RIGHT, last + 14);
    cairo_destroy(cr);
    cairo_surface_destroy(nowhere);
    plot_page page;
    const double width = f->left + (double)f->pred.n * f->cell + right;
    sc_status st = plot_page_open(&page, f->opts, fmax(width, heading),
                                  f->top + (double)f->truth.n * f->cell + 26, err);
    if (st == SC_OK) {
        draw_heading(page.cr, f);
        draw_matrix(page.cr, f);
        draw_names(page.cr, f);
        st = plot_page_commit(&page, err);
    }
    plot_page_close(&page);
    return st;
}

static sc_status read_sides(figure *f, sc_reader *in, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    sc_block *b = NULL;
    sc_status st;
    SC_TRY(sc_vector_open(&f->truth.of, h, f->opts->truth, NULL, SC_VECTOR_CATEGORY, err));
    SC_TRY(sc_vector_open(&f->pred.of, h, f->opts->pred, NULL, SC_VECTOR_CATEGORY, err));
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        SC_TRY(sc_vector_block(&f->truth.of, b, h, err));
        SC_TRY(sc_vector_block(&f->pred.of, b, h, err));
    }
    if (st != SC_END)
        return st;
    if (f->truth.of.n == 0)
        return sc_fail(err, SC_EDATA, "%s: has no cells", sc_reader_name(in));
    SC_TRY(finish_side(&f->truth, f->opts->truth, err));
    return finish_side(&f->pred, f->opts->pred, err);
}

static void free_side(side *s)
{
    sc_vector_free(&s->of);
    free(s->names);
    free(s->at);
}

sc_status plot_confusion(const plot_opts *o, sc_reader *in, sc_err *err)
{
    figure f = {.opts = o};
    sc_status st;
    if (!o->truth || !o->pred)
        return sc_fail(err, SC_EUSAGE, "a confusion needs --truth and --pred: two obs columns");
    SC_GOTO(st, read_sides(&f, in, err), out);
    SC_GOTO(st, count(&f, err), out);
    order_columns(&f);
    st = draw(&f, err);
out:
    free_side(&f.truth);
    free_side(&f.pred);
    free(f.count);
    free(f.total);
    return st;
}

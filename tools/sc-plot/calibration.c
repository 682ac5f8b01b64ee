/* How far the probabilities of classes can be believed: accuracy against confidence. */
#include "cells.h"
#include "plot.h"
#include "sc_calibrate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 250.0
#define LEFT 46.0
#define TOP 62.0
#define HIST 56.0
#define BETWEEN 12.0

enum { BINS = 15 }; /* as sc-label's own calibration error has */

typedef struct figure {
    const plot_opts *opts;
    const sc_strs *classes;
    sc_vector truth_names;
    float *probs;
    int32_t *truth;
    int64_t n, room, k, n_left_out;
    double error, accuracy;
    double n_in[BINS], right[BINS], confidence[BINS];
} figure;

/* Cells that have no class among those of the probabilities say nothing about them. */
static sc_status keep_known(figure *f, sc_err *err)
{
    const int64_t n = f->truth_names.n;
    int32_t *class = NULL;
    SC_TRY(sc_alloc(&class, (size_t)f->truth_names.levels.n + 1, sizeof *class, err));
    for (int64_t v = 0; v < f->truth_names.levels.n; v++) {
        class[v] = -1;
        for (int64_t c = 0; c < f->k; c++)
            if (strcmp(sc_strs_at(f->classes, c), sc_strs_at(&f->truth_names.levels, v)) == 0)
                class[v] = (int32_t)c;
    }
    f->n = 0;
    for (int64_t i = 0; i < n; i++) {
        const int32_t v = f->truth_names.code[i], c = v < 0 ? -1 : class[v];
        if (c < 0 || isnan(f->probs[i * f->k])) {
            f->n_left_out++;
            continue;
        }
        memmove(f->probs + f->n * f->k, f->probs + i * f->k, (size_t)f->k * sizeof *f->probs);
        f->truth[f->n++] = c;
    }
    free(class);
    if (f->n == 0)
        return sc_fail(err, SC_EDATA,
                       "no cell's '%s' is one of the %" PRId64 " classes that have probabilities",
                       f->opts->truth, f->k);
    return SC_OK;
}

static sc_status take_probs(figure *f, sc_block *b, const sc_mat *m, sc_err *err)
{
    const int64_t n = sc_block_n_rows(b);
    sc_dense *p = NULL;
    SC_TRY(sc_block_dense(b, m->path, &p, err));
    if (f->n + n > f->room) {
        f->room = f->n + n > 2 * f->room ? f->n + n : 2 * f->room;
        SC_TRY(sc_resize(&f->probs, (size_t)(f->room * f->k), sizeof *f->probs, err));
        SC_TRY(sc_resize(&f->truth, (size_t)f->room, sizeof *f->truth, err));
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < f->k; c++) {
            const float v = p->values[i * f->k + c];
            if (v < 0 || v > 1.0001f)
                return sc_fail(err, SC_EDATA,
                               "%s is no matrix of probabilities: row %" PRId64 " has %g", m->path,
                               sc_block_row0(b) + i, (double)v);
        }
    memcpy(f->probs + f->n * f->k, p->values, (size_t)(n * f->k) * sizeof *f->probs);
    f->n += n;
    return SC_OK;
}

static sc_status read_all(figure *f, sc_reader *in, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    const sc_mat *m = NULL;
    sc_block *b = NULL;
    sc_status st;
    SC_TRY(plot_find_obsm(in, f->opts->use_rep, "_probs", &m, err));
    if (m->col_names.n == 0)
        return sc_fail(err, SC_EDATA, "the columns of %s have no names: which class is which?",
                       m->path);
    f->classes = &m->col_names;
    f->k = m->n_cols;
    SC_TRY(sc_vector_open(&f->truth_names, h, f->opts->truth, NULL, SC_VECTOR_CATEGORY, err));
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        SC_TRY(sc_vector_block(&f->truth_names, b, h, err));
        SC_TRY(take_probs(f, b, m, err));
    }
    if (st != SC_END)
        return st;
    if (f->n == 0)
        return sc_fail(err, SC_EDATA, "%s: has no cells", sc_reader_name(in));
    SC_TRY(sc_vector_finish(&f->truth_names, err));
    return keep_known(f, err);
}

static void fill_bins(figure *f)
{
    double right = 0;
    for (int64_t i = 0; i < f->n; i++) {
        const float *p = f->probs + i * f->k;
        int64_t best = 0;
        for (int64_t c = 1; c < f->k; c++)
            if (p[c] > p[best])
                best = c;
        const int bin = (int)fmin((double)p[best] * BINS, BINS - 1);
        f->n_in[bin]++;
        f->confidence[bin] += (double)p[best];
        f->right[bin] += best == f->truth[i];
        right += best == f->truth[i];
    }
    f->accuracy = right / (double)f->n;
    f->error = sc_calibration_error(f->n, f->k, f->probs, f->truth, BINS);
}

static void line(cairo_t *cr, double x0, double y0, double x1, double y1)
{
    cairo_move_to(cr, x0, y0);
    cairo_line_to(cr, x1, y1);
    cairo_stroke(cr);
}

static const plot_colour gap_colour = {0.96, 0.74, 0.56};

/* A bar as high as the accuracy, and from there to the mean confidence what is missing or too much.
 */
static void draw_bins(cairo_t *cr, const figure *f, const plot_rect *r)
{
    const plot_colour bar = plot_category_colour(4), gap = gap_colour;
    const double w = r->w / BINS, dashes[] = {3, 3};
    for (int b = 0; b < BINS; b++) {
        if (!(f->n_in[b] > 0))
            continue;
        const double x = r->x + b * w, y0 = r->y + r->h;
        const double is = f->right[b] / f->n_in[b], said = f->confidence[b] / f->n_in[b];
        cairo_set_source_rgb(cr, bar.r, bar.g, bar.b);
        cairo_rectangle(cr, x + 0.8, y0 - is * r->h, w - 1.6, is * r->h);
        cairo_fill(cr);
        cairo_set_source_rgb(cr, gap.r, gap.g, gap.b);
        cairo_rectangle(cr, x + 0.8, y0 - fmax(is, said) * r->h, w - 1.6, fabs(is - said) * r->h);
        cairo_fill(cr);
        cairo_set_source_rgb(cr, plot_ink.r, plot_ink.g, plot_ink.b);
        cairo_set_line_width(cr, 1.4);
        line(cr, x + 0.8, y0 - is * r->h, x + w - 0.8, y0 - is * r->h);
    }
    cairo_set_source_rgb(cr, plot_faint.r, plot_faint.g, plot_faint.b);
    cairo_set_line_width(cr, 0.9);
    cairo_set_dash(cr, dashes, 2, 0);
    line(cr, r->x, r->y + r->h, r->x + r->w, r->y);
    cairo_set_dash(cr, NULL, 0, 0);
}

static void draw_histogram(cairo_t *cr, const figure *f, const plot_rect *r)
{
    const double w = r->w / BINS;
    cairo_set_source_rgb(cr, 0.62, 0.64, 0.68);
    for (int b = 0; b < BINS; b++) {
        const double h = f->n_in[b] / (double)f->n * r->h;
        cairo_rectangle(cr, r->x + b * w + 0.8, r->y + r->h - h, w - 1.6, h);
    }
    cairo_fill(cr);
}

static void draw_key(cairo_t *cr, double x, double y)
{
    static const char *const names[] = {"accuracy", "gap to the confidence"};
    for (int k = 0; k < 2; k++) {
        const plot_colour c = k ? gap_colour : plot_category_colour(4);
        cairo_set_source_rgb(cr, c.r, c.g, c.b);
        cairo_rectangle(cr, x, y - 6, 8, 7);
        cairo_fill(cr);
        plot_text(cr, x + 12, y, PLOT_LEFT, 7.5, false, plot_ink, names[k]);
        x += 12 + plot_text_width(cr, 7.5, names[k]) + 14;
    }
}

static void draw_words(cairo_t *cr, const figure *f)
{
    char text[256], n[64], out[64];
    (void)snprintf(text, sizeof text, "Calibration by %s", f->opts->truth);
    plot_text(cr, LEFT, 18, PLOT_LEFT, 11, true, plot_ink, f->opts->title ? f->opts->title : text);
    plot_number((double)f->n, 1, n, sizeof n);
    plot_number((double)f->n_left_out, 1, out, sizeof out);
    (void)snprintf(text, sizeof text, "error %.3f, accuracy %.1f %%, %s cells%s%s%s", f->error,
                   100 * f->accuracy, n, f->n_left_out ? "; without a class: " : "",
                   f->n_left_out ? out : "", "");
    plot_text(cr, LEFT, 31, PLOT_LEFT, 8, false, plot_faint, text);
}

static sc_status draw(const figure *f, sc_err *err)
{
    const plot_rect r = {LEFT, TOP, SIDE, SIDE};
    const plot_rect low = {LEFT, TOP + SIDE + BETWEEN, SIDE, HIST};
    const plot_axis x = {0, 1, "confidence: the largest probability", false};
    const plot_axis y = {0, 1, "accuracy", false}, share = {0, 1, "share of cells", false};
    plot_page page;
    sc_status st = plot_page_open(&page, f->opts, LEFT + SIDE + 16, low.y + HIST + 36, err);
    if (st == SC_OK) {
        draw_words(page.cr, f);
        draw_key(page.cr, LEFT, TOP - 9);
        draw_bins(page.cr, f, &r);
        plot_axes(page.cr, &r, NULL, &y, false);
        draw_histogram(page.cr, f, &low);
        plot_axes(page.cr, &low, &x, &share, false);
        st = plot_page_commit(&page, err);
    }
    plot_page_close(&page);
    return st;
}

sc_status plot_calibration(const plot_opts *o, sc_reader *in, sc_err *err)
{
    figure f = {.opts = o};
    sc_status st;
    if (!o->truth)
        return sc_fail(err, SC_EUSAGE,
                       "calibration needs --truth: the obs column of what is right");
    SC_GOTO(st, read_all(&f, in, err), out);
    fill_bins(&f);
    st = draw(&f, err);
out:
    sc_vector_free(&f.truth_names);
    free(f.probs);
    free(f.truth);
    return st;
}

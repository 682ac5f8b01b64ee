/* The course of a training: loss by epoch, for the training and the validation cells. */
#include "plot.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct curve {
    const char *name;
    plot_colour colour;
    int64_t n;
    float *epoch, *value; /* where there is a value */
    bool has_dots;
} curve;

typedef struct measure {
    const char *column, *label; /* column: without _train, _validation */
    curve curves[2];
} measure;

static int64_t column_of(const json_t *columns, const char *name)
{
    size_t k;
    json_t *value;
    json_array_foreach(columns, k,
                       value) if (json_is_string(value) &&
                                  strcmp(json_string_value(value), name) == 0) return (int64_t)k;
    return -1;
}

static sc_status read_curve(const json_t *history, const char *column, curve *c, sc_err *err)
{
    const json_t *columns = json_object_get(history, "columns"),
                 *rows = json_object_get(history, "rows");
    const int64_t x = column_of(columns, "epoch"), y = column_of(columns, column);
    const size_t n = json_array_size(rows);
    if (y < 0 || n == 0)
        return SC_OK;
    SC_TRY(sc_alloc(&c->epoch, n, sizeof *c->epoch, err));
    SC_TRY(sc_alloc(&c->value, n, sizeof *c->value, err));
    for (size_t k = 0; k < n; k++) {
        const json_t *row = json_array_get(rows, k), *value = json_array_get(row, (size_t)y);
        if (!json_is_number(value))
            continue;
        const json_t *epoch = x < 0 ? NULL : json_array_get(row, (size_t)x);
        c->epoch[c->n] = json_is_number(epoch) ? (float)json_number_value(epoch) : (float)k;
        c->value[c->n++] = (float)json_number_value(value);
    }
    c->has_dots = c->n > 0 && c->n <= 60 && (size_t)c->n < n;
    return SC_OK;
}

/* The first epochs are steep: the axis begins where the descent is mostly over, so that what
 * follows can be told apart. */
static plot_axis value_axis(const measure *m, double last_epoch)
{
    plot_axis a = {INFINITY, -INFINITY, m->label, false};
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < m->curves[k].n; i++) {
            const double v = (double)m->curves[k].value[i];
            a.low = fmin(a.low, v);
            if ((double)m->curves[k].epoch[i] >= fmin(fmax(2, last_epoch / 20), last_epoch / 4))
                a.high = fmax(a.high, v);
        }
    if (!(a.high > a.low)) { /* one epoch: its dot in the middle */
        const double half = fmax(fabs(a.low) * 0.01, 1e-3);
        a.high = a.low + half;
        a.low -= half;
    }
    const double margin = (a.high - a.low) * 0.05;
    a.low -= margin;
    a.high += margin;
    return a;
}

static void draw_curve(cairo_t *cr, const plot_rect *r, const plot_axis *x, const plot_axis *y,
                       const curve *c)
{
    cairo_save(cr);
    cairo_rectangle(cr, r->x - 4, r->y, r->w + 8, r->h + 4);
    cairo_clip(cr);
    cairo_set_source_rgb(cr, c->colour.r, c->colour.g, c->colour.b);
    cairo_set_line_width(cr, 1.4);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    for (int64_t i = 0; i < c->n; i++)
        cairo_line_to(cr, plot_axis_at(x, (double)c->epoch[i], r->x, r->x + r->w),
                      plot_axis_at(y, (double)c->value[i], r->y + r->h, r->y));
    cairo_stroke(cr);
    for (int64_t i = 0; i < c->n && (c->has_dots || c->n == 1); i++) {
        cairo_arc(cr, plot_axis_at(x, (double)c->epoch[i], r->x, r->x + r->w),
                  plot_axis_at(y, (double)c->value[i], r->y + r->h, r->y), 2, 0,
                  6.28318530717958647693);
        cairo_fill(cr);
    }
    cairo_restore(cr);
}

/* Names of the curves in a row above the data. */
static void draw_key(cairo_t *cr, const plot_rect *r, const measure *m)
{
    double at = r->x;
    for (int k = 0; k < 2; k++) {
        const curve *c = &m->curves[k];
        if (c->n == 0)
            continue;
        cairo_set_source_rgb(cr, c->colour.r, c->colour.g, c->colour.b);
        cairo_set_line_width(cr, 1.4);
        cairo_move_to(cr, at, r->y - 11);
        cairo_line_to(cr, at + 16, r->y - 11);
        cairo_stroke(cr);
        if (c->has_dots) {
            cairo_arc(cr, at + 8, r->y - 11, 2, 0, 6.28318530717958647693);
            cairo_fill(cr);
        }
        plot_text(cr, at + 20, r->y - 8.3, PLOT_LEFT, 7.5, false, plot_ink, c->name);
        at += 20 + plot_text_width(cr, 7.5, c->name) + 14;
    }
}

static double last_epoch_of(const measure *ms, int n)
{
    double last = 0;
    for (int m = 0; m < n; m++)
        for (int k = 0; k < 2; k++)
            for (int64_t i = 0; i < ms[m].curves[k].n; i++)
                last = fmax(last, (double)ms[m].curves[k].epoch[i]);
    return last;
}

static void draw_title(cairo_t *cr, double x, const plot_opts *o, const json_t *meta,
                       const measure *elbo)
{
    const char *variant = json_string_value(json_object_get(meta, "variant"));
    const curve *c = elbo->curves[1].n ? &elbo->curves[1] : &elbo->curves[0];
    char text[256], value[64];
    int64_t best = 0;
    if (o->title)
        (void)snprintf(text, sizeof text, "%s", o->title);
    else
        (void)snprintf(text, sizeof text, "Training of %s", variant ? variant : "the model");
    plot_text(cr, x, 18, PLOT_LEFT, 11, true, plot_ink, text);
    for (int64_t i = 1; i < c->n; i++)
        if (c->value[i] < c->value[best])
            best = i;
    plot_number((double)c->value[best], 0.1, value, sizeof value);
    (void)snprintf(text, sizeof text, "lowest %s loss: %s nats per cell, epoch %.0f", c->name,
                   value, (double)c->epoch[best]);
    plot_text(cr, x, 31, PLOT_LEFT, 8, false, plot_faint, text);
}

static sc_status draw(const plot_opts *o, const json_t *meta, const measure *ms, int n, sc_err *err)
{
    const double w = n == 1 ? 300 : 190, h = n == 1 ? 190 : 150, left = 58, top = 62;
    const double pitch = left + w + 8;
    plot_page page;
    sc_status st = plot_page_open(&page, o, n * pitch + 10, top + h + 40, err);
    if (st == SC_OK) {
        const double last = last_epoch_of(ms, n);
        const plot_axis x = {0, fmax(last, 1), "epoch", true};
        draw_title(page.cr, left, o, meta, &ms[0]);
        for (int k = 0; k < n; k++) {
            const plot_rect r = {left + k * pitch, top, w, h};
            const plot_axis y = value_axis(&ms[k], last);
            plot_axes(page.cr, &r, &x, &y, true);
            draw_key(page.cr, &r, &ms[k]);
            draw_curve(page.cr, &r, &x, &y, &ms[k].curves[0]);
            draw_curve(page.cr, &r, &x, &y, &ms[k].curves[1]);
        }
        st = plot_page_commit(&page, err);
    }
    plot_page_close(&page);
    return st;
}

static sc_status read_measures(const json_t *history, measure *ms, int *n, sc_err *err)
{
    static const char *const names[] = {"training", "validation"};
    static const char *const suffixes[] = {"train", "validation"};
    int kept = 0;
    for (int m = 0; m < *n; m++) {
        for (int k = 0; k < 2; k++) {
            char column[128];
            (void)snprintf(column, sizeof column, "%s_%s", ms[m].column, suffixes[k]);
            ms[m].curves[k].name = names[k];
            ms[m].curves[k].colour = plot_category_colour(k ? 5 : 0);
            SC_TRY(read_curve(history, column, &ms[m].curves[k], err));
        }
        if (m == 0 && ms[0].curves[0].n == 0 && ms[0].curves[1].n == 0)
            return sc_fail(err, SC_EDATA, "the model's training history has no elbo_train");
        if (!ms[m].curves[0].n && !ms[m].curves[1].n)
            continue;
        const measure moved = ms[m];
        ms[m] = ms[kept];
        ms[kept++] = moved;
    }
    *n = kept;
    return SC_OK;
}

sc_status plot_history(const plot_opts *o, sc_reader *in, sc_err *err)
{
    measure ms[3] = {
        {.column = "elbo", .label = "negative ELBO (nats per cell)"},
        {.column = "reconstruction_loss", .label = "reconstruction loss (nats per cell)"},
        {.column = "kl_local", .label = "KL divergence (nats per cell)"}};
    sc_model_file file = {0};
    json_t *meta = NULL;
    int n = o->all ? 3 : 1;
    sc_status st;
    SC_GOTO(st, sc_model_file_from(&file, in, err), out);
    meta = json_loads(file.meta, 0, NULL);
    if (!json_is_array(json_object_get(json_object_get(meta, "history"), "rows"))) {
        st = sc_fail(err, SC_EDATA, "the model has no training history");
        goto out;
    }
    SC_GOTO(st, read_measures(json_object_get(meta, "history"), ms, &n, err), out);
    st = draw(o, meta, ms, n, err);
out:
    for (int m = 0; m < 3; m++)
        for (int k = 0; k < 2; k++) {
            free(ms[m].curves[k].epoch);
            free(ms[m].curves[k].value);
        }
    json_decref(meta);
    sc_model_file_free(&file);
    return st;
}

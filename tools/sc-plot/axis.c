#include "plot.h"

#include <math.h>
#include <stdio.h>

#define TICK 3.0
#define TICK_TEXT 7.5
#define LABEL_TEXT 8.5

plot_axis plot_axis_of(const float *v, int64_t n, double part, const char *label)
{
    plot_axis a = {INFINITY, -INFINITY, label, false};
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(v[i]))
            continue;
        a.low = fmin(a.low, (double)v[i]);
        a.high = fmax(a.high, (double)v[i]);
    }
    if (a.low > a.high)
        a.low = a.high = 0;
    double margin = (a.high - a.low) * part;
    if (a.high - a.low <= 1e-9 * fabs(a.high))
        margin = a.high != 0 ? fabs(a.high) * 0.1 : 1; /* all alike */
    a.low -= margin;
    a.high += margin;
    return a;
}

double plot_axis_step(const plot_axis *a, int n)
{
    const double raw = (a->high - a->low) / n, power = pow(10, floor(log10(raw)));
    const double part = raw / power;
    const double step = (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10) * power;
    return a->is_whole ? fmax(step, 1) : step;
}

double plot_axis_at(const plot_axis *a, double v, double from, double to)
{
    return from + (v - a->low) / (a->high - a->low) * (to - from);
}

void plot_number(double v, double step, char *buf, size_t buf_len)
{
    const int decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
    const double size = fabs(v) < step * 1e-6 ? 0 : fabs(v);
    const char *minus = v < 0 && size > 0 ? "\u2212" : "";
    if (size >= 1e7 || decimals > 6)
        (void)snprintf(buf, buf_len, "%s%.3g", minus, size);
    else if (size >= 1e6 - 0.5) /* thousands apart, by a narrow space */
        (void)snprintf(buf, buf_len, "%s%d\u2009%03d\u2009%03d", minus, (int)(size + 0.5) / 1000000,
                       (int)(size + 0.5) / 1000 % 1000, (int)(size + 0.5) % 1000);
    else if (size >= 1e4)
        (void)snprintf(buf, buf_len, "%s%d\u2009%03d", minus, (int)(size + 0.5) / 1000,
                       (int)(size + 0.5) % 1000);
    else
        (void)snprintf(buf, buf_len, "%s%.*f", minus, decimals, size);
}

static void line(cairo_t *cr, double x0, double y0, double x1, double y1)
{
    cairo_move_to(cr, x0, y0);
    cairo_line_to(cr, x1, y1);
    cairo_stroke(cr);
}

static void set_ink(cairo_t *cr, double width)
{
    cairo_set_source_rgb(cr, plot_ink.r, plot_ink.g, plot_ink.b);
    cairo_set_line_width(cr, width);
}

static void draw_x(cairo_t *cr, const plot_rect *r, const plot_axis *x)
{
    const double step = plot_axis_step(x, r->w > 250 ? 6 : 4), bottom = r->y + r->h;
    char text[64];
    for (double k = ceil(x->low / step); k * step <= x->high; k++) {
        const double at = plot_axis_at(x, k * step, r->x, r->x + r->w);
        set_ink(cr, 0.8);
        line(cr, at, bottom, at, bottom + TICK);
        plot_number(k * step, step, text, sizeof text);
        plot_text(cr, at, bottom + TICK + TICK_TEXT + 1, PLOT_CENTRE, TICK_TEXT, false, plot_ink,
                  text);
    }
    plot_text(cr, r->x + r->w / 2, bottom + TICK + TICK_TEXT + LABEL_TEXT + 5, PLOT_CENTRE,
              LABEL_TEXT, false, plot_ink, x->label);
}

static double y_step(const plot_axis *y, double height)
{
    return plot_axis_step(y, height > 250 ? 6 : height > 100 ? 4 : 2);
}

static double widest_tick(cairo_t *cr, const plot_axis *y, double height)
{
    const double step = y_step(y, height);
    double widest = 0;
    char text[64];
    for (double k = ceil(y->low / step); k * step <= y->high; k++) {
        plot_number(k * step, step, text, sizeof text);
        widest = fmax(widest, plot_text_width(cr, TICK_TEXT, text));
    }
    return widest;
}

double plot_y_room(cairo_t *cr, const plot_axis *y, double height)
{
    return TICK + widest_tick(cr, y, height) + 7 + LABEL_TEXT + 2;
}

static void draw_y(cairo_t *cr, const plot_rect *r, const plot_axis *y, bool has_grid)
{
    const double step = y_step(y, r->h), widest = widest_tick(cr, y, r->h);
    char text[64];
    for (double k = ceil(y->low / step); k * step <= y->high; k++) {
        const double at = plot_axis_at(y, k * step, r->y + r->h, r->y);
        if (has_grid) {
            cairo_set_source_rgb(cr, 0.90, 0.90, 0.91);
            cairo_set_line_width(cr, 0.5);
            line(cr, r->x, at, r->x + r->w, at);
        }
        set_ink(cr, 0.8);
        line(cr, r->x - TICK, at, r->x, at);
        plot_number(k * step, step, text, sizeof text);
        plot_text(cr, r->x - TICK - 2.5, at + TICK_TEXT * 0.36, PLOT_RIGHT, TICK_TEXT, false,
                  plot_ink, text);
    }
    cairo_save(cr);
    cairo_translate(cr, r->x - TICK - widest - 7, r->y + r->h / 2);
    cairo_rotate(cr, -1.57079632679489661923);
    plot_text(cr, 0, 0, PLOT_CENTRE, LABEL_TEXT, false, plot_ink, y->label);
    cairo_restore(cr);
}

void plot_axes(cairo_t *cr, const plot_rect *r, const plot_axis *x, const plot_axis *y,
               bool has_grid)
{
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_BUTT);
    draw_y(cr, r, y, has_grid);
    if (x)
        draw_x(cr, r, x);
    set_ink(cr, 0.8);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_SQUARE);
    line(cr, r->x, r->y, r->x, r->y + r->h);
    line(cr, r->x, r->y + r->h, r->x + r->w, r->y + r->h);
}

#include "plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TEXT 7.5
#define TITLE_TEXT 8.5
#define ROW 12.0
#define TITLE_MAX_WIDTH 150.0
#define RAMP_W 9.0
#define RAMP_H 90.0

static bool is_inside_letter(const char *s)
{
    return ((unsigned char)*s & 0xC0) == 0x80;
}

/* What goes is taken from the middle: names of one family differ in how they end. */
const char *plot_text_fit(cairo_t *cr, double size, double width, const char *name, char *buf,
                          size_t buf_len)
{
    const size_t len = strlen(name), most = buf_len - 4;
    size_t head = len / 2, tail = len - head; /* bytes kept at either end */
    if (plot_text_width(cr, size, name) <= width)
        return name;
    while (head > 0 && is_inside_letter(name + head))
        head--;
    do {
        if (tail >= head)
            do
                tail--;
            while (tail > 0 && is_inside_letter(name + len - tail));
        else
            do
                head--;
            while (head > 0 && is_inside_letter(name + head));
        if (head + tail <= most)
            (void)snprintf(buf, buf_len, "%.*s\u2026%s", (int)head, name, name + len - tail);
    } while (head + tail > most || (head + tail > 0 && plot_text_width(cr, size, buf) > width));
    return buf;
}

static const char *fitted(cairo_t *cr, const plot_legend *l, int64_t k, char *buf, size_t buf_len)
{
    return plot_text_fit(cr, TEXT, l->name_width, l->names[k], buf, buf_len);
}

static const char *title_of(cairo_t *cr, const plot_legend *l, char *buf, size_t buf_len)
{
    return plot_text_fit(cr, TITLE_TEXT, TITLE_MAX_WIDTH, l->title, buf, buf_len);
}

/* Between an entry's disc and its name. */
static double number_room(cairo_t *cr, const plot_legend *l)
{
    return l->n_numbered == 0 ? 0
                              : plot_bold_width(cr, TEXT, l->n_numbered > 99 ? "100" : "20") + 4;
}

void plot_legend_fit(cairo_t *cr, plot_legend *l, double height)
{
    char buf[256];
    const double head = (l->title ? TITLE_TEXT + 6 : 0) + (l->note ? TEXT + 3 : 0);
    double title = l->title ? plot_bold_width(cr, TITLE_TEXT, title_of(cr, l, buf, sizeof buf)) : 0;
    if (l->note)
        title = fmax(title, plot_text_width(cr, TEXT, l->note));
    if (l->n == 0) {
        l->width = fmax(
            title, RAMP_W + 6 +
                       fmax(plot_text_width(cr, TEXT, l->low), plot_text_width(cr, TEXT, l->high)));
        l->height = head + RAMP_H + (l->has_missing ? ROW + 4 : 0);
        if (l->has_missing)
            l->width = fmax(l->width, 11 + plot_text_width(cr, TEXT, "missing"));
        return;
    }
    const int fit = (int)((height - head) / ROW), n = (int)l->n, most = fit < 1 ? 1 : fit;
    l->n_columns = (n + most - 1) / most;
    l->n_rows = (n + l->n_columns - 1) / l->n_columns;
    l->name_width = l->n_columns == 1 ? 230 : l->n_columns == 2 ? 180 : 130;
    l->column_width = 0;
    for (int64_t k = 0; k < l->n; k++)
        l->column_width =
            fmax(l->column_width, plot_text_width(cr, TEXT, fitted(cr, l, k, buf, sizeof buf)));
    l->column_width += 11 + 10 + number_room(cr, l);
    l->width = fmax(title, l->n_columns * l->column_width - 10);
    l->height = head + l->n_rows * ROW;
}

static void draw_entry(cairo_t *cr, double left, double middle, plot_colour c, double room,
                       const char *name)
{
    cairo_set_source_rgb(cr, c.r, c.g, c.b);
    cairo_arc(cr, left + 3.2, middle, 3.2, 0, 6.28318530717958647693);
    cairo_fill(cr);
    plot_text(cr, left + 11 + room, middle + TEXT * 0.36, PLOT_LEFT, TEXT, false, plot_ink, name);
}

static void draw_ramp(cairo_t *cr, const plot_legend *l, double x, double y)
{
    cairo_pattern_t *fill = cairo_pattern_create_linear(x, y + RAMP_H, x, y);
    for (int k = 0; k <= 16; k++) {
        const plot_colour c = l->is_gene ? plot_gene_colour(k / 16.0) : plot_ramp_colour(k / 16.0);
        cairo_pattern_add_color_stop_rgb(fill, k / 16.0, c.r, c.g, c.b);
    }
    cairo_rectangle(cr, x, y, RAMP_W, RAMP_H);
    cairo_set_source(cr, fill);
    cairo_fill(cr);
    cairo_pattern_destroy(fill);
    plot_text(cr, x + RAMP_W + 5, y + TEXT * 0.8, PLOT_LEFT, TEXT, false, plot_ink, l->high);
    plot_text(cr, x + RAMP_W + 5, y + RAMP_H, PLOT_LEFT, TEXT, false, plot_ink, l->low);
    if (l->has_missing)
        draw_entry(cr, x, y + RAMP_H + 4 + ROW / 2, plot_missing, 0, "missing");
}

void plot_legend_draw(cairo_t *cr, const plot_legend *l, double x, double y)
{
    char buf[256], number[16];
    if (l->title) {
        plot_text(cr, x, y + TITLE_TEXT, PLOT_LEFT, TITLE_TEXT, true, plot_ink,
                  title_of(cr, l, buf, sizeof buf));
        y += TITLE_TEXT + 6;
    }
    if (l->note) {
        plot_text(cr, x, y + TEXT - 3, PLOT_LEFT, TEXT, false, plot_faint, l->note);
        y += TEXT + 3;
    }
    if (l->n == 0) {
        draw_ramp(cr, l, x, y);
        return;
    }
    const double room = number_room(cr, l);
    for (int64_t k = 0; k < l->n; k++) {
        const double left = x + (double)(k / l->n_rows) * l->column_width;
        const double middle = y + ((double)(k % l->n_rows) + 0.5) * ROW;
        draw_entry(cr, left, middle, l->colours[k], room, fitted(cr, l, k, buf, sizeof buf));
        if (k < l->n_numbered) {
            (void)snprintf(number, sizeof number, "%d", (int)k + 1);
            plot_text(cr, left + 7 + room, middle + TEXT * 0.36, PLOT_RIGHT, TEXT, true, plot_ink,
                      number);
        }
    }
}

/* Cells by pairs of coordinates: Z_0 against Z_1, Z_2 against Z_3, and so on; that for each
 * colour. */
#include "figure.h"

#include <math.h>

#define LEFT 42.0
#define BOTTOM 36.0
#define GAP 10.0
#define LEGEND_GAP 16.0

enum { DIMS_MAX = 60 };

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
static void choose_names(plot_figure *f, cairo_t *cr)
{
    const bool is_category = f->tint->kind == SC_VECTOR_CATEGORY;
    const int64_t levels = f->tint->levels.n,
                  n = levels < PLOT_LEVELS_MAX ? levels : PLOT_LEVELS_MAX;
    const plot_rect panel = {0, 0, f->side, f->side};
    const bool is_wanted = f->opts->names == PLOT_NAMES_ON ||
                           (f->opts->names == PLOT_NAMES_AUTO && n > 8 && f->n_panels == 1);
    if (!is_category || !is_wanted)
        return;
    f->n_names = n;
    f->legend.n_numbered = plot_names_fit(cr, &panel, n, f->names) ? 0 : n;
}

/* Sizes need a surface to measure text on: one that draws nowhere. */
static void lay_out(plot_figure *f, double side)
{
    cairo_surface_t *nowhere = cairo_recording_surface_create(CAIRO_CONTENT_COLOR, NULL);
    cairo_t *cr = cairo_create(nowhere);
    const int n = f->n_panels;
    f->side = side;
    f->left = LEFT;
    for (int k = 0; k < n; k++) {
        const plot_axis y = axis_of(f->cells, dim_of(f->cells, k) + 1);
        f->left = fmax(f->left, plot_y_room(cr, &y, f->side));
    }
    f->n_columns = n <= 3 ? n : n == 4 ? 2 : 3;
    f->n_rows = (n + f->n_columns - 1) / f->n_columns;
    choose_names(f, cr);
    const double pitch_x = f->left + f->side + GAP, pitch_y = f->side + BOTTOM + GAP;
    const double body = f->n_rows * pitch_y - GAP - BOTTOM;
    const int used = n - (f->n_rows - 1) * f->n_columns;
    plot_legend_fit(cr, &f->legend, f->side);
    f->is_inside = used < f->n_columns &&
                   f->legend.width <= (f->n_columns - used) * pitch_x - f->left - GAP &&
                   f->legend.height <= f->side + 1;
    f->width = f->n_columns * pitch_x + 4;
    f->height = body + BOTTOM;
    if (f->is_inside) {
        f->legend_x = used * pitch_x + f->left;
        f->legend_y = (f->n_rows - 1) * pitch_y;
    } else {
        plot_legend_fit(cr, &f->legend, body);
        f->legend_x = f->n_columns * pitch_x - GAP + LEGEND_GAP;
        f->legend_y = 0;
        f->width = f->legend_x + f->legend.width + 10;
    }
    cairo_destroy(cr);
    cairo_surface_destroy(nowhere);
}

static sc_status draw_panel(plot_figure *f, plot_page *page, int k, sc_err *err)
{
    const plot_cells *c = f->cells;
    const int dx = dim_of(c, k), dy = dx + 1;
    const plot_rect r = {f->left + (k % f->n_columns) * (f->left + f->side + GAP),
                         (k / f->n_columns) * (f->side + BOTTOM + GAP), f->side, f->side};
    const plot_axis x = axis_of(c, dx), y = axis_of(c, dy);
    plot_points p = {.n = c->n, .x = c->dims[dx], .y = c->dims[dy], .order = f->order};
    if (f->tint->kind == SC_VECTOR_CATEGORY)
        p.code = f->tint->code;
    else
        p.shade = f->shade;
    p.is_gene = f->tint->gene_mat >= 0 && f->tint->kind == SC_VECTOR_NUMBER;
    if (f->tint->kind == SC_VECTOR_ANY)
        SC_TRY(plot_density(&x, &y, &p, f->shade, err));
    SC_TRY(plot_draw_points(page, &r, &x, &y, &p, err));
    if (f->n_names > 0)
        SC_TRY(plot_draw_names(page, &r, &x, &y, &p, &f->legend, f->n_names, err));
    plot_axes(page->cr, &r, &x, &y, false);
    return SC_OK;
}

typedef struct sheet {
    int n;
    plot_figure figures[PLOT_COLOURS_MAX];
    double width, height;
} sheet;

/* Figures in rows, in columns as wide as the widest of each. */
static void arrange(sheet *s, bool has_title)
{
    const int n_columns = s->n <= 3 ? s->n : s->n == 4 ? 2 : 3;
    double x = 0, y = has_title ? 34 : 12;
    for (int column = 0; column < n_columns; column++) {
        double widest = 0;
        for (int k = column; k < s->n; k += n_columns) {
            s->figures[k].x = x;
            widest = fmax(widest, s->figures[k].width);
        }
        x += widest;
    }
    for (int row = 0; row * n_columns < s->n; row++) {
        double highest = 0;
        for (int k = row * n_columns; k < s->n && k < (row + 1) * n_columns; k++) {
            s->figures[k].y = y;
            highest = fmax(highest, s->figures[k].height);
        }
        y += highest + GAP;
    }
    s->width = x;
    s->height = y - GAP + 4;
}

static sc_status draw_figure(plot_figure *f, plot_page *page, sc_err *err)
{
    sc_status st = SC_OK;
    cairo_save(page->cr);
    cairo_translate(page->cr, f->x, f->y);
    for (int k = 0; k < f->n_panels && st == SC_OK; k++)
        st = draw_panel(f, page, k, err);
    if (st == SC_OK)
        plot_legend_draw(page->cr, &f->legend, f->legend_x, f->legend_y);
    cairo_restore(page->cr);
    return st;
}

static sc_status draw(sheet *s, const plot_opts *o, sc_err *err)
{
    plot_page page;
    sc_status st = plot_page_open(&page, o, s->width, s->height, err);
    for (int k = 0; k < s->n && st == SC_OK; k++)
        st = draw_figure(&s->figures[k], &page, err);
    if (st == SC_OK) {
        if (o->title)
            plot_text(page.cr, s->figures[0].left, 18, PLOT_LEFT, 11, true, plot_ink, o->title);
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

/* Whether there is a category among the colours. */
static bool has_names(const plot_cells *c)
{
    for (int k = 0; k < c->n_tints; k++)
        if (c->tints[k].kind == SC_VECTOR_CATEGORY)
            return true;
    return false;
}

static sc_status make_figures(sheet *s, const plot_opts *o, const plot_cells *c, sc_err *err)
{
    const int n_panels = (c->n_dims + 1) / 2;
    for (s->n = 0; s->n < c->n_tints;) {
        plot_figure *f = &s->figures[s->n];
        *f = (plot_figure){.opts = o, .cells = c, .tint = &c->tints[s->n++], .n_panels = n_panels};
        SC_TRY(plot_figure_tint(f, err));
        lay_out(f, n_panels > 1 ? 140 : c->n_tints > 1 ? 200 : 290);
    }
    arrange(s, o->title != NULL);
    return SC_OK;
}

static sc_status scatter(const plot_opts *o, sc_reader *in, const char *rep, int max_dims,
                         sc_err *err)
{
    plot_cells cells = {0};
    sheet s = {0};
    sc_status st;
    SC_GOTO(st, plot_cells_read(&cells, in, rep, o->color, o->layer, max_dims, err), out);
    if (o->names == PLOT_NAMES_ON && !has_names(&cells)) {
        st = sc_fail(err, SC_EUSAGE, "--names on needs a --color that has names");
        goto out;
    }
    SC_GOTO(st, need_places(&cells, sc_reader_name(in), err), out);
    SC_GOTO(st, make_figures(&s, o, &cells, err), out);
    st = draw(&s, o, err);
out:
    for (int k = 0; k < s.n; k++)
        plot_figure_free(&s.figures[k]);
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

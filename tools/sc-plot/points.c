#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VECTOR_MAX = 400 }; /* more points than this in a panel become an image */

typedef struct look {
    double radius, alpha;
} look;

/* The more points, the smaller and the more transparent. */
static look look_of(const plot_rect *r, int64_t n)
{
    const double crowd = (double)(n < 100 ? 100 : n) / 200;
    look l;
    l.radius = 1.6 * pow(crowd, -0.2) * sqrt(r->w / 150);
    l.alpha = 0.85 * pow(crowd, -0.1);
    return l;
}

/* Of those that have a category: where few have, as if there were no others. */
static look look_of_named(const plot_rect *r, const plot_points *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->n && p->code; i++)
        n += p->code[i] >= 0;
    return look_of(r, n > 0 && n < p->n / 8 ? n : p->n);
}

static plot_colour colour_of(const plot_points *p, int64_t i)
{
    if (p->code)
        return p->code[i] < 0 ? plot_missing : plot_category_colour(p->code[i]);
    const double u = p->shade ? (double)p->shade[i] : 0.3;
    return p->is_gene ? plot_gene_colour(u) : plot_ramp_colour(u);
}

static void draw_vectors(cairo_t *cr, const plot_rect *r, const plot_axis *x, const plot_axis *y,
                         const plot_points *p, look all, look named)
{
    for (int64_t k = 0; k < p->n; k++) {
        const int64_t i = p->order[k];
        if (!isfinite(p->x[i]) || !isfinite(p->y[i]))
            continue;
        const plot_colour c = colour_of(p, i);
        const look l = p->code && p->code[i] >= 0 ? named : all;
        cairo_set_source_rgba(cr, c.r, c.g, c.b, l.alpha);
        cairo_arc(cr, plot_axis_at(x, (double)p->x[i], r->x, r->x + r->w),
                  plot_axis_at(y, (double)p->y[i], r->y + r->h, r->y), l.radius, 0,
                  6.28318530717958647693);
        cairo_fill(cr);
    }
}

/* Premultiplied red, green, blue, alpha in float: eight bits would lose faint points. */
typedef struct raster {
    int w, h;
    float *rgba;
} raster;

/* A disc with an edge one pixel soft. */
static void stamp(raster *g, double cx, double cy, double radius, double alpha, plot_colour c)
{
    const int x0 = (int)floor(cx - radius - 1), x1 = (int)ceil(cx + radius + 1);
    const int y0 = (int)floor(cy - radius - 1), y1 = (int)ceil(cy + radius + 1);
    for (int y = y0 < 0 ? 0 : y0; y <= y1 && y < g->h; y++)
        for (int x = x0 < 0 ? 0 : x0; x <= x1 && x < g->w; x++) {
            const double dx = x + 0.5 - cx, dy = y + 0.5 - cy;
            const double cover = radius + 0.5 - sqrt(dx * dx + dy * dy);
            if (cover <= 0)
                continue;
            const float a = (float)(alpha * fmin(cover, 1)), keep = 1 - a;
            float *q = g->rgba + 4 * ((size_t)y * (size_t)g->w + (size_t)x);
            q[0] = q[0] * keep + (float)c.r * a;
            q[1] = q[1] * keep + (float)c.g * a;
            q[2] = q[2] * keep + (float)c.b * a;
            q[3] = q[3] * keep + a;
        }
}

static cairo_surface_t *surface_of(const raster *g)
{
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, g->w, g->h);
    unsigned char *data = cairo_image_surface_get_data(s);
    const int stride = cairo_image_surface_get_stride(s);
    for (int y = 0; data && y < g->h; y++)
        for (int x = 0; x < g->w; x++) {
            const float *q = g->rgba + 4 * ((size_t)y * (size_t)g->w + (size_t)x);
            uint32_t v = 0;
            static const int channel[] = {3, 0, 1, 2};
            for (int k = 0; k < 4; k++)
                v = v << 8 | (uint32_t)(q[channel[k]] * 255 + 0.5f);
            memcpy(data + (size_t)y * (size_t)stride + 4 * (size_t)x, &v, sizeof v);
        }
    cairo_surface_mark_dirty(s);
    return s;
}

static sc_status draw_raster(plot_page *page, const plot_rect *r, const plot_axis *x,
                             const plot_axis *y, const plot_points *p, look all, look named,
                             sc_err *err)
{
    const double pad = 3, zoom = page->dpi / 72; /* discs may reach over the edge */
    raster g = {(int)ceil((r->w + 2 * pad) * zoom), (int)ceil((r->h + 2 * pad) * zoom), NULL};
    SC_TRY(sc_alloc(&g.rgba, (size_t)g.w * (size_t)g.h * 4, sizeof *g.rgba, err));
    for (int64_t k = 0; k < p->n; k++) {
        const int64_t i = p->order[k];
        const look l = p->code && p->code[i] >= 0 ? named : all;
        if (isfinite(p->x[i]) && isfinite(p->y[i]))
            stamp(&g, plot_axis_at(x, (double)p->x[i], pad, pad + r->w) * zoom,
                  plot_axis_at(y, (double)p->y[i], pad + r->h, pad) * zoom, l.radius * zoom,
                  l.alpha, colour_of(p, i));
    }
    cairo_surface_t *image = surface_of(&g);
    free(g.rgba);
    cairo_save(page->cr);
    cairo_translate(page->cr, r->x - pad, r->y - pad);
    cairo_scale(page->cr, 1 / zoom, 1 / zoom);
    cairo_set_source_surface(page->cr, image, 0, 0);
    cairo_paint(page->cr);
    cairo_restore(page->cr);
    cairo_surface_destroy(image);
    return SC_OK;
}

sc_status plot_draw_points(plot_page *p, const plot_rect *r, const plot_axis *x, const plot_axis *y,
                           const plot_points *points, sc_err *err)
{
    const look all = look_of(r, points->n), named = look_of_named(r, points);
    if (points->n > VECTOR_MAX)
        return draw_raster(p, r, x, y, points, all, named, err);
    draw_vectors(p->cr, r, x, y, points, all, named);
    return SC_OK;
}

enum { CELLS = 96, BLURS = 8 };

/* One pass of (1 2 1) / 4 along lines of CELLS elements `step` apart. */
static void blur(float *v, int step, int next)
{
    for (int k = 0; k < CELLS; k++) {
        float *row = v + k * next, before = 0;
        for (int i = 0; i < CELLS; i++) {
            const float here = row[i * step], after = i + 1 < CELLS ? row[(i + 1) * step] : 0;
            row[i * step] = (before + 2 * here + after) / 4;
            before = here;
        }
    }
}

static int bin_of(const plot_axis *a, float v)
{
    const int k = (int)plot_axis_at(a, (double)v, 0, CELLS);
    return k < 0 ? 0 : k >= CELLS ? CELLS - 1 : k;
}

/* Between the centres of the four nearest bins. */
static float between(const float *count, double fx, double fy)
{
    const double gx = fmin(fmax(fx - 0.5, 0), CELLS - 1.001),
                 gy = fmin(fmax(fy - 0.5, 0), CELLS - 1.001);
    const int i = (int)gx, j = (int)gy;
    const float u = (float)(gx - i), v = (float)(gy - j);
    const float *q = count + j * CELLS + i;
    return (q[0] * (1 - u) + q[1] * u) * (1 - v) + (q[CELLS] * (1 - u) + q[CELLS + 1] * u) * v;
}

sc_status plot_density(const plot_axis *x, const plot_axis *y, const plot_points *p, float *shade,
                       sc_err *err)
{
    float *count = NULL, most = 0;
    SC_TRY(sc_alloc(&count, (size_t)CELLS * CELLS, sizeof *count, err));
    for (int64_t i = 0; i < p->n; i++)
        if (isfinite(p->x[i]) && isfinite(p->y[i]))
            count[bin_of(y, p->y[i]) * CELLS + bin_of(x, p->x[i])]++;
    for (int k = 0; k < BLURS; k++) {
        blur(count, 1, CELLS);
        blur(count, CELLS, 1);
    }
    for (int64_t i = 0; i < p->n; i++) {
        shade[i] = NAN;
        if (!isfinite(p->x[i]) || !isfinite(p->y[i]))
            continue;
        shade[i] = between(count, plot_axis_at(x, (double)p->x[i], 0, CELLS),
                           plot_axis_at(y, (double)p->y[i], 0, CELLS));
        most = fmaxf(most, shade[i]);
    }
    for (int64_t i = 0; i < p->n; i++)
        shade[i] = most > 0 ? sqrtf(shade[i] / most) : 0;
    free(count);
    return SC_OK;
}

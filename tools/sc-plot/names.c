/* Names of categories, or their numbers in the legend, written where their cells are. */
#include "plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT 7.5

enum { BINS = 64, BLURS = 24, ROUNDS = 200 };

typedef struct tag {
    plot_rect at; /* of the text */
    const char *text;
    char number[16];
} tag;

/* One pass of (1 2 1) / 4 along the n elements `step` apart. */
static void blur(float *row, int step)
{
    float before = 0;
    for (int i = 0; i < BINS; i++) {
        const float here = row[i * step], after = i + 1 < BINS ? row[(i + 1) * step] : 0;
        row[i * step] = (before + 2 * here + after) / 4;
        before = here;
    }
}

/* The bin where the category is densest: the middle of its largest clump, where a mean might fall
 * between two. */
static int densest(float *count)
{
    int best = 0;
    for (int pass = 0; pass < BLURS; pass++)
        for (int k = 0; k < BINS; k++) {
            blur(count + (ptrdiff_t)k * BINS, 1);
            blur(count + k, BINS);
        }
    for (int k = 0; k < BINS * BINS; k++)
        if (count[k] > count[best])
            best = k;
    return best;
}

static int bin_of(const plot_axis *a, float v)
{
    const int k = (int)plot_axis_at(a, (double)v, 0, BINS);
    return k < 0 ? 0 : k >= BINS ? BINS - 1 : k;
}

/* The middle of each tag with cells; those without keep text NULL. */
static sc_status find_places(const plot_rect *r, const plot_axis *x, const plot_axis *y,
                             const plot_points *p, int64_t n, tag *tags, sc_err *err)
{
    const size_t each = (size_t)BINS * BINS;
    float *count = NULL;
    SC_TRY(sc_alloc(&count, each * (size_t)n, sizeof *count, err));
    for (int64_t i = 0; i < p->n; i++)
        if (p->code[i] >= 0 && p->code[i] < n && isfinite(p->x[i]) && isfinite(p->y[i])) {
            count[(size_t)p->code[i] * each + (size_t)(bin_of(y, p->y[i]) * BINS) +
                  (size_t)bin_of(x, p->x[i])]++;
        }
    for (int64_t k = 0; k < n; k++) {
        int taken = 0; /* bins with cells */
        for (size_t b = 0; b < each; b++)
            taken += count[(size_t)k * each + b] > 0;
        if (taken == 0) {
            tags[k].text = NULL;
            continue;
        }
        const int at = densest(count + (size_t)k * each);
        plot_rect *t = &tags[k].at;
        t->x = r->x + (at % BINS + 0.5) / BINS * r->w;
        t->y = r->y + r->h - (at / BINS + 0.5) / BINS * r->h;
        if (taken * (r->w * r->h) / (double)each < 2 * t->w * t->h)
            t->y -= t->h; /* above a clump that it would hide */
    }
    free(count);
    return SC_OK;
}

/* Moves two tags that overlap apart, the shorter way. True if they did. */
static bool part(tag *a, tag *b)
{
    const double dx = b->at.x - a->at.x, dy = b->at.y - a->at.y;
    const double over_x = (a->at.w + b->at.w) / 2 - fabs(dx),
                 over_y = (a->at.h + b->at.h) / 2 - fabs(dy);
    if (over_x <= 0 || over_y <= 0)
        return false;
    if (over_x < over_y) {
        const double way = (dx < 0 ? -over_x : over_x) * 0.51;
        a->at.x -= way;
        b->at.x += way;
    } else {
        const double way = (dy < 0 ? -over_y : over_y) * 0.51;
        a->at.y -= way;
        b->at.y += way;
    }
    return true;
}

static void spread(const plot_rect *r, int64_t n, tag *tags)
{
    bool has_moved = true;
    for (int round = 0; round < ROUNDS && has_moved; round++) {
        has_moved = false;
        for (int64_t a = 0; a < n; a++)
            for (int64_t b = a + 1; b < n; b++)
                if (tags[a].text && tags[b].text)
                    has_moved |= part(&tags[a], &tags[b]);
        for (int64_t k = 0; k < n; k++) {
            plot_rect *t = &tags[k].at;
            t->x = fmax(r->x + t->w / 2, fmin(t->x, r->x + r->w - t->w / 2));
            t->y = fmax(r->y + t->h / 2, fmin(t->y, r->y + r->h - t->h / 2));
        }
    }
}

bool plot_names_fit(cairo_t *cr, const plot_rect *r, int64_t n, const char **names)
{
    double area = 0, widest = 0;
    for (int64_t k = 0; k < n; k++) {
        const double w = plot_bold_width(cr, TEXT, names[k]);
        widest = fmax(widest, w);
        area += w * (TEXT + 1);
    }
    return widest <= r->w / 4 && area <= r->w * r->h / 8;
}

sc_status plot_draw_names(plot_page *page, const plot_rect *r, const plot_axis *x,
                          const plot_axis *y, const plot_points *p, const plot_legend *l, int64_t n,
                          sc_err *err)
{
    tag *tags = NULL;
    SC_TRY(sc_alloc(&tags, (size_t)n, sizeof *tags, err));
    for (int64_t k = 0; k < n; k++) {
        tag *t = &tags[k];
        (void)snprintf(t->number, sizeof t->number, "%d", (int)k + 1);
        t->text = l->n_numbered ? t->number : l->names[k];
        t->at.w = plot_bold_width(page->cr, TEXT, t->text) + 2;
        t->at.h = TEXT + 1;
    }
    const sc_status st = find_places(r, x, y, p, n, tags, err);
    if (st == SC_OK)
        spread(r, n, tags);
    for (int64_t k = 0; k < n && st == SC_OK; k++)
        if (tags[k].text)
            plot_text_on_points(page->cr, tags[k].at.x, tags[k].at.y + TEXT * 0.36, TEXT,
                                tags[k].text);
    free(tags);
    return st;
}

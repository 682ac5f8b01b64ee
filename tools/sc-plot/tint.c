/* The colours of a scatter's points, the order in which they are drawn, and the legend. */
#include "figure.h"
#include "sc_philox.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cells are drawn in a shuffled order, so that none of the types lies on top because it came last;
 * those without a value first. */
static sc_status shuffle(plot_figure *f, sc_err *err)
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
            const bool is_missing = f->tint->kind == SC_VECTOR_CATEGORY ? f->tint->code[i] < 0
                                    : f->tint->kind == SC_VECTOR_NUMBER ? isnan(f->tint->number[i])
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

static sc_status highest_last(plot_figure *f, sc_err *err)
{
    const plot_cells *c = f->cells;
    ranked *r = NULL;
    int64_t *order = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&r, (size_t)c->n, sizeof *r, err), out);
    SC_GOTO(st, sc_alloc(&order, (size_t)c->n, sizeof *order, err), out);
    for (int64_t k = 0; k < c->n; k++) {
        const float v = f->tint->number[f->order[k]];
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
static sc_status name_number(plot_figure *f, double value, double shade, sc_err *err)
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

static sc_status shade_numbers(plot_figure *f, sc_err *err)
{
    const sc_vector *v = f->tint;
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

static sc_status name_levels(plot_figure *f, sc_err *err)
{
    const sc_vector *c = f->tint;
    bool has_missing = false;
    for (int64_t i = 0; i < c->n && !has_missing; i++)
        has_missing = c->code[i] < 0 && c->code[i] != PLOT_UNLABELLED;
    const int64_t n = c->levels.n < PLOT_LEVELS_MAX ? c->levels.n : PLOT_LEVELS_MAX;
    SC_TRY(sc_alloc(&f->names, (size_t)n + 1, sizeof *f->names, err));
    SC_TRY(sc_alloc(&f->colours, (size_t)n + 1, sizeof *f->colours, err));
    for (int64_t k = 0; k < n; k++) {
        f->names[k] = sc_strs_at(&c->levels, k);
        f->colours[k] =
            strcmp(f->names[k], "Unknown") == 0 ? plot_missing : plot_category_colour(k);
    }
    f->names[n] = c->levels.n > n ? "further ones" : "missing";
    f->colours[n] = plot_missing;
    f->legend.n = n + (has_missing || c->levels.n > n);
    f->legend.names = f->names;
    f->legend.colours = f->colours;
    return SC_OK;
}

static sc_status make_legend(plot_figure *f, sc_err *err)
{
    f->legend.title = f->tint->name;
    if (f->tint->kind == SC_VECTOR_CATEGORY)
        return name_levels(f, err);
    SC_TRY(sc_alloc(&f->shade, (size_t)f->cells->n, sizeof *f->shade, err));
    if (f->tint->kind == SC_VECTOR_NUMBER) {
        if (f->tint->gene_mat >= 0)
            SC_TRY(highest_last(f, err));
        return shade_numbers(f, err);
    }
    f->legend.title = "cells";
    (void)snprintf(f->legend.low, sizeof f->legend.low, "sparse");
    (void)snprintf(f->legend.high, sizeof f->legend.high, "dense");
    return SC_OK;
}

sc_status plot_figure_tint(plot_figure *f, sc_err *err)
{
    SC_TRY(shuffle(f, err));
    return make_legend(f, err);
}

void plot_figure_free(plot_figure *f)
{
    free(f->order);
    free(f->shade);
    free(f->names);
    free(f->colours);
}

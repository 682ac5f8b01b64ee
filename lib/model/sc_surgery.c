#include "sc_surgery_int.h"

#include <stdlib.h>
#include <string.h>

static sc_status unlike(const sc_gweight *w, sc_err *err)
{
    return sc_fail(err, SC_EDATA, "weight '%s' of the reference is of another model", w->name);
}

/* n_old of the reference's, and then what has grown. */
static void grow(int64_t *map, int64_t n, int64_t n_old, int64_t first_old)
{
    for (int64_t i = 0; i < n; i++)
        map[i] = i < n_old ? first_old + i : SC_FROM_FRESH;
}

/* Segment by segment: new columns stand after the old ones of their category. */
static sc_status map_cols(const sc_gweight *w, const sc_gweight *old, int64_t *cols, sc_err *err)
{
    int64_t at = 0, at_old = 0;
    int k = 0;
    for (int s = 0; s < w->n_segments; s++) {
        const sc_segment *new = &w->segments[s];
        const sc_segment *was = k < old->n_segments ? &old->segments[k] : NULL;
        if (was && was->input == new->input && was->n <= new->n) {
            if (new->input < 0 && was->n != new->n)
                return unlike(w, err);
            grow(cols + at, new->n, was->n, at_old);
            at_old += was->n;
            k++;
        } else if (new->input >= 0 && w->kind == SC_W_LINEAR) {
            /* of a single category, which had no column */
            grow(cols + at, new->n, 0, 0);
            cols[at] = SC_FROM_ZERO;
        } else {
            return unlike(w, err);
        }
        at += new->n;
    }
    return k == old->n_segments && at == w->cols ? SC_OK : unlike(w, err);
}

sc_status sc_surgery_map(const sc_gweight *w, const sc_gweight *old, bool is_compat, int64_t **rows,
                         int64_t **cols, sc_err *err)
{
    const bool may_grow = w->n_segments > 0;
    sc_status st;
    *rows = *cols = NULL;
    if (old->kind != w->kind || old->rows > w->rows || old->cols > w->cols ||
        (old->rows < w->rows && w->row_input < 0) || (old->cols < w->cols && !may_grow))
        return unlike(w, err);
    SC_GOTO(st, sc_alloc(rows, (size_t)w->rows, sizeof **rows, err), fail);
    SC_GOTO(st, sc_alloc(cols, (size_t)w->cols, sizeof **cols, err), fail);
    grow(*rows, w->rows, old->rows, 0);
    if (is_compat || !may_grow)
        grow(*cols, w->cols, old->cols, 0);
    else
        SC_GOTO(st, map_cols(w, old, *cols, err), fail);
    return SC_OK;
fail:
    free(*rows);
    free(*cols);
    *rows = *cols = NULL;
    return st;
}

const sc_gweight *sc_surgery_old(const sc_net *ref, const sc_gweight *w)
{
    const int at = sc_graph_weight(ref->g, w->name);
    return at < 0 ? NULL : &ref->g->weights[at];
}

float *sc_surgery_at(float *weights, const sc_gweight *w, int64_t r, int64_t c)
{
    return weights + w->offset + (w->kind == SC_W_LINEAR ? c * w->rows + r : r * w->cols + c);
}

static sc_status merge(sc_net *net, const sc_net *ref, const sc_gweight *w, bool is_compat,
                       sc_err *err)
{
    const sc_gweight *old = sc_surgery_old(ref, w);
    int64_t *rows, *cols;
    if (!old)
        return unlike(w, err);
    SC_TRY(sc_surgery_map(w, old, is_compat, &rows, &cols, err));
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t c = 0; c < w->cols; c++) {
            if (rows[r] == SC_FROM_FRESH || cols[c] == SC_FROM_FRESH)
                continue;
            *sc_surgery_at(net->weights, w, r, c) =
                cols[c] == SC_FROM_ZERO ? 0 : *sc_surgery_at(ref->weights, old, rows[r], cols[c]);
        }
    free(rows);
    free(cols);
    return SC_OK;
}

sc_status sc_surgery_merge(sc_net *net, const sc_net *ref, bool is_compat, sc_err *err)
{
    for (int i = 0; i < net->g->n_weights; i++)
        if (net->g->weights[i].is_saved)
            SC_TRY(merge(net, ref, &net->g->weights[i], is_compat, err));
    return SC_OK;
}

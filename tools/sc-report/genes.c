#include "report.h"
#include "sc_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_fit(const sc_mat *m)
{
    return m->kind != SC_REAL && (strcmp(m->path, "X") == 0 || strncmp(m->path, "layers/", 7) == 0);
}

sc_status report_genes_open(report_genes *g, const sc_header *h, const char *layer, sc_err *err)
{
    char path[512];
    *g = (report_genes){.mat = -1};
    if (layer) {
        (void)snprintf(path, sizeof path, "%s%s",
                       strcmp(layer, "X") == 0     ? ""
                       : strcmp(layer, "raw") == 0 ? ""
                                                   : "layers/",
                       strcmp(layer, "raw") == 0 ? "raw/X" : layer);
        g->mat = sc_header_find(h, path);
        if (g->mat < 0)
            return sc_fail(err, SC_EDATA, "there is no layer '%s'%s", layer,
                           sc_header_why(h, path));
    } else {
        g->mat = sc_header_find(h, "X");
        if (g->mat >= 0 && !is_fit(&h->mats[g->mat]))
            g->mat = -1;
        for (int k = 0; k < h->n_mats && g->mat < 0; k++)
            if (is_fit(&h->mats[k]))
                g->mat = k;
    }
    if (g->mat < 0)
        return SC_OK;
    const sc_mat *m = &h->mats[g->mat];
    g->is_log = m->kind == SC_COUNTS || m->kind == SC_COUNTS_FRACTIONAL;
    g->n_there = m->n_cols;
    SC_TRY(sc_alloc(&g->most, (size_t)g->n_there + 1, sizeof *g->most, err));
    SC_TRY(sc_alloc(&g->sum, (size_t)g->n_there + 1, sizeof *g->sum, err));
    SC_TRY(sc_alloc(&g->square, (size_t)g->n_there + 1, sizeof *g->square, err));
    return sc_alloc(&g->slot, (size_t)g->n_there + 1, sizeof *g->slot, err);
}

static const sc_table *genes_of(const sc_header *h, const sc_mat *m)
{
    return strcmp(m->path, "raw/X") == 0 ? &h->raw_var : &h->var;
}

static float shown(const report_genes *g, float x)
{
    return g->is_log ? log1pf(x) : x;
}

sc_status report_genes_measure(report_genes *g, sc_block *b, const sc_header *h, sc_err *err)
{
    sc_rows r;
    if (g->mat < 0)
        return SC_OK;
    const sc_mat *m = &h->mats[g->mat];
    SC_TRY(sc_rows_of(b, m, &r, err));
    SC_TRY(sc_rows_check(&r, b, m, genes_of(h, m), "counts or log data", err));
    for (int64_t i = 0; i < r.n_rows; i++)
        for (int64_t k = sc_rows_begin(&r, i); k < sc_rows_begin(&r, i + 1); k++) {
            const int64_t j = sc_rows_col(&r, i, k);
            const float x = shown(g, r.values[k]);
            g->most[j] = fmaxf(g->most[j], x);
            g->sum[j] += (double)x;
            g->square[j] += (double)x * (double)x;
        }
    return SC_OK;
}

typedef struct ranked {
    double variance;
    int64_t j;
} ranked;

static int by_variance(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->variance < y->variance || x->variance > y->variance)
        return x->variance > y->variance ? -1 : 1;
    return (x->j > y->j) - (x->j < y->j);
}

sc_status report_genes_choose(report_genes *g, int64_t n_cells, int64_t max, sc_err *err)
{
    ranked *all = NULL;
    const double n = (double)n_cells;
    if (g->mat < 0)
        return SC_OK;
    SC_TRY(sc_alloc(&all, (size_t)g->n_there + 1, sizeof *all, err));
    for (int64_t j = 0; j < g->n_there; j++)
        all[j] = (ranked){g->square[j] / n - g->sum[j] / n * (g->sum[j] / n), j};
    qsort(all, (size_t)g->n_there, sizeof *all, by_variance);
    const int64_t kept = g->n_there < max ? g->n_there : max;
    for (int64_t j = 0; j < g->n_there; j++)
        g->slot[j] = -1;
    for (int64_t k = 0; k < kept; k++)
        g->slot[all[k].j] = 0;
    free(all);
    SC_TRY(sc_alloc(&g->at, (size_t)kept + 1, sizeof *g->at, err));
    for (int64_t j = 0; j < g->n_there; j++)
        if (g->slot[j] == 0) {
            g->slot[j] = (int32_t)g->n;
            g->at[g->n++] = j;
        }
    return SC_OK;
}

static sc_status make_room(report_genes *g, int64_t n_rows, int64_t n_stored, sc_err *err)
{
    if (g->n_rows + n_rows > g->row_room) {
        g->row_room = 2 * (g->n_rows + n_rows);
        SC_TRY(sc_resize(&g->end, (size_t)g->row_room, sizeof *g->end, err));
    }
    if (g->n_stored + n_stored > g->room) {
        g->room = 2 * (g->n_stored + n_stored);
        SC_TRY(sc_resize(&g->gene, (size_t)g->room, sizeof *g->gene, err));
        SC_TRY(sc_resize(&g->code, (size_t)g->room, sizeof *g->code, err));
    }
    return SC_OK;
}

sc_status report_genes_take(report_genes *g, sc_block *b, const sc_header *h, sc_err *err)
{
    sc_rows r;
    if (g->mat < 0)
        return SC_OK;
    SC_TRY(sc_rows_of(b, &h->mats[g->mat], &r, err));
    SC_TRY(make_room(g, r.n_rows, sc_rows_begin(&r, r.n_rows), err));
    for (int64_t i = 0; i < r.n_rows; i++) {
        for (int64_t k = sc_rows_begin(&r, i); k < sc_rows_begin(&r, i + 1); k++) {
            const int64_t j = sc_rows_col(&r, i, k);
            const float x = shown(g, r.values[k]);
            if (g->slot[j] < 0 || !(x > 0))
                continue;
            const int code = (int)lrintf(x / g->most[j] * REPORT_SHADES);
            g->gene[g->n_stored] = g->slot[j];
            g->code[g->n_stored++] = (uint8_t)(code < 1 ? 1 : code); /* expressed is not zero */
        }
        g->end[g->n_rows++] = g->n_stored;
    }
    return SC_OK;
}

sc_status report_genes_turn(const report_genes *g, int64_t **begin, int32_t **cell, uint8_t **code,
                            sc_err *err)
{
    SC_TRY(sc_alloc(begin, (size_t)g->n + 2, sizeof **begin, err));
    SC_TRY(sc_alloc(cell, (size_t)g->n_stored + 1, sizeof **cell, err));
    SC_TRY(sc_alloc(code, (size_t)g->n_stored + 1, sizeof **code, err));
    int64_t *at = *begin + 1; /* shifted by one: filling moves each to where the next begins */
    for (int64_t k = 0; k < g->n_stored; k++)
        at[g->gene[k] + 1]++;
    for (int64_t j = 1; j <= g->n; j++)
        at[j] += at[j - 1];
    for (int64_t i = 0, k = 0; i < g->n_rows; i++)
        for (; k < g->end[i]; k++) {
            const int64_t to = at[g->gene[k]]++;
            (*cell)[to] = (int32_t)i;
            (*code)[to] = g->code[k];
        }
    return SC_OK;
}

static sc_status put_number(report_buf *b, uint32_t v, sc_err *err)
{
    uint8_t digits[5];
    size_t n = 0;
    for (; v >= 128; v >>= 7)
        digits[n++] = (uint8_t)(v | 128);
    digits[n++] = (uint8_t)v;
    return report_put(b, digits, n, err);
}

sc_status report_genes_pack(int64_t first, int64_t last, const int64_t *begin, const int32_t *cell,
                            const uint8_t *code, report_buf *b, sc_err *err)
{
    for (int64_t j = first; j < last; j++)
        SC_TRY(put_number(b, (uint32_t)(begin[j + 1] - begin[j]), err));
    for (int64_t j = first; j < last; j++) {
        int32_t before = -1;
        for (int64_t k = begin[j]; k < begin[j + 1]; k++) {
            SC_TRY(put_number(b, (uint32_t)(cell[k] - before - 1), err));
            before = cell[k];
        }
    }
    return report_put(b, code + begin[first], (size_t)(begin[last] - begin[first]), err);
}

void report_genes_free(report_genes *g)
{
    free(g->at);
    free(g->slot);
    free(g->most);
    free(g->sum);
    free(g->square);
    free(g->gene);
    free(g->code);
    free(g->end);
}

#include "sc_gene_order.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TILES = SC_GENE_ORDER_TILES };

sc_status sc_gene_order_room(sc_gene_order *o, int64_t n_vars, int64_t n_rows, int64_t nnz,
                             sc_err *err)
{
    if (o->n_vars < n_vars) {
        SC_TRY(sc_resize(&o->ptr, (size_t)n_vars + 1, sizeof *o->ptr, err));
        SC_TRY(sc_resize(&o->next, (size_t)n_vars, sizeof *o->next, err));
    }
    o->n_vars = n_vars;
    if (o->n_rows < n_rows)
        SC_TRY(sc_resize(&o->start, (size_t)(n_rows * (TILES + 1)), sizeof *o->start, err));
    o->n_rows = o->n_rows < n_rows ? n_rows : o->n_rows;
    if (nnz <= o->room)
        return SC_OK;
    SC_TRY(sc_resize(&o->row, (size_t)nnz, sizeof *o->row, err));
    SC_TRY(sc_resize(&o->at, (size_t)nnz, sizeof *o->at, err));
    o->room = nnz;
    return SC_OK;
}

void sc_gene_order_free(sc_gene_order *o)
{
    free(o->ptr);
    free(o->next);
    free(o->start);
    free(o->row);
    free(o->at);
    *o = (sc_gene_order){0};
}

void sc_gene_order_range(int64_t n, int64_t tile, int64_t *first, int64_t *end)
{
    *first = n * tile / TILES;
    *end = n * (tile + 1) / TILES;
}

/* How many of n rising genes are below j. No branch depends on them. */
static int32_t n_below(const int32_t *genes, int32_t n, int32_t j)
{
    const int32_t *from = genes;
    while (n > 0) {
        const int32_t half = n / 2;
        const bool is_below = genes[half] < j;
        genes += is_below ? half + 1 : 0;
        n = is_below ? n - half - 1 : half;
    }
    return (int32_t)(genes - from);
}

void sc_gene_order_cut(sc_gene_order *o, const sc_gene_rows *rows, int64_t tile)
{
    int64_t i, end;
    sc_gene_order_range(rows->n, tile, &i, &end);
    for (; i < end; i++) {
        const int64_t k = rows->indptr[i];
        const int32_t at = (int32_t)(k - rows->indptr[0]), n = (int32_t)(rows->indptr[i + 1] - k);
        for (int64_t t = 0; t < TILES; t++) {
            const int32_t first = (int32_t)(o->n_vars * t / TILES);
            o->start[i * (TILES + 1) + t] = at + n_below(rows->indices + k, n, first);
        }
        o->start[i * (TILES + 1) + TILES] = at + n;
    }
}

void sc_gene_order_sort(sc_gene_order *o, const sc_gene_rows *rows, int64_t tile)
{
    const int32_t *restrict genes = rows->indices + rows->indptr[0];
    int32_t *restrict next = o->next;
    int32_t *restrict row = o->row;
    int32_t *restrict place = o->at;
    int64_t j0, j1, at = 0;
    sc_gene_order_range(o->n_vars, tile, &j0, &j1);
    memset(next + j0, 0, (size_t)(j1 - j0) * sizeof *next);
    for (int64_t i = 0; i < rows->n; i++) {
        int32_t first, end;
        sc_gene_order_part(o, i, tile, &first, &end);
        at += first - (rows->indptr[i] - rows->indptr[0]);
        for (int32_t k = first; k < end; k++)
            next[genes[k]]++;
    }
    for (int64_t j = j0; j < j1; j++) {
        const int32_t count = next[j];
        o->ptr[j] = next[j] = (int32_t)at;
        at += count;
    }
    if (tile == TILES - 1)
        o->ptr[j1] = (int32_t)at;
    for (int64_t i = 0; i < rows->n; i++) {
        int32_t k, end;
        sc_gene_order_part(o, i, tile, &k, &end);
        for (; k < end; k++) {
            const int32_t to = next[genes[k]]++;
            row[to] = (int32_t)i;
            place[to] = k;
        }
    }
}

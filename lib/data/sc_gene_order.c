#include "sc_gene_order.h"

#include "sc_pages.h"

#include <stdlib.h>
#include <string.h>

enum { TILES = SC_GENE_ORDER_TILES, BLOCK = 16, LINE = 64 / sizeof(uint16_t) };

static int64_t n_blocks(int64_t n_rows)
{
    return (n_rows + BLOCK - 1) / BLOCK;
}

/* Memory of its own lines, so that no two threads write to one. What was in it is lost. */
static sc_status renew(void *pages, int64_t n, size_t size, sc_err *err)
{
    void *p;
    memcpy(&p, pages, sizeof p);
    sc_pages_free(p);
    memset(pages, 0, sizeof p);
    return sc_pages_new(pages, (size_t)n, size, err);
}

sc_status sc_gene_order_room(sc_gene_order *o, int64_t n_vars, int64_t n_rows, int64_t nnz,
                             sc_err *err)
{
    if (o->n_vars < n_vars)
        SC_TRY(sc_resize(&o->ptr, (size_t)n_vars + 1, sizeof *o->ptr, err));
    o->n_vars = n_vars;
    if (o->n_rows < n_rows) {
        o->n_rows = 0;
        const int64_t rows = n_blocks(n_rows) * BLOCK;
        SC_TRY(renew(&o->start, rows * (2 * TILES + 1), sizeof *o->start, err));
        o->next = o->start + rows * (TILES + 1);
        o->n_rows = rows;
    }
    o->ld = (n_vars + LINE - 1) / LINE * LINE;
    const int64_t n_marks = n_blocks(o->n_rows) * o->ld;
    if (o->n_marks < n_marks) {
        o->n_marks = 0;
        SC_TRY(renew(&o->marks, n_marks, sizeof *o->marks, err));
        o->n_marks = n_marks;
    }
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
    sc_pages_free(o->start);
    sc_pages_free(o->marks);
    free(o->row);
    free(o->at);
    *o = (sc_gene_order){0};
}

void sc_gene_order_range(int64_t n, int64_t tile, int64_t *first, int64_t *end)
{
    *first = n * tile / TILES;
    *end = n * (tile + 1) / TILES;
}

void sc_gene_order_rows(int64_t n, int64_t tile, int64_t *first, int64_t *end)
{
    sc_gene_order_range(n_blocks(n), tile, first, end);
    *first *= BLOCK;
    *end = *end * BLOCK < n ? *end * BLOCK : n;
}

/* How many of n rising genes are below each limit, of which the first is 0. No branch depends on
 * them, and no search waits for another. */
static void count_below(int64_t n, const int32_t *genes, const int32_t *limit, int32_t *below)
{
    int32_t at[TILES] = {0};
    for (; n > 1; n -= n / 2) {
        const int32_t half = (int32_t)(n / 2);
        for (int t = 1; t < TILES; t++)
            at[t] += half & -(int32_t)(genes[at[t] + half - 1] < limit[t]);
    }
    for (int t = 0; t < TILES; t++)
        below[t] = at[t] + (n == 1 && genes[at[t]] < limit[t]);
}

void sc_gene_order_cut(sc_gene_order *o, const sc_gene_rows *rows, int64_t tile)
{
    int64_t i, end;
    int32_t limit[TILES], below[TILES];
    for (int64_t t = 0; t < TILES; t++)
        limit[t] = (int32_t)(o->n_vars * t / TILES);
    sc_gene_order_rows(rows->n, tile, &i, &end);
    for (; i < end; i++) {
        const int64_t n = rows->indptr[i + 1] - rows->indptr[i];
        const int32_t *restrict genes = rows->indices + rows->indptr[i];
        const int32_t at = (int32_t)(rows->indptr[i] - rows->indptr[0]);
        int32_t *start = o->start + i;
        count_below(n, genes, limit, below);
        for (int64_t t = 0; t < TILES; t++)
            start[t * o->n_rows] = at + below[t];
        start[TILES * o->n_rows] = at + (int32_t)n;
        uint16_t *restrict marks = o->marks + i / BLOCK * o->ld;
        const uint16_t bit = (uint16_t)(1U << i % BLOCK);
        if (i % BLOCK == 0)
            memset(marks, 0, (size_t)o->n_vars * sizeof *marks);
        for (int64_t e = 0; e < n; e++)
            marks[genes[e]] |= bit;
    }
}

void sc_gene_order_sort(sc_gene_order *o, const sc_kernels *k, const sc_gene_rows *rows,
                        int64_t tile)
{
    int64_t j0, j1, first = 0, end = 0;
    sc_gene_order_range(o->n_vars, tile, &j0, &j1);
    const int32_t *start = o->start + tile * o->n_rows;
    int32_t *restrict next = o->next + tile * o->n_rows;
    for (int64_t i = 0; i < rows->n; i++) {
        first += start[i] - o->start[i];
        end += start[o->n_rows + i] - o->start[i];
        next[i] = start[i];
    }
    for (int64_t i = rows->n; i < n_blocks(rows->n) * BLOCK; i++)
        next[i] = 0;
    const sc_marked m = {.n = j1 - j0,
                         .n_blocks = n_blocks(rows->n),
                         .marks = o->marks + j0,
                         .ld = o->ld,
                         .next = next,
                         .n_places = (int32_t)(rows->indptr[rows->n] - rows->indptr[0]),
                         .first = (int32_t)first,
                         .end = (int32_t)end,
                         .ptr = o->ptr + j0,
                         .row = o->row,
                         .place = o->at};
    k->sort_marked(&m);
    if (tile == TILES - 1)
        o->ptr[j1] = (int32_t)end;
}

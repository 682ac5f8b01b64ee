#include "sc_gene_order.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 512 }; /* rows whose first entry is looked for once only */

sc_status sc_gene_order_room(sc_gene_order *o, int64_t n_vars, int64_t nnz, sc_err *err)
{
    if (o->n_vars < n_vars) {
        SC_TRY(sc_resize(&o->ptr, (size_t)n_vars + 1, sizeof *o->ptr, err));
        SC_TRY(sc_resize(&o->next, (size_t)n_vars, sizeof *o->next, err));
    }
    o->n_vars = n_vars;
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
    free(o->row);
    free(o->at);
    *o = (sc_gene_order){0};
}

void sc_gene_order_range(const sc_gene_order *o, int64_t tile, int32_t *first, int32_t *end)
{
    *first = (int32_t)(o->n_vars * tile / SC_GENE_ORDER_TILES);
    *end = (int32_t)(o->n_vars * (tile + 1) / SC_GENE_ORDER_TILES);
}

/* First of the entries k .. end - 1 whose gene is at least j. */
static int64_t lower_bound(const int32_t *indices, int64_t k, int64_t end, int32_t j)
{
    int64_t n = end - k;
    while (n > 0) {
        const int64_t half = n / 2;
        const bool is_below = indices[k + half] < j;
        k += is_below ? half + 1 : 0;
        n = is_below ? n - half - 1 : half;
    }
    return k;
}

void sc_gene_order_sort(sc_gene_order *o, int64_t n, const int64_t *indptr, const int32_t *indices,
                        int64_t tile)
{
    int64_t first[KEPT], before = 0; /* of a row at or behind j0; entries of genes below j0 */
    int32_t j0, j1;
    sc_gene_order_range(o, tile, &j0, &j1);
    memset(o->next + j0, 0, (size_t)(j1 - j0) * sizeof *o->next);
    for (int64_t i = 0; i < n; i++) {
        const int64_t end = indptr[i + 1];
        int64_t k = lower_bound(indices, indptr[i], end, j0);
        if (i < KEPT)
            first[i] = k;
        before += k - indptr[i];
        for (; k < end && indices[k] < j1; k++)
            o->next[indices[k]]++;
    }
    int32_t at = (int32_t)before;
    for (int32_t j = j0; j < j1; j++) {
        const int32_t count = o->next[j];
        o->ptr[j] = o->next[j] = at;
        at += count;
    }
    if (j1 == o->n_vars)
        o->ptr[j1] = at;
    for (int64_t i = 0; i < n; i++) {
        const int64_t end = indptr[i + 1];
        for (int64_t k = i < KEPT ? first[i] : lower_bound(indices, indptr[i], end, j0);
             k < end && indices[k] < j1; k++) {
            const int32_t to = o->next[indices[k]]++;
            o->row[to] = (int32_t)i;
            o->at[to] = (int32_t)(k - indptr[0]);
        }
    }
}

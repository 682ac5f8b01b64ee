#include "sc_cells.h"

#include <stdlib.h>
#include <string.h>

sc_status sc_minibuf_new(sc_minibuf **out, int64_t n_rows, sc_err *err)
{
    sc_minibuf *g = NULL;
    sc_status st;
    *out = NULL;
    SC_TRY(sc_alloc(&g, 1, sizeof *g, err));
    g->n_rows = n_rows;
    SC_GOTO(st, sc_alloc(&g->keys, (size_t)n_rows, sizeof *g->keys, err), fail);
    SC_GOTO(st, sc_alloc(&g->log_factorial, (size_t)n_rows, sizeof(double), err), fail);
    SC_GOTO(st, sc_alloc(&g->indptr, (size_t)n_rows + 1, sizeof *g->indptr, err), fail);
    SC_GOTO(st, sc_alloc(&g->size_factor, (size_t)n_rows, sizeof(float), err), fail);
    *out = g;
    return SC_OK;
fail:
    sc_minibuf_free(g);
    return st;
}

sc_status sc_minibuf_room(sc_minibuf *g, int64_t nnz, sc_err *err)
{
    if (nnz <= g->cap_nnz)
        return SC_OK;
    g->cap_nnz = nnz + nnz / 4;
    SC_TRY(sc_resize(&g->indices, (size_t)g->cap_nnz, sizeof *g->indices, err));
    return sc_resize(&g->values, (size_t)g->cap_nnz, sizeof *g->values, err);
}

static sc_gene_rows gene_rows(const sc_minibuf *g)
{
    return (sc_gene_rows){g->mini.n, g->indptr, g->indices};
}

void sc_minibuf_unpack(sc_minibuf *g, int64_t tile)
{
    int64_t r, end;
    sc_gene_order_rows(g->mini.n, tile, &r, &end);
    for (; r < end && !atomic_load(&g->has_failed); r++) {
        sc_err err = {0};
        const int64_t k = g->indptr[r];
        if (r + 1 < end)
            sc_packed_ask(g->cells->counts, g->rows[r + 1]);
        if (sc_packed_row(g->cells->counts, g->rows[r], g->indices + k, g->values + k, &err) !=
            SC_OK) {
            if (!atomic_exchange(&g->has_failed, true))
                g->failure = err;
            return;
        }
    }
    const sc_gene_rows rows = gene_rows(g);
    if (g->mini.by_gene && !atomic_load(&g->has_failed))
        sc_gene_order_cut(&g->order, &rows, tile);
}

void sc_minibuf_sort(sc_minibuf *g, int64_t tile)
{
    const sc_gene_rows rows = gene_rows(g);
    if (g->mini.by_gene && !atomic_load(&g->has_failed))
        sc_gene_order_sort(&g->order, g->kernels, &rows, tile);
}

static sc_status room(sc_minibuf *g, const sc_cells *c, bool by_gene, int64_t nnz, sc_err *err)
{
    SC_TRY(sc_minibuf_room(g, nnz, err));
    if (by_gene)
        SC_TRY(sc_gene_order_room(&g->order, c->n_vars, g->n_rows, g->cap_nnz, err));
    if (c->n_cont_covs && !g->cont_covs)
        SC_TRY(sc_alloc(&g->cont_covs, (size_t)(g->n_rows * c->n_cont_covs), sizeof(float), err));
    if (c->dims.n_proteins && !g->proteins)
        SC_TRY(
            sc_alloc(&g->proteins, (size_t)(g->n_rows * c->dims.n_proteins), sizeof(float), err));
    for (int s = 0; s < SC_IN_MAX; s++)
        if (c->codes[s] && !g->codes[s])
            SC_TRY(sc_alloc(&g->codes[s], (size_t)g->n_rows, sizeof *g->codes[s], err));
    return SC_OK;
}

void sc_minibuf_begin(sc_minibuf *g, const sc_cells *c, const int64_t *rows, int64_t n,
                      const sc_kernels *by_gene)
{
    const int64_t n_proteins = c->dims.n_proteins;
    g->cells = c;
    g->rows = rows;
    g->kernels = by_gene;
    atomic_store(&g->has_failed, false);
    g->indptr[0] = 0;
    for (int64_t r = 0; r < n; r++) {
        g->keys[r] = (uint64_t)rows[r];
        g->log_factorial[r] = c->log_factorial[rows[r]];
        g->indptr[r + 1] = g->indptr[r] + sc_packed_count(c->counts, rows[r]);
    }
    if (room(g, c, by_gene != NULL, g->indptr[n], &g->failure) != SC_OK) {
        atomic_store(&g->has_failed, true);
        return;
    }
    g->mini = (sc_mini){.n = n,
                        .keys = g->keys,
                        .indptr = g->indptr,
                        .indices = g->indices,
                        .values = g->values,
                        .log_factorial = g->log_factorial,
                        .cont_covs = g->cont_covs,
                        .size_factor = g->size_factor,
                        .proteins = g->proteins,
                        .by_gene = by_gene ? &g->order : NULL};
    for (int s = 0; s < SC_IN_MAX; s++) {
        for (int64_t r = 0; r < n && c->codes[s]; r++)
            g->codes[s][r] = c->codes[s][rows[r]];
        g->mini.codes[s][SC_ENCODER_SIDE] = g->mini.codes[s][SC_DECODER_SIDE] = g->codes[s];
    }
    for (int64_t r = 0; r < n; r++) {
        if (c->size_factor)
            g->size_factor[r] = c->size_factor[rows[r]];
        if (n_proteins)
            memcpy(g->proteins + r * n_proteins, c->proteins + rows[r] * n_proteins,
                   (size_t)n_proteins * sizeof(float));
        if (c->n_cont_covs)
            memcpy(g->cont_covs + r * c->n_cont_covs, c->cont_covs + rows[r] * c->n_cont_covs,
                   (size_t)c->n_cont_covs * sizeof(float));
    }
}

sc_status sc_minibuf_end(sc_minibuf *g, sc_err *err)
{
    if (!atomic_load(&g->has_failed))
        return SC_OK;
    if (err)
        *err = g->failure;
    return g->failure.status;
}

void sc_minibuf_free(sc_minibuf *g)
{
    if (!g)
        return;
    free(g->keys);
    free(g->indptr);
    free(g->indices);
    free(g->values);
    free(g->log_factorial);
    free(g->cont_covs);
    free(g->size_factor);
    free(g->proteins);
    sc_gene_order_free(&g->order);
    for (int s = 0; s < SC_IN_MAX; s++)
        free(g->codes[s]);
    free(g);
}

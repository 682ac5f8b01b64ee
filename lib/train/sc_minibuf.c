#include "sc_cells.h"

#include <math.h>
#include <stdatomic.h>
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
    SC_GOTO(st, sc_alloc(&g->indptr, (size_t)n_rows + 1, sizeof *g->indptr, err), fail);
    SC_GOTO(st, sc_alloc(&g->size_factor, (size_t)n_rows, sizeof(float), err), fail);
    for (int x = 0; x < 1024; x++) {
        int sign;
        g->lgamma_small[x] = (float)lgamma_r(x + 1, &sign);
    }
    *out = g;
    return SC_OK;
fail:
    sc_minibuf_free(g);
    return st;
}

void sc_minibuf_lgamma(const sc_minibuf *g, int64_t n, const float *x, float *out)
{
    for (int64_t k = 0; k < n; k++) {
        int sign;
        const bool small = x[k] < 1024 && x[k] == (float)(int)x[k];
        out[k] = small ? g->lgamma_small[(int)x[k]] : (float)lgamma_r((double)x[k] + 1, &sign);
    }
}

sc_status sc_minibuf_room(sc_minibuf *g, int64_t nnz, sc_err *err)
{
    if (nnz <= g->cap_nnz)
        return SC_OK;
    g->cap_nnz = nnz + nnz / 4;
    SC_TRY(sc_resize(&g->indices, (size_t)g->cap_nnz, sizeof *g->indices, err));
    SC_TRY(sc_resize(&g->values, (size_t)g->cap_nnz, sizeof *g->values, err));
    return sc_resize(&g->lgamma_x1, (size_t)g->cap_nnz, sizeof *g->lgamma_x1, err);
}

typedef struct unpack {
    sc_minibuf *g;
    const sc_cells *c;
    const int64_t *rows;
    int64_t n;
    atomic_bool failed;
    sc_err err; /* the first */
} unpack;

static void unpack_tile(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    unpack *u = ctx;
    const sc_cells *c = u->c;
    sc_minibuf *g = u->g;
    for (int64_t r = tile * 16; r < u->n && r < tile * 16 + 16; r++) {
        sc_err err = {0};
        float *value = g->values + g->indptr[r];
        if (sc_packed_row(c->counts, u->rows[r], g->indices + g->indptr[r], value, &err) != SC_OK) {
            if (!atomic_exchange(&u->failed, true))
                u->err = err;
            return;
        }
        sc_minibuf_lgamma(g, g->indptr[r + 1] - g->indptr[r], value, g->lgamma_x1 + g->indptr[r]);
    }
}

sc_status sc_minibuf_rows(sc_minibuf *g, const sc_cells *c, const int64_t *rows, int64_t n,
                          sc_pool *pool, sc_err *err)
{
    g->indptr[0] = 0;
    for (int64_t r = 0; r < n; r++) {
        g->keys[r] = (uint64_t)rows[r];
        g->indptr[r + 1] = g->indptr[r] + sc_packed_count(c->counts, rows[r]);
    }
    SC_TRY(sc_minibuf_room(g, g->indptr[n], err));
    if (c->n_cont_covs && !g->cont_covs)
        SC_TRY(sc_alloc(&g->cont_covs, (size_t)(g->n_rows * c->n_cont_covs), sizeof(float), err));
    const int64_t n_proteins = c->dims.n_proteins;
    if (n_proteins && !g->proteins)
        SC_TRY(sc_alloc(&g->proteins, (size_t)(g->n_rows * n_proteins), sizeof(float), err));
    unpack u = {.g = g, .c = c, .rows = rows, .n = n};
    sc_pool_for(pool, (n + 15) / 16, unpack_tile, &u);
    if (atomic_load(&u.failed)) {
        if (err)
            *err = u.err;
        return u.err.status;
    }
    g->mini = (sc_mini){.n = n,
                        .keys = g->keys,
                        .indptr = g->indptr,
                        .indices = g->indices,
                        .values = g->values,
                        .lgamma_x1 = g->lgamma_x1,
                        .cont_covs = g->cont_covs,
                        .size_factor = g->size_factor,
                        .proteins = g->proteins};
    for (int s = 0; s < SC_IN_MAX; s++) {
        if (!c->codes[s])
            continue;
        if (!g->codes[s])
            SC_TRY(sc_alloc(&g->codes[s], (size_t)g->n_rows, sizeof *g->codes[s], err));
        for (int64_t r = 0; r < n; r++)
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
    return SC_OK;
}

void sc_minibuf_free(sc_minibuf *g)
{
    if (!g)
        return;
    free(g->keys);
    free(g->indptr);
    free(g->indices);
    free(g->values);
    free(g->lgamma_x1);
    free(g->cont_covs);
    free(g->size_factor);
    free(g->proteins);
    for (int s = 0; s < SC_IN_MAX; s++)
        free(g->codes[s]);
    free(g);
}

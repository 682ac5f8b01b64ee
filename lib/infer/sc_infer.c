/* Runs rows of the block that sc_infer_block took, and tells what came out. */
#include "sc_infer_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void sc_infer_transform(sc_infer *x, int32_t batch)
{
    x->is_transformed = batch >= 0;
    for (int i = 0; i < SC_INFER_ROWS; i++)
        x->transform[i] = batch;
}

static int64_t width_of(const sc_infer *x, int k)
{
    return x->net->g->nodes[x->stored.given[k].node].n_cols;
}

/* True if the last run was of the same rows; notes them. */
static bool ran_last(sc_infer *x, int64_t from, const int64_t *rows, int64_t n)
{
    bool is_same = n == x->n_last;
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = rows ? rows[i] : from + i;
        is_same = is_same && x->last[i] == row;
        x->last[i] = row;
    }
    x->n_last = n;
    return is_same;
}

/* A few cells need little memory, and clearing much of it would take longer than they do. */
static sc_status room_to_run(sc_infer *x, int64_t n, sc_err *err)
{
    enum { FEW = 32, STEP = 64 };
    if (x->e && n <= x->max_rows)
        return SC_OK;
    sc_exec_free_f32(x->e);
    x->e = NULL;
    x->max_rows = n <= FEW ? FEW : (n + STEP - 1) / STEP * STEP;
    return sc_exec_new_lent_f32(&x->e, x->net->g, x->max_rows, x->net->weights, x->pool, x->k, err);
}

static sc_status forward(sc_infer *x, sc_mini *mini, bool is_again, sc_draw draw, uint64_t seed,
                         uint32_t draw_no, sc_err *err)
{
    SC_TRY(room_to_run(x, mini->n, err));
    if (x->is_transformed)
        mini->codes[0][SC_DECODER_SIDE] = x->transform; /* 0: SC_IN_BATCH */
    sc_given given[32];
    for (int k = 0; k < x->stored.n_given; k++)
        given[k] = (sc_given){x->stored.given[k].node, x->shown[k]};
    const sc_run run = {.mini = {mini},
                        .draw = draw,
                        .seed = seed,
                        .epoch = draw_no,
                        .n_given = x->is_stored ? x->stored.n_given : 0,
                        .given = given};
    /* the executor still holds the posterior of the rows that it ran last */
    return sc_exec_forward_f32(x->e, is_again ? &x->again : &x->plan, &run, err);
}

static const int32_t one_category[SC_INFER_ROWS] = {0};

sc_status sc_infer_run(sc_infer *x, int64_t from, int64_t n, sc_draw draw, uint64_t seed,
                       uint32_t draw_no, sc_err *err)
{
    const sc_minibuf *m = x->buf;
    sc_mini mini = {.n = n,
                    .keys = m->keys + from,
                    .indptr = m->indptr + from,
                    .indices = m->indices,
                    .values = m->values,
                    .log_factorial = m->log_factorial + from,
                    .cont_covs = m->cont_covs ? m->cont_covs + from * x->n_cont : NULL,
                    .size_factor = m->size_factor + from,
                    .proteins = m->proteins ? m->proteins + from * x->proteins.n : NULL};
    for (int s = 0; s < SC_IN_MAX; s++)
        mini.codes[s][0] = mini.codes[s][1] = one_category;
    for (int c = 0; c < x->n_coders; c++)
        mini.codes[x->slot[c]][0] = mini.codes[x->slot[c]][1] = x->coders[c].codes + from;
    for (int k = 0; k < x->stored.n_given && x->is_stored; k++)
        x->shown[k] = x->posterior[k] + from * width_of(x, k);
    return forward(x, &mini, ran_last(x, from, NULL, n), draw, seed, draw_no, err);
}

static sc_status pick_room(sc_infer *x, const int64_t *rows, int64_t n, sc_err *err)
{
    if (!x->pick) {
        SC_TRY(sc_minibuf_new(&x->pick, SC_INFER_ROWS, err));
        for (int c = 0; c < x->n_coders; c++)
            SC_TRY(sc_alloc(&x->pick->codes[x->slot[c]], SC_INFER_ROWS, sizeof(int32_t), err));
        if (x->proteins.n)
            SC_TRY(sc_alloc(&x->pick->proteins, (size_t)(SC_INFER_ROWS * x->proteins.n),
                            sizeof(float), err));
        if (x->n_cont)
            SC_TRY(sc_alloc(&x->pick->cont_covs, (size_t)(SC_INFER_ROWS * x->n_cont), sizeof(float),
                            err));
        for (int k = 0; k < x->stored.n_given && x->is_stored; k++)
            SC_TRY(sc_alloc(&x->picked[k], (size_t)(SC_INFER_ROWS * width_of(x, k)), sizeof(float),
                            err));
    }
    x->pick->indptr[0] = 0;
    for (int64_t i = 0; i < n; i++)
        x->pick->indptr[i + 1] =
            x->pick->indptr[i] + x->buf->indptr[rows[i] + 1] - x->buf->indptr[rows[i]];
    return sc_minibuf_room(x->pick, x->pick->indptr[n], err);
}

static void pick_row(sc_infer *x, int64_t i, int64_t row)
{
    const sc_minibuf *from = x->buf;
    sc_minibuf *to = x->pick;
    const int64_t k0 = from->indptr[row], at = to->indptr[i];
    const size_t nnz = (size_t)(from->indptr[row + 1] - k0);
    if (nnz) {
        memcpy(to->indices + at, from->indices + k0, nnz * sizeof *to->indices);
        memcpy(to->values + at, from->values + k0, nnz * sizeof *to->values);
    }
    to->keys[i] = from->keys[row];
    to->log_factorial[i] = from->log_factorial[row];
    to->size_factor[i] = from->size_factor[row];
    if (x->n_cont)
        memcpy(to->cont_covs + i * x->n_cont, from->cont_covs + row * x->n_cont,
               (size_t)x->n_cont * sizeof(float));
    if (x->proteins.n)
        memcpy(to->proteins + i * x->proteins.n, from->proteins + row * x->proteins.n,
               (size_t)x->proteins.n * sizeof(float));
    for (int c = 0; c < x->n_coders; c++)
        to->codes[x->slot[c]][i] = x->coders[c].codes[row];
    for (int k = 0; k < x->stored.n_given && x->is_stored; k++) {
        const int64_t d = width_of(x, k);
        memcpy(x->picked[k] + i * d, x->posterior[k] + row * d, (size_t)d * sizeof(float));
        x->shown[k] = x->picked[k];
    }
}

sc_status sc_infer_run_rows(sc_infer *x, const int64_t *rows, int64_t n, sc_draw draw,
                            uint64_t seed, uint32_t draw_no, sc_err *err)
{
    SC_TRY(pick_room(x, rows, n, err));
    for (int64_t i = 0; i < n; i++)
        pick_row(x, i, rows[i]);
    const sc_minibuf *m = x->pick;
    sc_mini mini = {.n = n,
                    .keys = m->keys,
                    .indptr = m->indptr,
                    .indices = m->indices,
                    .values = m->values,
                    .log_factorial = m->log_factorial,
                    .cont_covs = m->cont_covs,
                    .size_factor = m->size_factor,
                    .proteins = m->proteins};
    for (int s = 0; s < SC_IN_MAX; s++)
        mini.codes[s][0] = mini.codes[s][1] = m->codes[s] ? m->codes[s] : one_category;
    return forward(x, &mini, ran_last(x, 0, rows, n), draw, seed, draw_no, err);
}

int64_t sc_infer_n_counts(const sc_infer *x, int64_t i)
{
    return x->is_stored ? -1 : x->buf->indptr[i + 1] - x->buf->indptr[i];
}

int64_t sc_infer_counts(const sc_infer *x, int64_t i, const int32_t **genes, const float **counts)
{
    const int64_t k0 = x->buf->indptr[i];
    *genes = x->buf->indices + k0;
    *counts = x->buf->values + k0;
    return x->is_stored ? 0 : x->buf->indptr[i + 1] - k0;
}

const float *sc_infer_proteins(const sc_infer *x, int64_t i)
{
    return x->proteins.n ? x->buf->proteins + i * x->proteins.n : NULL;
}

uint64_t sc_infer_key(const sc_infer *x, int64_t i)
{
    return x->buf->keys[i];
}

sc_status sc_infer_constant(sc_infer *x, int32_t node, sc_err *err)
{
    static const int64_t indptr[1] = {0};
    const sc_mini none = {.indptr = indptr};
    const sc_run run = {.mini = {&none}, .draw = SC_DRAW_MEAN};
    sc_plan p;
    SC_TRY(room_to_run(x, 1, err));
    SC_TRY(sc_plan_make(&p, x->net->g, 1U << SC_ROWS_ALL, 0, &node, 1, err));
    assert(sc_net_has(x->net, &p));
    const sc_status st = sc_exec_forward_f32(x->e, &p, &run, err);
    sc_plan_free(&p);
    x->n_last = 0;
    return st;
}

const float *sc_infer_value(const sc_infer *x, int32_t node)
{
    return sc_exec_value_f32(x->e, node);
}

double sc_infer_log_weight(const sc_infer *x, int64_t i, bool as_scvi_tools)
{
    return sc_exec_log_weight_f32(x->e, i, as_scvi_tools);
}

double sc_infer_total(const sc_infer *x, int64_t i)
{
    double sum = 0;
    for (int64_t k = x->buf->indptr[i]; k < x->buf->indptr[i + 1]; k++)
        sum += (double)x->buf->values[k];
    return sum;
}

void sc_infer_close(sc_infer *x)
{
    if (!x)
        return;
    sc_plan_free(&x->plan);
    sc_plan_free(&x->again);
    sc_exec_free_f32(x->e);
    for (int i = 0; i < x->n_coders; i++)
        sc_coder_close(&x->coders[i]);
    sc_numbers_free(&x->numbers);
    sc_minibuf_free(x->buf);
    sc_minibuf_free(x->pick);
    for (int k = 0; k < 32; k++) {
        free(x->posterior[k]);
        free(x->picked[k]);
    }
    sc_proteins_free(&x->proteins);
    free(x->to_model);
    free(x->path);
    free(x);
}

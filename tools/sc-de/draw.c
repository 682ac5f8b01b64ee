/* Draws of normalized expression for sets of cells. */
#include "de.h"

#include "sc_philox.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static int n_batches(const de *d, int side)
{
    return d->batches[side].n ? d->batches[side].n : 1;
}

int64_t de_n_draws(const de *d, int side, int64_t *per_batch)
{
    const int n = n_batches(d, side);
    *per_batch = d->o->n_samples_overall / n;
    if (*per_batch == 0)
        *per_batch = 2;
    return *per_batch * n;
}

static int by_cell(const void *x, const void *y)
{
    const de_pick *a = x, *b = y;
    return a->cell != b->cell ? (a->cell > b->cell) - (a->cell < b->cell)
                              : (a->slot > b->slot) - (a->slot < b->slot);
}

/*
 * Each draw is one of a cell, both taken at random with replacement: a cell has so many draws of
 * its own that all of them are a few more than are needed. Batches never share a draw.
 */
static sc_status pick(const de *d, de_set *s, sc_err *err)
{
    int64_t per_batch;
    s->n_draws = s->n_picks = de_n_draws(d, s->side, &per_batch);
    SC_TRY(sc_alloc(&s->picks, (size_t)s->n_picks, sizeof *s->picks, err));
    const uint64_t of_cell = (uint64_t)(per_batch / s->n_cells + 1),
                   key = XXH3_64bits(s->name, strlen(s->name));
    sc_rng rng = sc_rng_new((sc_key){(uint64_t)d->o->common.seed, (uint32_t)(key >> 32),
                                     (uint32_t)key, UINT32_C(0xDE0) + (uint32_t)s->side});
    for (int64_t i = 0; i < s->n_picks; i++) {
        const uint64_t u = sc_rng_below(&rng, (uint64_t)s->n_cells * of_cell);
        const int batch = (int)(i / per_batch);
        s->picks[i] = (de_pick){(int64_t)(u / of_cell), i,
                                (uint32_t)((uint64_t)batch * of_cell + u % of_cell), batch};
    }
    qsort(s->picks, (size_t)s->n_picks, sizeof *s->picks, by_cell);
    s->next_pick = s->next_cell = 0;
    return SC_OK;
}

static sc_status begin_set(de *d, de_set *s, sc_err *err)
{
    const size_t n = (size_t)d->n_features;
    if (s->picks)
        return SC_OK;
    SC_TRY(pick(d, s, err));
    SC_TRY(sc_alloc(&s->scale, (size_t)s->n_draws * n, sizeof *s->scale, err));
    if (!d->has_counts)
        return SC_OK;
    SC_TRY(sc_alloc(&s->raw_mean, n, sizeof(double), err));
    SC_TRY(sc_alloc(&s->non_zeros, n, sizeof(double), err));
    SC_TRY(sc_alloc(&s->normalized, n, sizeof(double), err));
    return sc_alloc(&s->mute, n, 1, err);
}

static void add_counts(const de *d, de_set *s, int64_t row)
{
    const int32_t *genes;
    const float *counts, *proteins = d->n_wanted > 1 ? sc_infer_proteins(d->s.x, row) : NULL;
    const int64_t n = sc_infer_counts(d->s.x, row, &genes, &counts);
    const double per_count = n ? 1e4 / sc_infer_total(d->s.x, row) : 0;
    for (int64_t k = 0; k < n; k++) {
        const int32_t j = d->feature[genes[k]];
        if (j < 0)
            continue;
        s->raw_mean[j] += (double)counts[k];
        s->non_zeros[j]++;
        s->normalized[j] += (double)counts[k] * per_count;
    }
    for (int64_t j = d->n_genes; proteins && j < d->n_features; j++) {
        s->raw_mean[j] += (double)proteins[j - d->n_genes];
        s->non_zeros[j] += proteins[j - d->n_genes] != 0;
    }
}

/* Rows [at, at + n) of the list share draw and batch. */
static sc_status run(de *d, de_set *s, const de_todo *todo, int64_t n, sc_err *err)
{
    int64_t rows[SC_INFER_ROWS];
    const sc_batch_list *b = &d->batches[s->side];
    for (int64_t i = 0; i < n; i++)
        rows[i] = todo[i].row;
    sc_infer_transform(d->s.x, b->n ? b->codes[todo->batch] : -1);
    SC_TRY(sc_infer_run_rows(d->s.x, rows, n, SC_DRAW_SAMPLE, (uint64_t)d->o->common.seed,
                             todo->draw + 1, err));
    const float *genes = sc_infer_value(d->s.x, d->wanted[0].node),
                *proteins = d->n_wanted > 1 ? sc_infer_value(d->s.x, d->wanted[1].node) : NULL;
    const float prior = (float)d->o->protein_prior_count;
    for (int64_t i = 0; i < n; i++) {
        float *to = s->scale + todo[i].slot * d->n_features;
        for (int64_t j = 0; j < d->n_genes; j++)
            to[j] = genes[i * d->wanted[0].n_cols + d->order[j]];
        for (int64_t j = 0; j < d->n_features - d->n_genes; j++)
            to[d->n_genes + j] = proteins[i * d->wanted[1].n_cols + j] + prior;
    }
    return SC_OK;
}

static sc_status note(de *d, const de_pick *p, int64_t row, sc_err *err)
{
    if (d->n_todo == d->n_room) {
        d->n_room = d->n_room ? 2 * d->n_room : 1024;
        SC_TRY(sc_resize(&d->todo, (size_t)d->n_room, sizeof *d->todo, err));
    }
    d->todo[d->n_todo++] = (de_todo){row, p->slot, p->draw, p->batch};
    return SC_OK;
}

static int by_draw(const void *x, const void *y)
{
    const de_todo *a = x, *b = y;
    if (a->draw != b->draw)
        return (a->draw > b->draw) - (a->draw < b->draw);
    return a->row != b->row ? (a->row > b->row) - (a->row < b->row)
                            : (a->slot > b->slot) - (a->slot < b->slot);
}

/* A set's share of a block. */
static sc_status set_block(de *d, de_set *s, sc_block *b, sc_err *err)
{
    d->n_todo = 0;
    SC_TRY(sc_condition_block(&s->which, b, d->holds, err));
    for (int64_t i = 0; i < sc_block_n_rows(b); i++) {
        if (!d->holds[i])
            continue;
        if (d->has_counts)
            add_counts(d, s, i);
        for (; s->next_pick < s->n_picks && s->picks[s->next_pick].cell == s->next_cell;
             s->next_pick++)
            SC_TRY(note(d, &s->picks[s->next_pick], i, err));
        s->next_cell++;
    }
    if (d->n_todo)
        qsort(d->todo, (size_t)d->n_todo, sizeof *d->todo, by_draw);
    for (int64_t at = 0, n; at < d->n_todo; at += n) {
        const int64_t most = sc_infer_piece(d->s.x, d->n_todo - at);
        for (n = 1; n < most && d->todo[at + n].draw == d->todo[at].draw; n++)
            ;
        SC_TRY(run(d, s, d->todo + at, n, err));
    }
    return SC_OK;
}

static sc_status draw_block(void *ctx, sc_block *b, sc_err *err)
{
    de *d = ctx;
    SC_TRY(sc_resize(&d->holds, (size_t)sc_block_n_rows(b), 1, err));
    for (int k = 0; k < d->n_sets; k++)
        if (d->sets[k].picks)
            SC_TRY(set_block(d, &d->sets[k], b, err));
    return SC_OK;
}

static void finish_set(const de *d, de_set *s)
{
    for (int64_t j = 0; j < d->n_features; j++) {
        s->raw_mean[j] /= (double)s->n_cells;
        s->non_zeros[j] /= (double)s->n_cells;
        s->normalized[j] /= (double)s->n_cells;
        s->mute[j] = j < d->n_genes && s->raw_mean[j] < 0.01;
    }
}

sc_status de_draw(de *d, int from, int to, sc_err *err)
{
    for (int k = from; k < to; k++)
        for (int side = 0; side < 2; side++)
            SC_TRY(begin_set(d, &d->sets[d->pairs[k].sets[side]], err));
    if (from > 0)
        SC_TRY(sc_reader_rewind(d->s.in, err));
    SC_TRY(sc_over_each(&d->s, draw_block, d, err));
    for (int k = 0; k < d->n_sets && d->has_counts; k++)
        if (d->sets[k].picks)
            finish_set(d, &d->sets[k]);
    return SC_OK;
}

void de_forget(de *d)
{
    for (int k = 0; k < d->n_sets; k++) {
        de_set *s = &d->sets[k];
        free(s->picks);
        free(s->scale);
        free(s->raw_mean);
        free(s->non_zeros);
        free(s->normalized);
        free(s->mute);
        s->picks = NULL;
        s->scale = NULL;
        s->raw_mean = s->non_zeros = s->normalized = NULL;
        s->mute = NULL;
    }
}

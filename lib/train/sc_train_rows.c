/* Row streams of training: which cells they have, and what each step of an epoch takes from them.
 */
#include "sc_train_int.h"

#include "sc_philox.h"

#include <stdlib.h>
#include <string.h>

static bool is_labelled(const sc_cells *c, int64_t row)
{
    const int32_t *labels = c->codes[SC_IN_LABELS - SC_IN_BATCH];
    return labels && labels[row] < c->dims.n_labels;
}

static bool belongs(const sc_cells *c, int64_t row, int stream)
{
    return stream == SC_ROWS_ALL || is_labelled(c, row) == (stream == SC_ROWS_LABELLED);
}

/* The rows of a list that belong to a stream, labelled ones sorted by label. */
static sc_status pick(const sc_cells *c, int stream, const int64_t *rows, int64_t n, int64_t **out,
                      int64_t *n_out, sc_err *err)
{
    *n_out = 0;
    SC_TRY(sc_alloc(out, (size_t)n + 1, sizeof **out, err));
    if (stream != SC_ROWS_LABELLED) {
        for (int64_t i = 0; i < n; i++)
            if (belongs(c, rows[i], stream))
                (*out)[(*n_out)++] = rows[i];
        return SC_OK;
    }
    const int32_t *labels = c->codes[SC_IN_LABELS - SC_IN_BATCH];
    int64_t *first = NULL; /* of each label */
    SC_TRY(sc_alloc(&first, (size_t)c->dims.n_labels + 1, sizeof *first, err));
    for (int64_t i = 0; i < n; i++)
        if (is_labelled(c, rows[i]))
            first[labels[rows[i]] + 1]++;
    for (int64_t l = 0; l < c->dims.n_labels; l++)
        first[l + 1] += first[l];
    *n_out = first[c->dims.n_labels];
    for (int64_t i = 0; i < n; i++)
        if (is_labelled(c, rows[i]))
            (*out)[first[labels[rows[i]]]++] = rows[i];
    free(first);
    return SC_OK;
}

static sc_status open_stream(sc_trainer *t, int stream, const int64_t *rows, sc_err *err)
{
    sc_rows *r = &t->rows[stream];
    SC_TRY(pick(t->cells, stream, rows, t->n_train, &r->fit, &r->n_fit, err));
    SC_TRY(pick(t->cells, stream, rows + t->n_train, t->n_val, &r->val, &r->n_val, err));
    return sc_alloc(&r->order, (size_t)r->n_fit + 1, sizeof *r->order, err);
}

sc_status sc_rows_open(sc_trainer *t, sc_err *err)
{
    const sc_built *g = t->net->g;
    int64_t *rows = NULL, n_steps = 0;
    for (int i = 0; i < g->n_terms; i++)
        if (g->schedule == SC_STEP_JOINT || g->nodes[g->terms[i].node].stream != SC_ROWS_ALL)
            t->rows[g->nodes[g->terms[i].node].stream].is_used = true;
    const bool by_label = t->rows[SC_ROWS_LABELLED].is_used || t->rows[SC_ROWS_UNLABELLED].is_used;
    SC_TRY(sc_alloc(&rows, (size_t)t->cells->n_obs, sizeof *rows, err));
    sc_status st =
        sc_split(t->cells, &t->o, t->o.batch_size, by_label, rows, &t->n_train, &t->n_val, err);
    for (int s = 0; st == SC_OK && s < SC_N_STREAMS; s++)
        if (t->rows[s].is_used) {
            st = open_stream(t, s, rows, err);
            n_steps += t->rows[s].n_fit / t->o.batch_size + 1;
        }
    free(rows);
    if (st == SC_OK && g->schedule == SC_STEP_EITHER)
        st = sc_alloc(&t->steps, (size_t)n_steps, sizeof *t->steps, err);
    if (st == SC_OK && t->o.check_val_every > 0 && t->n_val == 0)
        st =
            sc_fail(err, SC_EUSAGE, "--check-val-every needs validation cells, and there are none");
    return st;
}

void sc_rows_close(sc_trainer *t)
{
    for (int s = 0; s < SC_N_STREAMS; s++) {
        free(t->rows[s].fit);
        free(t->rows[s].val);
        free(t->rows[s].order);
    }
    free(t->steps);
}

static sc_key key_of(const sc_trainer *t, int64_t epoch, uint32_t what, uint32_t which)
{
    return (sc_key){t->o.seed, (uint32_t)epoch, what, which};
}

/* Up to n_samples_per_label cells of each label, drawn anew in each epoch. */
static void take_some(sc_trainer *t, int64_t epoch, sc_rows *r)
{
    const int32_t *labels = t->cells->codes[SC_IN_LABELS - SC_IN_BATCH];
    const int64_t most = t->o.n_samples_per_label;
    r->n_order = 0;
    for (int64_t i = 0, j; i < r->n_fit; i = j) {
        int64_t *at = r->order + r->n_order;
        for (j = i; j < r->n_fit && labels[r->fit[j]] == labels[r->fit[i]]; j++)
            at[j - i] = r->fit[j];
        if (most && j - i > most)
            sc_shuffle(key_of(t, epoch, UINT32_C(0x4c41424c), (uint32_t)labels[r->fit[i]]), j - i,
                       at);
        r->n_order += most && j - i > most ? most : j - i;
    }
}

static int64_t pieces(const sc_trainer *t, int64_t n)
{
    return (n + t->o.batch_size - 1) / t->o.batch_size;
}

static int64_t pieces_of(const sc_trainer *t, int stream, bool is_val)
{
    const sc_rows *r = &t->rows[stream];
    return r->is_used ? pieces(t, is_val ? r->n_val : r->n_order) : 0;
}

void sc_rows_shuffle(sc_trainer *t, int64_t epoch)
{
    if (t->shuffled == epoch + 1)
        return;
    t->shuffled = epoch + 1;
    for (int s = 0; s < SC_N_STREAMS; s++) {
        sc_rows *r = &t->rows[s];
        if (!r->is_used)
            continue;
        r->n_order = r->n_fit;
        if (s == SC_ROWS_LABELLED)
            take_some(t, epoch, r);
        else
            memcpy(r->order, r->fit, (size_t)r->n_fit * sizeof *r->order);
        sc_shuffle(key_of(t, epoch, UINT32_C(0x4f524452), (uint32_t)s), r->n_order, r->order);
    }
    if (!t->steps)
        return;
    const int64_t n = sc_rows_steps(t, false);
    for (int64_t i = 0; i < n; i++)
        t->steps[i] = i;
    sc_shuffle(key_of(t, epoch, UINT32_C(0x45495448), 0), n, t->steps);
}

/* The stream that sets the number of steps where all take part in each: that of all cells, or else
 * the longest. */
static int lead(const sc_trainer *t, bool is_val)
{
    int best = SC_ROWS_ALL;
    for (int s = 0; s < SC_N_STREAMS && !t->rows[SC_ROWS_ALL].is_used; s++)
        if (pieces_of(t, s, is_val) > pieces_of(t, best, is_val))
            best = s;
    return best;
}

int64_t sc_rows_steps(const sc_trainer *t, bool is_val)
{
    int64_t n = 0;
    if (t->net->g->schedule == SC_STEP_JOINT)
        return pieces_of(t, lead(t, is_val), is_val);
    for (int s = 0; s < SC_N_STREAMS; s++)
        n += pieces_of(t, s, is_val);
    return n;
}

static void take(const sc_trainer *t, int stream, int64_t piece, bool is_val, sc_draw_rows *d)
{
    const sc_rows *r = &t->rows[stream];
    const int64_t n_all = is_val ? r->n_val : r->n_order, n_pieces = pieces(t, n_all);
    d->round[stream] = piece / n_pieces;
    d->at[stream] = piece % n_pieces * t->o.batch_size;
    d->n[stream] =
        n_all - d->at[stream] < t->o.batch_size ? n_all - d->at[stream] : t->o.batch_size;
}

void sc_rows_step(const sc_trainer *t, int64_t step, bool is_val, sc_draw_rows *d)
{
    memset(d, 0, sizeof *d);
    if (t->net->g->schedule == SC_STEP_JOINT) {
        for (int s = 0; s < SC_N_STREAMS; s++)
            if (pieces_of(t, s, is_val))
                take(t, s, step, is_val, d);
        return;
    }
    if (!is_val)
        step = t->steps[step];
    for (int s = 0; s < SC_N_STREAMS; s++) {
        const int64_t n = pieces_of(t, s, is_val);
        if (step < n) {
            take(t, s, step, is_val, d);
            return;
        }
        step -= n;
    }
}

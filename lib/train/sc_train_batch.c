/* Minibatches: while a step runs, threads that wait for others make the next one. */
#include "sc_train_int.h"

sc_status sc_batches_open(sc_trainer *t, sc_err *err)
{
    for (int i = 0; i < 2; i++)
        for (int s = 0; s < SC_N_STREAMS; s++) {
            const sc_rows *r = &t->rows[s];
            const int64_t most = r->n_fit > r->n_val ? r->n_fit : r->n_val;
            if (r->is_used)
                SC_TRY(sc_minibuf_new(&t->batches[i].buf[s],
                                      most < t->o.batch_size ? most + 1 : t->o.batch_size, err));
        }
    return SC_OK;
}

void sc_batches_close(sc_trainer *t)
{
    sc_pool_aside_end(t->pool);
    for (int i = 0; i < 2; i++)
        for (int s = 0; s < SC_N_STREAMS; s++)
            sc_minibuf_free(t->batches[i].buf[s]);
}

static sc_status plan_for(sc_trainer *t, sc_batch *b, sc_err *err)
{
    unsigned streams = 0;
    for (int s = 0; s < SC_N_STREAMS; s++)
        streams |= b->d.n[s] ? 1U << s : 0;
    b->plan = b->is_val ? &t->check[streams] : &t->fit[streams];
    if (b->plan->fwd)
        return SC_OK;
    /* what is kept moves statistics, which only training in its own mode does */
    const unsigned more = b->is_val        ? 0
                          : t->o.eval_mode ? SC_PLAN_BACKWARD
                                           : SC_PLAN_BACKWARD | SC_PLAN_KEEPS;
    return sc_plan_make(b->plan, t->net->g, streams, SC_PLAN_TERMS | SC_PLAN_FUSE | more, NULL, 0,
                        err);
}

/* The streams that take part have so many tiles each: the stream that has this one, which becomes
 * that of its own. */
static int stream_of(const sc_batch *b, int64_t *tile, int64_t each)
{
    for (int s = 0;; s++) {
        if (b->d.n[s] && *tile < each)
            return s;
        *tile -= b->d.n[s] ? each : 0;
    }
}

static void begin(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    const sc_batch *b = ctx;
    const sc_trainer *t = b->t;
    const int s = stream_of(b, &tile, 1);
    const sc_rows *r = &t->rows[s];
    const int64_t *rows = (b->is_val ? r->val : r->order) + b->d.at[s];
    sc_minibuf_begin(b->buf[s], t->cells, rows, b->d.n[s], b->by_gene[s] ? t->k : NULL);
    for (int64_t i = 0; i < b->d.n[s] && b->d.round[s]; i++) /* else it would draw as it did */
        b->buf[s]->keys[i] += (uint64_t)(b->d.round[s] * t->cells->n_obs);
}

static void unpack(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    const sc_batch *b = ctx;
    const int s = stream_of(b, &tile, SC_GENE_ORDER_TILES);
    sc_minibuf_unpack(b->buf[s], tile);
}

static void sort(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    const sc_batch *b = ctx;
    const int s = stream_of(b, &tile, SC_GENE_ORDER_TILES);
    sc_minibuf_sort(b->buf[s], tile);
}

static sc_status offer(sc_trainer *t, sc_batch *b, sc_err *err)
{
    sc_rows_step(t, b->step, b->is_val, &b->d);
    SC_TRY(plan_for(t, b, err));
    int64_t n = 0; /* streams */
    bool by_gene = false;
    for (int s = 0; s < SC_N_STREAMS; s++) {
        n += b->d.n[s] > 0;
        b->by_gene[s] = b->d.n[s] && !b->is_val && sc_exec_takes_genes_f32(t->e, b->plan, s);
        by_gene = by_gene || b->by_gene[s];
    }
    b->t = t;
    const sc_aside stages[] = {
        {n, begin, b}, {n * SC_GENE_ORDER_TILES, unpack, b}, {n * SC_GENE_ORDER_TILES, sort, b}};
    sc_pool_aside(t->pool, by_gene ? 3 : 2, stages);
    t->offered = b;
    return SC_OK;
}

static sc_batch *other(sc_trainer *t)
{
    return t->offered == &t->batches[0] ? &t->batches[1] : &t->batches[0];
}

sc_status sc_batch_take(sc_trainer *t, int64_t epoch, int64_t step, bool is_val, sc_batch **out,
                        sc_err *err)
{
    sc_batch *b = t->offered;
    sc_pool_aside_end(t->pool);
    if (!b || b->epoch != epoch || b->step != step || b->is_val != is_val) {
        b = other(t);
        b->epoch = epoch;
        b->step = step;
        b->is_val = is_val;
        SC_TRY(offer(t, b, err));
        sc_pool_aside_end(t->pool);
    }
    for (int s = 0; s < SC_N_STREAMS; s++)
        if (b->d.n[s])
            SC_TRY(sc_minibuf_end(b->buf[s], err));
    *out = b;
    return SC_OK;
}

sc_status sc_batch_offer(sc_trainer *t, int64_t epoch, int64_t step, sc_err *err)
{
    const bool is_last = step + 1 == sc_rows_steps(t, false);
    if (is_last && (epoch + 1 == t->o.max_epochs || sc_validates(t, epoch)))
        return SC_OK;
    if (is_last)
        sc_rows_shuffle(t, epoch + 1);
    sc_batch *b = other(t);
    b->epoch = epoch + is_last;
    b->step = is_last ? 0 : step + 1;
    b->is_val = false;
    return offer(t, b, err);
}

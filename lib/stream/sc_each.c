#include "sc_each.h"
#include "sc_stream_int.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct course {
    sc_reader *in;
    sc_writer *out;
    const sc_each *e;
    pthread_mutex_t reading;
    int64_t n_taken, n_rows;
    atomic_bool is_over; /* no block is taken after this */
    pthread_mutex_t handing_on;
    pthread_cond_t next;
    int64_t n_handed_on;
    sc_status st; /* of the first block that was not handed on; SC_END: there was none */
    sc_err err;
} course;

/* What a thread has of its own. */
typedef struct hand {
    sc_block *block; /* the own one, or of e->take */
    sc_block own;
    int64_t row0;
    sc_coded coded;
    ZSTD_DCtx *in;
    ZSTD_CCtx *out;
} hand;

static sc_status hand_open(hand *h, bool is_writing, sc_err *err)
{
    if (h->in)
        return SC_OK;
    h->in = ZSTD_createDCtx();
    h->out = is_writing ? ZSTD_createCCtx() : NULL;
    return h->in && (h->out || !is_writing) ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
}

static void hand_close(hand *h)
{
    sc_coded_free(&h->coded);
    sc_block_clear(&h->own);
    ZSTD_freeDCtx(h->in);
    ZSTD_freeCCtx(h->out);
}

static sc_status take(course *c, hand *h, int64_t *number, sc_err *err)
{
    (void)pthread_mutex_lock(&c->reading);
    sc_status st = SC_END;
    *number = -1;
    if (!atomic_load(&c->is_over)) {
        *number = c->n_taken++;
        h->block = &h->own;
        st = c->in ? sc_reader_take(c->in, h->block, err) : c->e->take(c->e->ctx, &h->block, err);
        h->row0 = c->n_rows;
        c->n_rows += st == SC_OK ? h->block->n_rows : 0;
        if (st != SC_OK)
            atomic_store(&c->is_over, true);
    }
    (void)pthread_mutex_unlock(&c->reading);
    return st;
}

static sc_status work(course *c, hand *h, int tid, sc_err *err)
{
    SC_TRY(hand_open(h, c->out != NULL, err)); /* a thread that gets no block needs nothing */
    if (c->in)
        h->block->z = h->in; /* the reader's is in use while the next block is read */
    if (c->e->work)
        SC_TRY(c->e->work(c->e->ctx, tid, h->block, err));
    sc_coded_free(&h->coded);
    return c->out && h->block->n_rows
               ? sc_writer_encode(c->out, h->out, h->block, h->row0, &h->coded, err)
               : SC_OK;
}

static sc_status turn(course *c, hand *h, int tid, sc_err *err)
{
    if (c->e->turn)
        SC_TRY(c->e->turn(c->e->ctx, tid, h->block, err));
    return c->out && h->block->n_rows ? sc_writer_write(c->out, &h->coded, err) : SC_OK;
}

/* Waits until all blocks before this one have gone, and lets it go too if they went well. */
static void hand_on(course *c, hand *h, int tid, int64_t number, sc_status st, sc_err *err)
{
    (void)pthread_mutex_lock(&c->handing_on);
    while (c->n_handed_on != number)
        (void)pthread_cond_wait(&c->next, &c->handing_on);
    if (c->st == SC_OK) {
        if (st == SC_OK)
            st = turn(c, h, tid, err);
        if (st != SC_OK) {
            c->st = st;
            c->err = *err;
            atomic_store(&c->is_over, true);
        }
    }
    c->n_handed_on++;
    (void)pthread_cond_broadcast(&c->next);
    (void)pthread_mutex_unlock(&c->handing_on);
}

static void run(void *ctx, int tid, int n)
{
    course *c = ctx;
    hand h = {0};
    int64_t number;
    (void)n;
    if (c->e->most > 0 && tid >= c->e->most)
        return;
    do {
        sc_err err = {0};
        const sc_status taken = take(c, &h, &number, &err);
        sc_status st = taken;
        if (number < 0)
            break;
        if (st == SC_OK)
            st = work(c, &h, tid, &err);
        hand_on(c, &h, tid, number, st, &err);
        sc_coded_free(&h.coded); /* it lends the block's frames */
        if (!c->in && taken == SC_OK)
            sc_block_free(h.block);
    } while (true);
    hand_close(&h);
}

sc_status sc_reader_each(sc_reader *in, sc_writer *out, sc_pool *pool, const sc_each *e,
                         sc_err *err)
{
    course c = {.in = in, .out = out, .e = e};
    (void)pthread_mutex_init(&c.reading, NULL);
    (void)pthread_mutex_init(&c.handing_on, NULL);
    (void)pthread_cond_init(&c.next, NULL);
    if (pool)
        sc_pool_run(pool, run, &c);
    else
        run(&c, 0, 1);
    (void)pthread_mutex_destroy(&c.reading);
    (void)pthread_mutex_destroy(&c.handing_on);
    (void)pthread_cond_destroy(&c.next);
    if (c.st == SC_END)
        return SC_OK;
    if (err)
        *err = c.err;
    return c.st;
}

sc_status sc_reader_pool(sc_pool **out, const sc_reader *in, int n_threads, sc_err *err)
{
    const int64_t n_obs = in->header.n_obs;
    const int n = n_threads == 0 ? sc_threads_default() : n_threads;
    return sc_pool_new(out, n_obs > 0 && n > n_obs && n <= SC_THREADS_MAX ? (int)n_obs : n, err);
}

#include "sc_threads.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    SPINS = 64,  /* pauses: about 3 us where a pause is 140 cycles, 1 us on older CPUs */
    YIELDS = 64, /* then let others run before the kernel is asked to put us to sleep */
    LONG = 15,   /* us: who waits in a phase that took it longer has time for work aside */
    LINE = 128   /* two cache lines: the prefetcher fetches them in pairs */
};

/* A counter that only grows, to wait on. */
typedef struct event {
    _Atomic uint32_t gen;
    _Atomic uint32_t sleepers;
    char pad[LINE - 2 * sizeof(uint32_t)];
} event;

typedef struct phases {
    _Atomic uint64_t ticket; /* the number of the phase above */
    char pad0[LINE - sizeof(uint64_t)];
    _Atomic int64_t n_done; /* tiles of this phase */
    char pad1[LINE - sizeof(int64_t)];
    event turned; /* a phase was completed */
} phases;

/* What a thread takes first of a phase's tiles, and the others when they have done theirs: every
 * n-th from its own number on. The ticket has the phase above and the next of these tiles below; an
 * older phase stands for none taken. */
typedef struct share {
    _Atomic uint64_t ticket;
    uint32_t been; /* phases that this thread has been through: all go through the same ones */
    char pad[LINE - sizeof(uint64_t) - sizeof(uint32_t)];
} share;

/* Work aside: the ticket has the stage above and the next tile of it below. */
typedef struct aside {
    _Atomic uint64_t ticket;
    char pad0[LINE - sizeof(uint64_t)];
    _Atomic int64_t n_done; /* tiles of this stage */
    char pad1[LINE - sizeof(int64_t)];
    int n;
    sc_aside stages[SC_ASIDE_STAGES];
} aside;

typedef struct worker {
    struct sc_pool *pool;
    pthread_t thread;
    int tid;
} worker;

struct sc_pool {
    event start, done;
    _Atomic int64_t next_tile; /* zero again after each barrier */
    char pad0[LINE - sizeof(int64_t)];
    _Atomic int arrived;
    char pad1[LINE - sizeof(int)];
    void (*fn)(void *ctx, int tid, int n);
    void *ctx;
    int n, spins;
    bool is_closing;
    worker *workers; /* n - 1 */
    phases phases;
    aside aside;
    share *shares; /* n */
};

static inline void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void futex(_Atomic uint32_t *word, int op, uint32_t value)
{
    /* EINTR, EAGAIN: the caller looks at the word again in any case */
    (void)syscall(SYS_futex, (uint32_t *)word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void event_wait(event *e, uint32_t seen, int spins)
{
    for (int i = 0; i < spins; i++) {
        if (atomic_load_explicit(&e->gen, memory_order_acquire) != seen)
            return;
        pause_cpu();
    }
    for (int i = 0; i < YIELDS; i++) {
        if (atomic_load_explicit(&e->gen, memory_order_acquire) != seen)
            return;
        sched_yield();
    }
    /* Sequentially consistent on both sides: either we see the new count, or the signaller sees a
     * sleeper and wakes it. */
    atomic_fetch_add(&e->sleepers, 1);
    while (atomic_load(&e->gen) == seen)
        futex(&e->gen, FUTEX_WAIT, seen);
    atomic_fetch_sub(&e->sleepers, 1);
}

static void event_signal(event *e)
{
    atomic_fetch_add(&e->gen, 1);
    if (atomic_load(&e->sleepers) != 0)
        futex(&e->gen, FUTEX_WAKE, INT32_MAX);
}

void sc_pool_barrier(sc_pool *pool, int tid)
{
    (void)tid;
    if (pool->n == 1) {
        atomic_store_explicit(&pool->next_tile, 0, memory_order_relaxed);
        return;
    }
    const uint32_t seen = atomic_load_explicit(&pool->done.gen, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) == pool->n - 1) {
        atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&pool->next_tile, 0, memory_order_relaxed);
        event_signal(&pool->done);
    } else {
        event_wait(&pool->done, seen, pool->spins);
    }
}

static int64_t now(void) /* ns */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint32_t phase_of(uint64_t ticket)
{
    return (uint32_t)(ticket >> 32);
}

/* One tile of the work aside; false: none is to be had now. */
static bool take_aside(sc_pool *pool, int tid)
{
    aside *a = &pool->aside;
    uint64_t t = atomic_load_explicit(&a->ticket, memory_order_acquire);
    for (;;) {
        const uint32_t stage = phase_of(t), tile = (uint32_t)t;
        if ((int)stage >= a->n || tile >= a->stages[stage].n)
            return false;
        if (!atomic_compare_exchange_weak_explicit(&a->ticket, &t, t + 1, memory_order_acquire,
                                                   memory_order_acquire))
            continue;
        a->stages[stage].fn(a->stages[stage].ctx, tile, tid);
        if (atomic_fetch_add_explicit(&a->n_done, 1, memory_order_acq_rel) ==
            a->stages[stage].n - 1) {
            atomic_store_explicit(&a->n_done, 0, memory_order_relaxed);
            atomic_store_explicit(&a->ticket, (uint64_t)(stage + 1) << 32, memory_order_release);
        }
        return true;
    }
}

/* helps: with work aside. */
static void wait_for_phase(sc_pool *pool, uint32_t phase, int tid, bool helps)
{
    phases *ph = &pool->phases;
    for (int i = 0; i < pool->spins + YIELDS; i++) {
        while (phase_of(atomic_load_explicit(&ph->ticket, memory_order_acquire)) == phase &&
               helps && take_aside(pool, tid))
            i = 0;
        if (phase_of(atomic_load_explicit(&ph->ticket, memory_order_acquire)) != phase)
            return;
        if (i < pool->spins)
            pause_cpu();
        else
            sched_yield();
    }
    atomic_fetch_add(&ph->turned.sleepers, 1);
    for (;;) { /* gen is read first: if the phase turns after the look at the ticket, the wait fails
                */
        const uint32_t gen = atomic_load(&ph->turned.gen);
        if (phase_of(atomic_load(&ph->ticket)) != phase)
            break;
        futex(&ph->turned.gen, FUTEX_WAIT, gen);
    }
    atomic_fetch_sub(&ph->turned.sleepers, 1);
}

/* The next tile of the phase's n_tiles that is left in the share of thread `of`; -1: none. */
static int64_t take_tile(sc_pool *pool, int of, uint32_t phase, int64_t n_tiles)
{
    share *sh = &pool->shares[of];
    const int64_t n = (n_tiles - of + pool->n - 1) / pool->n;
    if (n_tiles <= of)
        return -1;
    uint64_t t = atomic_load_explicit(&sh->ticket, memory_order_acquire);
    for (;;) {
        if ((int32_t)(phase_of(t) - phase) > 0)
            return -1;
        const uint32_t k = phase_of(t) == phase ? (uint32_t)t : 0;
        if (k >= n)
            return -1;
        if (atomic_compare_exchange_weak_explicit(&sh->ticket, &t, ((uint64_t)phase << 32) + k + 1,
                                                  memory_order_acquire, memory_order_acquire))
            return (int64_t)k * pool->n + of;
    }
}

/*
 * A phase is over when its tiles are done, not when all threads have come by: a thread that the
 * system holds back delays the others only while it has a tile in hand. In a short phase it does
 * not pay to begin something else: the next one would wait for it.
 */
void sc_pool_tiles(sc_pool *pool, int tid, int64_t n_tiles,
                   void (*fn)(void *ctx, int64_t tile, int tid), void *ctx)
{
    phases *ph = &pool->phases;
    if (n_tiles <= 0)
        return;
    const uint32_t phase = pool->shares[tid].been++;
    const int64_t began = pool->aside.n > 0 ? now() : 0;
    for (int i = 0, of = tid; i < pool->n; i++, of = of + 1 < pool->n ? of + 1 : 0) {
        int64_t tile;
        while (phase_of(atomic_load_explicit(&ph->ticket, memory_order_acquire)) == phase &&
               (tile = take_tile(pool, of, phase, n_tiles)) >= 0) {
            fn(ctx, tile, tid);
            if (atomic_fetch_add_explicit(&ph->n_done, 1, memory_order_acq_rel) < n_tiles - 1)
                continue;
            atomic_store_explicit(&ph->n_done, 0, memory_order_relaxed);
            atomic_store(&ph->ticket, (uint64_t)(phase + 1) << 32);
            if (pool->n > 1)
                event_signal(&ph->turned);
            return;
        }
    }
    if (phase_of(atomic_load_explicit(&ph->ticket, memory_order_acquire)) == phase)
        wait_for_phase(pool, phase, tid, began && now() - began > 1000 * LONG);
}

static void *work(void *arg)
{
    const worker *w = arg;
    sc_pool *pool = w->pool;
    uint32_t seen = 0;

    for (;;) {
        event_wait(&pool->start, seen++, pool->spins);
        if (pool->is_closing)
            return NULL;
        pool->fn(pool->ctx, w->tid, pool->n);
        sc_pool_barrier(pool, w->tid);
    }
}

void sc_pool_run(sc_pool *pool, void (*fn)(void *ctx, int tid, int n), void *ctx)
{
    if (pool->n > 1) {
        pool->fn = fn;
        pool->ctx = ctx;
        event_signal(&pool->start);
    }
    fn(ctx, 0, pool->n);
    sc_pool_barrier(pool, 0);
}

void sc_pool_aside(sc_pool *pool, int n_stages, const sc_aside *stages)
{
    aside *a = &pool->aside;
    a->n = 0;
    for (int i = 0; i < n_stages; i++)
        if (stages[i].n > 0) /* an empty one is over before it begins */
            a->stages[a->n++] = stages[i];
    atomic_store_explicit(&a->ticket, 0, memory_order_relaxed); /* the next run shows it to all */
}

/* A stage after the other, each left by all when it is done. */
static void end_aside(void *arg, int tid, int n)
{
    sc_pool *pool = arg;
    (void)n;
    for (int i = 0; i < pool->aside.n; i++) {
        while (take_aside(pool, tid))
            ;
        sc_pool_barrier(pool, tid);
    }
}

void sc_pool_aside_end(sc_pool *pool)
{
    aside *a = &pool->aside;
    if ((int)phase_of(atomic_load(&a->ticket)) < a->n)
        sc_pool_run(pool, end_aside, pool);
    a->n = 0;
}

typedef struct tiles_job {
    sc_pool *pool;
    int64_t n_tiles;
    void (*fn)(void *ctx, int64_t tile, int tid);
    void *ctx;
} tiles_job;

static void run_tiles(void *arg, int tid, int n)
{
    const tiles_job *job = arg;
    (void)n;
    for (;;) { /* the run ends with a barrier of its own */
        const int64_t tile =
            atomic_fetch_add_explicit(&job->pool->next_tile, 1, memory_order_relaxed);
        if (tile >= job->n_tiles)
            return;
        job->fn(job->ctx, tile, tid);
    }
}

void sc_pool_for(sc_pool *pool, int64_t n_tiles, void (*fn)(void *ctx, int64_t tile, int tid),
                 void *ctx)
{
    tiles_job job = {pool, n_tiles, fn, ctx};
    sc_pool_run(pool, run_tiles, &job);
}

int sc_threads_default(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    const long n = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than a cpu_set_t has room for */
    return n < 1 ? 1 : n > SC_THREADS_MAX ? SC_THREADS_MAX : (int)n;
}

int sc_pool_size(const sc_pool *pool)
{
    return pool->n;
}

static void stop(sc_pool *pool, int n_started)
{
    pool->is_closing = true;
    event_signal(&pool->start);
    for (int i = 0; i < n_started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    free(pool->workers);
    free(pool->shares);
    free(pool);
}

void sc_pool_free(sc_pool *pool)
{
    if (pool)
        stop(pool, pool->n - 1);
}

sc_status sc_pool_new(sc_pool **out, int n_threads, sc_err *err)
{
    const int n_cpus = sc_threads_default();
    sc_pool *pool = NULL;
    sigset_t all, old;
    int rc = 0, started = 0;

    *out = NULL;
    if (n_threads < 0 || n_threads > SC_THREADS_MAX)
        return sc_fail(err, SC_EUSAGE, "%d threads are asked for, the range is 1 to %d", n_threads,
                       SC_THREADS_MAX);
    SC_TRY(sc_alloc(&pool, 1, sizeof *pool, err));
    pool->n = n_threads > 0 ? n_threads : n_cpus;
    pool->spins = pool->n <= n_cpus ? SPINS : 0; /* spinning against ourselves gains nothing */
    sc_status st = sc_alloc(&pool->workers, (size_t)pool->n, sizeof *pool->workers, err);
    if (st == SC_OK)
        st = sc_alloc(&pool->shares, (size_t)pool->n, sizeof *pool->shares, err);
    if (st != SC_OK) {
        free(pool->workers);
        free(pool);
        return st;
    }
    sigfillset(&all); /* signals are the caller's business */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (; started < pool->n - 1; started++) {
        worker *w = &pool->workers[started];
        *w = (worker){.pool = pool, .tid = started + 1};
        if ((rc = pthread_create(&w->thread, NULL, work, w)) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        const int n = pool->n;
        stop(pool, started);
        errno = rc;
        return sc_fail_errno(err, "can't start thread %d of %d", started + 2, n);
    }
    *out = pool;
    return SC_OK;
}

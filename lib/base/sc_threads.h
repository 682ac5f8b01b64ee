/*
 * A pool of threads for short parallel phases, a few microseconds apart.
 *
 * The calling thread works too, as tid 0. Waiting threads spin for a few microseconds, then yield,
 * then sleep in the kernel, so that a busy machine costs time but never collapses. A pool belongs
 * to one calling thread at a time; runs do not nest. Nothing here decides the order of a sum: who
 * wants the same bits for every number of threads cuts the work into tiles that own their outputs.
 */
#ifndef SC_THREADS_H
#define SC_THREADS_H

#include "sc_err.h"
#include <stdint.h>

enum { SC_THREADS_MAX = 1024 };

typedef struct sc_pool sc_pool;

/* How many CPUs this process may use (its affinity mask), at least 1. */
int sc_threads_default(void);

/* A pool of n_threads in all, the caller among them; 0 means sc_threads_default(). SC_EUSAGE when
 * n_threads is negative or above SC_THREADS_MAX, SC_EIO when the system has no thread to give. */
sc_status sc_pool_new(sc_pool **out, int n_threads, sc_err *err) SC_MUST_CHECK;
void sc_pool_free(sc_pool *pool); /* accepts NULL */
int sc_pool_size(const sc_pool *pool);

/* Runs fn(ctx, tid, n) once on each of the n threads and returns when all are done. What the
 * threads wrote is then visible to the caller, as what the caller wrote before was to them. */
void sc_pool_run(sc_pool *pool, void (*fn)(void *ctx, int tid, int n), void *ctx);

/* Inside a run: no thread goes on before all have come. Every thread of the run must call it. */
void sc_pool_barrier(sc_pool *pool, int tid);

/* Inside a run: tiles 0 .. n_tiles-1 (below 2^32) are dealt out by calls of fn(ctx, tile, tid):
 * thread tid of n takes tiles tid, tid + n, tid + 2 n ... and then what others have left of theirs,
 * so that phases of the same tiles find in a thread's cache what it wrote. Returns when all tiles
 * are done, and what they wrote is then visible. Every thread calls it, for the same tiles in the
 * same order of phases; one that comes late finds the phase done. */
void sc_pool_tiles(sc_pool *pool, int tid, int64_t n_tiles,
                   void (*fn)(void *ctx, int64_t tile, int tid), void *ctx);

/* Work that may be done at any time: threads that wait in sc_pool_tiles, in phases of more than
 * some microseconds, take its tiles, stage by stage, each when the one before is done. Tiles should
 * be short: a phase may wait for one. */
typedef struct sc_aside {
    int64_t n; /* tiles, below 2^32 */
    void (*fn)(void *ctx, int64_t tile, int tid);
    void *ctx;
} sc_aside;
enum { SC_ASIDE_STAGES = 4 };
/* Between runs: offers up to SC_ASIDE_STAGES stages, once those offered before were ended. */
void sc_pool_aside(sc_pool *pool, int n_stages, const sc_aside *stages);
/* Between runs: does what is left of them, with all threads; what they wrote is then visible. */
void sc_pool_aside_end(sc_pool *pool);

/* A run of sc_pool_tiles alone. tid (0 .. n-1) is for scratch memory; a result must not depend on
 * it. */
void sc_pool_for(sc_pool *pool, int64_t n_tiles, void (*fn)(void *ctx, int64_t tile, int tid),
                 void *ctx);

#endif

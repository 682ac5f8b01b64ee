/*
 * All blocks of a stream, several at once. Each is read in turn, worked on by whichever thread is
 * free, and handed on in the order of the stream, so that nothing that comes out depends on the
 * number of threads. As many blocks are in memory as there are threads, or as sc_each.most says.
 */
#ifndef SC_EACH_H
#define SC_EACH_H

#include "sc_stream.h"
#include "sc_threads.h"

typedef struct sc_each {
    /* Called for several blocks at once; tid is 0 .. threads - 1, for scratch memory. NULL: none.
     */
    sc_status (*work)(void *ctx, int tid, sc_block *b, sc_err *err);
    /* Called for one block after the other, in order, when its work is done, by the thread that did
     * it. NULL: none. */
    sc_status (*turn)(void *ctx, int tid, sc_block *b, sc_err *err);
    void *ctx;
    /* Where blocks come from, one after the other, if not from a reader: *b is new and freed by
     * sc_reader_each. SC_END after the last. NULL with a reader. */
    sc_status (*take)(void *ctx, sc_block **b, sc_err *err);
    int most; /* threads that take blocks, where memory is for no more; 0: all */
} sc_each;

/*
 * Goes through what is left of `in` (NULL: of what e->take gives). out NULL: nothing is written;
 * otherwise each block is encoded after its work and written in its turn (after `turn`, which may
 * then no longer change it). pool NULL: this thread alone; it must not be in use. An error is that
 * of the first block, in the stream's order, that has one; blocks before it were written. SC_OK:
 * the end mark was read and agreed, `take` came to its end, or `turn` ended it with SC_END.
 * sc_writer_finish is up to the caller.
 */
sc_status sc_reader_each(sc_reader *in, sc_writer *out, sc_pool *pool, const sc_each *e,
                         sc_err *err) SC_MUST_CHECK;

/* The threads for that: n_threads, as for sc_pool_new, but no more than there are cells, where the
 * header says how many. To start one takes longer than many a cell does. */
sc_status sc_reader_pool(sc_pool **out, const sc_reader *in, int n_threads,
                         sc_err *err) SC_MUST_CHECK;

#endif

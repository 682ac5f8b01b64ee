/*
 * What tools that make a stream of a stream hold, and how they begin and end: `sc-x [IN]`. A tool's
 * run() reads
 *
 *   SC_TRY(sc_pass_open(&p, &tool, &o->common, err));
 *   ... p.in is looked at, p.out is what becomes of its header ...
 *   return sc_pass_write(&p, write_blocks, ctx, err);
 *
 * and its main() ends with sc_pass_exit.
 */
#ifndef SC_PASS_H
#define SC_PASS_H

#include "sc_cli.h"
#include "sc_stream.h"
#include "sc_threads.h"

/* Zeroed, it is closed. */
typedef struct sc_pass {
    const sc_tool *tool;
    const sc_common *common;
    sc_reader *in;
    sc_header out; /* that of `in` until the tool changes it */
    sc_output to;
    sc_pool *pool; /* NULL where the tool has no --threads */
} sc_pass;

/* Opens the input and the output. common is lent. sc_pass_exit or sc_pass_close is due whatever was
 * returned. SC_EUSAGE: binary output to a terminal. */
sc_status sc_pass_open(sc_pass *p, const sc_tool *tool, const sc_common *common,
                       sc_err *err) SC_MUST_CHECK;
/* Appends the provenance record to p->out, unless --no-PG, opens a writer with it, has `write` put
 * all blocks into it, and commits the output. */
typedef sc_status (*sc_pass_blocks)(void *ctx, sc_writer *out, sc_err *err);
sc_status sc_pass_write(sc_pass *p, sc_pass_blocks write, void *ctx, sc_err *err) SC_MUST_CHECK;
/* Closes all; output that was not committed is gone. */
void sc_pass_close(sc_pass *p);
/* Says what went wrong, naming the input where the data did; closes all. The exit status. */
int sc_pass_exit(sc_pass *p, const sc_tool *tool, sc_status st, sc_err *err);

#endif

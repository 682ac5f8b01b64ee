/*
 * What tools that run a model over cells have in common: `sc-x MODEL [IN]`, the options that say
 * which columns hold what, and the things to open and close. A tool's run() reads
 *
 *   sc_over s = {0};
 *   SC_GOTO(st, sc_over_open(&s, &tool, &o->common, &o->over, true, err), out);
 *   ... nodes, found in s.net ...
 *   SC_GOTO(st, sc_over_match(&s, nodes, n_nodes, err), out);
 *   ... a header made from sc_reader_header(s.in) ...
 *   SC_GOTO(st, sc_over_begin(&s, &header, err), out);
 *   SC_GOTO(st, sc_over_each(&s, one_block, ctx, err), out);
 *   st = sc_over_commit(&s, err);
 * out:
 *   sc_over_close(&s);
 */
#ifndef SC_OVER_H
#define SC_OVER_H

#include "sc_cli.h"
#include "sc_each.h"
#include "sc_infer.h"
#include "sc_repeat.h"
#include "sc_subset.h"

#include <stdio.h>

/* A member of the tool's options struct; SC_OVER_PARAMS are its rows of the table. */
typedef struct sc_over_opts {
    const char *isa, *layer, *batch_key, *labels_key, *size_factor_key;
    sc_param_list cat_covariates, cont_covariates;
    double min_gene_overlap;
} sc_over_opts;

#define SC_OVER_PARAMS(T, field)                                                                   \
    SC_STRING(T, field.layer, "layer", "NAME", "matrix of counts; default as at fit"),             \
        SC_STRING(T, field.batch_key, "batch-key", "COLUMN",                                       \
                  "obs column of the batches; default as at fit"),                                 \
        SC_STRING(T, field.labels_key, "labels-key", "COLUMN",                                     \
                  "obs column of the labels; default as at fit"),                                  \
        SC_LIST(T, field.cat_covariates, "cat-covariate", "COLUMN",                                \
                "categorical covariate; default as at fit"),                                       \
        SC_LIST(T, field.cont_covariates, "cont-covariate", "COLUMN",                              \
                "continuous covariate; default as at fit"),                                        \
        SC_STRING(T, field.size_factor_key, "size-factor-key", "COLUMN",                           \
                  "obs column of size factors; default as at fit"),                                \
        SC_REAL(T, field.min_gene_overlap, "min-gene-overlap", 0, 0, 1,                            \
                "share of the model's genes that must be there; 0: all, or as at surgery"),        \
        SC_STRING(T, field.isa, "isa", "NAME",                                                     \
                  "instruction set: avx512, avx2, base; default the best there is")

/* What a thread needs to run the model alone. */
typedef struct sc_over_hand {
    sc_pool *pool; /* of this one thread */
    sc_infer *x;
} sc_over_hand;

typedef struct sc_over {
    const sc_tool *tool;
    const sc_common *common;
    const sc_over_opts *opts;
    sc_net net; /* the model: operand 0 */
    const sc_kernels *kernels;
    sc_pool *pool;
    sc_reader *in; /* the cells: operand 1 or stdin */
    sc_infer *x;
    bool by_block;        /* set before sc_over_match: sc_over_blocks is what will be called */
    int most;             /* then: blocks at once, 0: as many as threads */
    sc_over_hand *hands;  /* then: of each thread */
    const int32_t *nodes; /* as lent to sc_over_match */
    int n_nodes;
    sc_output to;
    sc_writer *out; /* where a stream is written */
    FILE *text;     /* where text is */
} sc_over;

/* Reads the model, opens input and output. SC_EUSAGE: model and cells both from stdin, or binary
 * output to a terminal. sc_over_close is due whatever was returned; s is zeroed before. */
sc_status sc_over_open(sc_over *s, const sc_tool *tool, const sc_common *common,
                       const sc_over_opts *opts, bool is_binary, sc_err *err) SC_MUST_CHECK;
/* The same where few of the weights are needed: wanted marks them, by weight, when s->net (without
 * them) and s->in are there. */
typedef struct sc_over_wish {
    sc_status (*wanted)(void *ctx, const sc_over *s, bool *weights, sc_err *err);
    void *ctx;
} sc_over_wish;
sc_status sc_over_open_for(sc_over *s, const sc_tool *tool, const sc_common *common,
                           const sc_over_opts *opts, bool is_binary, const sc_over_wish *wish,
                           sc_err *err) SC_MUST_CHECK;
/* Opens s->x for these nodes (see sc_infer_open); says on stderr which matrix was taken where that
 * is worth saying. With by_block, nodes are lent until sc_over_close. */
sc_status sc_over_match(sc_over *s, const int32_t *nodes, int n_nodes, sc_err *err) SC_MUST_CHECK;
/* Appends the provenance record to h, unless --no-PG, and opens s->out with it. */
sc_status sc_over_begin(sc_over *s, sc_header *h, sc_err *err) SC_MUST_CHECK;
/* After sc_over_match: the genes of the data that the model knows, in the data's order, for output
 * that is cells x genes. sub: newly made; order[j]: the model's gene of kept gene j, free() it. */
sc_status sc_over_genes(const sc_over *s, sc_subset *sub, int32_t **order,
                        sc_err *err) SC_MUST_CHECK;
/* Reads all blocks; each is unpacked for s->x before `one` is called. */
sc_status sc_over_each(sc_over *s, sc_status (*one)(void *ctx, sc_block *b, sc_err *err), void *ctx,
                       sc_err *err) SC_MUST_CHECK;
/* The same for several blocks at once, each on one thread with an x of its own: then `turn` (NULL:
 * none) is called for them, and they are written where there is an s->out, in their order. Faster
 * where a cell takes little work. Without s->by_block, one after the other, with all threads. */
typedef struct sc_over_work {
    sc_status (*one)(void *ctx, int tid, sc_infer *x, sc_block *b, sc_err *err);
    sc_status (*turn)(void *ctx, int tid, sc_block *b, sc_err *err); /* see sc_each.h */
    void *ctx;
} sc_over_work;
sc_status sc_over_blocks(sc_over *s, const sc_over_work *w, sc_err *err) SC_MUST_CHECK;
/* What makes output rows of the input's: all of a block at once, or each once for every draw. */
typedef struct sc_over_rows {
    const sc_header *kept;  /* what the input's rows have, as they are handed on */
    const sc_subset *genes; /* of the input's, that are kept; NULL: all */
    int64_t n_draws;        /* rows of a cell, of which none is averaged; 0: as they come */
    /* Fills a piece's rows (sc_repeat.h), which are then written. */
    sc_status (*one)(void *ctx, int tid, sc_infer *x, const sc_piece *p, sc_block *rows,
                     sc_err *err);
    void *ctx;
} sc_over_rows;
sc_status sc_over_write(sc_over *s, const sc_over_rows *r, sc_err *err) SC_MUST_CHECK;
/* Finishes what was written, and puts it in its place. */
sc_status sc_over_commit(sc_over *s, sc_err *err) SC_MUST_CHECK;
/* Names the file of the cells in a sentence about them; harmless where s has none. */
void sc_over_blame(const sc_over *s, sc_status st, sc_err *err);
void sc_over_close(sc_over *s);

#endif

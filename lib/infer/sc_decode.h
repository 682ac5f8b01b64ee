/*
 * What a model decodes for cells: its outputs by name, at the mean of the latents or averaged over
 * draws and over batches (transform-batch). On top of sc_infer.h; for sc-decode and what builds on
 * normalized expression.
 *
 *   sc_wanted w;
 *   SC_TRY(sc_wanted_find(&w, net, "px_scale", err));
 *   ... sc_infer_open(&x, net, ..., &w.node, 1, ...), sc_infer_block ...
 *   const sc_decoding how = {.draw = SC_DRAW_SAMPLE, .n_draws = 10, .batches = {1, &code}};
 *   SC_TRY(sc_decode_rows(x, from, n, &how, &w, 1, &values, err));    n x w.n_cols
 */
#ifndef SC_DECODE_H
#define SC_DECODE_H

#include "sc_mixing.h"

typedef struct sc_wanted {
    const char *name; /* lent by the model */
    int32_t node;
    int64_t n_cols;
    sc_output_kind kind;
    bool is_constant; /* a single row: the same for all cells */
} sc_wanted;

/* SC_EUSAGE naming the outputs that there are. */
sc_status sc_wanted_find(sc_wanted *w, const sc_net *net, const char *name,
                         sc_err *err) SC_MUST_CHECK;

typedef struct sc_batch_list {
    int n;          /* 0: each cell's own batch */
    int32_t *codes; /* averaged over */
} sc_batch_list;

/* "A,B": the model's batches by name; a name that has a comma is taken whole. SC_EUSAGE: unknown
 * ones. codes is due to free() whatever was returned. */
sc_status sc_batch_list_parse(sc_batch_list *b, const sc_net *net, const char *names,
                              sc_err *err) SC_MUST_CHECK;

typedef struct sc_decoding {
    sc_draw draw; /* of the latents: SC_DRAW_MEAN or SC_DRAW_SAMPLE */
    uint64_t seed;
    int64_t first_draw, n_draws; /* draws [first, first + n) from 0 are averaged; mean: n is 1 */
    sc_batch_list batches;
    const sc_mixing *mixing; /* draw which proteins are background (its nodes were opened, too);
                                NULL: take their probabilities */
} sc_decoding;

/*
 * Values of outputs for rows [from, from + n) of the block that x has, n <= SC_INFER_ROWS: out[k]
 * is n x wanted[k].n_cols, averaged in double over draws and batches. A row's value depends on
 * neither its neighbours nor the number of threads.
 */
sc_status sc_decode_rows(sc_infer *x, int64_t from, int64_t n, const sc_decoding *how,
                         const sc_wanted *wanted, int n_wanted, float *const *out,
                         sc_err *err) SC_MUST_CHECK;
/* out: wanted->n_cols, of an output that is_constant. */
sc_status sc_decode_constant(sc_infer *x, const sc_wanted *wanted, float *out,
                             sc_err *err) SC_MUST_CHECK;

#endif

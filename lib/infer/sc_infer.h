/*
 * A model over the cells of a stream: genes and categories matched, rows handed to the executor
 * block by block. What comes out for a cell depends on the cell and the model only.
 *
 *   sc_infer_open     once, with the nodes whose values are wanted (outputs, terms, latents)
 *   sc_infer_block    for each block of the stream
 *   sc_infer_run      for at most SC_INFER_ROWS of its rows, as often as there are draws or batches
 *   sc_infer_value    the nodes' values for those rows
 *
 * Nodes are found by name: net->g->outputs[sc_graph_output(net->g, "px_scale")].node. A node's
 * value is rows x net->g->nodes[node].n_cols, or a single row where nodes[node].reps is 0 (what is
 * the same for all cells, such as px_r of one dispersion a gene). Normalized expression with a
 * library size of 1 is "px_scale", at draws of z (SC_DRAW_SAMPLE), or at the mean of q(z|x).
 */
#ifndef SC_INFER_H
#define SC_INFER_H

#include "sc_cells.h"
#include "sc_net.h"

typedef struct sc_infer sc_infer;

/*
 * Matches the header to the model for the nodes wanted (their inputs decide which obs columns are
 * needed). net, pool and kernels are lent. keys: columns whose names differ from those at fit (NULL
 * members: as at fit). note (note_len bytes) says which matrix was taken where that is worth
 * saying. SC_EDATA: genes of the model that the data lack, no counts, missing columns.
 * Minified cells (sc_minify.h) are decoded from what they carry; that gives the bits that their
 * counts would give, and SC_EDATA where the nodes wanted need counts that are not there.
 */
sc_status sc_infer_open(sc_infer **out, const sc_net *net, const sc_header *h, const sc_keys *keys,
                        const int32_t *nodes, int n_nodes, sc_pool *pool, const sc_kernels *k,
                        char *note, size_t note_len, sc_err *err) SC_MUST_CHECK;
/* True if it works from a stored posterior: neither counts nor encoder have a part in it. */
bool sc_infer_is_stored(const sc_infer *x);
const sc_net *sc_infer_net(const sc_infer *x); /* as lent */
/* Gene of the data -> gene of the model, -1 where the model does not know it; h->var.n_rows. */
const int32_t *sc_infer_genes(const sc_infer *x);
/* Code of a batch by its name; SC_EUSAGE naming near ones, or that the model knows no batches. */
sc_status sc_infer_batch(const sc_net *net, const char *name, int32_t *code,
                         sc_err *err) SC_MUST_CHECK;
/* Unpacks a block; it may be changed or gone afterwards. SC_EDATA: a value that is no count, an
 * unknown category. */
sc_status sc_infer_block(sc_infer *x, sc_block *b, sc_err *err) SC_MUST_CHECK;
/* From now on every cell is decoded as one of this batch (transform-batch); -1: of its own. The
 * encoder always sees its own. */
void sc_infer_transform(sc_infer *x, int32_t batch);
enum { SC_INFER_ROWS = 512 };
/* How many of `left` rows to run at once where nodes of genes' width are wanted: SC_INFER_ROWS, or
 * fewer where genes are so many, or threads that work on their own, that their values would fill
 * memory. Results do not depend on it. */
int64_t sc_infer_piece(const sc_infer *x, int64_t left);
/*
 * Runs rows [from, from + n) of the block, n <= SC_INFER_ROWS. draw: SC_DRAW_MEAN, or
 * SC_DRAW_SAMPLE with number `draw_no` from 1; draws are keyed by seed, the cell's name and
 * draw_no, so that one draw of z can be decoded for several batches. Runs of the same rows after
 * the first leave the encoder out. sc_infer_value is then lent until the next run.
 */
sc_status sc_infer_run(sc_infer *x, int64_t from, int64_t n, sc_draw draw, uint64_t seed,
                       uint32_t draw_no, sc_err *err) SC_MUST_CHECK;
/* The same for any n rows of the block, n <= SC_INFER_ROWS, in any order, repeats allowed. */
sc_status sc_infer_run_rows(sc_infer *x, const int64_t *rows, int64_t n, sc_draw draw,
                            uint64_t seed, uint32_t draw_no, sc_err *err) SC_MUST_CHECK;
/* Computes a node that is the same for all cells (reps is 0), before any block is there. */
sc_status sc_infer_constant(sc_infer *x, int32_t node, sc_err *err) SC_MUST_CHECK;
const float *sc_infer_value(const sc_infer *x, int32_t node);
/* Counts above zero of row i, in the model's genes; -1 where the stream is minified. */
int64_t sc_infer_n_counts(const sc_infer *x, int64_t i);
/* The counts of row i above zero, lent until the next block: *genes are the model's. Returns their
 * number, 0 where the stream is minified. */
int64_t sc_infer_counts(const sc_infer *x, int64_t i, const int32_t **genes, const float **counts);
/* Protein counts of row i, as many as the model has; NULL where the nodes wanted take none. */
const float *sc_infer_proteins(const sc_infer *x, int64_t i);
/* Importance weight of row i of the last run: see sc_exec_log_weight. */
double sc_infer_log_weight(const sc_infer *x, int64_t i, bool as_scvi_tools);
/* Hash of the name of row i of the block: what its draws are keyed by. */
uint64_t sc_infer_key(const sc_infer *x, int64_t i);
/* Counts of row i of the block, summed over the model's genes. */
double sc_infer_total(const sc_infer *x, int64_t i);
void sc_infer_close(sc_infer *x);

#endif

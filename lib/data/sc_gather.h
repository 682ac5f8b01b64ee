/*
 * For tools that need a matrix of all cells before they can write the first: it is gathered in one
 * pass over the stream, and what was made of it is added in a second.
 */
#ifndef SC_GATHER_H
#define SC_GATHER_H

#include "sc_pass.h"

/*
 * The representation to use, as an index into h->mats: use_rep, a name in obsm or "X"; if that is
 * NULL, the only matrix in obsm that is neither a layout (X_umap, X_tsne), variances (*_var),
 * proteins nor places. SC_EDATA naming the candidates if there are several, or what is there.
 */
sc_status sc_find_rep(const sc_header *h, const char *use_rep, int *mat, sc_err *err) SC_MUST_CHECK;
/* The path in obsp of a graph that sc-neighbors wrote: kind is "connectivities" or "distances"; key
 * is what its --key-added was, or NULL. */
void sc_graph_path(const char *key, const char *kind, char *path, size_t path_len);

/* A matrix of all cells, read to the end of the stream; a sparse one is made dense. SC_EDATA naming
 * the cell if a value is not finite. out is newly made. */
sc_status sc_gather_dense(sc_dense *out, sc_reader *in, const char *path,
                          sc_err *err) SC_MUST_CHECK;
/* A sparse one; in obsp, columns are checked to be cells (SC_EDATA). */
sc_status sc_gather_sparse(sc_csr *out, sc_reader *in, const char *path, sc_err *err) SC_MUST_CHECK;
/* Some columns of a sparse or dense matrix (old index -> new, -1 drops; n_new of them), without its
 * zeros. SC_EDATA naming the cell if a value is not finite. */
sc_status sc_gather_columns(sc_csr *out, sc_reader *in, const char *path, const int32_t *old_to_new,
                            int64_t n_new, sc_err *err) SC_MUST_CHECK;

/* sc_pass_open for two passes over the input. */
sc_status sc_twice_open(sc_pass *p, const sc_tool *tool, const sc_common *common,
                        sc_err *err) SC_MUST_CHECK;
/* Called for each block of the second pass, which is written then. */
typedef sc_status (*sc_add_to_block)(void *ctx, sc_block *b, sc_err *err);
/* The second pass: sc_pass_write of all blocks. */
sc_status sc_twice_write(sc_pass *p, sc_add_to_block add, void *ctx, sc_err *err) SC_MUST_CHECK;
/* Helpers for `add`: rows of m that are b's, under path. */
sc_status sc_add_dense(sc_block *b, const char *path, const sc_dense *m, sc_err *err) SC_MUST_CHECK;
sc_status sc_add_sparse(sc_block *b, const char *path, const sc_csr *m, sc_err *err) SC_MUST_CHECK;

#endif

/*
 * A model as the tools see it: plugin, options, graph, weights, genes and categories; from a .scm
 * file or from a model.pt that scvi-tools saved.
 */
#ifndef SC_NET_H
#define SC_NET_H

#include "sc_category.h"
#include "sc_exec.h"
#include "sc_plugin_host.h"

#include <jansson.h>

typedef struct sc_net {
    sc_plugin_handle handle;
    const sc_model *model;
    void *opts; /* of the plugin, filled */
    sc_dims dims;
    sc_built *g;
    float *weights; /* g->n_params: the executor's layout */
    bool *is_read; /* by weight: false, and zero, where sc_net_weights left it out; NULL: all are */
    sc_table var;
    sc_category cats[SC_IN_MAX]; /* by input - SC_IN_BATCH */
    sc_strs cont_covs;
    char *layer, *size_factor, *unlabeled; /* as named at fit; NULL: none */
    char *protein_key;                     /* obsm of the proteins; NULL: none */
    sc_strs proteins;                      /* their names */
    uint8_t *protein_missing; /* n_panels x n_proteins: 1 where the panel did not measure it; NULL:
                                 all were measured everywhere */
    double min_gene_overlap;  /* share of the genes that cells must have; 0: all of them */
    json_t *training;         /* object: seed, isa, lr, ...; what the tools add */
    json_t *history;          /* {"columns": [...], "rows": [[...]]} */
    sc_strs records;          /* provenance */
} sc_net;

/* Zeroed net with plugin and options of its own; NULL opts: the defaults. */
sc_status sc_net_new(sc_net *net, const char *variant, const void *opts, sc_err *err) SC_MUST_CHECK;
enum { SC_USES_PROTEINS = 1, SC_USES_LABELLED = 2, SC_USES_PANEL = 4, SC_USES_KL = 8 };
/* What the model with its options takes beside counts, found by building it for made-up sizes.
 * Terms of labelled or unlabelled cells are SC_USES_LABELLED, terms that the KL weight scales
 * SC_USES_KL. */
sc_status sc_net_uses(const sc_net *net, unsigned *uses, sc_err *err) SC_MUST_CHECK;
/* After dims are set: builds the graph and makes room for weights. */
sc_status sc_net_build(sc_net *net, sc_err *err) SC_MUST_CHECK;
/*
 * SC_EUSAGE naming what was asked for and means nothing in this model: an option of the plugin
 * that gives the same graph at any other value (--embedding-dim without an embedding), or
 * batches, covariates and size factors that no node takes.
 */
sc_status sc_net_check_used(const sc_net *net, sc_err *err) SC_MUST_CHECK;
/* Fresh weights, keyed by seed and name. Buffers that come from the data are left zero, but for
 * which proteins were measured. */
void sc_net_init(sc_net *net, uint64_t seed);
/*
 * The prior of the log library size from a TSV: a row a batch, columns log_mean and log_var.
 * SC_EUSAGE if the library size is not latent; SC_EDATA naming a batch that lacks its row, or a row
 * of no batch, or a number that can't be.
 */
sc_status sc_net_library_prior(sc_net *net, const char *path, sc_err *err) SC_MUST_CHECK;
/* SC_EDATA naming a batch whose latent library size has a prior without variance, as that of a
 * single cell, or of cells that were sampled down to one depth; and what to do about it. */
sc_status sc_net_check_library(const sc_net *net, const char *remedy, sc_err *err) SC_MUST_CHECK;
void sc_net_set(sc_net *net, int weight, const float *values); /* in the saved layout */
/* Rows [from, from + n) of it, which are all that values has. */
void sc_net_set_rows(sc_net *net, int weight, int64_t from, int64_t n, const float *values);
void sc_net_get(const sc_net *net, int weight, float *values);
void sc_net_free(sc_net *net);

/* The options that the plugin has now, by name; the caller's. NULL: out of memory. */
json_t *sc_net_options(const sc_net *net);
/* Sets them; SC_EFORMAT or SC_EUSAGE naming one that the plugin lacks or can't take. */
sc_status sc_net_options_from(sc_net *net, json_t *options, sc_err *err) SC_MUST_CHECK;

/* path: a .scm, "-" for stdin, or a model.pt. */
sc_status sc_net_read(sc_net *net, const char *path, sc_err *err) SC_MUST_CHECK;
/*
 * The same in two steps, for those who do with few of the weights, or have threads: all but the
 * weights, then those that wanted (by weight; NULL: all) marks, decoded on the threads of pool
 * (NULL: on this one). The source lends path, and is closed whatever was returned, as net is freed.
 */
typedef struct sc_net_source sc_net_source;
sc_status sc_net_open(sc_net *net, sc_net_source **src, const char *path,
                      sc_err *err) SC_MUST_CHECK;
sc_status sc_net_weights(sc_net *net, sc_net_source *src, const bool *wanted, sc_pool *pool,
                         sc_err *err) SC_MUST_CHECK;
void sc_net_source_close(sc_net_source *src);
/* True if all weights that the plan's nodes read were. */
bool sc_net_has(const sc_net *net, const sc_plan *p);
sc_status sc_net_write(const sc_net *net, int fd, const char *name, sc_err *err) SC_MUST_CHECK;

/* Kernels for --isa (NULL: the best there are); SC_EUSAGE naming what the CPU has. */
sc_status sc_kernels_pick(const char *isa, const sc_kernels **out, sc_err *err) SC_MUST_CHECK;

#endif

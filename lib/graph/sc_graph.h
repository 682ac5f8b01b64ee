/*
 * The host's side of a model graph: what build() wrote down, checked for shapes, ready for an
 * executor (sc_exec.h).
 */
#ifndef SC_GRAPH_H
#define SC_GRAPH_H

#include "sc_model.h"

enum { SC_IN_MAX = 64, SC_N_STREAMS = 3, SC_LINEAR_PARTS = 40, SC_GROUPS_MAX = 4 };

/* What the data bring: sizes by sc_dim. */
typedef struct sc_dims {
    int64_t n_vars, n_batch, n_labels, n_cat_covs, n_cont_covs, has_size_factor, n_proteins,
        n_panels;
    int64_t n_cats[SC_IN_MAX];  /* categories of covariate i */
    int64_t n_proteins_missing; /* pairs of panel and protein that were not measured */
} sc_dims;

typedef enum sc_op_id {
    SC_OP_INPUT,
    SC_OP_WEIGHT,
    SC_OP_LINEAR,
    SC_OP_BATCH_NORM,
    SC_OP_LAYER_NORM,
    SC_OP_DROPOUT,
    SC_OP_MAP,
    SC_OP_AFFINE,
    SC_OP_ADD,
    SC_OP_MUL,
    SC_OP_DIV,
    SC_OP_SOFTMAX,
    SC_OP_ROW_SUM,
    SC_OP_CONCAT,
    SC_OP_SLICE,
    SC_OP_GATHER,
    SC_OP_STOP_GRADIENT,
    SC_OP_ENUMERATE,
    SC_OP_REPEAT_ROWS,
    SC_OP_UNSTACK,
    SC_OP_PICK,
    SC_OP_LATENT,
    SC_OP_KL,
    SC_OP_LOG_PROB,
    SC_OP_OBSERVE,
    SC_OP_COUNT
} sc_op_id;

typedef enum sc_node_form { SC_DENSE, SC_SPARSE, SC_CODES } sc_node_form;

typedef struct sc_gnode {
    sc_op_id op;
    sc_node_form form;
    sc_rowset stream;
    int64_t reps;   /* rows = reps x the stream's minibatch; 0: a single row (or, a weight, its own
                       rows) */
    int64_t n_cols; /* codes: the number of categories */
    int64_t n_rows; /* reps 0: rows of a weight, else 1 */
    int n_in;
    int32_t in[SC_LINEAR_PARTS]; /* parents */
    int weight,
        bias; /* linear: indices of weights, -1 none; weight; batch norm: the first of five */
    int input, side; /* of SC_OP_INPUT */
    int map;
    int64_t first; /* slice; enumerate: classes; gather: by row */
    double arg, arg2;
    sc_dist q, p; /* latent: q and prior; kl; log_prob and observe: q */
    int site;     /* of draws, and of dropout */
    bool needs_grad;
} sc_gnode;

/* A run of a weight's columns (rows for an embedding): plain, or the one-hot columns of a category.
 */
typedef struct sc_segment {
    int64_t n;
    int input; /* sc_input of a category, -1: plain */
} sc_segment;

typedef enum sc_wkind {
    SC_W_PLAIN,
    SC_W_LINEAR,
    SC_W_BIAS,
    SC_W_BN_WEIGHT,
    SC_W_BN_BIAS,
    SC_W_BN_MEAN,
    SC_W_BN_VAR,
    SC_W_BN_COUNT
} sc_wkind;

typedef struct sc_gweight {
    char *name; /* as in scvi-tools' state dict */
    sc_wkind kind;
    sc_part part;
    int group;
    int64_t rows, cols; /* linear: n_out x n_in, stored transposed (n_in x n_out), so that outputs
                           lie side by side */
    int n_dims;         /* of the saved tensor: 0, 1 or 2 */
    sc_init init;
    double arg; /* of init; linear and bias: fan in */
    bool is_trained, is_saved, covariates_train;
    int n_segments; /* along cols */
    sc_segment *segments;
    uint64_t
        frozen;     /* linear, bias: bits of the segments (a bias: 1) whose gradient no one wants */
    int row_input;  /* category that the rows count, -1 */
    int64_t offset; /* into the flat storage, in elements */
} sc_gweight;

typedef struct sc_gterm {
    char *name;
    sc_term spec;
    int32_t node;
} sc_gterm;

typedef struct sc_goutput {
    char *name, *doc;
    sc_output_kind kind;
    int32_t node;
} sc_goutput;

typedef struct sc_gsite {
    char *name;
    int32_t node; /* the latent */
} sc_gsite;

typedef struct sc_built {
    struct sc_graph head; /* first: what plugins see */
    sc_dims dims;
    int n_nodes, cap_nodes;
    sc_gnode *nodes; /* [0] is none */
    int n_weights, cap_weights;
    sc_gweight *weights;
    int64_t n_params; /* elements of the flat storage; each weight begins at a multiple of 16 */
    int n_terms;
    sc_gterm terms[32];
    int n_outputs;
    sc_goutput outputs[32];
    int n_sites; /* latents first to last; dropouts have numbers of their own */
    sc_gsite sites[16];
    int n_dropouts;
    int n_keeps;
    int32_t keeps[16];
    int n_groups;
    double group_lr[SC_GROUPS_MAX], group_eps[SC_GROUPS_MAX];
    sc_schedule schedule;
    char *loadings_linear, *loadings_bn;
    int64_t loadings_latent;
    sc_part part;
    int group;
    const char
        *absent; /* option that would bring an input that was asked for in vain; NULL: none */
    sc_err err;  /* the first mistake */
} sc_built;

/* Runs the plugin's build(). SC_EPLUGIN with the first mistake (shape, unknown thing) and its node.
 */
sc_status sc_graph_build(sc_built **out, const sc_model *model, const void *opts,
                         const sc_dims *dims, sc_err *err) SC_MUST_CHECK;
void sc_graph_free(sc_built *g);
int sc_graph_weight(const sc_built *g, const char *name);  /* index, or -1 */
int sc_graph_weight_from(const sc_built *g, sc_init init); /* the first that starts so, or -1 */
int sc_graph_output(const sc_built *g, const char *name);
int sc_graph_site(const sc_built *g, const char *name);
/* Whether two graphs of the same dims compute and train the same. */
bool sc_graph_same(const sc_built *a, const sc_built *b);
int64_t sc_graph_categories(const sc_built *g, int input);

#endif

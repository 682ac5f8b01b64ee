/*
 * What a model plugin sees. build() writes the generative and the inference model down as a graph;
 * the host owns the rest: memory, gradients, optimizer, threads, random numbers, files, command
 * line.
 *
 * Shapes. A node is a matrix. Its rows are those of a minibatch (of one row stream, perhaps
 * repeated once per class by sc_enumerate) or a single row that is broadcast (weights, constants);
 * n_cols is fixed when the graph is built. Counts are sparse and stay so: an op that would make
 * them dense fails when the graph is built. Errors. Services never fail at the call: a node with a
 * wrong shape is SC_NONE, what is built on it too, and the host reports the first mistake after
 * build(). So the mathematics needs no checks. Ownership. Nodes are small values that live with the
 * graph. Names are copied.
 *
 * The interface carries five models, each held to its reference's numbers (plugins/,
 * tests/test_parity.c): scVI, LDVAE, scANVI, totalVI with its adversary, and Pyro's scANVI. So it
 * is frozen at SC_PLUGIN_ABI 1: structs and sc_services grow
 * at their ends only, values of enums keep their numbers.
 */
#ifndef SC_MODEL_H
#define SC_MODEL_H

#include "sc_plugin.h"

typedef struct sc_node {
    int32_t id; /* 0: none */
} sc_node;
#define SC_NONE ((sc_node){0})

/* Which cells a step's minibatch is drawn from. */
typedef enum sc_rowset { SC_ROWS_ALL, SC_ROWS_LABELLED, SC_ROWS_UNLABELLED } sc_rowset;

/* Sizes the data bring. */
typedef enum sc_dim {
    SC_DIM_VARS,
    SC_DIM_BATCH,       /* categories of the batch; 1 without a batch key */
    SC_DIM_LABELS,      /* classes, the unlabelled one not counted; 0 without a labels key */
    SC_DIM_CAT_COVS,    /* number of extra categorical covariates */
    SC_DIM_CONT_COVS,   /* number of continuous covariates */
    SC_DIM_SIZE_FACTOR, /* 1 if a size factor column was named */
    SC_DIM_PROTEINS,
    SC_DIM_PANELS,    /* categories of the panel; the batch's if no panel key */
    SC_DIM_CAT_COV_0, /* + i: categories of covariate i */
    SC_DIM_PROTEINS_MISSING =
        1 << 16 /* pairs of panel and protein that were not measured; 0: none */
} sc_dim;

typedef enum sc_input {
    SC_IN_COUNTS,      /* sparse, n_vars */
    SC_IN_PROTEINS,    /* dense counts */
    SC_IN_CONT_COVS,   /* dense */
    SC_IN_SIZE_FACTOR, /* dense, 1 column */
    SC_IN_BATCH,       /* categories from here */
    SC_IN_PANEL,
    SC_IN_LABELS,
    SC_IN_CAT_COV_0 /* + i */
} sc_input;

/* The decoder's side of a category is what --transform-batch replaces. */
typedef enum sc_side { SC_ENCODER_SIDE, SC_DECODER_SIDE } sc_side;

/* The part of the model that the weights declared next belong to: surgery freezes by part. */
typedef enum sc_part {
    SC_PART_OTHER,
    SC_PART_ENCODER,
    SC_PART_DECODER,
    SC_PART_LIBRARY, /* library encoder: trained whole in surgery */
    SC_PART_CLASSIFIER,
    SC_PART_LABELS /* networks of the labels: frozen in surgery */
} sc_part;

typedef enum sc_init {
    SC_INIT_ZERO,
    SC_INIT_CONSTANT,          /* of value `arg` */
    SC_INIT_NORMAL,            /* N(0,1) */
    SC_INIT_UNIFORM,           /* U(0, arg) */
    SC_INIT_LIBRARY_LOG_MEANS, /* from the data, per batch: 1 x n_batch; not trained */
    SC_INIT_LIBRARY_LOG_VARS,
    SC_INIT_PROTEIN_PRIOR_MEAN, /* background mixture per panel: n_proteins x n_panels */
    SC_INIT_PROTEIN_PRIOR_LOG_SCALE,
    SC_INIT_LOG_TOTAL_MEAN, /* 1 x 1: mean, standard deviation (ddof 1) of log total counts; not
                               trained */
    SC_INIT_LOG_TOTAL_SD,
    SC_INIT_PROTEIN_OBSERVED /* n_proteins x n_panels: 1 where the panel measured the protein; not
                                trained, not saved */
} sc_init;

enum {
    SC_TRAINED = 1,
    SC_UNSAVED = 2,
    SC_ROWS_GROW = 4 /* the category counts the rows, not the columns */
};                   /* flags of sc_weight */

typedef enum sc_map {
    SC_MAP_LOG1P,
    SC_MAP_EXP,
    SC_MAP_LOG,
    SC_MAP_SOFTPLUS,
    SC_MAP_SIGMOID,
    SC_MAP_RELU,
    SC_MAP_NEG,
    SC_MAP_SQUARE,
    SC_MAP_SQRT,
    SC_MAP_TANH,
    SC_MAP_LEAKY_RELU,
    SC_MAP_SILU,
    SC_MAP_GELU,
    SC_MAP_ELU,
    SC_MAP_CLAMP_MAX,
    SC_MAP_CLAMP_MIN, /* at arg */
    SC_MAP_SELU,
    SC_MAP_MISH,
    SC_MAP_SOFTSIGN,
    SC_MAP_HARDSWISH
} sc_map;

enum {
    SC_BIAS = 1,
    SC_COVARIATES_TRAIN = 2
}; /* flags of sc_linear; the latter: in surgery its category columns train */

typedef enum sc_dist_kind {
    SC_NORMAL_VAR, /* a mean, b variance */
    SC_NORMAL_SD,  /* a mean, b standard deviation */
    SC_NB,         /* a mean, b inverse dispersion */
    SC_ZINB,       /* and c logits of an extra zero */
    SC_POISSON,    /* a rate */
    SC_CATEGORICAL_LOGITS,
    SC_CATEGORICAL_PROBS,
    SC_NB_MIXTURE /* a, d means, b inverse dispersion, c logits of the first component */
} sc_dist_kind;

typedef struct sc_dist {
    sc_dist_kind kind;
    sc_node a, b, c, d;
    double eps,
        eps_total; /* NB: log(mean + eps), log(theta + eps), log(theta + mean + eps_total) */
} sc_dist;

typedef enum sc_term_role {
    SC_TERM_RECONSTRUCTION,
    SC_TERM_KL_Z,
    SC_TERM_KL_L,
    SC_TERM_KL,
    SC_TERM_OTHER
} sc_term_role;
typedef enum sc_term_weight { SC_WEIGHT_ONE, SC_WEIGHT_KL, SC_WEIGHT_ONE_MINUS_KL } sc_term_weight;

typedef struct sc_term {
    const char *name;
    sc_term_role role;
    sc_term_weight weight;
    double factor; /* times the weight; 0 reads as 1 */
    bool is_sum;   /* over the rows; otherwise their mean */
    int group;     /* optimizer group whose weights this term moves; 0: the model's */
} sc_term;

/* Steps of training: all streams in one step (the shorter cycled), or minibatches of one stream
 * each, labelled or unlabelled, in random order: terms of all cells are for scores alone then. */
typedef enum sc_schedule { SC_STEP_JOINT, SC_STEP_EITHER } sc_schedule;

typedef enum sc_output_kind {
    SC_OUT_VARS,
    SC_OUT_PROTEINS,
    SC_OUT_CLASSES,
    SC_OUT_LATENT,
    SC_OUT_CELL
} sc_output_kind;

typedef struct sc_graph sc_graph;

typedef struct sc_services {
    uint32_t size; /* append-only */
    int64_t (*dim)(sc_graph *, sc_dim);
    sc_node (*input)(sc_graph *, sc_rowset, sc_input, sc_side);
    void (*part)(sc_graph *, sc_part);
    /* rows x cols; grows: the category that its columns (SC_ROWS_GROW: its rows) count,
     * SC_IN_COUNTS for none: a single row is then saved as a vector */
    sc_node (*weight)(sc_graph *, const char *name, int64_t rows, int64_t cols, sc_input grows,
                      sc_init, double arg, unsigned flags);
    /* y = [parts] W^T + b, W (n_out x sum of widths) named NAME.weight; a category is a part: its
     * one-hot columns */
    sc_node (*linear)(sc_graph *, const char *name, const sc_node *parts, int n_parts,
                      int64_t n_out, unsigned flags);
    sc_node (*batch_norm)(sc_graph *, const char *name, sc_node x, double eps, double momentum);
    sc_node (*layer_norm)(sc_graph *, sc_node x, double eps);
    sc_node (*dropout)(sc_graph *, sc_node x, double p);
    sc_node (*map)(sc_graph *, sc_map, sc_node x, double arg);
    sc_node (*affine)(sc_graph *, sc_node x, double scale, double shift);
    /* broadcast: y has x's rows or one row, x's columns or one column; add, mul, div (sparse x only
     * with one column, which nothing trained is in) */
    sc_node (*add)(sc_graph *, sc_node x, sc_node y);
    sc_node (*mul)(sc_graph *, sc_node x, sc_node y);
    sc_node (*div)(sc_graph *, sc_node x, sc_node y);
    sc_node (*softmax)(sc_graph *, sc_node x);
    sc_node (*row_sum)(sc_graph *, sc_node x);
    sc_node (*concat)(sc_graph *, const sc_node *parts, int n_parts);
    sc_node (*slice)(sc_graph *, sc_node x, int64_t first, int64_t n);
    /* row i: column c_i of the weight (n x categories), as 1 x n; or, by_row, row c_i of the weight
     * (categories x n) */
    sc_node (*gather)(sc_graph *, sc_node weight, sc_node category, bool by_row);
    sc_node (*transpose)(sc_graph *, sc_node weight); /* n x 1 or 1 x n only */
    sc_node (*stop_gradient)(sc_graph *, sc_node x);
    sc_node (*enumerate)(sc_graph *, sc_node like,
                         int64_t n_classes); /* category over n_classes * rows, class-major */
    sc_node (*repeat_rows)(sc_graph *, sc_node x, int64_t n_classes);
    sc_node (*unstack)(sc_graph *, sc_node x,
                       int64_t n_classes); /* (n_classes * rows) x 1 to rows x n_classes */
    sc_node (*pick)(sc_graph *, sc_node x, sc_node category); /* rows x n to rows x 1: column c_i */
    sc_node (*latent)(sc_graph *, const char *site, sc_dist q,
                      sc_dist prior); /* a draw, the mean, or what is stored */
    /* rows x 1, summed over the columns; mask: none, or 0/1 by column */
    sc_node (*kl)(sc_graph *, sc_dist q, sc_dist p, sc_node mask);
    sc_node (*log_prob)(sc_graph *, sc_dist d, sc_node x); /* rows x 1; x a latent */
    sc_node (*observe)(sc_graph *, const char *site, sc_dist d, sc_node x,
                       sc_node mask); /* rows x 1; x an input; mask: none, or 0/1 */
    void (*term)(sc_graph *, const sc_term *t, sc_node x); /* minimised; rows x 1 */
    void (*keep)(
        sc_graph *,
        sc_node x); /* evaluated in training though no loss depends on it: its statistics move */
    int (*side_network)(sc_graph *, double lr,
                        double eps); /* a new optimizer group; weights declared next belong to it,
                                        are not saved; end with part() */
    void (*schedule)(sc_graph *, sc_schedule);
    void (*output)(sc_graph *, const char *name, sc_output_kind, sc_node x, const char *doc);
    /* loadings: weight of the linear `linear_name`, folded with the batch norm after it (NULL:
     * none); n_latent columns */
    void (*loadings)(sc_graph *, const char *linear_name, const char *batch_norm_name,
                     int64_t n_latent);
} sc_services;

struct sc_graph {
    const sc_services *sv; /* what follows is the host's */
};

/* Defaults of training, as the model's authors set them. */
typedef struct sc_train_defaults {
    int64_t batch_size;
    double lr, eps, weight_decay;
    int64_t n_epochs_kl_warmup; /* 0: none */
    double n_steps_kl_warmup;   /* as a share of the cells; 0: none */
} sc_train_defaults;

/* How the learning rate falls and training ends, as the model's authors set it. */
typedef struct sc_train_course {
    bool early_stopping, reduce_lr_on_plateau;
    const char
        *lr_milestones; /* "20,40": epochs at whose start the rate is multiplied; NULL: none */
    double lr_gamma;
} sc_train_course;

/*
 * How an option stands in scvi-tools' constructor, where it isn't under its own name (with
 * underscores) as its own word: for reading and writing saved models.
 */
typedef enum sc_scvi_form {
    SC_SCVI_VALUE,
    SC_SCVI_CLASS,    /* a class of torch.nn: leaky-relu is LeakyReLU */
    SC_SCVI_FUNCTION, /* a function of torch; None is the first choice */
    SC_SCVI_SWITCH,   /* only read: false there is the last choice here */
    SC_SCVI_SINCE,    /* only read: false (a choice: its last) in models of versions before `path`,
                         if nothing is said */
    SC_SCVI_OURS, /* scvi-tools' models have no such argument: it is not written; `lacks` holds */
    SC_SCVI_N_LABELS, /* no option: the number of classes, written where there are any */
    SC_SCVI_IGNORED   /* no option: changes nothing in a saved model */
} sc_scvi_form;

typedef struct sc_scvi_arg {
    const char *option; /* "embedding-dim" */
    const char *path;   /* "batch_embedding_kwargs/embedding_dim"; NULL ends the table */
    sc_scvi_form form;
    bool is_named;     /* an argument of the model class itself, not of its keyword arguments */
    const char *lacks; /* a word of the option that scvi-tools can't do; NULL: it does all */
} sc_scvi_arg;
#define SC_SCVI_ARG(option, path)                                                                  \
    {                                                                                              \
        option, path, SC_SCVI_VALUE, true, NULL                                                    \
    }
#define SC_SCVI_KWARG(option, path, form)                                                          \
    {                                                                                              \
        option, path, form, false, NULL                                                            \
    }
#define SC_SCVI_ARGS_END                                                                           \
    {                                                                                              \
        NULL, NULL, SC_SCVI_VALUE, false, NULL                                                     \
    }

typedef struct sc_model {
    uint32_t size;
    void (*build)(sc_graph *g,
                  const void *opts); /* pure: same options and dimensions, same graph */
    sc_train_defaults train;
    const char *scvi_class;       /* "SCVI": whose saved models this reads; NULL: none */
    const sc_scvi_arg *scvi_args; /* NULL: all options have their own names */
    sc_train_course course;       /* zeroed: a constant rate, to the last epoch */
} sc_model;

#include "sc_model_calls.h"

#endif

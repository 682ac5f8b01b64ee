/*
 * Training: minibatches, Adam, KL warm-up, validation, history; as scvi-tools does it (spec:
 * training).
 *
 * A model's terms say which row streams there are: all cells, labelled, unlabelled. With the joint
 * schedule each step takes a minibatch of every stream; that of all cells (or the longest) makes
 * the epoch, the others begin again, in the same order, until it is over. With the other schedule
 * each step takes a minibatch of one stream, all of them in one random order. A stream without
 * cells leaves its terms out.
 *
 * The result depends on the data, the options and the instruction set; not on the number of
 * threads.
 */
#ifndef SC_TRAIN_H
#define SC_TRAIN_H

#include "sc_cells.h"
#include "sc_net.h"
#include "sc_optimizer.h"
#include "sc_schedule.h"

typedef struct sc_train_opts {
    int64_t max_epochs;           /* 0: min(400, round(400 * 20000 / cells)) */
    int64_t batch_size;           /* 0: the model's */
    double lr, eps, weight_decay; /* < 0: the model's */
    int64_t n_epochs_kl_warmup;   /* < 0: the model's */
    int64_t n_steps_kl_warmup;    /* 0: none, or the model's where it has no epochs */
    double min_kl_weight, max_kl_weight;
    double train_size,
        validation_size; /* shares of the cells; train_size < 0: 0.9, and a last minibatch of one or
                            two cells is avoided; validation_size < 0: the rest */
    int64_t check_val_every; /* epochs; 0: never */
    bool load_best; /* end with the weights of the validation with the least elbo_validation */
    const sc_strs *validation_cells; /* by name; NULL: drawn by the seed */
    uint64_t seed;
    bool eval_mode;       /* batch norm keeps its stored statistics, nothing drops */
    const sc_span *spans; /* runs of the weights that train, lent; NULL: all of them */
    int64_t n_spans;
    int64_t n_samples_per_label; /* labelled cells of a label in an epoch, drawn anew; 0: all */
    double gradient_clip_val;    /* largest norm of a gradient; 0: any */
    sc_schedule_opts schedule;
    const char *checkpoint; /* file that is written now and then, whole or not at all; NULL: none */
    int64_t checkpoint_every; /* epochs; 0: only when asked to stop */
    bool resume;              /* go on from the checkpoint, if it is there */
    bool (*stop)(void *ctx);  /* asked after each minibatch; true: write the checkpoint and leave */
    void *stop_ctx;
} sc_train_opts;

typedef struct sc_epoch_report {
    int64_t epoch, n_epochs; /* epoch from 1 */
    double elbo_train,
        elbo_validation; /* negative ELBO a cell; NaN where there was no validation */
    double seconds;      /* since training began */
} sc_epoch_report;

typedef void (*sc_epoch_fn)(void *ctx, const sc_epoch_report *r);

/*
 * net has its graph and fresh (or taken over) weights; they are changed, and net->history and
 * net->training filled. SC_EDIVERGED at the first loss or gradient that is not finite, naming the
 * epoch and the cells; net then keeps the weights of the last whole epoch. SC_EDATA: validation
 * cells that the data lack, or a split without training cells.
 */
sc_status sc_train(sc_net *net, const sc_cells *cells, const sc_train_opts *o, sc_pool *pool,
                   const sc_kernels *k, sc_epoch_fn report, void *ctx, sc_err *err) SC_MUST_CHECK;

/*
 * Training and validation rows; training first. *n_train + *n_val <= n. rows (n) is the caller's.
 * by_label: labelled and unlabelled cells are split apart, each by these shares exactly.
 */
sc_status sc_split(const sc_cells *cells, const sc_train_opts *o, int64_t batch_size, bool by_label,
                   int64_t *rows, int64_t *n_train, int64_t *n_val, sc_err *err) SC_MUST_CHECK;
int64_t sc_default_epochs(int64_t n_obs);

#endif

/* Between the files of training: sc_train.c and those of its parts. */
#ifndef SC_TRAIN_INT_H
#define SC_TRAIN_INT_H

#include "sc_optimizer.h"
#include "sc_train.h"

/* Cells of one row stream: which train and which validate, and the training ones in this epoch's
 * order. */
typedef struct sc_rows {
    bool is_used; /* a term of the model has such rows */
    int64_t *fit, n_fit, *val, n_val;
    int64_t *order, n_order; /* of the epoch; fewer than n_fit where labels are subsampled */
} sc_rows;

/* What one step takes from each stream: n rows of its order (or of val) from `at`, or none. round
 * counts how often the stream began anew in this epoch. */
typedef struct sc_draw_rows {
    int64_t at[SC_N_STREAMS], n[SC_N_STREAMS], round[SC_N_STREAMS];
} sc_draw_rows;

/* A step's rows, and what the executor is to see of them. */
typedef struct sc_batch {
    bool is_val;
    int64_t epoch, step;
    sc_draw_rows d;
    sc_plan *plan;
    bool by_gene[SC_N_STREAMS]; /* the plan wants the counts in the order of genes, too */
    sc_minibuf *buf[SC_N_STREAMS];
    const struct sc_trainer *t;
} sc_batch;

typedef struct sc_tally { /* sums over cells */
    double loss, rec, kl;
    double classification, accuracy, calibration; /* weighted by the cells of the step */
    int64_t n, n_loss, n_class; /* cells; weights of the means of loss and of the class figures */
} sc_tally;

/* Where the model's classifier meets labels: what the history says of it. */
typedef struct sc_class_term {
    int term;       /* index, -1: none */
    int32_t logits; /* node; rows x classes */
    bool is_probs;  /* they are probabilities */
} sc_class_term;

typedef struct sc_trainer {
    sc_net *net;
    const sc_cells *cells;
    sc_train_opts o; /* with the model's defaults filled in */
    sc_pool *pool;
    const sc_kernels *k;
    sc_exec_f32 *e;
    sc_plan fit[1 << SC_N_STREAMS]; /* by the streams that take part; made when first needed */
    sc_plan check[1 << SC_N_STREAMS];
    sc_optimizer *adam;
    sc_rows rows[SC_N_STREAMS];
    sc_batch batches[2]; /* that of the step, and the next, which waiting threads prepare */
    sc_batch *offered;   /* to them; NULL: none */
    int64_t *steps;      /* of an epoch whose minibatches are of either stream: their order */
    sc_class_term class_term;
    int64_t n_train, n_val; /* cells */
    int64_t n_steps;        /* of all optimizers so far, as scvi-tools counts them */
    double lr;
    float *best; /* weights of the best validation so far */
    double best_elbo;
    int64_t best_epoch;
    int64_t epoch, step; /* of the next minibatch */
    int64_t shuffled;    /* the rows are in the order of the epoch before this one; 0: in none */
    double last_kl_weight;
    sc_tally fit_sum; /* of this epoch so far */
    bool is_over;     /* stopped early */
    sc_schedule_state schedule;
} sc_trainer;

/* sc_train_rows.c: streams, and the steps of an epoch */
sc_status sc_rows_open(sc_trainer *t, sc_err *err) SC_MUST_CHECK;
void sc_rows_close(sc_trainer *t);
/* Brings the rows into the epoch's order, unless they are in it. */
void sc_rows_shuffle(sc_trainer *t, int64_t epoch);
int64_t sc_rows_steps(const sc_trainer *t, bool is_val);
void sc_rows_step(const sc_trainer *t, int64_t step, bool is_val, sc_draw_rows *d);

/* sc_train_batch.c: minibatches, the next one made while threads wait */
sc_status sc_batches_open(sc_trainer *t, sc_err *err) SC_MUST_CHECK;
void sc_batches_close(sc_trainer *t);
/* The minibatch of a step; until the next but one is taken, or of an error. */
sc_status sc_batch_take(sc_trainer *t, int64_t epoch, int64_t step, bool is_val, sc_batch **out,
                        sc_err *err) SC_MUST_CHECK;
/* Lets threads that wait make the minibatch behind that one, if training and not validation comes
 * next; behind an epoch's last the rows are then in the order of the next epoch. */
sc_status sc_batch_offer(sc_trainer *t, int64_t epoch, int64_t step, sc_err *err) SC_MUST_CHECK;

/* sc_train_step.c: one minibatch */
sc_status sc_train_one(sc_trainer *t, int64_t epoch, int64_t step, sc_tally *sum,
                       sc_err *err) SC_MUST_CHECK;
sc_status sc_validate_one(sc_trainer *t, int64_t epoch, int64_t step, double kl_weight,
                          sc_tally *sum, sc_err *err) SC_MUST_CHECK;
double sc_kl_weight(const sc_trainer *t, int64_t epoch);

/* sc_checkpoint.c */
sc_status sc_checkpoint_write(const sc_trainer *t, sc_err *err) SC_MUST_CHECK;
/* Without such a file training starts at the beginning. SC_EUSAGE naming what differs. */
sc_status sc_checkpoint_read(sc_trainer *t, sc_err *err) SC_MUST_CHECK;

/* sc_train.c */
bool sc_validates(const sc_trainer *t, int64_t epoch); /* after it */

/* sc_train_history.c */
sc_status sc_history_open(sc_trainer *t, sc_err *err) SC_MUST_CHECK;
void sc_history_add(sc_trainer *t, int64_t epoch, const sc_tally *fit, const sc_tally *val,
                    double kl_weight);

#endif

/*
 * The options of training, for every tool that trains: rows of its table, and what they come to.
 *
 *   SC_TRY(sc_train_cli_opts(&o->train, seed, &t, err));      early, as it refuses misuse
 *   ... what the tool adds to t ...
 *   SC_TRY(sc_train_cli_run(&o->train, &tool, &o->common, &t, net, cells, err));
 */
#ifndef SC_TRAIN_CLI_H
#define SC_TRAIN_CLI_H

#include "sc_cli.h"
#include "sc_train.h"

/* A member of the tool's options struct; SC_TRAIN_PARAMS are its rows, but for --weight-decay,
 * whose default is the tool's. */
typedef struct sc_train_cli {
    const char *isa, *log_json, *validation_cells, *checkpoint;
    const char *early_stopping_monitor, *lr_scheduler_metric, *lr_milestones;
    int64_t max_epochs, batch_size, n_epochs_kl_warmup, n_steps_kl_warmup, check_val_every;
    int64_t n_samples_per_label, early_stopping_patience, early_stopping_warmup_epochs;
    int64_t lr_patience, checkpoint_every, memory;
    int early_stopping_mode;
    bool load_best, early_stopping, reduce_lr_on_plateau, resume;
    double lr, eps, weight_decay, min_kl_weight, max_kl_weight, train_size, validation_size;
    double early_stopping_min_delta, lr_factor, lr_threshold, lr_min, lr_gamma, gradient_clip_val;
} sc_train_cli;

#define SC_TRAIN_PARAMS(T, f)                                                                      \
    SC_INT(T, f.max_epochs, "max-epochs", 0, 0, 1000000,                                           \
           "passes over the training cells; 0: 400, fewer above 20000 cells"),                     \
        SC_INT(T, f.batch_size, "batch-size", 0, 0, 1048576,                                       \
               "cells in a minibatch; 0: the model's"),                                            \
        SC_REAL(T, f.lr, "lr", -1, -1, 10, "learning rate; -1: the model's"),                      \
        SC_REAL(T, f.eps, "eps", -1, -1, 1, "epsilon of Adam; -1: the model's"),                   \
        SC_INT(T, f.n_epochs_kl_warmup, "n-epochs-kl-warmup", -1, -1, 1000000,                     \
               "epochs until the KL weight is full; -1: the model's, 0: none"),                    \
        SC_INT(T, f.n_steps_kl_warmup, "n-steps-kl-warmup", 0, 0, 1e12,                            \
               "the same in minibatches, where no epochs are given"),                              \
        SC_REAL(T, f.min_kl_weight, "min-kl-weight", 0, 0, 1000,                                   \
                "KL weight at the start of the warm-up"),                                          \
        SC_REAL(T, f.max_kl_weight, "max-kl-weight", 1, 0, 1000, "KL weight after the warm-up"),   \
        SC_REAL(T, f.train_size, "train-size", -1, -1, 1,                                          \
                "share of cells to train on; -1: 0.9 without tiny minibatches"),                   \
        SC_REAL(T, f.validation_size, "validation-size", -1, -1, 1,                                \
                "share of cells to validate on; -1: the rest"),                                    \
        SC_STRING(T, f.validation_cells, "validation-cells", "FILE",                               \
                  "names of the validation cells, one a line"),                                    \
        SC_INT(T, f.check_val_every, "check-val-every", 0, 0, 1000000,                             \
               "epochs from one validation to the next; 0: none"),                                 \
        SC_INT(T, f.n_samples_per_label, "n-samples-per-label", 0, 0, 1e12,                        \
               "labelled cells of a label in an epoch, drawn anew; 0: all"),                       \
        SC_BOOL(T, f.load_best, "load-best", 1,                                                    \
                "where epochs are validated, end with the weights that validated best, not with "  \
                "the last"),                                                                       \
        SC_BOOL(T, f.early_stopping, "early-stopping", 0,                                          \
                "stop when the monitored figure gets no better; default the model's"),             \
        SC_STRING(T, f.early_stopping_monitor, "early-stopping-monitor", "NAME",                   \
                  "column of the history; default elbo_validation"),                               \
        SC_CHOICE(T, f.early_stopping_mode, "early-stopping-mode", 0, "min|max",                   \
                  "whether less or more of it is better"),                                         \
        SC_INT(T, f.early_stopping_patience, "early-stopping-patience", 45, 1, 1000000,            \
               "validations without a better one before training stops"),                          \
        SC_INT(T, f.early_stopping_warmup_epochs, "early-stopping-warmup-epochs", 0, 0, 1000000,   \
               "epochs before the first check"),                                                   \
        SC_REAL(T, f.early_stopping_min_delta, "early-stopping-min-delta", 0, 0, 1e9,              \
                "a gain of no more than this is none"),                                            \
        SC_BOOL(T, f.reduce_lr_on_plateau, "reduce-lr-on-plateau", 0,                              \
                "lower the learning rate when a figure gets no better; default the model's"),      \
        SC_STRING(T, f.lr_scheduler_metric, "lr-scheduler-metric", "NAME",                         \
                  "column of the history; default elbo_validation"),                               \
        SC_REAL(T, f.lr_factor, "lr-factor", 0.6, 0, 1, "what the rate is then multiplied by"),    \
        SC_INT(T, f.lr_patience, "lr-patience", 30, 0, 1000000,                                    \
               "validations (with a figure of training: epochs) without a better value that the "  \
               "rate "                                                                             \
               "outlasts"),                                                                        \
        SC_REAL(T, f.lr_threshold, "lr-threshold", 0, 0, 1e9, "gain that counts as better"),       \
        SC_REAL(T, f.lr_min, "lr-min", 0, 0, 10, "rate below which it does not fall"),             \
        SC_STRING(                                                                                 \
            T, f.lr_milestones, "lr-milestones", "LIST",                                           \
            "epochs from 0, comma-separated, from which the rate is multiplied by --lr-gamma"),    \
        SC_REAL(T, f.lr_gamma, "lr-gamma", 0.1, 0, 1, "factor at each milestone"),                 \
        SC_REAL(T, f.gradient_clip_val, "gradient-clip-val", 0, 0, 1e9,                            \
                "largest norm of a gradient; 0: any"),                                             \
        SC_STRING(T, f.checkpoint, "checkpoint", "FILE",                                           \
                  "state of training, written now and then and on SIGTERM or SIGINT"),             \
        SC_INT(T, f.checkpoint_every, "checkpoint-every", 10, 1, 1000000,                          \
               "epochs from one checkpoint to the next"),                                          \
        SC_BOOL(T, f.resume, "resume", 0,                                                          \
                "go on from the checkpoint; from the start if there is none"),                     \
        SC_SIZE(T, f.memory, "memory", 0,                                                          \
                "memory for the counts, 2G; more are kept in $TMPDIR. 0: 3/4 of what there is"),   \
        SC_STRING(T, f.isa, "isa", "NAME",                                                         \
                  "instruction set: avx512, avx2, base; default the best there is"),               \
        SC_STRING(T, f.log_json, "log-json", "FILE", "a JSON line for each epoch")

/* SC_EUSAGE: an option that means nothing without another that was not given, or beside one that
 * was; milestones that are none. t lends from o. */
sc_status sc_train_cli_opts(const sc_train_cli *o, uint64_t seed, sc_train_opts *t,
                            sc_err *err) SC_MUST_CHECK;
/* Bytes that the counts may take in memory: --memory, or three quarters of what is available. */
int64_t sc_train_cli_memory(const sc_train_cli *o);
/* Trains, with the kernels, threads and validation cells asked for, and says how it goes. */
sc_status sc_train_cli_run(const sc_train_cli *o, const sc_tool *tool, const sc_common *common,
                           sc_train_opts *t, sc_net *net, const sc_cells *cells,
                           sc_err *err) SC_MUST_CHECK;

#endif

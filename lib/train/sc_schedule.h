/*
 * What the figures of an epoch change in training: early stopping, a learning rate that falls on a
 * plateau or at given epochs. Figures are named as the history's columns are.
 *
 * Source: scvi-tools' Trainer and TrainingPlan (Lightning's EarlyStopping, torch's
 * ReduceLROnPlateau and MultiStepLR).
 */
#ifndef SC_SCHEDULE_H
#define SC_SCHEDULE_H

#include "sc_err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SC_MILESTONES_MAX = 16 };

typedef struct sc_schedule_opts {
    bool early_stopping;
    const char *early_stopping_monitor;   /* NULL: elbo_validation */
    bool early_stopping_max;              /* larger is better */
    int64_t early_stopping_patience;      /* checks without a better value before training stops */
    int64_t early_stopping_warmup_epochs; /* the first epochs, in which nothing is checked */
    double early_stopping_min_delta;      /* a gain of no more than this is none */
    bool reduce_lr_on_plateau;
    const char *lr_scheduler_metric; /* NULL: elbo_validation */
    double lr_factor, lr_threshold, lr_min;
    int64_t lr_patience; /* measurements without a better value that the rate outlasts */
    int n_milestones;    /* epochs, from 0, at whose start the rate is multiplied by lr_gamma */
    int64_t milestones[SC_MILESTONES_MAX];
    double lr_gamma;
} sc_schedule_opts;

typedef struct sc_schedule_state {
    double stop_best, lr_best;
    int64_t stop_wait, lr_bad;
} sc_schedule_state;

/* As before the first epoch: nothing seen, nothing waited. */
void sc_schedule_start(sc_schedule_state *s, const sc_schedule_opts *o);
/* SC_EUSAGE naming the figures there are, if one that is watched is not in the history. */
sc_status sc_schedule_check(const sc_schedule_opts *o, const json_t *history,
                            sc_err *err) SC_MUST_CHECK;
/* Whether a figure (NULL: the usual one) is of validation cells. */
bool sc_schedule_is_validation(const char *name);
/* Before an epoch (from 0): its learning rate. */
double sc_schedule_before(const sc_schedule_opts *o, int64_t epoch, double lr);
/* After an epoch whose figures are the history's last row: the next epoch's learning rate, and
 * whether training stops. Figures that the epoch did not measure change nothing. */
bool sc_schedule_after(sc_schedule_state *s, const sc_schedule_opts *o, int64_t epoch,
                       const json_t *history, double *lr);

#endif

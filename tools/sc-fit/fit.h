/* Between the files of sc-fit. */
#ifndef SC_FIT_H
#define SC_FIT_H

#include "sc_cli.h"
#include "sc_train.h"

#include <stdio.h>

typedef struct fit_opts {
    sc_common common;
    const char *model, *isa, *log_json, *validation_cells, *library_prior;
    const char *layer, *batch_key, *labels_key, *unlabeled, *size_factor_key;
    const char *protein_key, *panel_key;
    sc_param_list cat_covariates, cont_covariates;
    int64_t max_epochs, batch_size, n_epochs_kl_warmup, n_steps_kl_warmup, check_val_every;
    int64_t n_samples_per_label;
    bool load_best, early_stopping, reduce_lr_on_plateau, resume;
    int early_stopping_mode;
    int64_t early_stopping_patience, early_stopping_warmup_epochs, lr_patience, checkpoint_every;
    const char *early_stopping_monitor, *lr_scheduler_metric, *lr_milestones, *checkpoint;
    double early_stopping_min_delta, lr_factor, lr_threshold, lr_min, lr_gamma, gradient_clip_val;
    double lr, eps, weight_decay, min_kl_weight, max_kl_weight, train_size, validation_size;
} fit_opts;

/* table.c: the options of training */
extern const sc_tool fit_tool;
/* --lr-milestones, as epochs; SC_EUSAGE naming what is no list of rising epochs. */
sc_status fit_milestones(const char *text, sc_schedule_opts *s, sc_err *err) SC_MUST_CHECK;

/* progress.c: what is said of each epoch, and signals */
typedef struct progress {
    const fit_opts *o;
    FILE *log;
    bool is_terminal;
    double last;
    int signals; /* a signalfd, or -1 */
} progress;
/* Signals that end a process are kept back, in all threads to come, so that a checkpoint can be
 * written. */
sc_status progress_open(progress *p, const fit_opts *o, sc_err *err) SC_MUST_CHECK;
sc_status progress_close(progress *p, sc_err *err) SC_MUST_CHECK;
void progress_report(void *ctx, const sc_epoch_report *r);
bool progress_stop(void *ctx);

#endif

/* The options of sc-fit that are not a model's. */
#include "fit.h"

#include <stdlib.h>

static const sc_param params[] = {
    {SC_PARAM_STRING, "model", offsetof(fit_opts, model), 0, 0, 0, "NAME",
     "variant: scvi, ldvae, ... or a path ./my.so", 'm'},
    SC_STRING(fit_opts, layer, "layer", "NAME",
              "matrix of counts; default X, or the only layer that is counts"),
    SC_STRING(fit_opts, batch_key, "batch-key", "COLUMN", "obs column of the batches"),
    SC_STRING(fit_opts, labels_key, "labels-key", "COLUMN", "obs column of the labels"),
    SC_STRING(fit_opts, unlabeled, "unlabeled", "NAME",
              "label of the cells that have none; default Unknown"),
    SC_LIST(fit_opts, cat_covariates, "cat-covariate", "COLUMN",
            "categorical covariate; repeatable"),
    SC_LIST(fit_opts, cont_covariates, "cont-covariate", "COLUMN",
            "continuous covariate; repeatable"),
    SC_STRING(fit_opts, size_factor_key, "size-factor-key", "COLUMN", "obs column of size factors"),
    SC_STRING(
        fit_opts, library_prior, "library-prior", "FILE",
        "prior of a latent library size: TSV with batch, log_mean, log_var; default the data's"),
    SC_STRING(fit_opts, protein_key, "protein-key", "NAME",
              "obsm of protein counts; default protein_expression"),
    SC_STRING(fit_opts, panel_key, "panel-key", "COLUMN",
              "obs column of the protein panels; default the batches"),
    SC_INT(fit_opts, max_epochs, "max-epochs", 0, 0, 1000000,
           "passes over the training cells; 0: 400, fewer above 20000 cells"),
    SC_INT(fit_opts, batch_size, "batch-size", 0, 0, 1048576,
           "cells in a minibatch; 0: the model's"),
    SC_REAL(fit_opts, lr, "lr", -1, -1, 10, "learning rate; -1: the model's"),
    SC_REAL(fit_opts, eps, "eps", -1, -1, 1, "epsilon of Adam; -1: the model's"),
    SC_REAL(fit_opts, weight_decay, "weight-decay", -1, -1, 1,
            "L2 penalty of Adam; -1: the model's"),
    SC_INT(fit_opts, n_epochs_kl_warmup, "n-epochs-kl-warmup", -1, -1, 1000000,
           "epochs until the KL weight is full; -1: the model's, 0: none"),
    SC_INT(fit_opts, n_steps_kl_warmup, "n-steps-kl-warmup", 0, 0, 1e12,
           "the same in minibatches, where no epochs are given"),
    SC_REAL(fit_opts, min_kl_weight, "min-kl-weight", 0, 0, 1000,
            "KL weight at the start of the warm-up"),
    SC_REAL(fit_opts, max_kl_weight, "max-kl-weight", 1, 0, 1000, "KL weight after the warm-up"),
    SC_REAL(fit_opts, train_size, "train-size", -1, -1, 1,
            "share of cells to train on; -1: 0.9 without tiny minibatches"),
    SC_REAL(fit_opts, validation_size, "validation-size", -1, -1, 1,
            "share of cells to validate on; -1: the rest"),
    SC_STRING(fit_opts, validation_cells, "validation-cells", "FILE",
              "names of the validation cells, one a line"),
    SC_INT(fit_opts, check_val_every, "check-val-every", 0, 0, 1000000,
           "epochs from one validation to the next; 0: none"),
    SC_INT(fit_opts, n_samples_per_label, "n-samples-per-label", 0, 0, 1e12,
           "labelled cells of a label in an epoch, drawn anew; 0: all"),
    SC_BOOL(
        fit_opts, load_best, "load-best", 1,
        "where epochs are validated, end with the weights that validated best, not with the last"),
    SC_BOOL(fit_opts, early_stopping, "early-stopping", 0,
            "stop when the monitored figure gets no better; default the model's"),
    SC_STRING(fit_opts, early_stopping_monitor, "early-stopping-monitor", "NAME",
              "column of the history; default elbo_validation"),
    SC_CHOICE(fit_opts, early_stopping_mode, "early-stopping-mode", 0, "min|max",
              "whether less or more of it is better"),
    SC_INT(fit_opts, early_stopping_patience, "early-stopping-patience", 45, 1, 1000000,
           "validations without a better one before training stops"),
    SC_INT(fit_opts, early_stopping_warmup_epochs, "early-stopping-warmup-epochs", 0, 0, 1000000,
           "epochs before the first check"),
    SC_REAL(fit_opts, early_stopping_min_delta, "early-stopping-min-delta", 0, 0, 1e9,
            "a gain of no more than this is none"),
    SC_BOOL(fit_opts, reduce_lr_on_plateau, "reduce-lr-on-plateau", 0,
            "lower the learning rate when a figure gets no better; default the model's"),
    SC_STRING(fit_opts, lr_scheduler_metric, "lr-scheduler-metric", "NAME",
              "column of the history; default elbo_validation"),
    SC_REAL(fit_opts, lr_factor, "lr-factor", 0.6, 0, 1, "what the rate is then multiplied by"),
    SC_INT(fit_opts, lr_patience, "lr-patience", 30, 0, 1000000,
           "epochs without a better value before the rate falls"),
    SC_REAL(fit_opts, lr_threshold, "lr-threshold", 0, 0, 1e9, "gain that counts as better"),
    SC_REAL(fit_opts, lr_min, "lr-min", 0, 0, 10, "rate below which it does not fall"),
    SC_STRING(fit_opts, lr_milestones, "lr-milestones", "LIST",
              "epochs from 0, comma-separated, from which the rate is multiplied by --lr-gamma"),
    SC_REAL(fit_opts, lr_gamma, "lr-gamma", 0.1, 0, 1, "factor at each milestone"),
    SC_REAL(fit_opts, gradient_clip_val, "gradient-clip-val", 0, 0, 1e9,
            "largest norm of a gradient; 0: any"),
    SC_STRING(fit_opts, checkpoint, "checkpoint", "FILE",
              "state of training, written now and then and on SIGTERM or SIGINT"),
    SC_INT(fit_opts, checkpoint_every, "checkpoint-every", 10, 1, 1000000,
           "epochs from one checkpoint to the next"),
    SC_BOOL(fit_opts, resume, "resume", 0,
            "go on from the checkpoint; from the start if there is none"),
    SC_STRING(fit_opts, isa, "isa", "NAME",
              "instruction set: avx512, avx2, base; default the best there is"),
    SC_STRING(fit_opts, log_json, "log-json", "FILE", "a JSON line for each epoch"),
    SC_PARAM_END};

const sc_tool fit_tool = {"sc-fit",
                          "train a variational model of counts",
                          "[IN]",
                          0,
                          1,
                          SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT | SC_TOOL_PG |
                              SC_TOOL_VERBOSE,
                          params,
                          sizeof(fit_opts),
                          "sc-fit -m scvi --batch-key tech -o model.scm counts.scz"};

sc_status fit_milestones(const char *text, sc_schedule_opts *s, sc_err *err)
{
    for (const char *p = text; p;) {
        char *end = NULL;
        const long long epoch = strtoll(p, &end, 10);
        const bool rises = !s->n_milestones || epoch > s->milestones[s->n_milestones - 1];
        if (end == p || (*end && *end != ',') || epoch < 1 || !rises ||
            s->n_milestones == SC_MILESTONES_MAX)
            return sc_fail(err, SC_EUSAGE,
                           "--lr-milestones: '%s' is no list of up to %d rising epochs", text,
                           SC_MILESTONES_MAX);
        s->milestones[s->n_milestones++] = epoch;
        p = *end ? end + 1 : NULL;
    }
    return SC_OK;
}

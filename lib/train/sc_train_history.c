/* The history of training, with scvi-tools' names. */
#include "sc_train_int.h"

#include <math.h>

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* The term of the classifier on labelled cells: it ends in the log-probability of their labels. */
static void find_class_term(sc_trainer *t)
{
    const sc_built *g = t->net->g;
    t->class_term.term = -1;
    for (int i = 0; i < g->n_terms; i++) {
        const sc_gnode *n = &g->nodes[g->terms[i].node];
        while (n->n_in == 1 && (n->op == SC_OP_MAP || n->op == SC_OP_AFFINE))
            n = &g->nodes[n->in[0]];
        if (g->terms[i].spec.role != SC_TERM_OTHER || g->terms[i].spec.group ||
            n->op != SC_OP_LOG_PROB || n->q.kind < SC_CATEGORICAL_LOGITS)
            continue;
        const sc_gnode *truth = &g->nodes[n->first];
        if (truth->op == SC_OP_INPUT && truth->input == SC_IN_LABELS)
            t->class_term = (sc_class_term){i, n->q.a.id, n->q.kind == SC_CATEGORICAL_PROBS};
    }
}

static const char *const figures[] = {"epoch",
                                      "train_loss",
                                      "elbo_train",
                                      "reconstruction_loss_train",
                                      "kl_local_train",
                                      "kl_global_train",
                                      "validation_loss",
                                      "elbo_validation",
                                      "reconstruction_loss_validation",
                                      "kl_local_validation",
                                      "kl_global_validation",
                                      "kl_weight",
                                      "lr"};
static const char *const class_figures[] = {"train_classification_loss",
                                            "train_accuracy",
                                            "train_f1_score",
                                            "train_calibration_error",
                                            "validation_classification_loss",
                                            "validation_accuracy",
                                            "validation_f1_score",
                                            "validation_calibration_error"};

sc_status sc_history_open(sc_trainer *t, sc_err *err)
{
    json_t *columns = json_array();
    find_class_term(t);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        json_array_append_new(columns, json_string(figures[i]));
    for (size_t i = 0; t->class_term.term >= 0 && i < sizeof class_figures / sizeof *class_figures;
         i++)
        json_array_append_new(columns, json_string(class_figures[i]));
    json_object_set_new(t->net->history, "columns", columns);
    return json_object_set_new(t->net->history, "rows", json_array())
               ? sc_fail(err, SC_ENOMEM, "out of memory")
               : SC_OK;
}

void sc_history_add(sc_trainer *t, int64_t epoch, const sc_tally *fit, const sc_tally *val,
                    double kl_weight)
{
    json_t *row = json_pack("[I]", (json_int_t)epoch);
    for (int i = 0; i < 2; i++) {
        const sc_tally *s = i ? val : fit;
        const double n = s->n ? (double)s->n : NAN;
        const double v[5] = {s->loss / (double)s->n_loss, (s->rec + s->kl) / n, s->rec / n,
                             s->kl / n, s->n ? 0 : NAN};
        for (int k = 0; k < 5; k++)
            json_array_append_new(row, number(v[k]));
    }
    json_array_append_new(row, number(kl_weight));
    json_array_append_new(row, number(t->lr));
    for (int i = 0; i < 2 && t->class_term.term >= 0; i++) {
        const sc_tally *s = i ? val : fit;
        const double n = s->n_class ? (double)s->n_class : NAN;
        /* micro averages: the F1 score is the accuracy */
        const double v[4] = {s->classification / n, s->accuracy / n, s->accuracy / n,
                             s->calibration / n};
        for (int k = 0; k < 4; k++)
            json_array_append_new(row, number(v[k]));
    }
    json_array_append_new(json_object_get(t->net->history, "rows"), row);
}

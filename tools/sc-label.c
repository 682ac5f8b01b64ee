/* Labels cells: by a model's classifier, from labelled cells, or seeds from marker genes. */
#include "sc-label/label.h"

static const sc_param params[] = {
    SC_STRING(label_opts, key, "key", "NAME",
              "obs column for the labels; default that of the model's labels and _pred (seeds: "
              "seed_label)"),
    SC_STRING(label_opts, unknown, "unknown", "NAME",
              "the label of cells that are given none; default Unknown"),
    SC_BOOL(label_opts, soft, "soft", 0, "add the probabilities of all classes as obsm NAME_probs"),
    SC_REAL(label_opts, min_prob, "min-prob", 0, 0, 1,
            "cells whose likeliest class is less likely have no label"),
    SC_STRING(label_opts, calibrate, "calibrate", "FILE",
              "labelled cells that took no part in training, by which probabilities are put right"),
    SC_STRING(label_opts, calibrate_cells, "calibrate-cells", "FILE",
              "names, one a line, of those of them to use; default all"),
    SC_STRING(label_opts, label_key, "label-key", "COLUMN",
              "obs column of their labels; default that of the model"),
    SC_REAL(label_opts, conformal, "conformal", 0, 0, 0.9999,
            "add the set of classes that holds the true one for this share of cells; needs "
            "--calibrate"),
    SC_STRING(label_opts, seed_labels, "seed-labels", "FILE",
              "no model: label the cells that show a class's marker genes best"),
    SC_INT(label_opts, n_seeds, "n-seeds", 50, 1, 1000000000, "cells of each class to label so"),
    SC_STRING(label_opts, reference, "reference", "FILE",
              "no model: labels of these cells, as --label-key has them, carried over"),
    SC_CHOICE(label_opts, method, "method", LABEL_KNN, "knn|forest|network",
              "with --reference, by weighted neighbors, a random forest or a neural network"),
    {SC_PARAM_INT, "n-neighbors", offsetof(label_opts, n_neighbors), 50, 1, 10000, "N",
     "reference cells to ask", 'k'},
    SC_INT(label_opts, n_trees, "n-trees", 100, 1, 100000, "trees of the forest"),
    SC_STRING(label_opts, use_rep, "use-rep", "NAME",
              "with --reference, the name in obsm, or X; default the only one there is"),
    SC_BOOL(label_opts, any_space, "any-space", 0,
            "with --reference, compare embeddings even if they are of two models"),
    SC_OVER_PARAMS(label_opts, over),
    SC_PARAM_END};

const sc_tool label_tool = {
    .name = "sc-label",
    .brief = "label cells by a model, by labelled cells or by marker genes",
    .operands = "[MODEL] [IN]",
    .max_operands = 2,
    .flags = SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT | SC_TOOL_PG,
    .params = params,
    .opts_size = sizeof(label_opts),
    .example = "sc-label --soft scanvi.scm query.scz > labelled.scz",
    .screen = "key unknown soft min-prob calibrate conformal seed-labels n-seeds "
              "reference label-key method n-neighbors use-rep layer batch-key isa",
};

static sc_status run(void *opts, sc_err *err)
{
    label_opts *o = opts;
    if (!o->unknown)
        o->unknown = "Unknown";
    const char *alone = o->use_rep             ? "--use-rep"
                        : o->method            ? "--method"
                        : o->n_neighbors != 50 ? "--n-neighbors"
                        : o->n_trees != 100    ? "--n-trees"
                        : o->any_space         ? "--any-space"
                                               : NULL;
    SC_TRY(sc_cli_check_key("key", o->key, err));
    if (o->reference && o->seed_labels)
        return sc_fail(err, SC_EUSAGE, "--reference and --seed-labels exclude each other");
    if (o->reference)
        return label_by_reference(o, err);
    if (alone)
        return sc_fail(err, SC_EUSAGE, "%s is for --reference", alone);
    if (o->seed_labels)
        return label_seeds(o, err);
    if (o->common.n_operands == 0)
        return sc_fail(err, SC_EUSAGE,
                       "which model? or --reference or --seed-labels FILE for labels without one");
    return label_by_classifier(o, err);
}

int main(int argc, char **argv)
{
    label_opts o;
    return sc_cli_main(&label_tool, &o, argc, argv, run);
}

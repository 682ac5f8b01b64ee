/* Labels by the classifier of a model. */
#include "label.h"

#include <stdlib.h>
#include <string.h>

typedef struct classifier {
    const label_opts *o;
    sc_over s;
    int32_t node;
    sc_strs classes;
    sc_label_rules rules;
    char key[200];
} classifier;

static sc_status find_classes(classifier *c, sc_err *err)
{
    const sc_net *net = &c->s.net;
    const sc_category *labels = &net->cats[SC_IN_LABELS - SC_IN_BATCH];
    const int out = sc_graph_output(net->g, "class_probs");
    if (out < 0)
        return sc_fail(err, SC_EUSAGE, "model '%s' has no classifier; 'scanvi' has one",
                       net->handle.plugin->name);
    c->node = net->g->outputs[out].node;
    const int64_t k = net->g->nodes[c->node].n_cols;
    if (labels->levels.n < k)
        return sc_fail(err, SC_EFORMAT, "%s: the model has %lld classes and %lld names of them",
                       c->o->common.operands[0], (long long)k, (long long)labels->levels.n);
    for (int64_t i = 0; i < k; i++) {
        const char *name = sc_strs_at(&labels->levels, i);
        SC_TRY(sc_strs_push(&c->classes, name, strlen(name), err));
        if (strcmp(name, c->o->unknown) == 0)
            return sc_fail(err, SC_EUSAGE, "'%s' is a class of the model; --unknown takes another",
                           name);
    }
    (void)snprintf(c->key, sizeof c->key, "%s_pred", labels->key ? labels->key : "label");
    return SC_OK;
}

static sc_status label_block(void *ctx, sc_block *b, sc_err *err)
{
    classifier *c = ctx;
    const int64_t n = sc_block_n_rows(b), k = c->classes.n;
    float *probs = NULL;
    const char **reasons = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&probs, (size_t)(n * k), sizeof *probs, err), out);
    SC_GOTO(st, sc_alloc(&reasons, (size_t)n, sizeof *reasons, err), out);
    for (int64_t at = 0; at < n; at += SC_INFER_ROWS) {
        const int64_t rows = n - at < SC_INFER_ROWS ? n - at : SC_INFER_ROWS;
        SC_GOTO(st, sc_infer_run(c->s.x, at, rows, SC_DRAW_MEAN, 0, 0, err), out);
        memcpy(probs + at * k, sc_infer_value(c->s.x, c->node), (size_t)(rows * k) * sizeof *probs);
    }
    for (int64_t i = 0; i < n; i++)
        reasons[i] = sc_infer_n_counts(c->s.x, i) == 0 ? SC_LABEL_NO_COUNTS : NULL;
    SC_GOTO(st, sc_label_block(&c->rules, &c->classes, probs, reasons, b, err), out);
    st = sc_writer_put(c->s.out, b, err);
out:
    free(probs);
    free(reasons);
    return st;
}

static sc_status check_options(const label_opts *o, sc_err *err)
{
    if (o->n_seeds != 50)
        return sc_fail(err, SC_EUSAGE, "--n-seeds is for --seed-labels");
    if (!o->calibrate && (o->conformal > 0 || o->calibrate_cells || o->label_key))
        return sc_fail(err, SC_EUSAGE, "%s needs labelled cells: --calibrate FILE",
                       o->conformal > 0     ? "--conformal"
                       : o->calibrate_cells ? "--calibrate-cells"
                                            : "--label-key");
    return SC_OK;
}

sc_status label_by_classifier(const label_opts *o, sc_err *err)
{
    classifier c = {.o = o};
    sc_header h = {0};
    sc_status st;
    SC_TRY(check_options(o, err));
    SC_GOTO(st, sc_over_open(&c.s, &label_tool, &o->common, &o->over, true, err), out);
    SC_GOTO(st, find_classes(&c, err), out);
    c.rules = (sc_label_rules){.key = o->key ? o->key : c.key,
                               .unknown = o->unknown,
                               .is_soft = o->soft,
                               .min_prob = o->min_prob,
                               .temperature = 1,
                               .has_sets = o->conformal > 0};
    if (o->calibrate) {
        st = label_calibrate(o, &c.s, c.node, &c.classes, &c.rules, err);
        if (st != SC_OK)
            goto close; /* what is wrong is in another file */
    }
    SC_GOTO(st, sc_over_match(&c.s, &c.node, 1, err), out);
    SC_GOTO(st, sc_header_copy(&h, sc_reader_header(c.s.in), err), out);
    SC_GOTO(st, sc_label_header(&c.rules, &c.classes, &h, err), out);
    SC_GOTO(st, sc_over_begin(&c.s, &h, err), out);
    SC_GOTO(st, sc_over_each(&c.s, label_block, &c, err), out);
    st = sc_over_commit(&c.s, err);
out:
    sc_over_blame(&c.s, st, err);
close:
    sc_header_free(&h);
    sc_strs_free(&c.classes);
    sc_over_close(&c.s);
    return st;
}

/* What moves when a query is trained, and what stays. */
#include "sc_surgery_int.h"

#include <stdlib.h>
#include <string.h>

typedef struct freezer {
    const sc_net *net, *ref;
    const sc_surgery_opts *o;
    sc_span *spans;
    int64_t n, cap;
} freezer;

/* What of a weight moves. */
typedef enum moves { NOTHING, GROWN, CATEGORIES, EVERYTHING } moves;

static sc_status add(freezer *f, int weight, int64_t from, int64_t n, bool decays_only, sc_err *err)
{
    const sc_gweight *w = &f->net->g->weights[weight];
    sc_span *last = f->n ? &f->spans[f->n - 1] : NULL;
    if (last && last->weight == weight && last->decays_only == decays_only &&
        last->from + last->n == w->offset + from) {
        last->n += n;
        return SC_OK;
    }
    if (f->n == f->cap) {
        f->cap = 2 * f->cap + 64;
        SC_TRY(sc_resize(&f->spans, (size_t)f->cap, sizeof *f->spans, err));
    }
    f->spans[f->n++] = (sc_span){weight, w->offset + from, n, decays_only};
    return SC_OK;
}

/* Whether the node is made of this input, or of a latent (input < 0), without a linear between. */
static bool is_made_of(const sc_built *g, int32_t id, int input)
{
    const sc_gnode *n = &g->nodes[id];
    if (n->op == SC_OP_INPUT)
        return n->input == input;
    if (n->op == SC_OP_LATENT)
        return input < 0;
    for (int k = 0; n->op != SC_OP_LINEAR && k < n->n_in; k++)
        if (is_made_of(g, n->in[k], input))
            return true;
    return false;
}

static bool is_behind_linear(const sc_built *g, int32_t id)
{
    const sc_gnode *n = &g->nodes[id];
    if (n->op == SC_OP_LINEAR)
        return true;
    for (int k = 0; n->op != SC_OP_LATENT && k < n->n_in; k++)
        if (is_behind_linear(g, n->in[k]))
            return true;
    return false;
}

/* A layer that the expression, or the latent space alone, goes into. */
static bool is_first(const sc_built *g, const sc_gnode *linear, bool decoder)
{
    bool found = false;
    for (int k = 0; k < linear->n_in; k++) {
        if (decoder && is_behind_linear(g, linear->in[k]))
            return false;
        found = found || (decoder ? is_made_of(g, linear->in[k], -1)
                                  : is_made_of(g, linear->in[k], SC_IN_COUNTS) ||
                                        is_made_of(g, linear->in[k], SC_IN_PROTEINS));
    }
    return found;
}

static bool has(const freezer *f, unsigned what)
{
    return (f->o->unfreeze & what) != 0;
}

/* The first layer of encoder or decoder, if that is unfrozen; scvi-tools finds them by name. */
static bool is_freed_layer(const freezer *f, const sc_gnode *linear)
{
    const sc_gweight *w = &f->net->g->weights[linear->weight];
    const bool decoder = w->part == SC_PART_DECODER;
    if (!w->covariates_train ||
        !has(f, decoder ? SC_UNFREEZE_DECODER_FIRST_LAYER : SC_UNFREEZE_EXPRESSION) ||
        !is_first(f->net->g, linear, decoder))
        return false;
    return decoder ? !f->o->is_compat || strstr(w->name, "px_decoder") != NULL
                   : w->part == SC_PART_ENCODER || w->part == SC_PART_LIBRARY;
}

static const sc_gnode *linear_of(const sc_built *g, int weight)
{
    for (int i = 1; i < g->n_nodes; i++)
        if (g->nodes[i].op == SC_OP_LINEAR &&
            (g->nodes[i].weight == weight || g->nodes[i].bias == weight))
            return &g->nodes[i];
    return NULL;
}

static bool is_norm(const sc_gweight *w)
{
    return w->kind == SC_W_BN_WEIGHT || w->kind == SC_W_BN_BIAS;
}

/* scvi-tools freezes the norms of a block by what its name contains. */
static bool norm_is_free(const freezer *f, const sc_gweight *w)
{
    const bool compat_names = f->o->is_compat && w->part == SC_PART_LABELS;
    const bool encoder = compat_names ? strstr(w->name, "encoder") != NULL
                                      : w->part == SC_PART_ENCODER || w->part == SC_PART_LIBRARY;
    const bool decoder =
        compat_names ? strstr(w->name, "decoder") != NULL : w->part == SC_PART_DECODER;
    return (encoder && has(f, SC_UNFREEZE_BATCHNORM_ENCODER)) ||
           (decoder && (has(f, SC_UNFREEZE_BATCHNORM_DECODER) || f->o->is_compat));
}

static moves by_part(const freezer *f, int weight, const sc_gweight *w)
{
    if ((w->part == SC_PART_LIBRARY &&
         !(f->o->is_compat && strncmp(w->name, "l_encoder", 9) != 0)) ||
        (w->part == SC_PART_CLASSIFIER && has(f, SC_UNFREEZE_CLASSIFIER)))
        return EVERYTHING;
    if (is_norm(w)) /* the classifier's moves in scvi-tools by an accident of its name */
        return norm_is_free(f, w) || (f->o->is_compat && w->part == SC_PART_CLASSIFIER) ? EVERYTHING
                                                                                        : NOTHING;
    const sc_gnode *linear = linear_of(f->net->g, weight);
    if (linear && is_freed_layer(f, linear))
        return EVERYTHING;
    if (!f->o->is_compat)
        return has(f, SC_UNFREEZE_KNOWN_CATEGORIES) ? CATEGORIES : GROWN;
    if (w->init == SC_INIT_PROTEIN_PRIOR_MEAN || w->init == SC_INIT_PROTEIN_PRIOR_LOG_SCALE)
        return w->kind == SC_W_PLAIN ? EVERYTHING : NOTHING;
    return w->kind == SC_W_LINEAR && w->covariates_train && w->part != SC_PART_LABELS ? CATEGORIES
                                                                                      : NOTHING;
}

static moves of_weight(const freezer *f, int weight)
{
    const sc_gweight *w = &f->net->g->weights[weight];
    if (!w->is_trained)
        return NOTHING;
    return w->group || !w->is_saved || has(f, SC_UNFREEZE_ALL) ? EVERYTHING : by_part(f, weight, w);
}

/* In scvi-tools a masked gradient is 0, but decays. */
static bool decays(const freezer *f, int weight)
{
    const sc_gweight *w = &f->net->g->weights[weight];
    const sc_gnode *linear = linear_of(f->net->g, weight);
    return f->o->is_compat && linear && f->net->g->weights[linear->weight].covariates_train &&
           w->part != SC_PART_LABELS;
}

static sc_status some(freezer *f, int weight, moves m, const int64_t *rows, const int64_t *cols,
                      sc_err *err)
{
    const sc_gweight *w = &f->net->g->weights[weight];
    const bool rest_decays = decays(f, weight), is_linear = w->kind == SC_W_LINEAR;
    const int64_t n_outer = is_linear ? w->cols : w->rows, n_inner = is_linear ? w->rows : w->cols;
    int64_t *input = NULL, at = 0; /* category of a column, -1 */
    SC_TRY(sc_alloc(&input, (size_t)w->cols, sizeof *input, err));
    for (int64_t c = 0; c < w->cols; c++)
        input[c] = -1;
    for (int s = 0; s < w->n_segments; at += w->segments[s++].n)
        for (int64_t c = 0; c < w->segments[s].n; c++)
            input[at + c] = w->segments[s].input;
    sc_status st = SC_OK;
    for (int64_t i = 0; i < n_outer * n_inner && st == SC_OK; i++) {
        const int64_t r = is_linear ? i % n_inner : i / n_inner,
                      c = is_linear ? i / n_inner : i % n_inner;
        const bool is_category = (input[c] >= 0 && input[c] != SC_IN_LABELS) || w->row_input >= 0;
        const bool is_grown = rows[r] == SC_FROM_FRESH || cols[c] == SC_FROM_FRESH;
        if (m == CATEGORIES ? is_category : m == GROWN && is_grown)
            st = add(f, weight, i, 1, false, err);
        else if (rest_decays)
            st = add(f, weight, i, 1, true, err);
    }
    free(input);
    return st;
}

/* reached: weights that some term of the model moves at all. */
static sc_status each_weight(freezer *f, const bool *reached, sc_err *err)
{
    for (int i = 0; i < f->net->g->n_weights; i++) {
        const sc_gweight *w = &f->net->g->weights[i], *old = sc_surgery_old(f->ref, w);
        const moves m = reached[i] ? of_weight(f, i) : NOTHING;
        int64_t *rows, *cols;
        if (m == EVERYTHING) {
            SC_TRY(add(f, i, 0, w->rows * w->cols, false, err));
            continue;
        }
        if (!reached[i] || !old || (m == NOTHING && !decays(f, i)))
            continue;
        SC_TRY(sc_surgery_map(w, old, f->o->is_compat, &rows, &cols, err));
        const sc_status st = some(f, i, m, rows, cols, err);
        free(rows);
        free(cols);
        SC_TRY(st);
    }
    return SC_OK;
}

static sc_status find_reached(const sc_built *g, bool *reached, sc_err *err)
{
    sc_plan p;
    SC_TRY(sc_plan_make(&p, g, (1U << SC_N_STREAMS) - 1, SC_PLAN_TERMS | SC_PLAN_BACKWARD, NULL, 0,
                        err));
    for (int k = 0; k < g->n_groups; k++)
        for (int w = 0; w < g->n_weights; w++)
            reached[w] = reached[w] || p.moves[k][w];
    sc_plan_free(&p);
    return SC_OK;
}

sc_status sc_surgery_spans(const sc_net *net, const sc_net *ref, const sc_surgery_opts *o,
                           sc_span **spans, int64_t *n, sc_err *err)
{
    freezer f = {.net = net, .ref = ref, .o = o};
    bool *reached = NULL;
    sc_status st;
    *spans = NULL;
    *n = 0;
    SC_GOTO(st, sc_alloc(&reached, (size_t)net->g->n_weights, sizeof *reached, err), out);
    SC_GOTO(st, find_reached(net->g, reached, err), out);
    SC_GOTO(st, each_weight(&f, reached, err), out);
    *spans = f.spans;
    *n = f.n;
    f.spans = NULL;
out:
    free(reached);
    free(f.spans);
    return st;
}

/* The weights of the linear that the node's value comes from, or NULL. */
static const sc_gweight *source(const sc_built *g, const sc_gnode *n)
{
    while (n->op != SC_OP_LINEAR && n->n_in > 0)
        n = &g->nodes[n->in[0]];
    return n->op == SC_OP_LINEAR ? &g->weights[n->weight] : NULL;
}

static bool meets(const sc_span *spans, int64_t n, int64_t from, int64_t to, bool decays_too)
{
    for (int64_t i = 0; i < n; i++)
        if ((decays_too || !spans[i].decays_only) && spans[i].from < to &&
            spans[i].from + spans[i].n > from)
            return true;
    return false;
}

/* Whether open spans hold all of [from, to); they rise. */
static bool covers(const sc_span *spans, int64_t n, int64_t from, int64_t to)
{
    for (int64_t i = 0; i < n; i++)
        if (!spans[i].decays_only && spans[i].from <= from && from < spans[i].from + spans[i].n)
            from = spans[i].from + spans[i].n;
    return from >= to;
}

static void skip_gradients(sc_net *net, const sc_span *spans, int64_t n)
{
    for (int i = 0; i < net->g->n_weights; i++) {
        sc_gweight *w = &net->g->weights[i];
        int64_t at = w->offset;
        if (w->kind == SC_W_BIAS)
            w->frozen = !meets(spans, n, at, at + w->cols, false);
        if (w->kind == SC_W_LINEAR && !covers(spans, n, at, at + w->rows * w->cols))
            w->frozen |= UINT64_C(1) << 63; /* not whole */
        for (int s = 0; w->kind == SC_W_LINEAR && s < w->n_segments; s++) {
            const int64_t size = w->segments[s].n * w->rows;
            w->frozen |= (uint64_t)!meets(spans, n, at, at + size, false) << s;
            at += size;
        }
    }
}

static bool is_open(const sc_net *net, int weight, const sc_span *spans, int64_t n)
{
    const sc_gweight *w = weight >= 0 ? &net->g->weights[weight] : NULL;
    return w && meets(spans, n, w->offset, w->offset + w->rows * w->cols, true);
}

/* Backward ends at nodes behind which nothing moves. */
static void skip_nodes(const sc_net *net, const sc_span *spans, int64_t n)
{
    for (int i = 1; i < net->g->n_nodes; i++) {
        sc_gnode *at = &net->g->nodes[i];
        bool open = false;
        for (int k = 0; k < at->n_in; k++)
            open = open || net->g->nodes[at->in[k]].needs_grad;
        if (at->op == SC_OP_WEIGHT || at->op == SC_OP_LINEAR || at->op == SC_OP_BATCH_NORM)
            open = open || is_open(net, at->weight, spans, n);
        if (at->op == SC_OP_LINEAR)
            open = open || is_open(net, at->bias, spans, n);
        if (at->op == SC_OP_BATCH_NORM)
            open = open || is_open(net, at->weight + 1, spans, n);
        at->needs_grad = at->needs_grad && open;
    }
}

void sc_surgery_quiet(sc_net *net, const sc_surgery_opts *o, const sc_span *spans, int64_t n_spans)
{
    skip_gradients(net, spans, n_spans);
    skip_nodes(net, spans, n_spans);
    const unsigned all = o->unfreeze & SC_UNFREEZE_ALL;
    for (int i = 1; i < net->g->n_nodes && !all; i++) {
        sc_gnode *n = &net->g->nodes[i];
        const sc_gweight *w = n->op == SC_OP_BATCH_NORM ? &net->g->weights[n->weight]
                              : n->op == SC_OP_DROPOUT  ? source(net->g, n)
                                                        : NULL;
        if (!w || w->group)
            continue;
        const bool classifier =
            w->part == SC_PART_CLASSIFIER && (o->is_compat || o->unfreeze & SC_UNFREEZE_CLASSIFIER);
        const bool decoder =
            o->is_compat ? strstr(w->name, "decoder") != NULL : w->part == SC_PART_DECODER;
        const bool norm_is_free =
            classifier || (!decoder && o->unfreeze & SC_UNFREEZE_BATCHNORM_ENCODER) ||
            (decoder && (o->is_compat || o->unfreeze & SC_UNFREEZE_BATCHNORM_DECODER));
        if (n->op == SC_OP_BATCH_NORM && !norm_is_free)
            n->arg2 = 0;
        if (n->op == SC_OP_DROPOUT && o->freeze_dropout && w->part != SC_PART_LIBRARY &&
            !(w->part == SC_PART_CLASSIFIER && o->unfreeze & SC_UNFREEZE_CLASSIFIER))
            n->arg = 0;
    }
}

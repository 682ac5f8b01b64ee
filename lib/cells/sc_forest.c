/* A random forest: fully grown trees on bootstrap samples, Gini impurity. */
#include "sc_philox.h"
#include "sc_transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct node {
    int32_t feature; /* -1: a leaf */
    float threshold; /* left: value <= threshold */
    int32_t left, right;
    int32_t class;  /* of a leaf of one class, else -1 */
    int64_t shares; /* of other leaves: where in tree.shares */
} node;

typedef struct tree {
    node *nodes;
    float *shares; /* n_classes for each leaf of several classes */
    int64_t n_nodes, n_room, n_shares;
    sc_status st;
} tree;

typedef struct value {
    float v;
    int32_t class;
} value;

/* What growing a tree needs; rows are a permutation of the bootstrap sample. */
typedef struct grower {
    const sc_labelled *ref;
    tree *t;
    int64_t *rows, *features, *held;
    value *sorted;
    double *left, *all; /* counts of the classes */
    sc_rng rng;
} grower;

typedef struct split {
    int64_t feature;
    float threshold;
    double impurity;
} split;

typedef struct range {
    int64_t from, to;
    int32_t node;
} range;

static int by_value(const void *x, const void *y)
{
    const value *a = x, *b = y;
    return a->v != b->v ? (a->v > b->v) - (a->v < b->v)
                        : (a->class > b->class) - (a->class < b->class);
}

static sc_status add_node(tree *t, int32_t *at)
{
    if (t->n_nodes == t->n_room) {
        const int64_t room = t->n_room ? 2 * t->n_room : 256;
        SC_TRY(sc_resize(&t->nodes, (size_t)room, sizeof *t->nodes, NULL));
        t->n_room = room;
    }
    *at = (int32_t)t->n_nodes;
    t->nodes[t->n_nodes++] = (node){.feature = -1, .class = -1};
    return SC_OK;
}

/* The best place to cut a feature, by sum of squares of the classes' counts: the larger, the purer
 * both sides. */
static void try_feature(grower *g, const range *r, int64_t f, split *best)
{
    const int64_t n = r->to - r->from, n_classes = g->ref->n_classes, d = g->ref->x.n_cols;
    double left_square = 0, right_square = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = g->rows[r->from + i];
        g->sorted[i] = (value){g->ref->x.values[row * d + f], g->ref->class[row]};
    }
    qsort(g->sorted, (size_t)n, sizeof *g->sorted, by_value);
    memset(g->left, 0, (size_t)n_classes * sizeof *g->left);
    for (int64_t c = 0; c < n_classes; c++)
        right_square += g->all[c] * g->all[c];
    for (int64_t i = 0; i + 1 < n; i++) {
        const int32_t c = g->sorted[i].class;
        const double right = g->all[c] - g->left[c];
        left_square += 2 * g->left[c] + 1;
        right_square -= 2 * right - 1;
        g->left[c]++;
        const float a = g->sorted[i].v, b = g->sorted[i + 1].v;
        if (a == b)
            continue;
        const double impurity =
            -(left_square / (double)(i + 1) + right_square / (double)(n - i - 1));
        if (impurity < best->impurity) {
            const float middle = a + (b - a) / 2;
            *best = (split){f, middle < b ? middle : a, impurity};
        }
    }
}

/* Tries sqrt(d) features at random, and more as long as none of them can be cut. */
static split find_split(grower *g, const range *r)
{
    split best = {-1, 0, INFINITY};
    const int64_t d = g->ref->x.n_cols;
    const int64_t wanted = (int64_t)fmax(1, floor(sqrt((double)d)));
    for (int64_t k = 0; k < d && (k < wanted || best.feature < 0); k++) {
        const int64_t j = k + (int64_t)sc_rng_below(&g->rng, (uint64_t)(d - k));
        const int64_t f = g->features[j];
        g->features[j] = g->features[k];
        g->features[k] = f;
        try_feature(g, r, f, &best);
    }
    return best;
}

static sc_status make_leaf(grower *g, const range *r)
{
    const int64_t n_classes = g->ref->n_classes, n = r->to - r->from;
    tree *t = g->t;
    for (int64_t c = 0; c < n_classes; c++)
        if (g->all[c] == (double)n) {
            t->nodes[r->node].class = (int32_t)c;
            return SC_OK;
        }
    SC_TRY(sc_resize(&t->shares, (size_t)(t->n_shares + n_classes), sizeof *t->shares, NULL));
    for (int64_t c = 0; c < n_classes; c++)
        t->shares[t->n_shares + c] = (float)(g->all[c] / (double)n);
    t->nodes[r->node].shares = t->n_shares;
    t->n_shares += n_classes;
    return SC_OK;
}

/* Puts the rows that go left in front, in their order; returns where the others begin. */
static int64_t part(grower *g, const range *r, const split *s)
{
    const int64_t d = g->ref->x.n_cols;
    int64_t at = r->from, n_held = 0;
    for (int64_t i = r->from; i < r->to; i++) {
        const int64_t row = g->rows[i];
        if (g->ref->x.values[row * d + s->feature] <= s->threshold)
            g->rows[at++] = row;
        else
            g->held[n_held++] = row;
    }
    memcpy(g->rows + at, g->held, (size_t)n_held * sizeof *g->held);
    return at;
}

static sc_status grow_node(grower *g, const range *r, range *children, int *n_children)
{
    const int64_t n_classes = g->ref->n_classes;
    bool is_pure = true;
    *n_children = 0;
    memset(g->all, 0, (size_t)n_classes * sizeof *g->all);
    for (int64_t i = r->from; i < r->to; i++) {
        g->all[g->ref->class[g->rows[i]]]++;
        is_pure = is_pure && g->ref->class[g->rows[i]] == g->ref->class[g->rows[r->from]];
    }
    const split s = is_pure ? (split){.feature = -1} : find_split(g, r);
    if (s.feature < 0)
        return make_leaf(g, r);
    int32_t left, right;
    SC_TRY(add_node(g->t, &left));
    SC_TRY(add_node(g->t, &right));
    node *at = &g->t->nodes[r->node];
    at->feature = (int32_t)s.feature;
    at->threshold = s.threshold;
    at->left = left;
    at->right = right;
    const int64_t middle = part(g, r, &s);
    children[0] = (range){r->from, middle, left};
    children[1] = (range){middle, r->to, right};
    *n_children = 2;
    return SC_OK;
}

static sc_status grow_all(grower *g)
{
    const int64_t n = g->ref->x.n_rows;
    range *todo = NULL, children[2];
    int64_t n_todo = 1;
    int32_t root;
    int n_children;
    SC_TRY(add_node(g->t, &root));
    SC_TRY(sc_alloc(&todo, (size_t)n + 2, sizeof *todo, NULL));
    todo[0] = (range){0, n, root};
    sc_status st = SC_OK;
    while (n_todo > 0 && st == SC_OK) {
        const range r = todo[--n_todo];
        st = grow_node(g, &r, children, &n_children);
        for (int k = 0; k < n_children; k++)
            todo[n_todo++] = children[k];
    }
    free(todo);
    return st;
}

typedef struct forest {
    const sc_labelled *ref;
    const sc_dense *query;
    uint64_t seed;
    int n_trees;
    tree *trees;
    float *probs;
} forest;

static sc_status grow(const forest *f, int64_t number)
{
    const size_t n = (size_t)f->ref->x.n_rows, d = (size_t)f->ref->x.n_cols,
                 n_classes = (size_t)f->ref->n_classes;
    grower g = {.ref = f->ref, .t = &f->trees[number]};
    sc_status st;
    g.rng = sc_rng_new((sc_key){f->seed, (uint32_t)number, 0, UINT32_C(0xF0)});
    SC_GOTO(st, sc_alloc(&g.rows, n, sizeof *g.rows, NULL), out);
    SC_GOTO(st, sc_alloc(&g.held, n, sizeof *g.held, NULL), out);
    SC_GOTO(st, sc_alloc(&g.features, d, sizeof *g.features, NULL), out);
    SC_GOTO(st, sc_alloc(&g.sorted, n, sizeof *g.sorted, NULL), out);
    SC_GOTO(st, sc_alloc(&g.left, n_classes, sizeof *g.left, NULL), out);
    SC_GOTO(st, sc_alloc(&g.all, n_classes, sizeof *g.all, NULL), out);
    for (size_t i = 0; i < n; i++)
        g.rows[i] = (int64_t)sc_rng_below(&g.rng, n);
    for (size_t j = 0; j < d; j++)
        g.features[j] = (int64_t)j;
    st = grow_all(&g);
out:
    free(g.rows);
    free(g.held);
    free(g.features);
    free(g.sorted);
    free(g.left);
    free(g.all);
    return st;
}

static void grow_tree(void *ctx, int64_t number, int tid)
{
    (void)tid;
    const forest *f = ctx;
    f->trees[number].st = grow(f, number);
}

/* The mean of the trees' shares. */
static void ask_row(void *ctx, int64_t i, int tid)
{
    (void)tid;
    const forest *f = ctx;
    const int64_t n_classes = f->ref->n_classes;
    const float *x = f->query->values + i * f->query->n_cols;
    float *to = f->probs + i * n_classes;
    memset(to, 0, (size_t)n_classes * sizeof *to);
    for (int k = 0; k < f->n_trees; k++) {
        const tree *t = &f->trees[k];
        const node *at = t->nodes;
        while (at->feature >= 0)
            at = t->nodes + (x[at->feature] <= at->threshold ? at->left : at->right);
        for (int64_t c = 0; c < n_classes && at->class < 0; c++)
            to[c] += t->shares[at->shares + c];
        if (at->class >= 0)
            to[at->class]++;
    }
    for (int64_t c = 0; c < n_classes; c++)
        to[c] /= (float)f->n_trees;
}

sc_status sc_transfer_forest(float *probs, const sc_labelled *ref, const sc_dense *query,
                             int n_trees, uint64_t seed, sc_pool *pool, sc_err *err)
{
    forest f = {ref, query, seed, n_trees, NULL, probs};
    SC_TRY(sc_alloc(&f.trees, (size_t)n_trees, sizeof *f.trees, err));
    sc_pool_for(pool, n_trees, grow_tree, &f);
    sc_status st = SC_OK;
    for (int k = 0; k < n_trees && st == SC_OK; k++)
        st = f.trees[k].st;
    if (st == SC_OK)
        sc_pool_for(pool, query->n_rows, ask_row, &f);
    else
        st = sc_fail(err, SC_ENOMEM, "out of memory for %d trees", n_trees);
    for (int k = 0; k < n_trees; k++) {
        free(f.trees[k].nodes);
        free(f.trees[k].shares);
    }
    free(f.trees);
    return st;
}

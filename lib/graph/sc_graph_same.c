/* Whether two graphs are the same model. */
#include "sc_graph.h"

#include <string.h>

static bool same_dist(const sc_dist *a, const sc_dist *b)
{
    return a->kind == b->kind && a->a.id == b->a.id && a->b.id == b->b.id && a->c.id == b->c.id &&
           a->d.id == b->d.id && a->eps == b->eps && a->eps_total == b->eps_total;
}

static bool same_node(const sc_gnode *a, const sc_gnode *b)
{
    if (a->n_in != b->n_in || memcmp(a->in, b->in, (size_t)a->n_in * sizeof *a->in) != 0)
        return false;
    return a->op == b->op && a->form == b->form && a->stream == b->stream && a->reps == b->reps &&
           a->n_cols == b->n_cols && a->n_rows == b->n_rows && a->weight == b->weight &&
           a->bias == b->bias && a->input == b->input && a->side == b->side && a->map == b->map &&
           a->first == b->first && a->arg == b->arg && a->arg2 == b->arg2 && a->site == b->site &&
           same_dist(&a->q, &b->q) && same_dist(&a->p, &b->p);
}

static bool same_weight(const sc_gweight *a, const sc_gweight *b)
{
    return strcmp(a->name, b->name) == 0 && a->kind == b->kind && a->part == b->part &&
           a->group == b->group && a->rows == b->rows && a->cols == b->cols && a->init == b->init &&
           a->arg == b->arg && a->is_trained == b->is_trained && a->is_saved == b->is_saved;
}

static bool same_term(const sc_gterm *a, const sc_gterm *b)
{
    const sc_term *s = &a->spec, *t = &b->spec;
    return strcmp(a->name, b->name) == 0 && a->node == b->node && s->role == t->role &&
           s->weight == t->weight && s->factor == t->factor && s->is_sum == t->is_sum &&
           s->group == t->group;
}

static bool same_groups(const sc_built *a, const sc_built *b)
{
    if (a->n_groups != b->n_groups || a->schedule != b->schedule)
        return false;
    for (int i = 0; i < a->n_groups; i++)
        if (a->group_lr[i] != b->group_lr[i] || a->group_eps[i] != b->group_eps[i])
            return false;
    return true;
}

bool sc_graph_same(const sc_built *a, const sc_built *b)
{
    if (a->n_nodes != b->n_nodes || a->n_weights != b->n_weights || a->n_terms != b->n_terms ||
        a->n_outputs != b->n_outputs || a->n_keeps != b->n_keeps || !same_groups(a, b))
        return false;
    for (int i = 1; i < a->n_nodes; i++)
        if (!same_node(&a->nodes[i], &b->nodes[i]))
            return false;
    for (int i = 0; i < a->n_weights; i++)
        if (!same_weight(&a->weights[i], &b->weights[i]))
            return false;
    for (int i = 0; i < a->n_terms; i++)
        if (!same_term(&a->terms[i], &b->terms[i]))
            return false;
    for (int i = 0; i < a->n_outputs; i++)
        if (a->outputs[i].node != b->outputs[i].node ||
            strcmp(a->outputs[i].name, b->outputs[i].name) != 0)
            return false;
    return memcmp(a->keeps, b->keeps, (size_t)a->n_keeps * sizeof *a->keeps) == 0;
}

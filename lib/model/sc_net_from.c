#include "sc_net_from.h"

#include "sc_cli.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *v, char *buf, size_t len)
{
    if (json_is_boolean(v))
        return json_is_true(v) ? "true" : "false";
    if (json_is_number(v)) {
        (void)snprintf(buf, len, "%.17g", json_number_value(v));
        return buf;
    }
    return json_string_value(v);
}

/* One option: what it is, what it would be if nobody had said anything, and what `from` has. */
static sc_status take_option(sc_net *net, const char *name, const json_t *now, const json_t *def,
                             const json_t *theirs, sc_err *err)
{
    char a[64], b[64];
    const char *value = text_of(theirs, a, sizeof a), *own = text_of(now, b, sizeof b);
    if (!value || json_equal(now, theirs) || json_is_string(now) != json_is_string(theirs))
        return SC_OK; /* the same word for other things is no conflict */
    if (!json_equal(now, def))
        return sc_fail(err, SC_EUSAGE,
                       "--%s is %s in the model that training starts from, and can't be %s", name,
                       value, own ? own : "that");
    return sc_params_set(net->handle.plugin->params, net->opts, name, value, err);
}

sc_status sc_net_options_of(sc_net *net, const sc_net *from, sc_err *err)
{
    sc_net fresh = {0};
    const char *name;
    json_t *v;
    SC_TRY(sc_net_new(&fresh, net->handle.plugin->name, NULL, err));
    json_t *now = sc_net_options(net), *def = sc_net_options(&fresh),
           *theirs = sc_net_options(from);
    sc_status st = now && def && theirs ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
    json_object_foreach(theirs, name, v)
    {
        const json_t *mine = json_object_get(now, name);
        if (st == SC_OK && mine)
            st = take_option(net, name, mine, json_object_get(def, name), v, err);
    }
    json_decref(now);
    json_decref(def);
    json_decref(theirs);
    sc_net_free(&fresh);
    return st;
}

sc_status sc_net_check_known(const sc_net *from, const sc_cells *c, sc_err *err)
{
    for (int s = 0; s < SC_IN_MAX; s++) {
        const sc_category *old = &from->cats[s], *now = &c->cats[s];
        if (!old->key || !now->key || now->levels.n <= old->levels.n)
            continue;
        return sc_fail(err, SC_EDATA,
                       "the model that training starts from does not know '%s' of obs column '%s'; "
                       "sc-surgery maps cells of new batches",
                       sc_strs_at(&now->levels, old->levels.n), now->key);
    }
    return SC_OK;
}

sc_status sc_net_weights_of(sc_net *net, const sc_net *from, int *n_taken, sc_err *err)
{
    *n_taken = 0;
    for (int i = 0; i < net->g->n_weights; i++) {
        const sc_gweight *w = &net->g->weights[i];
        const int at = sc_graph_weight(from->g, w->name);
        const sc_gweight *theirs = at >= 0 ? &from->g->weights[at] : NULL;
        if (!theirs)
            continue;
        if (theirs->kind != w->kind || theirs->rows != w->rows || theirs->cols != w->cols)
            return sc_fail(err, SC_EUSAGE,
                           "weight '%s' is %lld x %lld in the model that training starts from, and "
                           "%lld x %lld in '%s'",
                           w->name, (long long)theirs->rows, (long long)theirs->cols,
                           (long long)w->rows, (long long)w->cols, net->handle.plugin->name);
        memcpy(net->weights + w->offset, from->weights + theirs->offset,
               (size_t)(w->rows * w->cols) * sizeof(float));
        (*n_taken)++;
    }
    return *n_taken ? SC_OK
                    : sc_fail(err, SC_EUSAGE, "a model '%s' has no weights in common with a '%s'",
                              net->handle.plugin->name, from->handle.plugin->name);
}

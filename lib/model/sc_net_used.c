/* Options that mean nothing in a model are mistakes of the user's. */
#include "sc_cli.h"
#include "sc_net.h"

#include <stdlib.h>
#include <string.h>

static size_t field_size(const sc_param *p)
{
    switch (p->type) {
    case SC_PARAM_BOOL:
        return sizeof(bool);
    case SC_PARAM_CHOICE:
        return sizeof(int);
    case SC_PARAM_INT:
    case SC_PARAM_SIZE:
        return sizeof(int64_t);
    case SC_PARAM_REAL:
        return sizeof(double);
    default:
        return 0; /* no default to go back to */
    }
}

/* Whether the graph is another one with these options, or there is none. */
static bool differs(const sc_net *net, const char *opts)
{
    sc_built *g = NULL;
    sc_err ignored = {0};
    if (sc_graph_build(&g, net->model, opts, &net->dims, &ignored) != SC_OK)
        return true;
    const bool is_same = sc_graph_same(g, net->g);
    sc_graph_free(g);
    return !is_same;
}

/* Puts the k-th value to try into the field; false: no more. A default may stand for what was
 * given (-1: as the other networks), so it is not the only one. */
static bool try_value(const sc_param *p, char *field, const char *by_default, int k)
{
    const char *more = p->choices;
    int64_t n;
    double x;
    if (k == 0) {
        memcpy(field, by_default, field_size(p));
        return true;
    }
    switch (p->type) {
    case SC_PARAM_CHOICE:
        for (int c = 0; c < k && more; c++)
            more = (more = strchr(more, '|')) ? more + 1 : NULL;
        memcpy(field, &k, sizeof k);
        return more != NULL;
    case SC_PARAM_INT:
        memcpy(&n, field, sizeof n);
        n += (double)n + 1 <= p->max ? 1 : -1;
        memcpy(field, &n, sizeof n);
        return k == 1;
    case SC_PARAM_REAL:
        memcpy(&x, field, sizeof x);
        x = 0.5 * (x + (x - p->min < p->max - x ? p->max : p->min));
        memcpy(field, &x, sizeof x);
        return k == 1;
    default:
        return false;
    }
}

/* An option is used if the graph is another one at its default, or at any other value. */
static sc_status check_option(const sc_net *net, const sc_param *p, const char *defaults,
                              char *opts, sc_err *err)
{
    const char *given = (const char *)net->opts + p->offset, *by_default = defaults + p->offset;
    const size_t n = field_size(p);
    if (n == 0 || memcmp(given, by_default, n) == 0)
        return SC_OK;
    memcpy(opts, net->opts, net->handle.plugin->opts_size);
    for (int k = 0; try_value(p, opts + p->offset, by_default, k); k++) {
        if (differs(net, opts))
            return SC_OK;
        memcpy(opts + p->offset, given, n);
    }
    return sc_fail(err, SC_EUSAGE, "option '--%s' changes nothing in this model with these data",
                   p->name);
}

static bool takes(const sc_net *net, int input)
{
    for (int i = 1; i < net->g->n_nodes; i++)
        if (net->g->nodes[i].op == SC_OP_INPUT && net->g->nodes[i].input == input)
            return true;
    return false;
}

static sc_status check_inputs(const sc_net *net, sc_err *err)
{
    const sc_dims *d = &net->dims;
    const char *name = net->handle.plugin->name, *what = NULL;
    if (net->cats[0].key && !takes(net, SC_IN_BATCH) && !takes(net, SC_IN_PANEL))
        what = "batches";
    for (int i = 0; i < d->n_cat_covs; i++)
        if (!takes(net, SC_IN_CAT_COV_0 + i))
            what = "categorical covariates";
    if (d->n_cont_covs && !takes(net, SC_IN_CONT_COVS))
        what = "continuous covariates";
    if (d->has_size_factor && !takes(net, SC_IN_SIZE_FACTOR))
        what = "size factors";
    return what ? sc_fail(err, SC_EUSAGE, "model '%s' takes no %s", name, what) : SC_OK;
}

sc_status sc_net_check_used(const sc_net *net, sc_err *err)
{
    const sc_plugin *plugin = net->handle.plugin;
    char *defaults = NULL, *opts = NULL;
    sc_status st;
    SC_TRY(check_inputs(net, err));
    SC_GOTO(st, sc_alloc(&defaults, 1, plugin->opts_size + 1, err), out);
    SC_GOTO(st, sc_alloc(&opts, 1, plugin->opts_size + 1, err), out);
    sc_params_default(plugin->params, defaults);
    for (const sc_param *p = plugin->params; p && p->name && st == SC_OK; p++)
        st = check_option(net, p, defaults, opts, err);
out:
    free(defaults);
    free(opts);
    return st;
}

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

/* The graph with one option at its default against the net's. */
static sc_status check_option(const sc_net *net, const sc_param *p, const char *defaults,
                              char *opts, sc_err *err)
{
    const size_t n = field_size(p);
    sc_built *g = NULL;
    sc_err ignored = {0};
    memcpy(opts, net->opts, net->handle.plugin->opts_size);
    if (memcmp(opts + p->offset, defaults + p->offset, n) == 0)
        return SC_OK;
    memcpy(opts + p->offset, defaults + p->offset, n);
    if (sc_graph_build(&g, net->model, opts, &net->dims, &ignored) != SC_OK)
        return SC_OK; /* it matters: without it there is no model */
    const bool is_same = sc_graph_same(g, net->g);
    sc_graph_free(g);
    return is_same ? sc_fail(err, SC_EUSAGE,
                             "option '--%s' changes nothing in this model with these data", p->name)
                   : SC_OK;
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

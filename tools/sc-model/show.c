/* sc-model show: a model in words, as a table of two columns. */
#include "model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put_option(FILE *to, const sc_param *p, const void *opts)
{
    const char *at = (const char *)opts + p->offset;
    size_t len = 0;
    fprintf(to, "option\t%s\t", p->name);
    switch (p->type) {
    case SC_PARAM_BOOL:
        fputs(*(const bool *)at ? "true" : "false", to);
        break;
    case SC_PARAM_INT:
    case SC_PARAM_SIZE:
        fprintf(to, "%" PRId64, *(const int64_t *)(const void *)at);
        break;
    case SC_PARAM_REAL:
        fprintf(to, "%.9g", *(const double *)(const void *)at);
        break;
    case SC_PARAM_CHOICE: {
        const char *word = sc_param_choice_at(p, *(const int *)(const void *)at, &len);
        fprintf(to, "%.*s", (int)len, word);
        break;
    }
    default:
        break;
    }
    fputc('\n', to);
}

static void put_category(FILE *to, const char *what, const sc_category *c)
{
    if (!c->key)
        return;
    fprintf(to, "data\t%s\t%s:", what, c->key);
    for (int64_t i = 0; i < c->levels.n; i++)
        fprintf(to, "%s %s", i ? "," : "", sc_strs_at(&c->levels, i));
    fputc('\n', to);
}

/* How many proteins there are, and how many a panel did not measure. */
static void put_proteins(FILE *to, const sc_net *net)
{
    const sc_category *panel = &net->cats[SC_IN_PANEL - SC_IN_BATCH];
    const int64_t n = net->dims.n_proteins;
    if (!net->protein_key)
        return;
    if (!panel->key)
        panel = &net->cats[0];
    fprintf(to, "data\tproteins\t%s: %" PRId64 "\n", net->protein_key, n);
    for (int64_t b = 0; net->protein_missing && b < net->dims.n_panels; b++) {
        int64_t n_missing = 0;
        for (int64_t p = 0; p < n; p++)
            n_missing += net->protein_missing[b * n + p];
        if (n_missing)
            fprintf(to, "data\tproteins not measured\t%s: %" PRId64 "\n",
                    panel->key ? sc_strs_at(&panel->levels, b) : "all cells", n_missing);
    }
}

static void put_data(FILE *to, const sc_net *net)
{
    fprintf(to, "data\tgenes\t%" PRId64 "\n", net->dims.n_vars);
    if (net->layer)
        fprintf(to, "data\tlayer\t%s\n", net->layer);
    put_category(to, "batch", &net->cats[0]);
    put_category(to, "panel", &net->cats[SC_IN_PANEL - SC_IN_BATCH]);
    put_proteins(to, net);
    put_category(to, "labels", &net->cats[SC_IN_LABELS - SC_IN_BATCH]);
    for (int64_t i = 0; i < net->dims.n_cat_covs; i++)
        put_category(to, "categorical covariate",
                     &net->cats[SC_IN_CAT_COV_0 - SC_IN_BATCH + (int)i]);
    for (int64_t i = 0; i < net->cont_covs.n; i++)
        fprintf(to, "data\tcontinuous covariate\t%s\n", sc_strs_at(&net->cont_covs, i));
    if (net->size_factor)
        fprintf(to, "data\tsize factor\t%s\n", net->size_factor);
}

static void put_training(FILE *to, const sc_net *net)
{
    const char *key;
    json_t *v;
    json_object_foreach(net->training, key, v)
    {
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        fprintf(to, "training\t%s\t%s\n", key,
                json_is_string(v) ? json_string_value(v)
                : text            ? text
                                  : "");
        free(text);
    }
}

static int64_t n_trained(const sc_built *g)
{
    int64_t n = 0;
    for (int i = 0; i < g->n_weights; i++)
        n += g->weights[i].is_trained ? g->weights[i].rows * g->weights[i].cols : 0;
    return n;
}

sc_status model_show(const model_opts *o, const char *const *operands, FILE *to, sc_err *err)
{
    sc_net net;
    (void)o;
    SC_TRY(sc_net_read(&net, operands[0], err));
    const sc_plugin *p = net.handle.plugin;
    const sc_built *g = net.g;
    fputs("what\tname\tvalue\n", to);
    fprintf(to, "model\tvariant\t%s\n", p->name);
    fprintf(to, "model\tabout\t%s\n", p->brief ? p->brief : "");
    fprintf(to, "model\tsource\t%s\n", p->source ? p->source : "");
    fprintf(to, "model\tscvi-tools\t%s\n", net.model->scvi_class ? net.model->scvi_class : "none");
    fprintf(to, "model\tparameters\t%" PRId64 "\n", n_trained(g));
    fprintf(to, "model\tloadings\t%s\n", g->loadings_linear ? "yes" : "no");
    put_data(to, &net);
    for (const sc_param *q = p->params; q && q->name; q++)
        put_option(to, q, net.opts);
    for (int i = 0; i < g->n_sites; i++)
        fprintf(to, "latent\t%s\t%" PRId64 "\n", g->sites[i].name,
                g->nodes[g->sites[i].node].n_cols);
    for (int i = 0; i < g->n_outputs; i++)
        fprintf(to, "output\t%s\t%s\n", g->outputs[i].name, g->outputs[i].doc);
    for (int i = 0; i < g->n_terms; i++)
        fprintf(to, "term\t%s\t%s\n", g->terms[i].name,
                g->terms[i].spec.weight == SC_WEIGHT_ONE  ? "weight 1"
                : g->terms[i].spec.weight == SC_WEIGHT_KL ? "weight of KL"
                                                          : "1 less the weight of KL");
    put_training(to, &net);
    sc_net_free(&net);
    return SC_OK;
}

/*
 * Blocks that scVI's family shares, written in the services of sc_model.h; names are those of
 * scvi-tools' state dicts.
 */
#ifndef SC_LAYERS_H
#define SC_LAYERS_H

#include "sc_model.h"

#include <stdio.h>

enum { SC_NAME_MAX = 160, SC_PARTS_MAX = 40 };

typedef struct sc_fc {
    int64_t n_layers, n_hidden, n_out;
    double dropout;
    bool use_batch_norm, use_layer_norm, use_activation, bias, inject_covariates;
    sc_map activation;
} sc_fc;

/*
 * FCLayers: n_layers of Linear, BatchNorm, LayerNorm, activation, Dropout. The first layer's input
 * is parts followed by the one-hot columns of cats; later ones get cats too if inject_covariates.
 */
static inline sc_node sc_fc_layers(sc_graph *g, const char *name, const sc_node *parts, int n_parts,
                                   const sc_node *cats, int n_cats, const sc_fc *o)
{
    sc_node in[SC_PARTS_MAX], h = SC_NONE;
    int n = 0;
    for (; n < n_parts && n < SC_PARTS_MAX; n++)
        in[n] = parts[n];
    for (int64_t layer = 0; layer < o->n_layers; layer++) {
        char at[SC_NAME_MAX];
        if (layer) {
            in[0] = h;
            n = 1;
        }
        for (int c = 0; (layer == 0 || o->inject_covariates) && c < n_cats && n < SC_PARTS_MAX; c++)
            in[n++] = cats[c];
        (void)snprintf(at, sizeof at, "%s.fc_layers.Layer %d.0", name, (int)layer);
        h = sc_linear(g, at, in, n, layer == o->n_layers - 1 ? o->n_out : o->n_hidden,
                      (o->bias ? SC_BIAS : 0U) | SC_COVARIATES_TRAIN);
        if (o->use_batch_norm) {
            (void)snprintf(at, sizeof at, "%s.fc_layers.Layer %d.1", name, (int)layer);
            h = sc_batch_norm(g, at, h, 1e-3, 0.01);
        }
        if (o->use_layer_norm)
            h = sc_layer_norm(g, h, 1e-5);
        if (o->use_activation)
            h = g->sv->map(g, o->activation, h, 0);
        h = sc_dropout(g, h, o->dropout);
    }
    return h;
}

static inline sc_node sc_head(sc_graph *g, const char *prefix, const char *suffix, sc_node h,
                              int64_t n_out)
{
    char at[SC_NAME_MAX];
    (void)snprintf(at, sizeof at, "%s%s", prefix, suffix);
    return sc_linear(g, at, &h, 1, n_out, SC_BIAS);
}

/* Encoder: q = N(mean, variance = activation + 1e-4). */
static inline sc_dist sc_encoder(sc_graph *g, const char *name, const sc_node *parts, int n_parts,
                                 const sc_node *cats, int n_cats, const sc_fc *o, int64_t n_latent,
                                 sc_map var_activation)
{
    char at[SC_NAME_MAX];
    (void)snprintf(at, sizeof at, "%s.encoder", name);
    const sc_node h = sc_fc_layers(g, at, parts, n_parts, cats, n_cats, o);
    const sc_node mean = sc_head(g, name, ".mean_encoder", h, n_latent);
    const sc_node var = sc_apply(g, var_activation, sc_head(g, name, ".var_encoder", h, n_latent));
    return sc_normal(mean, sc_affine(g, var, 1, 1e-4));
}

#endif

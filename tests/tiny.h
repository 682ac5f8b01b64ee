/*
 * For tests of the executors: a few made-up cells with every kind of input, the same in each run,
 * and a model plugin with its graph over them.
 */
#ifndef TESTS_TINY_H
#define TESTS_TINY_H

#include "sc_cli.h"
#include "sc_made_cells.h"
#include "sc_net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TINY_ROWS = SC_MADE_ROWS,
    TINY_VARS = SC_MADE_VARS,
    TINY_PROTEINS = SC_MADE_PROTEINS,
    TINY_CONT = SC_MADE_CONT,
    TINY_CODES = SC_MADE_CODES
};

typedef sc_made_cells tiny;

static inline double tiny_uniform(uint64_t *state)
{
    return sc_made_uniform(state);
}

static inline sc_dims tiny_dims(void)
{
    sc_dims d = {.n_vars = TINY_VARS,
                 .n_batch = 3,
                 .n_labels = 3,
                 .n_cat_covs = TINY_CODES - 3,
                 .n_cont_covs = TINY_CONT,
                 .n_proteins = TINY_PROTEINS,
                 .n_panels = 3};
    for (int i = 3; i < TINY_CODES; i++)
        d.n_cats[i - 3] = sc_made_levels[i];
    return d;
}

static inline void tiny_fill(tiny *t)
{
    sc_made_fill(t, TINY_VARS, false);
}

/* All rows. */
static inline sc_mini tiny_mini(const tiny *t)
{
    return sc_made_mini(t, 0, TINY_ROWS);
}

/* A model of the plugin with "name=value" options, comma-separated, and fresh weights. */
static inline void tiny_net(sc_net *net, const char *variant, const char *options,
                            const sc_dims *dims)
{
    sc_err err = {0};
    char text[1024];
    if (sc_net_new(net, variant, NULL, &err) != SC_OK)
        fail_msg("%s", err.msg);
    (void)snprintf(text, sizeof text, "%s", options);
    for (char *save = NULL, *o = strtok_r(text, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
        char *value = strchr(o, '=');
        *value++ = 0;
        if (sc_params_set(net->handle.plugin->params, net->opts, o, value, &err) != SC_OK)
            fail_msg("%s", err.msg);
    }
    net->dims = *dims;
    if (sc_net_build(net, &err) != SC_OK)
        fail_msg("%s: %s", options, err.msg);
    sc_net_init(net, 5);
    for (int i = 0; i < net->g->n_weights; i++) /* which the data would fill */
        if (net->g->weights[i].init >= SC_INIT_LIBRARY_LOG_MEANS)
            for (int64_t k = 0; k < net->g->weights[i].rows * net->g->weights[i].cols; k++)
                net->weights[net->g->weights[i].offset + k] = 1 + 0.1F * (float)k;
}

#endif

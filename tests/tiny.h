/*
 * For tests of the executors: a few made-up cells with every kind of input, the same in each run,
 * and a model plugin with its graph over them.
 */
#ifndef TESTS_TINY_H
#define TESTS_TINY_H

#include "sc_cli.h"
#include "sc_net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TINY_ROWS = 37, TINY_VARS = 70, TINY_PROTEINS = 5, TINY_CONT = 2, TINY_CODES = 6 };

typedef struct tiny {
    uint64_t keys[TINY_ROWS];
    int64_t indptr[TINY_ROWS + 1];
    int32_t indices[TINY_ROWS * TINY_VARS];
    float values[TINY_ROWS * TINY_VARS], lgamma_x1[TINY_ROWS * TINY_VARS];
    float proteins[TINY_ROWS * TINY_PROTEINS], cont[TINY_ROWS * TINY_CONT], size_factor[TINY_ROWS];
    int32_t codes[TINY_CODES][TINY_ROWS];
} tiny;

/* 3 batches, 3 panels, 3 labels, categorical covariates of 2, 3 and 1 levels */
static const int32_t tiny_levels[TINY_CODES] = {3, 3, 3, 2, 3, 1};

static inline double tiny_uniform(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) / 9007199254740992.0;
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
        d.n_cats[i - 3] = tiny_levels[i];
    return d;
}

static inline void tiny_fill(tiny *t)
{
    uint64_t s = 12;
    int64_t k = 0;
    memset(t, 0, sizeof *t);
    for (int64_t i = 0; i < TINY_ROWS; i++) {
        t->keys[i] = (uint64_t)(1000 + i);
        for (int32_t j = 0; j < TINY_VARS; j++) {
            const double u = tiny_uniform(&s);
            if (u < 0.6 && j != 7) /* gene 7 is never seen */
                continue;
            t->indices[k] = j;
            t->values[k] = j == 7 ? 1 : (float)ceil((u - 0.6) * 30);
            t->lgamma_x1[k] = (float)lgamma((double)t->values[k] + 1);
            k += j != 7;
        }
        t->indptr[i + 1] = k;
        for (int j = 0; j < TINY_PROTEINS; j++)
            t->proteins[i * TINY_PROTEINS + j] = (float)floor(tiny_uniform(&s) * 20);
        for (int j = 0; j < TINY_CONT; j++)
            t->cont[i * TINY_CONT + j] = (float)(tiny_uniform(&s) - 0.5);
        t->size_factor[i] = (float)(0.5 + 10 * tiny_uniform(&s));
        for (int c = 0; c < TINY_CODES; c++)
            t->codes[c][i] = (int32_t)(tiny_uniform(&s) * tiny_levels[c]);
    }
}

/* All rows; decoder's categories are the encoder's. */
static inline sc_mini tiny_mini(const tiny *t)
{
    sc_mini m = {.n = TINY_ROWS,
                 .keys = t->keys,
                 .indptr = t->indptr,
                 .indices = t->indices,
                 .values = t->values,
                 .lgamma_x1 = t->lgamma_x1,
                 .proteins = t->proteins,
                 .cont_covs = t->cont,
                 .size_factor = t->size_factor};
    for (int c = 0; c < TINY_CODES; c++)
        m.codes[c][0] = m.codes[c][1] = t->codes[c];
    return m;
}

/* Row `to` of one copy becomes row order[to] of the other. */
static inline void tiny_reorder(tiny *to, const tiny *from, const int *order, int n)
{
    int64_t k = 0;
    memset(to, 0, sizeof *to);
    for (int i = 0; i < n; i++) {
        const int r = order[i];
        to->keys[i] = from->keys[r];
        for (int64_t at = from->indptr[r]; at < from->indptr[r + 1]; at++, k++) {
            to->indices[k] = from->indices[at];
            to->values[k] = from->values[at];
            to->lgamma_x1[k] = from->lgamma_x1[at];
        }
        to->indptr[i + 1] = k;
        memcpy(to->proteins + i * TINY_PROTEINS, from->proteins + r * TINY_PROTEINS,
               TINY_PROTEINS * sizeof(float));
        memcpy(to->cont + i * TINY_CONT, from->cont + r * TINY_CONT, TINY_CONT * sizeof(float));
        to->size_factor[i] = from->size_factor[r];
        for (int c = 0; c < TINY_CODES; c++)
            to->codes[c][i] = from->codes[c][r];
    }
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

#include "sc_space.h"

#include "sc_uns.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

static const char uns_key[] = "latent_space";

/* Of an encoder: columns of categories grow in surgery, and those of others do not change. */
static XXH64_hash_t hash_linear(const sc_net *net, const sc_gweight *w, XXH64_hash_t hash)
{
    const float *v = net->weights + w->offset; /* n_in x n_out */
    for (int s = 0; s < w->n_segments; s++) {
        const int64_t n = w->segments[s].n * w->rows;
        if (w->segments[s].input < 0)
            hash = XXH3_64bits_withSeed(v, (size_t)n * sizeof *v, hash);
        v += n;
    }
    return hash;
}

static bool is_of_space(const sc_gweight *w)
{
    return w->part == SC_PART_ENCODER && w->is_saved &&
           (w->kind == SC_W_LINEAR || w->kind == SC_W_BIAS);
}

void sc_space_weights(const sc_built *g, bool *weights)
{
    for (int i = 0; i < g->n_weights; i++)
        weights[i] = weights[i] || is_of_space(&g->weights[i]);
}

static XXH64_hash_t hash_of(const sc_net *net)
{
    XXH64_hash_t hash = 0;
    for (int i = 0; i < net->g->n_weights; i++) {
        const sc_gweight *w = &net->g->weights[i];
        if (!is_of_space(w))
            continue;
        if (w->kind == SC_W_LINEAR)
            hash = hash_linear(net, w, hash);
        else
            hash = XXH3_64bits_withSeed(net->weights + w->offset,
                                        (size_t)w->cols * sizeof *net->weights, hash);
    }
    return hash;
}

sc_status sc_space_set(sc_header *h, const char *name, const sc_net *net, sc_err *err)
{
    char hash[32], *text = NULL;
    json_t *uns = json_loads(h->uns, 0, NULL), *all = json_object_get(uns, uns_key);
    sc_status st = SC_OK;
    (void)snprintf(hash, sizeof hash, "%016llx", (unsigned long long)hash_of(net));
    all = json_is_object(all) ? json_incref(all) : json_object();
    if (json_object_set_new(all, name, json_string(hash)) == 0)
        text = json_dumps(all, JSON_COMPACT);
    st = text ? sc_uns_set(h, uns_key, text, err)
              : sc_fail(err, SC_ENOMEM, "there is no memory for 'uns/%s'", uns_key);
    free(text);
    json_decref(all);
    json_decref(uns);
    return st;
}

bool sc_space_may_be_one(const sc_header *a, const sc_header *b, const char *name)
{
    json_t *uns[2] = {json_loads(a->uns, 0, NULL), json_loads(b->uns, 0, NULL)};
    const json_t *at[2];
    for (int k = 0; k < 2; k++)
        at[k] = json_object_get(json_object_get(uns[k], uns_key), name);
    const bool may_be =
        !json_is_string(at[0]) || !json_is_string(at[1]) || json_equal(at[0], at[1]);
    json_decref(uns[0]);
    json_decref(uns[1]);
    return may_be;
}

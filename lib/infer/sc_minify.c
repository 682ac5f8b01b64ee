#include "sc_minify.h"
#include "sc_net.h"

#include "sc_uns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char type_key[] = "_scvi_adata_minify_type", hash_key[] = "_sluice_minified_by";
static const char without[] = "latent_posterior_parameters",
                  with[] = "latent_posterior_parameters_with_counts";

/* The same for a model as .scm and as model.pt. */
static void hash_of(const sc_net *net, char *to, size_t len)
{
    XXH64_hash_t hash = 0;
    for (int i = 0; i < net->g->n_weights; i++) {
        const sc_gweight *w = &net->g->weights[i];
        if (w->is_saved)
            hash = XXH3_64bits_withSeed(net->weights + w->offset,
                                        (size_t)(w->rows * w->cols) * sizeof *net->weights, hash);
    }
    (void)snprintf(to, len, "%016llx", (unsigned long long)hash);
}

sc_status sc_minify_names(sc_minified *m, const sc_net *net, sc_err *err)
{
    const sc_built *g = net->g;
    bool *is_drawn = NULL; /* by node: it depends on a latent */
    memset(m, 0, sizeof *m);
    SC_TRY(sc_alloc(&is_drawn, (size_t)g->n_nodes, sizeof *is_drawn, err));
    for (int i = 1; i < g->n_nodes; i++) {
        is_drawn[i] = g->nodes[i].op == SC_OP_LATENT;
        for (int k = 0; k < g->nodes[i].n_in; k++)
            is_drawn[i] |= is_drawn[g->nodes[i].in[k]];
    }
    for (int i = 0; i < g->n_sites; i++) {
        const sc_gnode *z = &g->nodes[g->sites[i].node];
        const int32_t q[2] = {z->q.a.id, z->q.b.id};
        if (z->reps != 1 || is_drawn[q[0]] || is_drawn[q[1]])
            continue;
        for (int k = 0; k < 2; k++) {
            m->given[m->n_given].node = q[k];
            (void)snprintf(m->given[m->n_given].path, sizeof m->given->path,
                           "obsm/%.48s_latent_q%.48s%c", net->handle.plugin->name, g->sites[i].name,
                           k ? 'v' : 'm');
            m->n_given++;
        }
    }
    free(is_drawn);
    return SC_OK;
}

/* Leaves out the latents that the header lacks. */
static sc_status keep_stored(sc_minified *m, const sc_header *h, const sc_net *net, sc_err *err)
{
    int n = 0;
    for (int i = 0; i < m->n_given; i += 2) {
        const int at[2] = {sc_header_find(h, m->given[i].path),
                           sc_header_find(h, m->given[i + 1].path)};
        if (at[0] < 0 || at[1] < 0)
            continue;
        for (int k = 0; k < 2; k++) {
            const int64_t want = net->g->nodes[m->given[i + k].node].n_cols;
            const sc_mat *mat = &h->mats[at[k]];
            if (mat->is_sparse || mat->n_cols != want)
                return sc_fail(err, SC_EDATA,
                               "'%s' has %lld columns, and the model has %lld latent dimensions",
                               mat->path, (long long)mat->n_cols, (long long)want);
            m->given[n++] = m->given[i + k];
        }
    }
    m->n_given = n;
    return SC_OK;
}

static bool is_type(const char *type)
{
    return type && (strcmp(type, without) == 0 || strcmp(type, with) == 0);
}

bool sc_minify_is(const sc_header *h)
{
    json_t *uns = json_loads(h->uns, 0, NULL);
    const bool is = is_type(json_string_value(json_object_get(uns, type_key)));
    json_decref(uns);
    return is;
}

sc_status sc_minify_find(sc_minified *m, const sc_header *h, const sc_net *net, sc_err *err)
{
    sc_status st = SC_OK;
    char hash[17];
    SC_TRY(sc_minify_names(m, net, err));
    json_t *uns = json_loads(h->uns, 0, NULL);
    const char *type = json_string_value(json_object_get(uns, type_key)),
               *by = json_string_value(json_object_get(uns, hash_key));
    m->is_minified = is_type(type);
    m->has_counts = !m->is_minified || strcmp(type, with) == 0;
    if (m->is_minified && by)
        hash_of(net, hash, sizeof hash);
    if (m->is_minified && by && strcmp(by, hash) != 0)
        st = sc_fail(err, SC_EDATA, "the cells were minified by another model than this one");
    json_decref(uns);
    if (st == SC_OK && m->is_minified)
        st = keep_stored(m, h, net, err);
    if (st == SC_OK && m->is_minified && !sc_table_find(&h->obs, SC_MINIFY_LIBRARY))
        st = sc_fail(err, SC_EDATA, "the cells are minified, but obs has no column '%s'",
                     SC_MINIFY_LIBRARY);
    return st;
}

void sc_minify_drop_counts(sc_header *h)
{
    for (int i = h->n_mats - 1; i >= 0; i--) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s", h->mats[i].path);
        if (strcmp(path, "X") == 0 || strncmp(path, "layers/", 7) == 0 ||
            strncmp(path, "raw/", 4) == 0)
            sc_header_drop(h, path);
    }
    sc_table_free(&h->raw_var);
    memset(&h->raw_var, 0, sizeof h->raw_var);
    h->has_raw = false;
}

sc_status sc_minify_header(const sc_minified *m, sc_header *h, const sc_net *net, bool with_counts,
                           sc_err *err)
{
    char text[128], hash[17];
    if (!with_counts)
        sc_minify_drop_counts(h);
    for (int i = 0; i < m->n_given; i++)
        SC_TRY(sc_header_add(h, m->given[i].path, SC_REAL, false,
                             net->g->nodes[m->given[i].node].n_cols, NULL, err));
    sc_col *c = NULL;
    if (sc_table_find(&h->obs, SC_MINIFY_LIBRARY))
        SC_TRY(sc_table_drop(&h->obs, SC_MINIFY_LIBRARY, err));
    SC_TRY(sc_table_add(&h->obs, SC_MINIFY_LIBRARY, SC_COL_REAL, &c, err));
    (void)snprintf(text, sizeof text, "\"%s\"", with_counts ? with : without);
    SC_TRY(sc_uns_set(h, type_key, text, err));
    hash_of(net, hash, sizeof hash);
    (void)snprintf(text, sizeof text, "\"%s\"", hash);
    return sc_uns_set(h, hash_key, text, err);
}

static bool has(const sc_header *h, const char *key)
{
    json_t *uns = json_loads(h->uns, 0, NULL);
    const bool is_there = json_object_get(uns, key) != NULL;
    json_decref(uns);
    return is_there;
}

sc_status sc_minify_join(sc_header *out, const sc_header *const *in, int n, bool *is_lost,
                         sc_err *err)
{
    bool any_type = false, any_hash = false;
    for (int i = 0; i < n; i++) {
        any_type = any_type || has(in[i], type_key);
        any_hash = any_hash || has(in[i], hash_key);
    }
    *is_lost = (any_type && !has(out, type_key)) || (any_type && any_hash && !has(out, hash_key));
    if (!*is_lost)
        return SC_OK;
    SC_TRY(sc_uns_drop(out, type_key, err));
    return sc_uns_drop(out, hash_key, err);
}

sc_status sc_minify_undo(sc_header *h, sc_err *err)
{
    SC_TRY(sc_uns_drop(h, type_key, err));
    SC_TRY(sc_uns_drop(h, hash_key, err));
    return sc_table_find(&h->obs, SC_MINIFY_LIBRARY)
               ? sc_table_drop(&h->obs, SC_MINIFY_LIBRARY, err)
               : SC_OK;
}

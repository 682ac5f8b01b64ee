#include "sc_proteins.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sc_status name_columns(const sc_mat *m, sc_strs *names, sc_err *err)
{
    if (m->col_names.n)
        return sc_strs_copy(names, &m->col_names, err);
    for (int64_t p = 1; p <= m->n_cols; p++) {
        char text[24];
        const int n = snprintf(text, sizeof text, "%" PRId64, p);
        SC_TRY(sc_strs_push(names, text, (size_t)n, err));
    }
    return SC_OK;
}

static sc_status match(sc_proteins *p, const sc_strs *have, const char *key, sc_err *err)
{
    sc_names *names = NULL;
    int64_t n_missing = 0, first = -1;
    SC_TRY(sc_names_new(&names, have, err));
    for (int64_t i = p->n - 1; i >= 0; i--) {
        p->from[i] = sc_names_find(names, sc_strs_at(&p->names, i));
        if (p->from[i] < 0) {
            first = i;
            n_missing++;
        }
    }
    sc_names_free(names);
    if (n_missing == p->n)
        return sc_fail(err, SC_EDATA, "obsm '%s' has none of the model's %lld proteins", key,
                       (long long)p->n);
    if (n_missing)
        (void)snprintf(p->note, sizeof p->note,
                       "%lld of the model's %lld proteins are in the data; the %lld others ('%s' "
                       "is the first) count as 0",
                       (long long)(p->n - n_missing), (long long)p->n, (long long)n_missing,
                       sc_strs_at(&p->names, first));
    return SC_OK;
}

sc_status sc_proteins_open(sc_proteins *p, const sc_header *h, const char *key, const sc_strs *want,
                           sc_err *err)
{
    char path[512];
    sc_strs have = {0};
    (void)snprintf(path, sizeof path, "obsm/%s", key);
    const int at = sc_header_find(h, path);
    if (at < 0 || h->mats[at].is_sparse)
        return sc_fail(err, SC_EDATA,
                       "there are no protein counts: no obsm '%s'; --protein-key names another",
                       key);
    p->path = strdup(path);
    sc_status st = name_columns(&h->mats[at], &have, err);
    if (st == SC_OK)
        st = sc_strs_copy(&p->names, want ? want : &have, err);
    p->n = p->names.n;
    if (st == SC_OK)
        st = sc_alloc(&p->from, (size_t)p->n, sizeof *p->from, err);
    for (int64_t i = 0; st == SC_OK && i < p->n; i++)
        p->from[i] = i;
    if (st == SC_OK && want)
        st = match(p, &have, key, err);
    sc_strs_free(&have);
    return st;
}

sc_status sc_proteins_block(const sc_proteins *p, sc_block *b, float *out, sc_err *err)
{
    sc_dense *m = NULL;
    sc_table *obs = NULL;
    SC_TRY(sc_block_dense(b, p->path, &m, err));
    for (int64_t k = 0; k < m->n_rows * p->n; k++) {
        const int64_t i = k / p->n, from = p->from[k % p->n];
        out[k] = from < 0 ? 0 : m->values[i * m->n_cols + from];
        if (out[k] >= 0 && !isinf(out[k]))
            continue;
        SC_TRY(sc_block_obs(b, &obs, err));
        return sc_fail(err, SC_EDATA, "cell '%s', protein '%s': %g is not a count",
                       sc_strs_at(&obs->names, i), sc_strs_at(&p->names, k % p->n), (double)out[k]);
    }
    return SC_OK;
}

void sc_proteins_free(sc_proteins *p)
{
    free(p->path);
    free(p->from);
    sc_strs_free(&p->names);
    *p = (sc_proteins){0};
}

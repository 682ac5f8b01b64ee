#include "sc_category.h"
#include "sc_groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sc_status sc_groups_open(sc_groups *g, const sc_header *h, const char *key, sc_err *err)
{
    memset(g, 0, sizeof *g);
    SC_TRY(sc_require_obs(h, key, err));
    const size_t len = strlen(key) + 1;
    SC_TRY(sc_alloc(&g->key, len, 1, err));
    memcpy(g->key, key, len);
    return SC_OK;
}

static sc_status group_of(sc_groups *g, const char *name, int32_t *code, sc_err *err)
{
    for (int64_t k = 0; k < g->names.n; k++) {
        if (strcmp(sc_strs_at(&g->names, k), name) == 0) {
            *code = (int32_t)k;
            return SC_OK;
        }
    }
    if (g->names.n == SC_GROUPS_MAX)
        return sc_fail(err, SC_EDATA,
                       "obs column '%s' has more than %d different values, too many for groups",
                       g->key, SC_GROUPS_MAX);
    *code = (int32_t)g->names.n;
    return sc_strs_push(&g->names, name, strlen(name), err);
}

sc_status sc_groups_block(sc_groups *g, sc_block *b, sc_err *err)
{
    sc_table *obs;
    SC_TRY(sc_block_obs(b, &obs, err));
    const int64_t n = sc_block_n_rows(b);
    const sc_col *c = sc_table_find(obs, g->key);
    if (!c)
        return sc_fail(err, SC_EFORMAT, "a block lacks the obs column '%s'", g->key);
    if (n > g->n_room) {
        SC_TRY(sc_resize(&g->code, (size_t)n, sizeof *g->code, err));
        g->n_room = n;
    }
    for (int64_t i = 0; i < n; i++) {
        char buf[64];
        if (sc_col_is_missing(c, i))
            return sc_fail(err, SC_EDATA, "cell '%s' has no value in obs column '%s'",
                           sc_strs_at(&obs->names, i), g->key);
        const bool is_same =
            i > 0 && c->type == SC_COL_CATEGORY && c->v.code[i] == c->v.code[i - 1];
        if (is_same) /* batches come in long runs */
            g->code[i] = g->code[i - 1];
        else
            SC_TRY(group_of(g, sc_col_text(c, i, buf, sizeof buf), &g->code[i], err));
    }
    return SC_OK;
}

void sc_groups_close(sc_groups *g)
{
    free(g->key);
    sc_strs_free(&g->names);
    free(g->code);
    memset(g, 0, sizeof *g);
}

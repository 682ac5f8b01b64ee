#include "sc_label.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const reasons_known[] = {SC_LABEL_NO_COUNTS, SC_LABEL_UNSURE, SC_LABEL_NO_CLASS};
enum { N_REASONS = sizeof reasons_known / sizeof *reasons_known, NAME_MAX_LEN = 240 };

static void name_of(char *to, const sc_label_rules *r, const char *suffix)
{
    (void)snprintf(to, NAME_MAX_LEN, "%s%s", r->key, suffix);
}

void sc_label_temper(int64_t n, int64_t k, double temperature, float *p)
{
    if (temperature == 1)
        return;
    for (int64_t i = 0; i < n; i++, p += k) {
        const double top = fmax((double)p[sc_label_argmax(k, p)], 1e-37);
        double sum = 0;
        for (int64_t c = 0; c < k; c++)
            sum += exp(log(fmax((double)p[c], 1e-37) / top) / temperature);
        for (int64_t c = 0; c < k; c++)
            p[c] = (float)(exp(log(fmax((double)p[c], 1e-37) / top) / temperature) / sum);
    }
}

int64_t sc_label_argmax(int64_t k, const float *p)
{
    int64_t best = 0;
    for (int64_t c = 1; c < k; c++)
        if (p[c] > p[best])
            best = c;
    return best;
}

static sc_status push(sc_strs *s, const char *text, sc_err *err)
{
    return sc_strs_push(s, text, strlen(text), err);
}

sc_status sc_label_header(const sc_label_rules *r, const sc_strs *classes, sc_header *h,
                          sc_err *err)
{
    char name[NAME_MAX_LEN], path[NAME_MAX_LEN + 8];
    sc_col *c = NULL;
    SC_TRY(sc_table_add(&h->obs, r->key, SC_COL_CATEGORY, &c, err));
    SC_TRY(sc_strs_copy(&c->categories, classes, err));
    SC_TRY(push(&c->categories, r->unknown, err));
    name_of(name, r, "_prob");
    SC_TRY(sc_table_add(&h->obs, name, SC_COL_REAL, &c, err));
    name_of(name, r, "_uncertainty");
    SC_TRY(sc_table_add(&h->obs, name, SC_COL_REAL, &c, err));
    name_of(name, r, "_reason");
    SC_TRY(sc_table_add(&h->obs, name, SC_COL_CATEGORY, &c, err));
    for (int i = 0; i < N_REASONS; i++)
        SC_TRY(push(&c->categories, reasons_known[i], err));
    if (r->has_sets) {
        name_of(name, r, "_set");
        SC_TRY(sc_table_add(&h->obs, name, SC_COL_STRING, &c, err));
    }
    if (!r->is_soft)
        return SC_OK;
    sc_mat *m = NULL;
    (void)snprintf(path, sizeof path, "obsm/%s_probs", r->key);
    if (sc_header_find(h, path) >= 0)
        return sc_fail(err, SC_EDATA, "there is '%s' already", path);
    SC_TRY(sc_header_add(h, path, SC_REAL, false, classes->n, &m, err));
    return sc_strs_copy(&m->col_names, classes, err);
}

static const char *why_unknown(const sc_label_rules *r, double p)
{
    if (r->has_sets && !(p >= r->set_floor))
        return SC_LABEL_NO_CLASS;
    return p >= r->min_prob ? NULL : SC_LABEL_UNSURE;
}

static int32_t code_of(const char *reason)
{
    for (int32_t i = 0; reason && i < N_REASONS; i++)
        if (strcmp(reason, reasons_known[i]) == 0)
            return i;
    return -1;
}

/* The classes of a set, joined; room is enough for all of them. */
static sc_status push_set(const sc_label_rules *r, const sc_strs *classes, const float *p,
                          char *room, sc_strs *sets, sc_err *err)
{
    char *at = room;
    *at = 0;
    for (int64_t c = 0; c < classes->n; c++) {
        if (!((double)p[c] >= r->set_floor))
            continue;
        if (at != room)
            *at++ = '|';
        at = stpcpy(at, sc_strs_at(classes, c));
    }
    return push(sets, room, err);
}

/* The columns, in the order of the header. */
static sc_status add_columns(const sc_label_rules *r, sc_table *obs, sc_err *err)
{
    char name[NAME_MAX_LEN];
    sc_col *c = NULL;
    SC_TRY(sc_table_add(obs, r->key, SC_COL_CATEGORY, &c, err));
    name_of(name, r, "_prob");
    SC_TRY(sc_table_add(obs, name, SC_COL_REAL, &c, err));
    name_of(name, r, "_uncertainty");
    SC_TRY(sc_table_add(obs, name, SC_COL_REAL, &c, err));
    name_of(name, r, "_reason");
    return sc_table_add(obs, name, SC_COL_CATEGORY, &c, err);
}

static sc_status add_sets(const sc_label_rules *r, const sc_strs *classes, const float *probs,
                          sc_table *obs, sc_err *err)
{
    char name[NAME_MAX_LEN], *room = NULL;
    sc_col *c = NULL;
    sc_strs sets = {0};
    size_t len = 1;
    name_of(name, r, "_set");
    SC_TRY(sc_table_add(obs, name, SC_COL_STRING, &c, err));
    for (int64_t k = 0; k < classes->n; k++)
        len += strlen(sc_strs_at(classes, k)) + 1;
    SC_TRY(sc_alloc(&room, len, 1, err));
    sc_status st = SC_OK;
    for (int64_t i = 0; i < obs->n_rows && st == SC_OK; i++)
        st = push_set(r, classes, probs + i * classes->n, room, &sets, err);
    free(room);
    sc_strs_free(&c->v.str);
    c->v.str = sets;
    return st;
}

sc_status sc_label_block(const sc_label_rules *r, const sc_strs *classes, float *probs,
                         const char *const *reasons, sc_block *b, sc_err *err)
{
    const int64_t n = sc_block_n_rows(b), k = classes->n;
    char path[NAME_MAX_LEN + 8];
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    SC_TRY(add_columns(r, obs, err));
    sc_label_temper(n, k, r->temperature, probs);
    const sc_col *c = &obs->cols[obs->n_cols - 4]; /* label, prob, uncertainty, reason */
    for (int64_t i = 0; i < n; i++) {
        const float *p = probs + i * k;
        const int64_t best = sc_label_argmax(k, p);
        const char *reason = reasons && reasons[i] ? reasons[i] : why_unknown(r, (double)p[best]);
        c[0].v.code[i] = (int32_t)(reason ? k : best);
        c[1].v.r[i] = (double)p[best];
        c[2].v.r[i] = 1 - (double)p[best];
        c[3].v.code[i] = code_of(reason);
    }
    if (r->has_sets)
        SC_TRY(add_sets(r, classes, probs, obs, err));
    sc_block_touch(b, NULL);
    if (!r->is_soft)
        return SC_OK;
    sc_dense soft = {n, k, NULL};
    SC_TRY(sc_alloc(&soft.values, (size_t)(n * k), sizeof(float), err));
    memcpy(soft.values, probs, (size_t)(n * k) * sizeof(float));
    (void)snprintf(path, sizeof path, "obsm/%s_probs", r->key);
    const sc_status st = sc_block_set_dense(b, path, &soft, err);
    sc_dense_free(&soft);
    return st;
}

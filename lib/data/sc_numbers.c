#include "sc_numbers.h"

#include "sc_category.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_matrix(const char *name)
{
    return strncmp(name, "obsm/", 5) == 0;
}

static sc_status find_matrix(const sc_header *h, const char *path, const sc_mat **out, sc_err *err)
{
    const int m = sc_header_find(h, path);
    if (m < 0 || h->mats[m].is_sparse)
        return sc_fail(err, SC_EDATA, "there is no dense matrix '%s'", path);
    *out = &h->mats[m];
    return SC_OK;
}

static int64_t find_column(const sc_mat *m, const char *name)
{
    for (int64_t c = 0; c < m->col_names.n; c++)
        if (strcmp(sc_strs_at(&m->col_names, c), name) == 0)
            return c;
    char *end;
    const long long c = strtoll(name, &end, 10);
    return m->col_names.n == 0 && end != name && !*end && c >= 0 && c < m->n_cols ? c : -1;
}

static sc_status find_in_matrix(sc_number *x, const sc_header *h, sc_err *err)
{
    const sc_mat *m = NULL;
    char near[256] = "";
    char *column = strchr(x->name, ':');
    if (!column)
        return sc_fail(err, SC_EDATA, "which column of '%s'? %s:NAME", x->name, x->name);
    *column++ = '\0';
    SC_TRY(find_matrix(h, x->name, &m, err));
    x->col = find_column(m, column);
    if (x->col >= 0)
        return SC_OK;
    if (m->col_names.n)
        sc_strs_near(&m->col_names, column, near, sizeof near);
    return sc_fail(err, SC_EDATA, "'%s' has no column '%s'%s%s", x->name, column,
                   near[0] ? "; near: " : "", near);
}

sc_status sc_numbers_add(sc_numbers *x, const sc_header *h, const char *name, sc_err *err)
{
    SC_TRY(sc_resize(&x->items, (size_t)x->n + 1, sizeof *x->items, err));
    sc_number *at = &x->items[x->n];
    *at = (sc_number){strdup(name), -1};
    if (!at->name)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    x->n++;
    return is_matrix(name) ? find_in_matrix(at, h, err) : sc_require_obs(h, name, err);
}

static sc_status take_column(const sc_number *x, sc_block *b, int64_t stride, float *out,
                             sc_err *err)
{
    sc_dense *m = NULL;
    SC_TRY(sc_block_dense(b, x->name, &m, err));
    for (int64_t i = 0; i < m->n_rows; i++) {
        const float v = m->values[i * m->n_cols + x->col];
        out[i * stride] = v;
        if (isfinite(v))
            continue;
        sc_table *obs = NULL;
        SC_TRY(sc_block_obs(b, &obs, err));
        return sc_fail(err, SC_EDATA, "cell '%s' has no number in column %" PRId64 " of '%s'",
                       sc_strs_at(&obs->names, i), x->col, x->name);
    }
    return SC_OK;
}

sc_status sc_numbers_rows(const sc_numbers *x, sc_block *b, float *out, sc_err *err)
{
    for (int64_t k = 0; k < x->n; k++) {
        const sc_number *at = &x->items[k];
        SC_TRY(at->col < 0 ? sc_numbers_block(b, at->name, x->n, out + k, err)
                           : take_column(at, b, x->n, out + k, err));
    }
    return SC_OK;
}

void sc_numbers_free(sc_numbers *x)
{
    for (int64_t k = 0; k < x->n; k++)
        free(x->items[k].name);
    free(x->items);
    *x = (sc_numbers){0};
}

sc_status sc_numbers_expand(sc_strs *out, const sc_header *h, const char *name, sc_err *err)
{
    const sc_mat *m = NULL;
    if (!is_matrix(name) || strchr(name, ':'))
        return sc_strs_push(out, name, strlen(name), err);
    SC_TRY(find_matrix(h, name, &m, err));
    for (int64_t c = 0; c < m->n_cols; c++) {
        char number[32], *full = NULL;
        (void)snprintf(number, sizeof number, "%" PRId64, c);
        const char *column = m->col_names.n ? sc_strs_at(&m->col_names, c) : number;
        const size_t size = strlen(name) + strlen(column) + 2;
        SC_TRY(sc_alloc(&full, size, 1, err));
        (void)snprintf(full, size, "%s:%s", name, column);
        const sc_status st = sc_strs_push(out, full, size - 1, err);
        free(full);
        SC_TRY(st);
    }
    return SC_OK;
}

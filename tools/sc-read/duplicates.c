#include "duplicates.h"

#include <stdlib.h>

static bool is_by_gene(const sc_mat *m)
{
    return strcmp(m->path, "X") == 0 || strncmp(m->path, "layers/", 7) == 0;
}

/* Rows `from` of a table of n_new columns. */
static sc_status take_varm(sc_dense *m, const int64_t *from, int64_t n, sc_err *err)
{
    sc_dense to = {.n_rows = n, .n_cols = m->n_cols};
    SC_TRY(sc_alloc(&to.values, (size_t)(n * to.n_cols), sizeof *to.values, err));
    for (int64_t j = 0; j < n; j++)
        memcpy(to.values + j * to.n_cols, m->values + from[j] * to.n_cols,
               (size_t)to.n_cols * sizeof *to.values);
    sc_dense_free(m);
    *m = to;
    return SC_OK;
}

static sc_status take_header(const duplicates *d, sc_header *h, const int64_t *from, sc_err *err)
{
    sc_table var = {0};
    SC_TRY(sc_table_take(&var, &h->var, from, d->n_new, err));
    sc_table_free(&h->var);
    h->var = var;
    for (int m = 0; m < h->n_mats; m++) {
        if (is_by_gene(&h->mats[m]))
            h->mats[m].n_cols = d->n_new;
        else if (strncmp(h->mats[m].path, "varm/", 5) == 0)
            SC_TRY(take_varm(&h->mats[m].varm, from, d->n_new, err));
    }
    return SC_OK;
}

sc_status duplicates_plan(duplicates *d, dup_mode mode, sc_header *h, sc_err *err)
{
    const sc_strs *names = &h->var.names;
    sc_names *index = NULL;
    int64_t *from = NULL;
    *d = (duplicates){.mode = mode, .n_old = names->n};
    if (mode == DUP_UNIQUE)
        return sc_strs_make_unique(&h->var.names, &d->n_repeated, err);
    sc_status st;
    SC_GOTO(st, sc_names_new(&index, names, err), out);
    SC_GOTO(st, sc_alloc(&d->to, (size_t)names->n, sizeof *d->to, err), out);
    SC_GOTO(st, sc_alloc(&from, (size_t)names->n, sizeof *from, err), out);
    for (int64_t j = 0; j < names->n; j++) {
        const int64_t first = sc_names_find(index, sc_strs_at(names, j));
        if (first == j) {
            from[d->n_new] = j;
            d->to[j] = (int32_t)d->n_new++;
        } else {
            d->to[j] = mode == DUP_SUM ? d->to[first] : -1;
            d->n_repeated++;
        }
    }
    if (d->n_repeated > 0)
        st = take_header(d, h, from, err);
out:
    sc_names_free(index);
    free(from);
    return st;
}

/* Equal columns stand side by side: adds them up. */
static void merge_equal(sc_csr *m)
{
    int64_t to = 0, begin = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const int64_t end = m->indptr[i + 1];
        for (int64_t k = begin; k < end; to++) {
            const int32_t j = m->indices[k];
            double sum = 0; /* a float loses counts above 2^24 */
            for (; k < end && m->indices[k] == j; k++)
                sum += (double)m->values[k];
            m->indices[to] = j;
            m->values[to] = (float)sum;
        }
        begin = end;
        m->indptr[i + 1] = to;
    }
}

static sc_status apply_dense(const duplicates *d, sc_dense *m, sc_err *err)
{
    sc_dense to = {.n_rows = m->n_rows, .n_cols = d->n_new};
    SC_TRY(sc_alloc(&to.values, (size_t)(to.n_rows * to.n_cols), sizeof *to.values, err));
    for (int64_t i = 0; i < m->n_rows; i++)
        for (int64_t j = 0; j < m->n_cols; j++)
            if (d->to[j] >= 0)
                to.values[i * to.n_cols + d->to[j]] += m->values[i * m->n_cols + j];
    sc_dense_free(m);
    *m = to;
    return SC_OK;
}

sc_status duplicates_apply(const duplicates *d, const sc_header *h, sc_format_rows *r, sc_err *err)
{
    if (d->mode == DUP_UNIQUE || d->n_repeated == 0)
        return SC_OK;
    for (int m = 0; m < h->n_mats; m++) {
        if (!is_by_gene(&h->mats[m]))
            continue;
        if (!h->mats[m].is_sparse) {
            SC_TRY(apply_dense(d, &r->mats[m].dense, err));
            continue;
        }
        sc_csr to;
        SC_TRY(sc_csr_take_cols(&to, &r->mats[m].sparse, d->to, d->n_new, err));
        sc_csr_free(&r->mats[m].sparse);
        r->mats[m].sparse = to;
        merge_equal(&r->mats[m].sparse);
    }
    return SC_OK;
}

void duplicates_free(duplicates *d)
{
    free(d->to);
    *d = (duplicates){0};
}

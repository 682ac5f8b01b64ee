#include "sc_subset.h"

#include <stdlib.h>
#include <string.h>

sc_status sc_subset_new(sc_subset *s, const uint8_t *keep, int64_t n, sc_err *err)
{
    memset(s, 0, sizeof *s);
    s->n_old = n;
    SC_TRY(sc_alloc(&s->old_to_new, (size_t)n, sizeof *s->old_to_new, err));
    SC_TRY(sc_alloc(&s->kept, (size_t)n, sizeof *s->kept, err));
    for (int64_t j = 0; j < n; j++) {
        s->old_to_new[j] = keep[j] ? (int32_t)s->n_new : -1;
        if (keep[j])
            s->kept[s->n_new++] = j;
    }
    return SC_OK;
}

void sc_subset_free(sc_subset *s)
{
    free(s->old_to_new);
    free(s->kept);
    memset(s, 0, sizeof *s);
}

static bool spans_vars(const sc_mat *m)
{
    return strcmp(m->path, "X") == 0 || strncmp(m->path, "layers/", 7) == 0;
}

sc_status sc_subset_header(const sc_subset *s, sc_header *h, sc_err *err)
{
    sc_table var = {0};
    SC_TRY(sc_table_take(&var, &h->var, s->kept, s->n_new, err));
    sc_table_free(&h->var);
    h->var = var;
    for (int i = 0; i < h->n_mats; i++) {
        sc_mat *m = &h->mats[i];
        if (spans_vars(m)) {
            m->n_cols = s->n_new;
        } else if (strncmp(m->path, "varm/", 5) == 0) {
            const size_t width = (size_t)m->varm.n_cols;
            for (int64_t j = 0; j < s->n_new; j++)
                memmove(m->varm.values + (size_t)j * width,
                        m->varm.values + (size_t)s->kept[j] * width, width * sizeof(float));
            m->varm.n_rows = s->n_new;
        }
    }
    return SC_OK;
}

static sc_status take_dense(const sc_subset *s, const sc_dense *from, sc_dense *to, sc_err *err)
{
    *to = (sc_dense){from->n_rows, s->n_new, NULL};
    SC_TRY(sc_alloc(&to->values, (size_t)from->n_rows * (size_t)s->n_new, sizeof(float), err));
    for (int64_t i = 0; i < from->n_rows; i++)
        for (int64_t j = 0; j < s->n_new; j++)
            to->values[i * s->n_new + j] = from->values[i * from->n_cols + s->kept[j]];
    return SC_OK;
}

sc_status sc_subset_block(const sc_subset *s, const sc_header *h, sc_block *b, sc_err *err)
{
    for (int i = 0; i < h->n_mats; i++) {
        const sc_mat *m = &h->mats[i];
        if (!spans_vars(m))
            continue;
        if (m->is_sparse) {
            sc_csr *x, y = {0};
            SC_TRY(sc_block_sparse(b, m->path, &x, err));
            SC_TRY(sc_csr_take_cols(&y, x, s->old_to_new, s->n_new, err));
            SC_TRY(sc_block_set_sparse(b, m->path, &y, err));
        } else {
            sc_dense *x, y = {0};
            SC_TRY(sc_block_dense(b, m->path, &x, err));
            SC_TRY(take_dense(s, x, &y, err));
            SC_TRY(sc_block_set_dense(b, m->path, &y, err));
        }
    }
    return SC_OK;
}

#include "sc_format.h"

#include <stdlib.h>

/* A column of n rows like the schema's: same name, type and categories, everything missing. */
static sc_status add_col_like(sc_table *obs, const sc_col *like, sc_err *err)
{
    sc_col *c;
    SC_TRY(sc_table_add(obs, like->name, like->type, &c, err));
    c->is_ordered = like->is_ordered;
    if (like->type == SC_COL_CATEGORY)
        SC_TRY(sc_strs_copy(&c->categories, &like->categories, err));
    return SC_OK;
}

sc_status sc_format_rows_init(sc_format_rows *r, const sc_header *h, int64_t row0, int64_t n_rows,
                              sc_err *err)
{
    *r = (sc_format_rows){.row0 = row0, .n_rows = n_rows};
    r->obs.n_rows = n_rows;
    SC_TRY(sc_alloc(&r->mats, (size_t)h->n_mats, sizeof *r->mats, err));
    r->n_mats = h->n_mats;
    for (int m = 0; m < h->obs.n_cols; m++)
        SC_TRY(add_col_like(&r->obs, &h->obs.cols[m], err));
    return SC_OK;
}

void sc_format_rows_free(sc_format_rows *r)
{
    if (!r)
        return;
    for (int m = 0; m < r->n_mats; m++) {
        sc_csr_free(&r->mats[m].sparse);
        sc_dense_free(&r->mats[m].dense);
    }
    free(r->mats);
    sc_table_free(&r->obs);
    *r = (sc_format_rows){0};
}

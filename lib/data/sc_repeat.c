#include "sc_repeat.h"
#include "sc_uns.h"

#include <stdlib.h>
#include <string.h>

static const char sample[] = "sample";

static sc_status sample_column(sc_table *obs, sc_col **c, sc_err *err)
{
    if (sc_table_find(obs, sample))
        SC_TRY(sc_table_drop(obs, sample, err));
    return sc_table_add(obs, sample, SC_COL_INT, c, err);
}

sc_status sc_repeat_header(sc_header *h, int64_t n_draws, sc_err *err)
{
    sc_col *c = NULL;
    sc_strs dropped = {0};
    for (int i = h->n_mats - 1; i >= 0; i--)
        if (strncmp(h->mats[i].path, "obsp/", 5) == 0)
            sc_header_drop(h, h->mats[i].path);
    const sc_status st = sc_uns_drop_graphless(h, &dropped, err);
    sc_strs_free(&dropped);
    if (st != SC_OK)
        return st;
    if (h->n_obs > 0)
        h->n_obs *= n_draws;
    return sample_column(&h->obs, &c, err);
}

bool sc_repeat_next(sc_piece *p, int64_t n_rows, int64_t n_draws)
{
    p->cell += p->draw + p->n_draws >= n_draws ? p->n_cells : 0;
    p->draw = p->draw + p->n_draws >= n_draws ? 0 : p->draw + p->n_draws;
    if (p->cell >= n_rows)
        return false;
    const int64_t fit = n_draws < SC_BLOCK_ROWS ? SC_BLOCK_ROWS / n_draws : 1;
    p->n_cells = n_rows - p->cell < fit ? n_rows - p->cell : fit;
    p->n_draws = n_draws - p->draw < SC_BLOCK_ROWS ? n_draws - p->draw : SC_BLOCK_ROWS;
    return true;
}

static sc_status number_samples(sc_block *b, const sc_piece *p, sc_err *err)
{
    sc_table *obs = NULL;
    sc_col *c = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    SC_TRY(sample_column(obs, &c, err));
    for (int64_t i = 0; i < obs->n_rows; i++)
        c->v.i[i] = p->draw + i % p->n_draws;
    sc_block_touch(b, NULL);
    return SC_OK;
}

sc_status sc_repeat_block(sc_block **out, sc_block *b, const sc_header *kept, const sc_piece *p,
                          sc_err *err)
{
    const int64_t n = p->n_cells * p->n_draws;
    int64_t *rows = NULL;
    *out = NULL;
    SC_TRY(sc_alloc(&rows, (size_t)n, sizeof *rows, err));
    for (int64_t i = 0; i < n; i++)
        rows[i] = p->cell + i / p->n_draws;
    sc_status st = sc_block_copy_rows(out, b, kept, rows, n, err);
    free(rows);
    if (st == SC_OK)
        st = number_samples(*out, p, err);
    if (st != SC_OK) {
        sc_block_free(*out);
        *out = NULL;
    }
    return st;
}

#include "op.h"

/* Dense inputs are copied in tile by tile, counts where they must be converted; codes stay where
 * they are. */
static int64_t tiles(const ex *e, int32_t id, int phase, bool backward)
{
    (void)phase, (void)backward;
    const sc_gnode *n = nd(e, id);
    return n->form == SC_DENSE || has_own_counts(n) ? ceil_div(rows_of(e, id), ROW_TILE) : 0;
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const sc_mini *m = mini_of(e, id);
    const int64_t i0 = tile * ROW_TILE, i1 = min64(m->n, i0 + ROW_TILE);
    if (n->form == SC_SPARSE) {
        for (int64_t k = m->indptr[i0] - m->indptr[0]; k < m->indptr[i1] - m->indptr[0]; k++)
            e->sparse[id][k] = (real)m->values[m->indptr[0] + k];
        return;
    }
    const float *from = n->input == SC_IN_PROTEINS    ? m->proteins
                        : n->input == SC_IN_CONT_COVS ? m->cont_covs
                                                      : m->size_factor;
    for (int64_t k = i0 * n->n_cols; k < i1 * n->n_cols; k++)
        e->val[id][k] = (real)from[k];
}

const sc_op SC_X(sc_op_input) = {1, 0, tiles, fwd, NULL, NULL, NULL, rows_alone};
const sc_op SC_X(sc_op_weight) = {0, 0, tiles, NULL, NULL, NULL, NULL, NULL};
const sc_op SC_X(sc_op_enumerate) = {0, 0, tiles, NULL, NULL, NULL, NULL, NULL};

#include "sc_made_cells.h"

#include <math.h>
#include <string.h>

const int32_t sc_made_levels[SC_MADE_CODES] = {3, 3, 3, 2, 3, 1};

double sc_made_uniform(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) / 9007199254740992.0;
}

void sc_made_fill(sc_made_cells *t, int n_vars, bool with_empty)
{
    uint64_t s = 12;
    int64_t k = 0;
    memset(t, 0, sizeof *t);
    for (int i = 0; i < SC_MADE_ROWS; i++) {
        t->keys[i] = (uint64_t)(1000 + i);
        for (int32_t j = 0; j < n_vars; j++) {
            const double u = sc_made_uniform(&s);
            if (u < 0.6 || j == 7 || (with_empty && i == 5))
                continue;
            t->indices[k] = j;
            t->values[k] = (float)ceil((u - 0.6) * 30);
            t->log_factorial[i] += lgamma((double)t->values[k++] + 1);
        }
        t->indptr[i + 1] = k;
        for (int j = 0; j < SC_MADE_PROTEINS; j++)
            t->proteins[i * SC_MADE_PROTEINS + j] = (float)floor(sc_made_uniform(&s) * 20);
        for (int j = 0; j < SC_MADE_CONT; j++)
            t->cont_covs[i * SC_MADE_CONT + j] = (float)(sc_made_uniform(&s) - 0.5);
        t->size_factor[i] = (float)(0.5 + 10 * sc_made_uniform(&s));
        for (int c = 0; c < SC_MADE_CODES; c++)
            t->codes[c][i] = (int32_t)(sc_made_uniform(&s) * sc_made_levels[c]);
    }
}

void sc_made_order(sc_made_cells *to, const sc_made_cells *from, const int *order, int n)
{
    int64_t k = 0;
    memset(to, 0, sizeof *to);
    for (int i = 0; i < n; i++) {
        const int r = order[i];
        to->keys[i] = from->keys[r];
        to->log_factorial[i] = from->log_factorial[r];
        for (int64_t at = from->indptr[r]; at < from->indptr[r + 1]; at++, k++) {
            to->indices[k] = from->indices[at];
            to->values[k] = from->values[at];
        }
        to->indptr[i + 1] = k;
        memcpy(to->proteins + i * SC_MADE_PROTEINS, from->proteins + r * SC_MADE_PROTEINS,
               SC_MADE_PROTEINS * sizeof(float));
        memcpy(to->cont_covs + i * SC_MADE_CONT, from->cont_covs + r * SC_MADE_CONT,
               SC_MADE_CONT * sizeof(float));
        to->size_factor[i] = from->size_factor[r];
        for (int c = 0; c < SC_MADE_CODES; c++)
            to->codes[c][i] = from->codes[c][r];
    }
}

sc_mini sc_made_mini(const sc_made_cells *t, int from, int n)
{
    sc_mini m = {.n = n,
                 .keys = t->keys + from,
                 .indptr = t->indptr + from,
                 .indices = t->indices,
                 .values = t->values,
                 .log_factorial = t->log_factorial + from,
                 .proteins = t->proteins + from * SC_MADE_PROTEINS,
                 .cont_covs = t->cont_covs + from * SC_MADE_CONT,
                 .size_factor = t->size_factor + from};
    for (int c = 0; c < SC_MADE_CODES; c++)
        m.codes[c][0] = m.codes[c][1] = t->codes[c] + from;
    return m;
}

#include "../ops/op.h"

#include <math.h>
#include <string.h>

/* log N(u; mean, variance or sd of d) of row i; a missing parameter is the standard normal's, a
 * single row stands for all, a single column for all columns. */
static double log_normal(const ex *e, const sc_dist *d, const real *u, int64_t i, int64_t cols)
{
    const int32_t id[2] = {d->a.id, d->b.id};
    double sum = 0;
    for (int64_t j = 0; j < cols; j++) {
        double p[2] = {0, 1};
        for (int k = 0; k < 2; k++)
            if (id[k])
                p[k] = (double)at_row(e, e->val, id[k], i)[cols_of(e, id[k]) == 1 ? 0 : j];
        const double v = d->kind == SC_NORMAL_SD ? p[1] * p[1] : p[1], r = (double)u[j] - p[0];
        sum -= 0.5 * (log(6.283185307179586477 * v) + r * r / v);
    }
    return sum;
}

/* Node of an output by name, 0: there is none. */
static int32_t output(const sc_built *g, const char *name)
{
    const int at = sc_graph_output(g, name);
    return at < 0 ? 0 : g->outputs[at].node;
}

/* log p - log q of a latent's draw; z: the node whose value the densities are taken at. */
static double of_draw(const ex *e, const sc_gnode *site, int32_t z, int64_t i)
{
    const real *u = e->val[z] + i * site->n_cols;
    return log_normal(e, &site->p, u, i, site->n_cols) -
           log_normal(e, &site->q, u, i, site->n_cols);
}

double SC_R(sc_exec_log_weight)(const ex *e, int64_t i, bool as_scvi_tools)
{
    const sc_built *g = e->g;
    const int32_t own = as_scvi_tools ? 0 : output(g, "log_weight"), latent = output(g, "latent");
    double w = own ? (double)e->val[own][i] : 0;
    for (int t = 0; t < g->n_terms && !own; t++)
        if (g->terms[t].spec.role == SC_TERM_RECONSTRUCTION &&
            nd(e, g->terms[t].node)->stream == SC_ROWS_ALL)
            w -= (double)e->val[g->terms[t].node][i];
    for (int k = 0; k < g->n_sites; k++) {
        const int32_t id = g->sites[k].node;
        const bool is_z = strcmp(g->sites[k].name, "z") == 0;
        if (nd(e, id)->stream == SC_ROWS_ALL && nd(e, id)->reps == 1 &&
            (!own || strcmp(g->sites[k].name, "l") == 0))
            w += of_draw(e, nd(e, id), as_scvi_tools && is_z && latent ? latent : id, i);
    }
    return w;
}

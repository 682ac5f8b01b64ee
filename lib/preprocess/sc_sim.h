/*
 * Counts from a known truth: a negative binomial model of cells, drawn cell by cell.
 *
 *   t_i            cell type, type k with weight 1 / (1 + 0.35 k)
 *   b_i            batch, each alike
 *   l_i            library size, log-normal: depth * scale_b * exp(0.45 N(0, 1)), counts
 *   z_i            latent, centre_t + e_i; e_i standard normal, cut at +-2.5
 *   log rho_ij     = base_j + marker_tj + loading_j . z_i + shift_bj - log of their sum over genes
 *   x_ij           ~ NB(mean l_i rho_ij, inverse dispersion theta_j)
 *
 * base_j follows the quantiles of the 2,000 most variable genes of a PBMC sample; a gene marks one
 * type at most and loads on one factor at most. Cell i depends on the options and i only, and
 * nothing here calls libm, so the same options give the same bits everywhere, on any number of
 * threads.
 */
#ifndef SC_SIM_H
#define SC_SIM_H

#include "sc_data.h"

typedef struct sc_sim_opts {
    int64_t n_vars, n_types, n_batches, n_latent; /* all >= 1 */
    double depth;                                 /* median library size, counts, > 0 */
    double dispersion;   /* median of theta, > 0; a large one comes near Poisson counts */
    double separation;   /* of the types, >= 0: times centre_t and marker_tj */
    double batch_effect; /* standard deviation of shift_bj, >= 0; a lone batch has none */
    uint64_t seed;
} sc_sim_opts;

/* The truth. Arrays are row-major and lent as long as the sc_sim lives. */
typedef struct sc_sim {
    sc_sim_opts opts;
    double *base;       /* n_vars             log scale */
    double *theta;      /* n_vars */
    int32_t *marker_of; /* n_vars             type that the gene marks, or -1 */
    double *marker;     /* n_vars             log fold change in that type, or 0 */
    int32_t *factor;    /* n_vars             factor that the gene loads on, or -1 */
    double *loading;    /* n_vars             loading on it, or 0 */
    double *centre;     /* n_types x n_latent */
    double *shift;      /* n_batches x n_vars log scale */
    double *scale;      /* n_batches          factor of the library size */
    struct sc_sim_tables *tables;
} sc_sim;

/*
 * Draws the truth and prepares tables of n_types x n_batches x n_vars x 16 bytes; nothing grows
 * with the number of cells.
 */
sc_status sc_sim_new(sc_sim **out, const sc_sim_opts *opts, sc_err *err) SC_MUST_CHECK;
void sc_sim_free(sc_sim *sim);

/* Cells that were drawn; zeroed before the first use, then used again and again. x and latent may
 * be taken by the caller, who leaves zeroed structs behind. */
typedef struct sc_sim_cells {
    sc_csr x;        /* n x n_vars, counts */
    int32_t *type;   /* n */
    int32_t *batch;  /* n */
    double *library; /* n          l_i */
    sc_dense latent; /* n x n_latent: z_i */
    int64_t room_rows, room_stored;
    void *scratch;
} sc_sim_cells;

/* Cells first .. first + n - 1. Threads may share the sim, each with an sc_sim_cells of its own. */
sc_status sc_sim_draw(const sc_sim *sim, int64_t first, int64_t n, sc_sim_cells *cells,
                      sc_err *err) SC_MUST_CHECK;
void sc_sim_cells_free(sc_sim_cells *cells);

#endif

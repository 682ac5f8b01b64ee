/*
 * Quality metrics of cells and genes, a block of rows at a time; columns are named, and values
 * counted, as scanpy's calculate_qc_metrics does.
 *
 * obs: n_genes_by_counts, total_counts, pct_counts_in_top_K_genes, and of each set of genes S
 * total_counts_S and pct_counts_S; shares are in percent, and missing in a cell without counts.
 * var: n_cells_by_counts, mean_counts, pct_dropout_by_counts, total_counts. Counts and totals have
 * a log1p_ column each.
 */
#ifndef SC_QC_H
#define SC_QC_H

#include "sc_rows.h"

enum { SC_QC_TOPS = 16, SC_QC_SETS = 16 };

typedef struct sc_qc {
    int64_t n_vars;
    int n_tops, n_sets;
    int64_t tops[SC_QC_TOPS]; /* rising, each at most n_vars */
    char *set_names[SC_QC_SETS];
    uint8_t *sets[SC_QC_SETS]; /* n_vars marks each */
    int64_t n_cells;           /* that sc_qc_add saw, and what each gene has in them: */
    double *gene_total;
    int64_t *gene_cells;
    float *scratch; /* n_vars */
} sc_qc;

/* q is zeroed first; sc_qc_free is due whatever was returned. */
sc_status sc_qc_open(sc_qc *q, int64_t n_vars, sc_err *err) SC_MUST_CHECK;
void sc_qc_free(sc_qc *q);
/* Shares of the K genes with most counts in a cell. SC_EUSAGE if K is not within 1 .. n_vars, or
 * there are too many. */
sc_status sc_qc_add_top(sc_qc *q, int64_t k, sc_err *err) SC_MUST_CHECK;
/* A set of genes, n_vars marks; both are copied. SC_EUSAGE if there are too many. */
sc_status sc_qc_add_set(sc_qc *q, const char *name, const uint8_t *marks,
                        sc_err *err) SC_MUST_CHECK;

/* Metrics of the rows of x (checked counts) as columns of cells, a new table of x->n_rows rows; x
 * NULL: columns without rows. */
sc_status sc_qc_cells(sc_qc *q, const sc_rows *x, sc_table *cells, sc_err *err) SC_MUST_CHECK;
/* Adds rows to what is known of the genes; keep: NULL, or marks of the rows that count. */
void sc_qc_add(sc_qc *q, const sc_rows *x, const uint8_t *keep);
/* Metrics of the genes in the rows added so far, as columns of genes, a new table of n_vars rows;
 * each set is a column of marks. */
sc_status sc_qc_genes(const sc_qc *q, sc_table *genes, sc_err *err) SC_MUST_CHECK;

/* Moves all columns of `from` to the end of `to`, in place of columns of those names. */
sc_status sc_qc_move(sc_table *to, sc_table *from, sc_err *err) SC_MUST_CHECK;

#endif

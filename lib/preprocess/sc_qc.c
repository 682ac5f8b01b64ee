#include "sc_qc.h"
#include "sc_norm.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sc_status sc_qc_open(sc_qc *q, int64_t n_vars, sc_err *err)
{
    *q = (sc_qc){.n_vars = n_vars};
    SC_TRY(sc_alloc(&q->gene_total, (size_t)n_vars, sizeof *q->gene_total, err));
    SC_TRY(sc_alloc(&q->gene_cells, (size_t)n_vars, sizeof *q->gene_cells, err));
    return sc_alloc(&q->scratch, (size_t)n_vars, sizeof *q->scratch, err);
}

void sc_qc_free(sc_qc *q)
{
    for (int s = 0; s < q->n_sets; s++) {
        free(q->set_names[s]);
        free(q->sets[s]);
    }
    free(q->gene_total);
    free(q->gene_cells);
    free(q->scratch);
    *q = (sc_qc){0};
}

sc_status sc_qc_add_top(sc_qc *q, int64_t k, sc_err *err)
{
    int at = q->n_tops;
    if (k < 1 || k > q->n_vars)
        return sc_fail(err, SC_EUSAGE, "there are %" PRId64 " genes, of which no top %" PRId64,
                       q->n_vars, k);
    for (int t = 0; t < q->n_tops; t++)
        if (q->tops[t] == k)
            return SC_OK;
    if (q->n_tops == SC_QC_TOPS)
        return sc_fail(err, SC_EUSAGE, "more than %d shares of top genes", SC_QC_TOPS);
    for (; at > 0 && q->tops[at - 1] > k; at--)
        q->tops[at] = q->tops[at - 1];
    q->tops[at] = k;
    q->n_tops++;
    return SC_OK;
}

sc_status sc_qc_add_set(sc_qc *q, const char *name, const uint8_t *marks, sc_err *err)
{
    if (q->n_sets == SC_QC_SETS)
        return sc_fail(err, SC_EUSAGE, "more than %d sets of genes", SC_QC_SETS);
    const int s = q->n_sets++;
    q->set_names[s] = strdup(name);
    if (!q->set_names[s])
        return sc_fail(err, SC_ENOMEM, "out of memory");
    SC_TRY(sc_alloc(&q->sets[s], (size_t)q->n_vars, 1, err));
    memcpy(q->sets[s], marks, (size_t)q->n_vars);
    return SC_OK;
}

/* Puts the k largest of v (n) in front, in no order: quickselect, whose order of moves depends on
 * the values only. */
static void select_top(float *v, int64_t n, int64_t k)
{
    for (int64_t lo = 0, hi = n - 1; lo < hi && k > lo;) {
        const float pivot = v[lo + (hi - lo) / 2];
        int64_t i = lo, j = hi;
        while (i <= j) {
            while (v[i] > pivot)
                i++;
            while (v[j] < pivot)
                j--;
            if (i <= j) {
                const float t = v[i];
                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (k - 1 <= j)
            hi = j;
        else if (k - 1 >= i)
            lo = i;
        else
            return;
    }
}

typedef struct cell_cols { /* of the table being made */
    double *n_genes_log, *total, *total_log, *top[SC_QC_TOPS];
    int64_t *n_genes;
    double *set[SC_QC_SETS], *set_log[SC_QC_SETS], *set_pct[SC_QC_SETS];
} cell_cols;

static sc_status reals(sc_table *t, const char *before, const char *name, const char *after,
                       double **out, sc_err *err)
{
    char full[512];
    sc_col *c = NULL;
    (void)snprintf(full, sizeof full, "%s%s%s", before, name, after);
    SC_TRY(sc_table_add(t, full, SC_COL_REAL, &c, err));
    *out = c->v.r;
    return SC_OK;
}

static sc_status ints(sc_table *t, const char *name, int64_t **out, sc_err *err)
{
    sc_col *c = NULL;
    SC_TRY(sc_table_add(t, name, SC_COL_INT, &c, err));
    *out = c->v.i;
    return SC_OK;
}

static sc_status cell_columns(const sc_qc *q, sc_table *t, cell_cols *c, sc_err *err)
{
    SC_TRY(ints(t, "n_genes_by_counts", &c->n_genes, err));
    SC_TRY(reals(t, "log1p_", "n_genes_by_counts", "", &c->n_genes_log, err));
    SC_TRY(reals(t, "", "total_counts", "", &c->total, err));
    SC_TRY(reals(t, "log1p_", "total_counts", "", &c->total_log, err));
    for (int k = 0; k < q->n_tops; k++) {
        char number[32];
        (void)snprintf(number, sizeof number, "%" PRId64, q->tops[k]);
        SC_TRY(reals(t, "pct_counts_in_top_", number, "_genes", &c->top[k], err));
    }
    for (int s = 0; s < q->n_sets; s++) {
        SC_TRY(reals(t, "total_counts_", q->set_names[s], "", &c->set[s], err));
        SC_TRY(reals(t, "log1p_total_counts_", q->set_names[s], "", &c->set_log[s], err));
        SC_TRY(reals(t, "pct_counts_", q->set_names[s], "", &c->set_pct[s], err));
    }
    return SC_OK;
}

static void cell_tops(const sc_qc *q, const sc_rows *x, int64_t i, const cell_cols *c)
{
    int64_t n = 0;
    for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++)
        if (x->values[k] > 0)
            q->scratch[n++] = x->values[k];
    for (int t = q->n_tops - 1; t >= 0; t--) {
        const int64_t k = q->tops[t] < n ? q->tops[t] : n;
        double sum = 0;
        select_top(q->scratch, n, k);
        for (int64_t m = 0; m < k; m++)
            sum += (double)q->scratch[m];
        c->top[t][i] = c->total[i] > 0 ? 100 * sum / c->total[i] : NAN;
        n = k; /* the top 50 are among the top 100 */
    }
}

static void cell_sets(const sc_qc *q, const sc_rows *x, int64_t i, const cell_cols *c)
{
    for (int s = 0; s < q->n_sets; s++) {
        double sum = 0;
        for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++)
            if (q->sets[s][sc_rows_col(x, i, k)])
                sum += (double)x->values[k];
        c->set[s][i] = sum;
        c->set_log[s][i] = sc_norm_log1p_of(sum);
        c->set_pct[s][i] = c->total[i] > 0 ? 100 * sum / c->total[i] : NAN;
    }
}

sc_status sc_qc_cells(sc_qc *q, const sc_rows *x, sc_table *cells, sc_err *err)
{
    cell_cols c = {0};
    *cells = (sc_table){.n_rows = x ? x->n_rows : 0};
    const sc_status st = cell_columns(q, cells, &c, err);
    if (st != SC_OK) {
        sc_table_free(cells);
        return st;
    }
    for (int64_t i = 0; i < cells->n_rows; i++) {
        double sum = 0;
        int64_t n = 0;
        for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++) {
            sum += (double)x->values[k];
            n += x->values[k] > 0;
        }
        c.n_genes[i] = n;
        c.n_genes_log[i] = sc_norm_log1p_of((double)n);
        c.total[i] = sum;
        c.total_log[i] = sc_norm_log1p_of(sum);
        cell_tops(q, x, i, &c);
        cell_sets(q, x, i, &c);
    }
    return SC_OK;
}

void sc_qc_add(sc_qc *q, const sc_rows *x, const uint8_t *keep)
{
    for (int64_t i = 0; i < x->n_rows; i++) {
        if (keep && !keep[i])
            continue;
        q->n_cells++;
        for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++) {
            const int64_t j = sc_rows_col(x, i, k);
            q->gene_total[j] += (double)x->values[k];
            q->gene_cells[j] += x->values[k] > 0;
        }
    }
}

static sc_status set_marks(const sc_qc *q, sc_table *genes, sc_err *err)
{
    for (int s = 0; s < q->n_sets; s++) {
        sc_col *c = NULL;
        SC_TRY(sc_table_add(genes, q->set_names[s], SC_COL_BOOL, &c, err));
        memcpy(c->v.b, q->sets[s], (size_t)q->n_vars);
    }
    return SC_OK;
}

static sc_status gene_columns(const sc_qc *q, sc_table *genes, sc_err *err)
{
    int64_t *n_cells = NULL;
    double *mean = NULL, *mean_log = NULL, *dropout = NULL, *total = NULL, *total_log = NULL;
    SC_TRY(set_marks(q, genes, err));
    SC_TRY(ints(genes, "n_cells_by_counts", &n_cells, err));
    SC_TRY(reals(genes, "", "mean_counts", "", &mean, err));
    SC_TRY(reals(genes, "log1p_", "mean_counts", "", &mean_log, err));
    SC_TRY(reals(genes, "", "pct_dropout_by_counts", "", &dropout, err));
    SC_TRY(reals(genes, "", "total_counts", "", &total, err));
    SC_TRY(reals(genes, "log1p_", "total_counts", "", &total_log, err));
    for (int64_t j = 0; j < q->n_vars && q->n_cells; j++) {
        const double n = (double)q->n_cells;
        n_cells[j] = q->gene_cells[j];
        mean[j] = q->gene_total[j] / n;
        mean_log[j] = sc_norm_log1p_of(mean[j]);
        dropout[j] = 100 * (1 - (double)q->gene_cells[j] / n);
        total[j] = q->gene_total[j];
        total_log[j] = sc_norm_log1p_of(total[j]);
    }
    return SC_OK;
}

sc_status sc_qc_genes(const sc_qc *q, sc_table *genes, sc_err *err)
{
    *genes = (sc_table){.n_rows = q->n_vars};
    const sc_status st = gene_columns(q, genes, err);
    if (st != SC_OK)
        sc_table_free(genes);
    return st;
}

sc_status sc_qc_move(sc_table *to, sc_table *from, sc_err *err)
{
    for (int k = 0; k < from->n_cols; k++)
        if (sc_table_find(to, from->cols[k].name))
            SC_TRY(sc_table_drop(to, from->cols[k].name, err));
    SC_TRY(sc_resize(&to->cols, (size_t)(to->n_cols + from->n_cols), sizeof *to->cols, err));
    memcpy(to->cols + to->n_cols, from->cols, (size_t)from->n_cols * sizeof *to->cols);
    to->n_cols += from->n_cols;
    from->n_cols = 0;
    return SC_OK;
}

/*
 * Seed labels from marker genes, as the scANVI paper and Pyro's tutorial make them: of every class
 * the cells with the best score, the sum of its standardised positive genes minus that of its
 * negative ones.
 */
#ifndef SC_LABEL_SEEDS_H
#define SC_LABEL_SEEDS_H

#include "sc_data.h"

typedef struct sc_markers {
    sc_strs classes, genes; /* each gene once */
    int8_t *sign;           /* classes x genes: 1 positive, -1 negative, 0 neither */
} sc_markers;

/*
 * A TSV whose header names the columns "positive" and, if there are any, "negative"; a row a class:
 * its name, then genes parted by blanks or commas. SC_EFORMAT, naming class and gene, where a class
 * has no gene or one that is both; SC_EDATA where a class stands twice. sc_markers_free is due
 * whatever was returned.
 */
sc_status sc_markers_read(sc_markers *m, const char *path, sc_err *err) SC_MUST_CHECK;
void sc_markers_free(sc_markers *m);

/*
 * expr    n x genes  log(1 + counts per 10,000) of the marker genes; standardised in place (ddof 1;
 *                    a gene without variance becomes 0)
 * labels  n          out: class of the seeds, -1 of the others
 *
 * Of each class the n_each best cells, of equal ones the first; a cell that is among the best of
 * several is of the last of them.
 */
sc_status sc_markers_seed(const sc_markers *m, int64_t n, double *expr, int64_t n_each,
                          int32_t *labels, sc_err *err) SC_MUST_CHECK;

#endif

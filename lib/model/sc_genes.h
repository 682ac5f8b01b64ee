/*
 * Genes of data matched to those of a model: by name, or by any text column of var on either side
 * (Ensembl ids, say), with or without the version suffix of an Ensembl id.
 */
#ifndef SC_GENES_H
#define SC_GENES_H

#include "sc_data.h"

typedef struct sc_genes {
    int64_t n_data, n_model, n_matched;
    int32_t *to_model; /* gene of the data -> gene of the model, -1; n_data */
    bool in_order;     /* matched genes stand in the model's order */
    char note[512];    /* what is worth saying: "" if every gene of the model was there by name */
} sc_genes;

/*
 * Takes the pair of columns that finds the most genes, names with names where that is one of them.
 * Of data genes with the same name the first counts. SC_EDATA, naming a missing gene, if fewer than
 * min_overlap (a share) of the model's genes are found, or none. sc_genes_free is due on success.
 */
sc_status sc_genes_match(sc_genes *m, const sc_table *data, const sc_table *model,
                         double min_overlap, sc_err *err) SC_MUST_CHECK;
void sc_genes_free(sc_genes *m);

#endif

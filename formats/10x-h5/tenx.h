/* Features of a 10x HDF5 file and where they go. */
#ifndef SC_FORMATS_10X_TENX_H
#define SC_FORMATS_10X_TENX_H

#include "../common/h5mat.h"

typedef struct tenx_opts {
    const char *genome;
    int var_names; /* 0 symbols, 1 ids */
    bool all_features;
} tenx_opts;

typedef struct tenx_features {
    int64_t n;
    sc_strs ids, symbols, types, genomes; /* types and genomes: empty in v2 files */
    int n_more;                           /* further columns of text */
    char **more_names;
    sc_strs *more;
    /* by feature: its column in X and among the proteins, -1 where it has none */
    int32_t *to_gene, *to_protein;
    int64_t n_genes, n_proteins, n_dropped;
} tenx_features;

/* The group to read: /matrix (v3), or the one genome there is or that was asked for (v2). SC_EDATA
 * naming them where there are several. */
sc_status tenx_find_group(hid_t *group, bool *is_v3, hid_t file, const tenx_opts *o,
                          sc_err *err) SC_MUST_CHECK;
/* True if the file has a group that tenx_find_group could take. */
bool tenx_has_group(hid_t file);
sc_status tenx_read_features(tenx_features *f, hid_t group, bool is_v3, const tenx_opts *o,
                             sc_err *err) SC_MUST_CHECK;
/* var, X and obsm/protein_expression of the header; kind is that of all values. */
sc_status tenx_fill_header(const tenx_features *f, sc_matkind kind, const tenx_opts *o,
                           sc_header *h, sc_err *err) SC_MUST_CHECK;
void tenx_features_free(tenx_features *f);

#endif

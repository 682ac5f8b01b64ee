/*
 * A model as the model.pt that scvi-tools loads: state dict, gene names, constructor arguments and
 * the registry of the data it was set up with.
 */
#ifndef SC_SCVI_EXPORT_H
#define SC_SCVI_EXPORT_H

#include "sc_net.h"
#include "sc_pt_write.h"

/* The cells that go with the model, as far as the registry tells of them. */
typedef struct sc_scvi_cells {
    int64_t n_obs;       /* 0: not known */
    const char *layer;   /* where the counts are; NULL: X */
    const sc_table *obs; /* the columns' types decide those of the categories; NULL: all text */
} sc_scvi_cells;

/*
 * Puts the whole of the file; sc_pt_writer_finish is the caller's. cells NULL: what the model says
 * of the data it was fitted on. SC_EUSAGE: scvi-tools has no such model or option. SC_EDATA: a
 * column of categories that is made of reals.
 */
sc_status sc_scvi_export(const sc_net *net, const sc_scvi_cells *cells, sc_pt_writer *w,
                         sc_err *err) SC_MUST_CHECK;

#endif

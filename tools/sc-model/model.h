/* The commands of sc-model, a file each. */
#ifndef SC_MODEL_TOOL_H
#define SC_MODEL_TOOL_H

#include "sc_cli.h"
#include "sc_net.h"

#include <stdio.h>

typedef struct model_opts {
    sc_common common;
    int to;
} model_opts;

extern const sc_tool model_tool;

/* operands: those after the command's name. What is printed goes to `to`. */
sc_status model_list(const model_opts *o, const char *const *operands, FILE *to,
                     sc_err *err) SC_MUST_CHECK;
sc_status model_show(const model_opts *o, const char *const *operands, FILE *to,
                     sc_err *err) SC_MUST_CHECK;
sc_status model_export(const model_opts *o, const char *const *operands, FILE *to,
                       sc_err *err) SC_MUST_CHECK;
sc_status model_new(const model_opts *o, const char *const *operands, FILE *to,
                    sc_err *err) SC_MUST_CHECK;
sc_status model_check(const model_opts *o, const char *const *operands, FILE *to,
                      sc_err *err) SC_MUST_CHECK;

/* What was written of the cells. */
typedef struct exported_cells {
    int64_t n_obs;
    char *layer;  /* of the counts; NULL: X */
    sc_table obs; /* columns without rows */
} exported_cells;

/*
 * Writes the cells of the stream at in ("-": stdin) to DIR/adata.h5ad, with the genes of the model
 * in the model's order, and everything else as it is. SC_EDATA: a gene or a column of the model is
 * missing. out is the caller's to free.
 */
sc_status write_cells(const model_opts *o, const sc_net *net, const char *in, const char *dir,
                      exported_cells *out, sc_err *err) SC_MUST_CHECK;
void exported_cells_free(exported_cells *c);

#endif

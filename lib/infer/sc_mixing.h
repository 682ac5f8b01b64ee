/*
 * Denoised proteins where a draw, not a probability, says which of them are background:
 * scvi-tools' sample_protein_mixing.
 */
#ifndef SC_MIXING_H
#define SC_MIXING_H

#include "sc_infer.h"

typedef struct sc_mixing {
    int32_t nodes[3]; /* to hand to sc_infer_open */
    int64_t n_proteins;
} sc_mixing;

/* SC_EUSAGE if the model has no mixture of proteins. */
sc_status sc_mixing_find(sc_mixing *m, const sc_net *net, sc_err *err) SC_MUST_CHECK;

/* Whether this output of a model is made anew by draws. */
bool sc_mixing_makes(const char *output);

/* The output `name` (one that sc_mixing_makes) of row i of those that x ran last, from + i of the
 * block: n_proteins to out. seed, draw_no: as in sc_infer_run. */
void sc_mixing_row(const sc_mixing *m, const char *name, const sc_infer *x, int64_t from, int64_t i,
                   uint64_t seed, uint32_t draw_no, float *out);

#endif

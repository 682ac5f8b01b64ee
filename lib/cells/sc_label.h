/*
 * Labels of cells, from the probability of each class: what sc-label writes, whichever way it came
 * to the probabilities.
 *
 *   obs <key>              the likeliest class, or the rules' `unknown`
 *   obs <key>_prob         its probability (of the likeliest class, where the label is unknown)
 *   obs <key>_uncertainty  1 - that
 *   obs <key>_reason       why a label is unknown; missing where it is not
 *   obs <key>_set          with set_floor: the classes at least that likely, joined by '|'
 *   obsm/<key>_probs       with is_soft: all probabilities, a column a class
 */
#ifndef SC_LABEL_H
#define SC_LABEL_H

#include "sc_stream.h"

typedef struct sc_label_rules {
    const char *key;     /* lent */
    const char *unknown; /* the label of a cell that is given none; lent */
    bool is_soft;        /* add obsm/<key>_probs */
    double min_prob; /* a cell whose likeliest class is less likely has no label; 0: any will do */
    double temperature; /* divides the logarithms of the probabilities; 1: as they are */
    bool has_sets;      /* add <key>_set; a cell whose set is empty has no label */
    double set_floor;   /* probability, after the temperature */
} sc_label_rules;

/* Adds the columns to h. SC_EDATA if there is one of a name already. */
sc_status sc_label_header(const sc_label_rules *r, const sc_strs *classes, sc_header *h,
                          sc_err *err) SC_MUST_CHECK;
/*
 * The same to a block. probs: rows of b x classes, changed to those after the temperature. reasons:
 * for each row NULL, or why it has no label whatever its probabilities ("no counts": one of
 * sc_label_reasons); reasons itself may be NULL.
 */
sc_status sc_label_block(const sc_label_rules *r, const sc_strs *classes, float *probs,
                         const char *const *reasons, sc_block *b, sc_err *err) SC_MUST_CHECK;

#define SC_LABEL_NO_COUNTS "no counts"
#define SC_LABEL_UNSURE "probability too low"
#define SC_LABEL_NO_CLASS "no class likely enough"

/* p (n x k) <- softmax(log p / temperature), each row on its own. */
void sc_label_temper(int64_t n, int64_t k, double temperature, float *p);
/* The first of the largest. */
int64_t sc_label_argmax(int64_t k, const float *p);

#endif

/*
 * Which proteins a panel of cells measured, where the data say so themselves:
 *
 *   uns["panels"]["protein_expression"] = {"column": "batch", "measured": {"5k": ["CD3", ...]}}
 *
 * sc-cat writes it where it unites columns of inputs that measured different ones; a protein that a
 * panel does not name was not measured there, one that it names was, though no cell has a count.
 */
#ifndef SC_PANELS_H
#define SC_PANELS_H

#include "sc_stream.h"

#include <stdint.h>

/* Whether uns has an entry of panels, of whatever matrix. */
bool sc_panels_any(const sc_header *h);
/* Adds names to what panel `panel` of obs column `column` measured of obsm `key`. */
sc_status sc_panels_add(sc_header *h, const char *key, const char *column, const char *panel,
                        const sc_strs *names, sc_err *err) SC_MUST_CHECK;
/*
 * Adds to out what all of n inputs say of the panels of a matrix: all their panels, if they say it
 * by the same obs column. *is_lost: an input says something that is not kept, as another says
 * nothing of that matrix, says it by another column, or says otherwise of the same panel.
 */
sc_status sc_panels_join(sc_header *out, const sc_header *const *in, int n, bool *is_lost,
                         sc_err *err) SC_MUST_CHECK;
/* missing: panels x names; 1 or 0 in the rows of the panels that uns says something of, the others
 * stay. */
sc_status sc_panels_missing(const sc_header *h, const char *key, const char *column,
                            const sc_strs *panels, const sc_strs *names, uint8_t *missing,
                            sc_err *err) SC_MUST_CHECK;

#endif

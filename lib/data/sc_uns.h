/*
 * Entries of a header's uns, the JSON object of what belongs to no row and no column.
 */
#ifndef SC_UNS_H
#define SC_UNS_H

#include "sc_stream.h"

/* Sets uns[key] to the value that `json` spells; one that is there is replaced in its place. */
sc_status sc_uns_set(sc_header *h, const char *key, const char *json, sc_err *err) SC_MUST_CHECK;
/* Without uns[key]; nothing happens where it is not there. */
sc_status sc_uns_drop(sc_header *h, const char *key, sc_err *err) SC_MUST_CHECK;
/* Without the entries that speak of a graph (as 'neighbors' does, by "connectivities_key" and
 * "distances_key") that is not among the matrices of h; their names are added to dropped. */
sc_status sc_uns_drop_graphless(sc_header *h, sc_strs *dropped, sc_err *err) SC_MUST_CHECK;
/* uns[key][field] if it is a number, otherwise def. */
double sc_uns_number(const sc_header *h, const char *key, const char *field, double def);
/*
 * Sets out->uns to what all of n >= 1 headers say: the entries that are the same in all, and of
 * objects, to any depth, the members that are; an object of which nothing is left goes. Entry
 * `except` goes in any case. dropped: the names of other entries that are not there or not whole
 * are added.
 */
sc_status sc_uns_agree(sc_header *out, const sc_header *const *in, int n, const char *except,
                       sc_strs *dropped, sc_err *err) SC_MUST_CHECK;

#endif

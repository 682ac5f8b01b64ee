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
/* uns[key][field] if it is a number, otherwise def. */
double sc_uns_number(const sc_header *h, const char *key, const char *field, double def);

#endif

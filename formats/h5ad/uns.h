/* uns, the unstructured part of an AnnData: dictionaries, scalars, arrays of one or two dimensions.
 */
#ifndef SC_FORMATS_H5AD_UNS_H
#define SC_FORMATS_H5AD_UNS_H

#include "out.h"

#include <jansson.h>

/*
 * Reads the group `uns` of file, if there is one, as a JSON object. Members whose paths
 * ("uns/...") are in `leave_out` are passed over; the paths of those without a counterpart are
 * appended to skipped. With old_scalars an array of one element is a scalar, as anndata 0.6 wrote
 * them. *out is the caller's, to be given back with json_decref.
 */
sc_status h5uns_read(json_t **out, hid_t file, bool old_scalars, const sc_strs *leave_out,
                     sc_strs *skipped, sc_err *err) SC_MUST_CHECK;

/*
 * Writes a JSON object as the group `uns` of the file. Nulls are left out, as anndata before 0.12
 * can't read them; an array that is no array of anndata's (mixed, ragged) is written as its JSON
 * text, and its path appended to as_text.
 */
sc_status h5uns_write(const h5out *o, const char *json, sc_strs *as_text,
                      sc_err *err) SC_MUST_CHECK;

#endif

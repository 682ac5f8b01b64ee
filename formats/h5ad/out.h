/*
 * Writing HDF5 as h5py and anndata do: datasets that grow, text of variable length, attributes.
 * Everything is without times, so that the same content gives the same bytes.
 */
#ifndef SC_FORMATS_H5AD_OUT_H
#define SC_FORMATS_H5AD_OUT_H

#include "../common/h5.h"

typedef struct h5out {
    hid_t file, text, boolean; /* types of anndata's strings and booleans */
    hid_t driver;
    bool is_gzip;
    int disk_errno;   /* of the first write that failed; 0: none has */
    const char *name; /* for messages; lent */
} h5out;

/* o stays where it is until h5out_close. */
sc_status h5out_open(h5out *o, const char *path, const char *name, bool is_gzip,
                     sc_err *err) SC_MUST_CHECK;
/* Flushes and closes; what the disk refused shows here at the latest. */
sc_status h5out_finish(h5out *o, sc_err *err) SC_MUST_CHECK;
void h5out_close(h5out *o);
/* "can't write 'where': reason", SC_EIO. */
sc_status h5out_fail(const h5out *o, const char *where, sc_err *err);
/* Did the disk take all that was written so far? */
sc_status h5out_check(const h5out *o, sc_err *err) SC_MUST_CHECK;

/* Attributes encoding-type and encoding-version. */
sc_status h5out_encoding(const h5out *o, hid_t obj, const char *type, const char *version,
                         sc_err *err) SC_MUST_CHECK;
sc_status h5out_attr_text(const h5out *o, hid_t obj, const char *name, const char *value,
                          sc_err *err) SC_MUST_CHECK;
/* n == 0 gives the empty float64 array that h5py makes of an empty list. */
sc_status h5out_attr_texts(const h5out *o, hid_t obj, const char *name, const char *const *values,
                           int64_t n, sc_err *err) SC_MUST_CHECK;
sc_status h5out_attr_bool(const h5out *o, hid_t obj, const char *name, bool value,
                          sc_err *err) SC_MUST_CHECK;
sc_status h5out_attr_shape(const h5out *o, hid_t obj, int64_t n_rows, int64_t n_cols,
                           sc_err *err) SC_MUST_CHECK;
/* Makes a group with an encoding (NULL: none). */
sc_status h5out_group(const h5out *o, hid_t loc, const char *name, const char *type,
                      const char *version, hid_t *group, sc_err *err) SC_MUST_CHECK;
/* A scalar (rank 0) or a fixed array; type NULL-encoded ("null") where values is NULL. */
sc_status h5out_array(const h5out *o, hid_t loc, const char *name, hid_t file_type, hid_t mem_type,
                      int rank, const int64_t *dims, const void *values, const char *encoding,
                      sc_err *err) SC_MUST_CHECK;
sc_status h5out_texts(const h5out *o, hid_t loc, const char *name, const sc_strs *s,
                      sc_err *err) SC_MUST_CHECK;

/* A dataset that grows by rows; made when the first rows come. A zeroed one is new. */
typedef struct h5grow {
    hid_t ds;
    int64_t n; /* rows so far */
} h5grow;

/* width < 0: one dimension; encoding NULL: no attributes. */
sc_status h5grow_put(const h5out *o, h5grow *g, hid_t loc, const char *name, hid_t file_type,
                     hid_t mem_type, int64_t width, int64_t n, const void *values,
                     const char *encoding, sc_err *err) SC_MUST_CHECK;
sc_status h5grow_put_texts(const h5out *o, h5grow *g, hid_t loc, const char *name, const sc_strs *s,
                           sc_err *err) SC_MUST_CHECK;
void h5grow_close(h5grow *g);

/* A member's name: '/' can't stand in one. Returns buf. */
const char *h5out_key(const char *name, char *buf, size_t buf_len);

#endif

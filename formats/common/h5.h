/*
 * What the formats kept in HDF5 need of that library: typed reads by name and by rows, text of
 * either kind, attributes. HDF5's own error printing is off; every failure is one sentence with the
 * path inside the file.
 *
 * Identifiers are HDF5's; the caller gives them back with h5_close. 0 stands for "none", which HDF5
 * never hands out.
 */
#ifndef SC_FORMATS_H5_H
#define SC_FORMATS_H5_H

#include "sc_data.h"

#include <hdf5.h>

enum { H5_PATH_MAX = 512, H5_MAX_RANK = 4 };

/* HDF5 prints what it trips over, on every thread that has not told it to be silent: to be called
 * first in what a host may call on a thread of its own. */
void h5_quiet(void);

/* Opens for reading, with the filters that h5py writes by default (gzip, shuffle, lzf). */
sc_status h5_open(hid_t *file, const char *path, sc_err *err) SC_MUST_CHECK;
/* True if the file is HDF5 and can be opened; *file is then to be closed. For probes. */
bool h5_try_open(hid_t *file, const char *path);
/*
 * For probes: how sure a format may be of what begins with head. 0: not HDF5; if path is NULL, 40:
 * perhaps; if the file can't be opened, 30 where the name ends in suffix, for open() then says why,
 * else `otherwise`. -1: *file is open, and the format is to look into it.
 */
int h5_probe(hid_t *file, const unsigned char *head, size_t head_len, const char *path,
             const char *name, const char *suffix, int otherwise);
/* Gives back any identifier and zeroes it; accepts 0. */
void h5_close(hid_t *id);
void h5_lzf_register(void);

/* The path of an object inside its file, for messages: without the leading slash. Returns buf. */
const char *h5_path(hid_t obj, char *buf, size_t buf_len);
/* Does this name, a path below loc, lead to an object? */
bool h5_has(hid_t loc, const char *name);
bool h5_is_group(hid_t loc, const char *name);
/* Opens an object (group or dataset). SC_EFORMAT if there is none. */
sc_status h5_get(hid_t *obj, hid_t loc, const char *name, sc_err *err) SC_MUST_CHECK;
/* Names of the members of a group, in the order of their bytes. */
sc_status h5_members(hid_t group, sc_strs *out, sc_err *err) SC_MUST_CHECK;

/* Attributes. A missing attribute, or one of another type, is false. */
bool h5_attr_text(hid_t obj, const char *name, char *buf, size_t buf_len);
bool h5_attr_ints(hid_t obj, const char *name, int64_t *out, int n);
bool h5_attr_bool(hid_t obj, const char *name);
/* Appends the texts of a 1-D attribute; one that is absent or not of text gives none. */
sc_status h5_attr_strs(hid_t obj, const char *name, sc_strs *out, sc_err *err) SC_MUST_CHECK;
/* The object that an attribute refers to. */
bool h5_attr_ref(hid_t obj, const char *name, hid_t *target);

typedef enum h5_kind {
    H5_NUM_INT,
    H5_NUM_REAL,
    H5_BOOL, /* an enumeration FALSE, TRUE */
    H5_TEXT,
    H5_COMPOUND,
    H5_OTHER
} h5_kind;

typedef struct h5_info {
    h5_kind kind;
    int rank; /* 0: a scalar; -1: null */
    int64_t dims[H5_MAX_RANK];
    size_t size; /* bytes of an element in the file */
} h5_info;

/* What a dataset is. Fails with SC_EFORMAT where its size isn't backed by what the file stores. */
sc_status h5_describe(hid_t ds, h5_info *out, sc_err *err) SC_MUST_CHECK;
/* The kind of an HDF5 type; *n_sub gets the values in it (a sub-array of a compound has several).
 */
h5_kind h5_type_kind(hid_t type, int64_t *n_sub);

/* A column: a 1-D dataset, or a field of a 1-D compound one. */
typedef struct h5_vec {
    hid_t ds;          /* lent */
    const char *field; /* NULL: the dataset itself; lent */
    int64_t n_sub;     /* values per row, of a field that is a sub-array; else 1 */
} h5_vec;

/* Rows row0 .. row0 + n of a vector, n * n_sub values, converted to `type` (H5T_NATIVE_...). */
sc_status h5_read_vec(const h5_vec *v, hid_t type, int64_t row0, int64_t n, void *buf,
                      sc_err *err) SC_MUST_CHECK;
/* Likewise text, of fixed or variable length; appended to out. */
sc_status h5_read_text(const h5_vec *v, int64_t row0, int64_t n, sc_strs *out,
                       sc_err *err) SC_MUST_CHECK;
/* A box of a dataset of any rank. start and count have its rank. */
sc_status h5_read_box(hid_t ds, hid_t type, const int64_t *start, const int64_t *count, void *buf,
                      sc_err *err) SC_MUST_CHECK;
/* One value of a scalar or one-element dataset, as text (text is cut at buf_len). */
sc_status h5_read_scalar_text(hid_t ds, sc_strs *out, sc_err *err) SC_MUST_CHECK;

/* A list of names that are cut to one line: "a, b, c and 4 more". Returns buf. */
const char *h5_list(const sc_strs *names, char *buf, size_t buf_len);

#endif

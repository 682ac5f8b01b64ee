/*
 * model.pt, as scvi-tools saves it (torch.save: a zip of stored members around a pickle), read
 * without ever resolving or calling anything that the pickle names.
 *
 * The pickle is interpreted into plain values: numbers, strings, lists, dicts, tensors, arrays. A
 * handful of names (OrderedDict, tensor and ndarray rebuilding, dtypes) have a meaning; names known
 * to be data of no interest to us (pandas frames and indexes) become opaque; any other name, such
 * as "os system", is refused by name (SC_EFORMAT).
 *
 * Sizes: every member lies in the file, stored and with the right CRC; every tensor lies in its
 * storage; all tensors together have no more elements than the file has bytes; the values of the
 * pickle take at most SC_PT_VALUE_COST bytes for each of its bytes.
 *
 * Everything that the accessors return is lent, and lives until sc_pt_close.
 */
#ifndef SC_PT_H
#define SC_PT_H

#include "sc_err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SC_PT_MAX_DIMS = 8,
    SC_PT_VALUE_COST = 48,
    SC_PT_MAX_PICKLE = 1 << 28, /* bytes of data.pkl */
};

typedef struct sc_pt sc_pt;
typedef struct sc_pt_value sc_pt_value;

typedef enum sc_pt_kind {
    SC_PT_NONE = 0,
    SC_PT_BOOL,
    SC_PT_INT,
    SC_PT_FLOAT,
    SC_PT_STRING,
    SC_PT_BYTES,
    SC_PT_LIST,
    SC_PT_TUPLE,
    SC_PT_DICT,
    SC_PT_TENSOR,
    SC_PT_NDARRAY,
    SC_PT_OPAQUE, /* an object of a known class, kept with its arguments and state */
    SC_PT_GLOBAL, /* a bare name, "module name" */
} sc_pt_kind;

typedef enum sc_pt_dtype {
    SC_PT_F32 = 0,
    SC_PT_F64,
    SC_PT_F16,
    SC_PT_BF16,
    SC_PT_I64,
    SC_PT_I32,
    SC_PT_I16,
    SC_PT_I8,
    SC_PT_U8,
    SC_PT_B1,
} sc_pt_dtype;

typedef struct sc_pt_tensor {
    const char *name;  /* in the state dict; NULL for a tensor elsewhere */
    sc_pt_dtype dtype; /* as saved */
    int n_dims;        /* 0: a scalar */
    int64_t dims[SC_PT_MAX_DIMS];
    size_t n; /* elements: product of dims, 1 for a scalar */
    const float
        *data; /* n, row-major; converted from dtype. Values are as saved: they may be NaN */
} sc_pt_tensor;

typedef struct sc_pt_ndarray {
    char kind;        /* 'f', 'i', 'u', 'b', 'U', or 'O' for objects */
    size_t item_size; /* bytes, as stored; 'U': 4 a character */
    int n_dims;
    int64_t dims[SC_PT_MAX_DIMS];
    size_t n;
    bool is_fortran;           /* order of data where n_dims > 1 */
    const unsigned char *data; /* n * item_size, little-endian, maybe unaligned; 'O': NULL */
    sc_pt_value *const *items; /* n, for 'O'; else NULL */
} sc_pt_ndarray;

typedef struct sc_pt_names {
    size_t n;
    const char *const *s; /* UTF-8, without NUL inside */
} sc_pt_names;

typedef struct sc_pt_modality {
    const char *name; /* NULL unless var_names is a dict (mudata) */
    sc_pt_names vars;
} sc_pt_modality;

typedef struct sc_pt_category {
    const char *key; /* obs column */
    sc_pt_names levels;
} sc_pt_category;

typedef struct sc_pt_mask {
    const char *batch;         /* code as text, "0" ... */
    size_t n;                  /* proteins */
    const unsigned char *seen; /* n, 1: measured in that batch */
} sc_pt_mask;

/* registry_, as far as every model has it. What the file doesn't state is NULL or n = 0. Numbers as
 * category levels are given as text, as Python prints them: 0, 1.5, True. */
typedef struct sc_pt_registry {
    const char *model_name, *scvi_version, *setup_method; /* "SCVI", "1.4.2", "setup_anndata" */
    const sc_pt_value *setup_args;                        /* dict */
    const sc_pt_value *fields;                            /* dict: field_registries */
    sc_pt_category batch, labels;                         /* key: original_key */
    const char *unlabeled_category;                       /* SCANVI; its level is the last */
    size_t n_cat_covs;
    const sc_pt_category *cat_covs;
    sc_pt_names cont_covs;
    sc_pt_names proteins;
    sc_pt_category panel; /* key NULL: the panels are the batches */
    size_t n_masks;
    const sc_pt_mask *masks; /* of TOTALVI's protein_batch_mask, in the file's order */
} sc_pt_registry;

/* Reads a descriptor to its end, and leaves it open; name is for the sentences. On success *out is
 * the caller's, to be closed with sc_pt_close; on failure it is NULL. SC_EIO: can't be read;
 * SC_EFORMAT: not such a file, damaged, or refused. */
sc_status sc_pt_read(sc_pt **out, int fd, const char *name, sc_err *err) SC_MUST_CHECK;

/* The same from n bytes, which are not needed afterwards. */
sc_status sc_pt_decode(sc_pt **out, const void *bytes, size_t n, sc_err *err) SC_MUST_CHECK;

void sc_pt_close(sc_pt *pt); /* NULL is fine */

/* model_state_dict without pyro_param_store, in the file's order. sc_pt_tensor_named gives NULL
 * where there is no such name. */
size_t sc_pt_n_tensors(const sc_pt *pt);
const sc_pt_tensor *sc_pt_tensor_at(const sc_pt *pt, size_t i);
const sc_pt_tensor *sc_pt_tensor_named(const sc_pt *pt, const char *name);

/* var_names: one nameless modality, or the modalities of a mudata. */
size_t sc_pt_n_modalities(const sc_pt *pt);
const sc_pt_modality *sc_pt_modality_at(const sc_pt *pt, size_t i);

/* Never NULL. */
const sc_pt_registry *sc_pt_get_registry(const sc_pt *pt);

/* The value at a path of dict keys and list positions,
 * "attr_dict/init_params_/non_kwargs/n_latent";
 * "" is the whole. NULL where there is none. A constructor argument is found, whichever of the
 * dicts of init_params_ holds it, with sc_pt_init_param. */
const sc_pt_value *sc_pt_find(const sc_pt *pt, const char *path);
const sc_pt_value *sc_pt_init_param(const sc_pt *pt, const char *name);

/* Values. All take NULL, which is like a None. Keys that are numbers match their text. */
sc_pt_kind sc_pt_kind_of(const sc_pt_value *v);
const sc_pt_value *sc_pt_get(const sc_pt_value *dict, const char *key); /* NULL: no such key */
size_t sc_pt_len(const sc_pt_value *v); /* list, tuple, dict, ndarray; else 0 */
const sc_pt_value *sc_pt_item(const sc_pt_value *v,
                              size_t i); /* i < len; ndarray: of objects only */
const sc_pt_value *sc_pt_key(const sc_pt_value *dict, size_t i);
bool sc_pt_as_bool(const sc_pt_value *v, bool *out);
bool sc_pt_as_int(const sc_pt_value *v, int64_t *out); /* int, or bool */
bool sc_pt_as_real(const sc_pt_value *v, double *out); /* float, int, or bool */
bool sc_pt_real_at(const sc_pt_value *v, size_t i,
                   double *out);                 /* of list, tuple, numeric ndarray */
const char *sc_pt_as_text(const sc_pt_value *v); /* a string without NUL inside, else NULL */
const sc_pt_ndarray *sc_pt_as_ndarray(const sc_pt_value *v);
const char *
sc_pt_class_name(const sc_pt_value *v); /* of opaque, global: "pandas.core.frame DataFrame" */

/* The elements of a list, tuple or ndarray as text; what is for the sentence. Each call takes
 * memory from pt. SC_EFORMAT if an element is neither string, number nor bool. */
sc_status sc_pt_texts(sc_pt *pt, const sc_pt_value *v, const char *what, sc_pt_names *out,
                      sc_err *err) SC_MUST_CHECK;

#endif

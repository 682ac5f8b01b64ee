/*
 * The inside of sc_pt: values, their memory, and the interpreter of pickle opcodes. Nobody but
 * sc_pt*.c and sc_pickle*.c includes this.
 */
#ifndef SC_PICKLE_H
#define SC_PICKLE_H

#include "sc_pt.h"
#include "sc_zip.h"

/* Memory that lives as long as the sc_pt and never exceeds its budget. */
typedef struct sc_pt_chunk sc_pt_chunk;
typedef struct sc_pt_arena {
    sc_pt_chunk *chunks;
    size_t used, budget; /* bytes */
} sc_pt_arena;

typedef enum sc_pt_role {
    SC_PT_ROLE_OPAQUE = 0, /* known, and of no interest */
    SC_PT_ROLE_DICT,       /* defaultdict, dict */
    SC_PT_ROLE_ORDERED,    /* OrderedDict, and the dicts that it makes */
    SC_PT_ROLE_BYTES,
    SC_PT_ROLE_ENCODE,
    SC_PT_ROLE_TENSOR,
    SC_PT_ROLE_PARAMETER,
    SC_PT_ROLE_NDARRAY,
    SC_PT_ROLE_RECONSTRUCT,
    SC_PT_ROLE_DTYPE,
    SC_PT_ROLE_SCALAR,
    SC_PT_ROLE_GETATTR, /* of torch's functions only */
    SC_PT_ROLE_FUNCTIONS,
    SC_PT_ROLE_STORAGE, /* the class of a storage; its dtype is in sc_pt_value.dtype */
} sc_pt_role;

typedef struct sc_pt_text {
    unsigned char *s; /* with a NUL after its n bytes */
    size_t n;
} sc_pt_text;

typedef struct sc_pt_seq {
    sc_pt_value **v; /* a dict: key, value, key, value */
    size_t n, cap;
} sc_pt_seq;

typedef struct sc_pt_object {
    const char *name; /* "module name" */
    sc_pt_value *args, *state;
} sc_pt_object;

struct sc_pt_value {
    uint8_t kind, role, dtype; /* sc_pt_kind; of globals and opaques: sc_pt_role, sc_pt_dtype */
    union {
        bool b;
        int64_t i;
        double f;
        sc_pt_text text;
        sc_pt_seq seq;
        sc_pt_tensor *tensor;
        sc_pt_ndarray *array;
        sc_pt_object obj;
    };
};

struct sc_pt {
    sc_pt_arena arena;
    sc_pt_value *root;
    sc_pt_tensor **tensors;
    size_t n_tensors;
    sc_pt_modality *modalities;
    size_t n_modalities;
    sc_pt_registry registry;
};

/* What interpreting one data.pkl needs to know. */
typedef struct sc_pickle {
    sc_pt_arena *arena;
    const sc_zip *zip;
    const char *top;             /* directory of data.pkl in the archive, "model" */
    size_t n_left;               /* tensor elements that may still be made */
    sc_pt_value **stack, **memo; /* lent to the interpreter; owned by sc_pickle_load */
    size_t n, cap, n_memo, cap_memo;
    sc_pt_value *mark, *none, *yes, *no, *empty_tuple;
} sc_pickle;

/* Interprets n bytes of pickle; *out lives in p->arena. p has its first four fields set. */
sc_status sc_pickle_load(sc_pickle *p, const unsigned char *bytes, size_t n, sc_pt_value **out,
                         sc_err *err) SC_MUST_CHECK;

/* Memory of n * size bytes, zeroed. SC_EFORMAT where the file is too small to need so much. */
sc_status sc_pt_take(sc_pt_arena *a, void *out_ptr, size_t n, size_t size,
                     sc_err *err) SC_MUST_CHECK;
void sc_pt_arena_free(sc_pt_arena *a);
sc_status sc_pt_new(sc_pt_arena *a, sc_pt_kind kind, sc_pt_value **out, sc_err *err) SC_MUST_CHECK;
sc_status sc_pt_new_text(sc_pt_arena *a, sc_pt_kind kind, const void *bytes, size_t n,
                         sc_pt_value **out, sc_err *err) SC_MUST_CHECK;
sc_status sc_pt_append(sc_pt_arena *a, sc_pt_value *seq, sc_pt_value **v, size_t n,
                       sc_err *err) SC_MUST_CHECK;

/* Well-formed UTF-8; surrogates and overlong forms are not. */
bool sc_pt_is_utf8(const unsigned char *s, size_t n);

/* n characters of UTF-32, zero-padded, as UTF-8. */
sc_status sc_pt_utf32(sc_pt_arena *a, const unsigned char *p, size_t n, sc_pt_text *out,
                      sc_err *err) SC_MUST_CHECK;

/* A little-endian number of n <= 8 bytes, sign-extended if it has a sign. */
int64_t sc_pt_integer(const unsigned char *p, size_t n, bool has_sign);

/* The global "module name", or SC_EFORMAT naming it if it isn't plausible in a saved model. */
sc_status sc_pickle_global(sc_pickle *p, const char *module, size_t module_len, const char *name,
                           size_t name_len, sc_pt_value **out, sc_err *err) SC_MUST_CHECK;

/* What a callable gives for its arguments (REDUCE, NEWOBJ), and what a state makes of an object
 * (BUILD). Only names with a role do anything. */
sc_status sc_pickle_call(sc_pickle *p, const sc_pt_value *callee, sc_pt_value *args,
                         sc_pt_value **out, sc_err *err) SC_MUST_CHECK;
sc_status sc_pickle_build(sc_pickle *p, sc_pt_value *obj, sc_pt_value *state,
                          sc_err *err) SC_MUST_CHECK;

/* _rebuild_tensor_v2 (storage, offset, size, stride, ...), in sc_pickle_tensor.c. */
sc_status sc_pickle_tensor(sc_pickle *p, const sc_pt_value *args, sc_pt_value **out,
                           sc_err *err) SC_MUST_CHECK;

/* An ndarray's state (1, shape, dtype, is_fortran, data); a scalar's arguments (dtype, bytes). */
sc_status sc_pickle_ndarray(sc_pickle *p, sc_pt_value *array, const sc_pt_value *state,
                            sc_err *err) SC_MUST_CHECK;
sc_status sc_pickle_scalar(sc_pickle *p, const sc_pt_value *args, sc_pt_value **out,
                           sc_err *err) SC_MUST_CHECK;

#endif

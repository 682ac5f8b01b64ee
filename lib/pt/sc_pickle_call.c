/* The names that a saved model may have, and what the few that matter make of their arguments. */
#include "sc_pickle.h"

#include <inttypes.h>
#include <string.h>

typedef struct known {
    const char *module, *name; /* name NULL: every name of the module, none of which is executed */
    sc_pt_role role;
    sc_pt_dtype dtype;
} known;

static const known names[] = {
    {"collections", "OrderedDict", SC_PT_ROLE_ORDERED, 0},
    {"collections", "defaultdict", SC_PT_ROLE_DICT, 0},
    {"__builtin__", "dict", SC_PT_ROLE_DICT, 0},
    {"builtins", "dict", SC_PT_ROLE_DICT, 0},
    {"__builtin__", "bytes", SC_PT_ROLE_BYTES, 0},
    {"builtins", "bytes", SC_PT_ROLE_BYTES, 0},
    {"_codecs", "encode", SC_PT_ROLE_ENCODE, 0},
    {"torch._utils", "_rebuild_tensor_v2", SC_PT_ROLE_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", SC_PT_ROLE_PARAMETER, 0},
    {"torch", "FloatStorage", SC_PT_ROLE_STORAGE, SC_PT_F32},
    {"torch", "DoubleStorage", SC_PT_ROLE_STORAGE, SC_PT_F64},
    {"torch", "HalfStorage", SC_PT_ROLE_STORAGE, SC_PT_F16},
    {"torch", "BFloat16Storage", SC_PT_ROLE_STORAGE, SC_PT_BF16},
    {"torch", "LongStorage", SC_PT_ROLE_STORAGE, SC_PT_I64},
    {"torch", "IntStorage", SC_PT_ROLE_STORAGE, SC_PT_I32},
    {"torch", "ShortStorage", SC_PT_ROLE_STORAGE, SC_PT_I16},
    {"torch", "CharStorage", SC_PT_ROLE_STORAGE, SC_PT_I8},
    {"torch", "ByteStorage", SC_PT_ROLE_STORAGE, SC_PT_U8},
    {"torch", "BoolStorage", SC_PT_ROLE_STORAGE, SC_PT_B1},
    {"numpy", "ndarray", SC_PT_ROLE_NDARRAY, 0},
    {"numpy", "dtype", SC_PT_ROLE_DTYPE, 0},
    {"numpy.core.multiarray", "_reconstruct", SC_PT_ROLE_RECONSTRUCT, 0},
    {"numpy._core.multiarray", "_reconstruct", SC_PT_ROLE_RECONSTRUCT, 0},
    {"numpy.core.multiarray", "scalar", SC_PT_ROLE_SCALAR, 0},
    {"numpy._core.multiarray", "scalar", SC_PT_ROLE_SCALAR, 0},
    /* functions and layers that a constructor was given: names, which the reader may compare */
    {"__builtin__", "getattr", SC_PT_ROLE_GETATTR, 0},
    {"builtins", "getattr", SC_PT_ROLE_GETATTR, 0},
    {"torch._C", "_VariableFunctionsClass", SC_PT_ROLE_FUNCTIONS, 0},
    {"torch._C._nn", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"torch.nn.functional", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"torch.nn.modules.activation", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"torch.nn.modules.linear", "Identity", SC_PT_ROLE_OPAQUE, 0},
    {"torch", "exp", SC_PT_ROLE_OPAQUE, 0},
    {"torch", "square", SC_PT_ROLE_OPAQUE, 0},
    /* data all the same, of which nothing here needs the content */
    {"__builtin__", "slice", SC_PT_ROLE_OPAQUE, 0},
    {"builtins", "slice", SC_PT_ROLE_OPAQUE, 0},
    {"__builtin__", "set", SC_PT_ROLE_OPAQUE, 0},
    {"builtins", "set", SC_PT_ROLE_OPAQUE, 0},
    {"__builtin__", "frozenset", SC_PT_ROLE_OPAQUE, 0},
    {"builtins", "frozenset", SC_PT_ROLE_OPAQUE, 0},
    {"__builtin__", "complex", SC_PT_ROLE_OPAQUE, 0},
    {"__builtin__", "object", SC_PT_ROLE_OPAQUE, 0},
    {"copy_reg", "_reconstructor", SC_PT_ROLE_OPAQUE, 0},
    {"torch", "Size", SC_PT_ROLE_OPAQUE, 0},
    {"torch", "device", SC_PT_ROLE_OPAQUE, 0},
    {"torch", "float32", SC_PT_ROLE_OPAQUE, 0},
    {"torch", "float64", SC_PT_ROLE_OPAQUE, 0},
    {"torch", "int64", SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.frame", "DataFrame", SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.series", "Series", SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.internals.managers", "BlockManager", SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.internals.managers", "SingleBlockManager", SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.internals.blocks", "new_block", SC_PT_ROLE_OPAQUE, 0},
    {"pandas._libs.internals", "_unpickle_block", SC_PT_ROLE_OPAQUE, 0},
    {"pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked", SC_PT_ROLE_OPAQUE, 0},
    {"pandas._libs.missing", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.indexes.base", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.indexes.range", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.indexes.numeric", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.indexes.category", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.indexes.multi", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.indexes.frozen", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.arrays.categorical", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.arrays.string_", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.arrays.string_arrow", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.arrays.numpy_", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.arrays.boolean", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.arrays.integer", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.arrays.floating", NULL, SC_PT_ROLE_OPAQUE, 0},
    {"pandas.core.dtypes.dtypes", NULL, SC_PT_ROLE_OPAQUE, 0},
};

static bool same(const char *a, const char *b, size_t b_len)
{
    return strlen(a) == b_len && memcmp(a, b, b_len) == 0;
}

/* A name with a dot would reach into another module ("base os.system"). */
static const known *look_up(const char *module, size_t module_len, const char *name,
                            size_t name_len)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same(names[i].module, module, module_len) &&
            (names[i].name ? same(names[i].name, name, name_len) : !memchr(name, '.', name_len)))
            return &names[i];
    return NULL;
}

/* Copies a name into a sentence: what a terminal might act on becomes '?'. */
static void printable(char *out, size_t size, const char *s, size_t n)
{
    size_t k = 0;
    for (; k < n && k + 1 < size; k++)
        out[k] = s[k] >= ' ' && s[k] < 127 ? s[k] : '?';
    out[k] = '\0';
}

sc_status sc_pickle_global(sc_pickle *p, const char *module, size_t module_len, const char *name,
                           size_t name_len, sc_pt_value **out, sc_err *err)
{
    const known *k = look_up(module, module_len, name, name_len);
    if (!k) {
        char m[128], s[128];
        printable(m, sizeof m, module, module_len);
        printable(s, sizeof s, name, name_len);
        return sc_fail(err, SC_EFORMAT,
                       "refused: the pickle names '%s.%s', which no saved model needs", m, s);
    }
    char *full;
    SC_TRY(sc_pt_new(p->arena, SC_PT_GLOBAL, out, err));
    SC_TRY(sc_pt_take(p->arena, &full, module_len + name_len + 2, 1, err));
    memcpy(full, module, module_len);
    full[module_len] = ' ';
    memcpy(full + module_len + 1, name, name_len);
    (*out)->obj.name = full;
    (*out)->role = (uint8_t)k->role;
    (*out)->dtype = (uint8_t)k->dtype;
    return SC_OK;
}

/* dict([(key, value), ...]); a defaultdict's factory comes first and means nothing here. */
static sc_status call_dict(sc_pickle *p, const sc_pt_value *args, sc_pt_value **out, sc_err *err)
{
    size_t at = args->seq.n && args->seq.v[0]->kind == SC_PT_GLOBAL ? 1 : 0;
    SC_TRY(sc_pt_new(p->arena, SC_PT_DICT, out, err));
    if (at == args->seq.n)
        return SC_OK;
    const sc_pt_value *pairs = args->seq.v[at];
    const bool is_seq = pairs->kind == SC_PT_LIST || pairs->kind == SC_PT_DICT;
    if (!is_seq || at + 1 != args->seq.n)
        return sc_fail(err, SC_EFORMAT,
                       "pickle makes a dict of something that is no list of pairs");
    if (pairs->kind == SC_PT_DICT)
        return sc_pt_append(p->arena, *out, pairs->seq.v, pairs->seq.n, err);
    for (size_t i = 0; i < pairs->seq.n; i++) {
        const sc_pt_value *pair = pairs->seq.v[i];
        if ((pair->kind != SC_PT_LIST && pair->kind != SC_PT_TUPLE) || pair->seq.n != 2)
            return sc_fail(err, SC_EFORMAT,
                           "pickle makes a dict of something that is no list of pairs");
        SC_TRY(sc_pt_append(p->arena, *out, pair->seq.v, 2, err));
    }
    return SC_OK;
}

/* encode(text, "latin1"): how protocol 2 writes bytes. */
static sc_status call_encode(sc_pickle *p, const sc_pt_value *args, sc_pt_value **out, sc_err *err)
{
    const char *codec = args->seq.n == 2 ? sc_pt_as_text(args->seq.v[1]) : NULL;
    if (!codec || strcmp(codec, "latin1") != 0 || args->seq.v[0]->kind != SC_PT_STRING)
        return sc_fail(err, SC_EFORMAT, "pickle encodes bytes in another way than latin1");
    const sc_pt_text *in = &args->seq.v[0]->text;
    SC_TRY(sc_pt_new_text(p->arena, SC_PT_BYTES, in->s, in->n, out, err));
    sc_pt_text *t = &(*out)->text;
    t->n = 0;
    for (size_t i = 0; i < in->n; i++) {
        unsigned c = in->s[i];
        if (c >= 0x80) { /* well-formed UTF-8, so a second byte is there */
            if (c > 0xc3)
                return sc_fail(err, SC_EFORMAT, "pickle has bytes with a character above 255");
            c = (c & 3) << 6 | (in->s[++i] & 0x3fu);
        }
        t->s[t->n++] = (unsigned char)c;
    }
    t->s[t->n] = '\0';
    return SC_OK;
}

/* getattr(torch's functions, "exp"): how torch.exp is written. */
static sc_status call_getattr(sc_pickle *p, const sc_pt_value *args, sc_pt_value **out, sc_err *err)
{
    sc_pt_value *const *a = args->seq.v;
    if (args->seq.n != 2 || a[0]->kind != SC_PT_GLOBAL || a[0]->role != SC_PT_ROLE_FUNCTIONS ||
        a[1]->kind != SC_PT_STRING)
        return sc_fail(err, SC_EFORMAT,
                       "refused: the pickle takes an attribute of something, "
                       "'builtins.getattr', which no saved model needs");
    char *full;
    SC_TRY(sc_pt_new(p->arena, SC_PT_GLOBAL, out, err));
    SC_TRY(sc_pt_take(p->arena, &full, sizeof "torch " + a[1]->text.n, 1, err));
    memcpy(full, "torch ", 6);
    memcpy(full + 6, a[1]->text.s, a[1]->text.n);
    (*out)->obj.name = full;
    (*out)->role = SC_PT_ROLE_OPAQUE;
    return SC_OK;
}

static sc_status call_opaque(sc_pickle *p, const sc_pt_value *callee, sc_pt_value *args,
                             sc_pt_value **out, sc_err *err)
{
    SC_TRY(sc_pt_new(p->arena, SC_PT_OPAQUE, out, err));
    (*out)->obj = (sc_pt_object){.name = callee->obj.name, .args = args};
    (*out)->role = callee->role;
    return SC_OK;
}

sc_status sc_pickle_call(sc_pickle *p, const sc_pt_value *callee, sc_pt_value *args,
                         sc_pt_value **out, sc_err *err)
{
    if (callee->kind != SC_PT_GLOBAL || args->kind != SC_PT_TUPLE)
        return sc_fail(err, SC_EFORMAT, "pickle calls something that is no name");
    switch ((sc_pt_role)callee->role) {
    case SC_PT_ROLE_DICT:
    case SC_PT_ROLE_ORDERED:
        SC_TRY(call_dict(p, args, out, err));
        (*out)->role = callee->role;
        return SC_OK;
    case SC_PT_ROLE_BYTES:
        if (args->seq.n)
            return sc_fail(err, SC_EFORMAT, "pickle makes bytes of something else");
        return sc_pt_new_text(p->arena, SC_PT_BYTES, "", 0, out, err);
    case SC_PT_ROLE_ENCODE:
        return call_encode(p, args, out, err);
    case SC_PT_ROLE_TENSOR:
        return sc_pickle_tensor(p, args, out, err);
    case SC_PT_ROLE_PARAMETER:
        if (args->seq.n == 0 || args->seq.v[0]->kind != SC_PT_TENSOR)
            return sc_fail(err, SC_EFORMAT, "pickle has a parameter that is no tensor");
        *out = args->seq.v[0];
        return SC_OK;
    case SC_PT_ROLE_RECONSTRUCT:
        if (args->seq.n == 0 || args->seq.v[0]->kind != SC_PT_GLOBAL ||
            args->seq.v[0]->role != SC_PT_ROLE_NDARRAY)
            return call_opaque(p, callee, args, out, err);
        SC_TRY(sc_pt_new(p->arena, SC_PT_NDARRAY, out, err));
        return sc_pt_take(p->arena, &(*out)->array, 1, sizeof *(*out)->array, err);
    case SC_PT_ROLE_SCALAR:
        return sc_pickle_scalar(p, args, out, err);
    case SC_PT_ROLE_GETATTR:
        return call_getattr(p, args, out, err);
    case SC_PT_ROLE_DTYPE:
    case SC_PT_ROLE_NDARRAY:
    case SC_PT_ROLE_FUNCTIONS:
    case SC_PT_ROLE_OPAQUE:
        return call_opaque(p, callee, args, out, err);
    case SC_PT_ROLE_STORAGE:
        break;
    }
    return sc_fail(err, SC_EFORMAT, "pickle calls '%s', which is no function", callee->obj.name);
}

sc_status sc_pickle_build(sc_pickle *p, sc_pt_value *obj, sc_pt_value *state, sc_err *err)
{
    switch ((sc_pt_kind)obj->kind) {
    case SC_PT_NDARRAY:
        return sc_pickle_ndarray(p, obj, state, err);
    case SC_PT_OPAQUE:
        obj->obj.state = state;
        return SC_OK;
    case SC_PT_DICT: /* a state dict's _metadata, which says the version of each module: no use */
        return SC_OK;
    default:
        return sc_fail(err, SC_EFORMAT, "pickle gives a state to something that has none");
    }
}

/* Saved models, told piece by piece. */
#include "sc_pt_write.h"

#include "sc_pickle.h"
#include "sc_pickle_put.h"
#include "sc_zip_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

struct sc_pt_writer {
    sc_zip_writer zip;
    sc_pickle_out out;
    int64_t n_storages;
    int depth;
    unsigned char ends[MAX_DEPTH]; /* the opcode that ends each begun collection */
};

sc_status sc_pt_writer_new(sc_pt_writer **out, sc_err *err)
{
    SC_TRY(sc_alloc(out, 1, sizeof **out, err));
    sc_pickle_op_number(&(*out)->out, OP_PROTO, 1, 2);
    return SC_OK;
}

void sc_pt_writer_free(sc_pt_writer *w)
{
    if (!w)
        return;
    sc_zip_writer_free(&w->zip);
    free(w->out.buf.p);
    free(w);
}

static sc_status finish(sc_pt_writer *w)
{
    sc_err *err = &w->out.err;
    if (w->out.status != SC_OK)
        return w->out.status;
    if (w->depth)
        return sc_fail(err, SC_EUSAGE, "%d collections are not ended", w->depth);
    sc_pickle_op(&w->out, OP_STOP);
    SC_TRY(w->out.status);
    SC_TRY(sc_zip_put(&w->zip, "model/data.pkl", w->out.buf.p, w->out.buf.n, err));
    SC_TRY(sc_zip_put(&w->zip, "model/byteorder", "little", 6, err));
    SC_TRY(sc_zip_put(&w->zip, "model/version", "3\n", 2, err));
    return sc_zip_finish(&w->zip, err);
}

sc_status sc_pt_writer_finish(sc_pt_writer *w, const void **bytes, size_t *n, sc_err *err)
{
    w->out.status = finish(w);
    if (w->out.status != SC_OK)
        return sc_fail(err, w->out.status, "%s", w->out.err.msg);
    *bytes = w->zip.file.p;
    *n = w->zip.file.n;
    /* a second finish would write a second archive behind the first */
    w->out.status = sc_fail(&w->out.err, SC_EUSAGE, "the model is finished already");
    return SC_OK;
}

static void begin(sc_pt_writer *w, int end)
{
    if (w->depth == MAX_DEPTH) {
        sc_pickle_fail(&w->out, SC_EUSAGE, "values are nested more than %d deep", MAX_DEPTH);
        return;
    }
    w->ends[w->depth++] = (unsigned char)end;
    sc_pickle_op(&w->out, OP_MARK);
}

void sc_pt_put_begin(sc_pt_writer *w, sc_pt_kind kind)
{
    if (kind != SC_PT_TUPLE)
        sc_pickle_op(&w->out, kind == SC_PT_DICT ? OP_EMPTY_DICT : OP_EMPTY_LIST);
    begin(w, kind == SC_PT_DICT ? OP_SETITEMS : kind == SC_PT_LIST ? OP_APPENDS : OP_TUPLE);
}

void sc_pt_put_ordered(sc_pt_writer *w)
{
    sc_pickle_put_global(&w->out, "collections", "OrderedDict");
    sc_pickle_op(&w->out, OP_EMPTY_TUPLE);
    sc_pickle_op(&w->out, OP_REDUCE);
    begin(w, OP_SETITEMS);
}

void sc_pt_put_end(sc_pt_writer *w)
{
    if (w->depth == 0)
        sc_pickle_fail(&w->out, SC_EUSAGE, "a collection is ended that was not begun");
    else
        sc_pickle_op(&w->out, w->ends[--w->depth]);
}

void sc_pt_put_none(sc_pt_writer *w)
{
    sc_pickle_op(&w->out, OP_NONE);
}

void sc_pt_put_bool(sc_pt_writer *w, bool b)
{
    sc_pickle_op(&w->out, b ? OP_NEWTRUE : OP_NEWFALSE);
}

void sc_pt_put_int(sc_pt_writer *w, int64_t i)
{
    if (i >= INT32_MIN && i <= INT32_MAX) {
        sc_pickle_op_number(&w->out, OP_BININT, 4, (uint64_t)i);
    } else {
        sc_pickle_op(&w->out, OP_LONG1);
        sc_pickle_op_number(&w->out, 8, 8, (uint64_t)i); /* its length, then its bytes */
    }
}

void sc_pt_put_real(sc_pt_writer *w, double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    sc_pickle_op_number(&w->out, OP_BINFLOAT, 8, __builtin_bswap64(bits));
}

void sc_pt_put_text(sc_pt_writer *w, const char *utf8)
{
    if (!utf8)
        sc_pickle_op(&w->out, OP_NONE);
    else if (sc_pt_is_utf8((const unsigned char *)utf8, strlen(utf8)))
        sc_pickle_put_text(&w->out, utf8, strlen(utf8));
    else
        sc_pickle_fail(&w->out, SC_EDATA, "a name is not UTF-8");
}

void sc_pt_put_global(sc_pt_writer *w, const char *module, const char *name)
{
    sc_pickle_put_global(&w->out, module, name);
}

static void storage(sc_pt_writer *w, const void *data, size_t n)
{
    char name[40];
    (void)snprintf(name, sizeof name, "model/data/%" PRId64, w->n_storages++);
    if (w->out.status == SC_OK)
        w->out.status = sc_zip_put(&w->zip, name, data, n, &w->out.err);
}

static void storage_id(sc_pt_writer *w, bool is_float, size_t n)
{
    char key[24];
    (void)snprintf(key, sizeof key, "%" PRId64, w->n_storages);
    sc_pickle_op(&w->out, OP_MARK);
    sc_pt_put_text(w, "storage");
    sc_pickle_put_global(&w->out, "torch", is_float ? "FloatStorage" : "LongStorage");
    sc_pt_put_text(w, key);
    sc_pt_put_text(w, "cpu");
    sc_pt_put_int(w, (int64_t)n);
    sc_pickle_op(&w->out, OP_TUPLE);
    sc_pickle_op(&w->out, OP_BINPERSID);
}

static void put_longs(sc_pt_writer *w, size_t n, const float *data)
{
    int64_t *v = NULL;
    if (w->out.status != SC_OK)
        return;
    w->out.status = sc_alloc(&v, n, sizeof *v, &w->out.err);
    for (size_t i = 0; v && i < n; i++) {
        if (!(fabsf(data[i]) < 0x1p62f) || data[i] != (float)(int64_t)data[i])
            sc_pickle_fail(&w->out, SC_EDATA, "an integer tensor has an element that is none");
        else
            v[i] = (int64_t)data[i];
    }
    storage(w, v, n * sizeof *v);
    free(v);
}

void sc_pt_put_tensor(sc_pt_writer *w, sc_pt_dtype dtype, int n_dims, const int64_t *dims,
                      const float *data)
{
    const bool is_float = dtype <= SC_PT_BF16;
    size_t n = 1;
    int64_t strides[SC_PT_MAX_DIMS];
    for (int k = n_dims - 1; k >= 0; k--) {
        strides[k] = (int64_t)n;
        n *= (size_t)dims[k];
    }
    sc_pickle_put_global(&w->out, "torch._utils", "_rebuild_tensor_v2");
    sc_pickle_op(&w->out, OP_MARK);
    storage_id(w, is_float, n);
    sc_pt_put_int(w, 0);
    for (int which = 0; which < 2; which++) {
        sc_pickle_op(&w->out, OP_MARK);
        for (int k = 0; k < n_dims; k++)
            sc_pt_put_int(w, which == 0 ? dims[k] : strides[k]);
        sc_pickle_op(&w->out, OP_TUPLE);
    }
    sc_pt_put_bool(w, false); /* requires_grad */
    sc_pt_put_ordered(w);     /* hooks */
    sc_pt_put_end(w);
    sc_pickle_op(&w->out, OP_TUPLE);
    sc_pickle_op(&w->out, OP_REDUCE);
    if (is_float)
        storage(w, data, n * sizeof *data);
    else
        put_longs(w, n, data);
}

/* _reconstruct(ndarray, (0,), b"b"), and the opening of its state up to the data. numpy 2 keeps
 * this module's old name, numpy 1 has no other. */
static void array_begin(sc_pt_writer *w, int n_dims, const int64_t *dims, const char *dtype,
                        const char *order, int flags, bool is_fortran)
{
    sc_pickle_put_global(&w->out, "numpy.core.multiarray", "_reconstruct");
    sc_pickle_put_global(&w->out, "numpy", "ndarray");
    sc_pt_put_int(w, 0);
    sc_pickle_op(&w->out, OP_TUPLE1);
    sc_pickle_put_latin1(&w->out, (const unsigned char *)"b", 1);
    sc_pickle_op(&w->out, OP_TUPLE3);
    sc_pickle_op(&w->out, OP_REDUCE);

    sc_pickle_op(&w->out, OP_MARK);
    sc_pt_put_int(w, 1);
    sc_pickle_op(&w->out, OP_MARK);
    for (int k = 0; k < n_dims; k++)
        sc_pt_put_int(w, dims[k]);
    sc_pickle_op(&w->out, OP_TUPLE);
    sc_pickle_put_global(&w->out, "numpy", "dtype");
    sc_pt_put_text(w, dtype);
    sc_pt_put_bool(w, false);
    sc_pt_put_bool(w, true);
    sc_pickle_op(&w->out, OP_TUPLE3);
    sc_pickle_op(&w->out, OP_REDUCE);
    sc_pickle_op(&w->out, OP_MARK);
    sc_pt_put_int(w, 3);
    sc_pt_put_text(w, order);
    for (int k = 0; k < 3; k++)
        sc_pickle_op(&w->out, OP_NONE);
    sc_pt_put_int(w, dtype[0] == 'U' ? (int)strtol(dtype + 1, NULL, 10) * 4 : -1);
    sc_pt_put_int(w, dtype[0] == 'U' ? 4 : -1);
    sc_pt_put_int(w, flags);
    sc_pickle_op(&w->out, OP_TUPLE);
    sc_pickle_op(&w->out, OP_BUILD);
    sc_pt_put_bool(w, is_fortran);
}

static void array_end(sc_pt_writer *w)
{
    sc_pickle_op(&w->out, OP_TUPLE);
    sc_pickle_op(&w->out, OP_BUILD);
}

void sc_pt_put_names(sc_pt_writer *w, sc_pt_names names)
{
    const int64_t n = (int64_t)names.n;
    array_begin(w, 1, &n, "O8", "|", 63, false);
    sc_pt_put_begin(w, SC_PT_LIST);
    for (size_t i = 0; i < names.n; i++)
        sc_pt_put_text(w, names.s[i]);
    sc_pt_put_end(w);
    array_end(w);
}

/* Bytes of numbers are little-endian here and there. */
static void put_numbers(sc_pt_writer *w, size_t n, const char *dtype, const void *v)
{
    const int64_t dim = (int64_t)n;
    array_begin(w, 1, &dim, dtype, "<", 0, false);
    sc_pickle_put_latin1(&w->out, v, n * 8);
    array_end(w);
}

void sc_pt_put_ints(sc_pt_writer *w, size_t n, const int64_t *v)
{
    put_numbers(w, n, "i8", v);
}

void sc_pt_put_reals(sc_pt_writer *w, size_t n, const double *v)
{
    put_numbers(w, n, "f8", v);
}

void sc_pt_put_bools(sc_pt_writer *w, size_t n, const unsigned char *v)
{
    const int64_t dim = (int64_t)n;
    array_begin(w, 1, &dim, "b1", "|", 0, false);
    sc_pickle_put_global(&w->out, "_codecs", "encode");
    sc_pickle_op_number(&w->out, OP_BINUNICODE, 4, n);
    for (size_t i = 0; i < n; i++)
        sc_pickle_put_raw(&w->out, v[i] ? "\1" : "\0", 1);
    sc_pickle_put_text(&w->out, "latin1", 6);
    sc_pickle_op(&w->out, OP_TUPLE2);
    sc_pickle_op(&w->out, OP_REDUCE);
    array_end(w);
}

static void put_array(sc_pt_writer *w, const sc_pt_ndarray *a)
{
    char dtype[24];
    const bool is_bytes = a->kind == 'b' || a->item_size == 1;
    (void)snprintf(dtype, sizeof dtype, "%c%zu", a->kind,
                   a->kind == 'U' ? a->item_size / 4 : a->item_size);
    array_begin(w, a->n_dims, a->dims, dtype, a->items || is_bytes ? "|" : "<",
                a->items         ? 63
                : a->kind == 'U' ? 8
                                 : 0,
                a->is_fortran);
    if (a->items) {
        sc_pt_put_begin(w, SC_PT_LIST);
        for (size_t i = 0; i < a->n && w->out.status == SC_OK; i++)
            sc_pt_put_value(w, a->items[i]);
        sc_pt_put_end(w);
    } else {
        sc_pickle_put_latin1(&w->out, a->data, a->n * a->item_size);
    }
    array_end(w);
}

static void put_dict(sc_pt_writer *w, const sc_pt_value *v)
{
    if (v->role == SC_PT_ROLE_ORDERED)
        sc_pt_put_ordered(w);
    else
        sc_pt_put_begin(w, SC_PT_DICT);
    for (size_t i = 0; i + 1 < v->seq.n && w->out.status == SC_OK; i += 2) {
        const sc_pt_kind kind = sc_pt_kind_of(v->seq.v[i + 1]);
        if (kind == SC_PT_OPAQUE || kind == SC_PT_GLOBAL)
            continue;
        sc_pt_put_value(w, v->seq.v[i]);
        sc_pt_put_value(w, v->seq.v[i + 1]);
    }
    sc_pt_put_end(w);
}

void sc_pt_put_value(sc_pt_writer *w, const sc_pt_value *v)
{
    switch (sc_pt_kind_of(v)) {
    case SC_PT_NONE:
    case SC_PT_OPAQUE:
    case SC_PT_GLOBAL:
        sc_pt_put_none(w);
        break;
    case SC_PT_BOOL:
        sc_pt_put_bool(w, v->b);
        break;
    case SC_PT_INT:
        sc_pt_put_int(w, v->i);
        break;
    case SC_PT_FLOAT:
        sc_pt_put_real(w, v->f);
        break;
    case SC_PT_STRING:
        sc_pickle_put_text(&w->out, (const char *)v->text.s, v->text.n);
        break;
    case SC_PT_BYTES:
        sc_pickle_put_latin1(&w->out, v->text.s, v->text.n);
        break;
    case SC_PT_LIST:
    case SC_PT_TUPLE:
        sc_pt_put_begin(w, sc_pt_kind_of(v));
        for (size_t i = 0; i < v->seq.n && w->out.status == SC_OK; i++)
            sc_pt_put_value(w, v->seq.v[i]);
        sc_pt_put_end(w);
        break;
    case SC_PT_DICT:
        put_dict(w, v);
        break;
    case SC_PT_TENSOR:
        sc_pt_put_tensor(w, v->tensor->dtype, v->tensor->n_dims, v->tensor->dims, v->tensor->data);
        break;
    case SC_PT_NDARRAY:
        put_array(w, v->array);
        break;
    }
}

/* Tensors and arrays: the only places where a pickle's numbers say how many bytes to read. */
#include "sc_pickle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [SC_PT_F32] = {"float32", 4},   [SC_PT_F64] = {"float64", 8}, [SC_PT_F16] = {"float16", 2},
    [SC_PT_BF16] = {"bfloat16", 2}, [SC_PT_I64] = {"int64", 8},   [SC_PT_I32] = {"int32", 4},
    [SC_PT_I16] = {"int16", 2},     [SC_PT_I8] = {"int8", 1},     [SC_PT_U8] = {"uint8", 1},
    [SC_PT_B1] = {"bool", 1},
};

/* Reads tuple into dims; false unless it has at most SC_PT_MAX_DIMS integers >= 0 whose product
 * fits. */
static bool read_shape(const sc_pt_value *tuple, int64_t *dims, int *n_dims, size_t *n)
{
    if (tuple->kind != SC_PT_TUPLE || tuple->seq.n > SC_PT_MAX_DIMS)
        return false;
    *n_dims = (int)tuple->seq.n;
    *n = 1;
    for (size_t k = 0; k < tuple->seq.n; k++) {
        const sc_pt_value *d = tuple->seq.v[k];
        if (d->kind != SC_PT_INT || d->i < 0 || d->i > INT64_C(1) << 48)
            return false;
        dims[k] = d->i;
        if (d->i && *n > ((size_t)1 << 48) / (size_t)d->i)
            return false;
        *n *= (size_t)d->i;
    }
    return true;
}

static float bits_to_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static float half_to_float(uint32_t h)
{
    const uint32_t sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 0) { /* zero, or fraction * 2^-24 */
        const float f = (float)fraction * 0x1p-24f;
        return sign ? -f : f;
    }
    return bits_to_float(sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13);
}

static float to_float(const unsigned char *p, sc_pt_dtype dtype)
{
    uint64_t u = 0;
    for (size_t k = 0; k < dtypes[dtype].size; k++)
        u |= (uint64_t)p[k] << (8 * k);
    double d;
    switch (dtype) {
    case SC_PT_F32:
        return bits_to_float((uint32_t)u);
    case SC_PT_F64:
        memcpy(&d, &u, sizeof d);
        return (float)d;
    case SC_PT_F16:
        return half_to_float((uint32_t)u);
    case SC_PT_BF16:
        return bits_to_float((uint32_t)u << 16);
    case SC_PT_I64:
        return (float)(int64_t)u;
    case SC_PT_I32:
        return (float)(int32_t)u;
    case SC_PT_I16:
        return (float)(int16_t)u;
    case SC_PT_I8:
        return (float)(int8_t)u;
    case SC_PT_U8:
        return (float)u;
    case SC_PT_B1:
        return u ? 1.0f : 0.0f;
    }
    return 0;
}

typedef struct layout {
    int64_t offset, strides[SC_PT_MAX_DIMS]; /* elements of the storage */
    const unsigned char *data;
    size_t n; /* elements of the storage */
} layout;

/* Walks the tensor in row-major order, whatever its strides. */
static void gather(float *out, const sc_pt_tensor *t, const layout *l)
{
    const size_t size = dtypes[t->dtype].size;
    int64_t index[SC_PT_MAX_DIMS] = {0}, at = l->offset;
    for (size_t i = 0; i < t->n; i++) {
        out[i] = to_float(l->data + (size_t)at * size, t->dtype);
        for (int k = t->n_dims - 1; k >= 0; k--) {
            at += l->strides[k];
            if (++index[k] < t->dims[k])
                break;
            at -= l->strides[k] * t->dims[k];
            index[k] = 0;
        }
    }
}

/* The bytes of ("storage", class, key, location, count); the count has to be true. */
static sc_status find_storage(sc_pickle *p, const sc_pt_value *storage, layout *l, sc_err *err)
{
    const sc_pt_value *const *id = (const sc_pt_value *const *)storage->obj.args->seq.v;
    const char *key = sc_pt_as_text(id[2]);
    const size_t size = dtypes[storage->dtype].size;
    if (!key || id[4]->kind != SC_PT_INT || id[4]->i < 0)
        return sc_fail(err, SC_EFORMAT, "a storage has no key or no size");
    char name[512];
    const sc_zip_member *m = NULL;
    if ((size_t)snprintf(name, sizeof name, "%s/data/%s", p->top, key) < sizeof name)
        SC_TRY(sc_zip_find(p->zip, name, &m, err));
    if (!m)
        return sc_fail(err, SC_EFORMAT, "storage '%.200s' is not in the file", key);
    if (m->n % size || (uint64_t)id[4]->i != m->n / size)
        return sc_fail(err, SC_EFORMAT,
                       "storage '%.200s' has %zu bytes, not the %" PRId64 " elements of %s it says",
                       key, m->n, id[4]->i, dtypes[storage->dtype].name);
    l->data = m->data;
    l->n = m->n / size;
    return SC_OK;
}

/* True if every element lies in the storage. */
static bool is_inside(const sc_pt_tensor *t, const layout *l)
{
    const int64_t n = (int64_t)l->n;
    if (l->offset < 0 || l->offset > n)
        return false;
    if (t->n == 0)
        return true;
    int64_t last = l->offset;
    for (int k = 0; k < t->n_dims; k++) {
        if (l->strides[k] < 0 || (t->dims[k] > 1 && l->strides[k] > (n - last) / (t->dims[k] - 1)))
            return false;
        last += l->strides[k] * (t->dims[k] - 1);
    }
    return last < n;
}

sc_status sc_pickle_tensor(sc_pickle *p, const sc_pt_value *args, sc_pt_value **out, sc_err *err)
{
    sc_pt_value *const *a = args->seq.v;
    if (args->seq.n < 4 || a[0]->kind != SC_PT_OPAQUE || a[0]->role != SC_PT_ROLE_STORAGE ||
        a[1]->kind != SC_PT_INT)
        return sc_fail(err, SC_EFORMAT, "a tensor has no storage or no offset");
    sc_pt_tensor *t;
    SC_TRY(sc_pt_new(p->arena, SC_PT_TENSOR, out, err));
    SC_TRY(sc_pt_take(p->arena, &t, 1, sizeof *t, err));
    (*out)->tensor = t;
    t->dtype = (sc_pt_dtype)a[0]->dtype;

    layout l = {.offset = a[1]->i};
    int n_strides = 0;
    size_t ignored;
    if (!read_shape(a[2], t->dims, &t->n_dims, &t->n) ||
        !read_shape(a[3], l.strides, &n_strides, &ignored) || n_strides != t->n_dims)
        return sc_fail(err, SC_EFORMAT, "a tensor has impossible sizes or strides");
    SC_TRY(find_storage(p, a[0], &l, err));
    if (!is_inside(t, &l) || t->n > l.n)
        return sc_fail(err, SC_EFORMAT,
                       "a tensor of %zu elements does not lie in its storage of %zu", t->n, l.n);
    if (t->n > p->n_left)
        return sc_fail(err, SC_EFORMAT, "tensors have more elements than the file has bytes");
    p->n_left -= t->n;

    float *data;
    p->arena->budget += (t->n + 4) * sizeof *data; /* paid by n_left, not by the pickle */
    SC_TRY(sc_pt_take(p->arena, &data, t->n, sizeof *data, err));
    gather(data, t, &l);
    t->data = data;
    return SC_OK;
}

/* dtype("f8", False, True) with the state (3, "<", ...). */
static bool read_dtype(const sc_pt_value *v, sc_pt_ndarray *a)
{
    if (v->kind != SC_PT_OPAQUE || v->role != SC_PT_ROLE_DTYPE || !v->obj.args->seq.n)
        return false;
    const char *code = sc_pt_as_text(v->obj.args->seq.v[0]);
    const sc_pt_value *order = sc_pt_item(v->obj.state, 1);
    if (!code || !strchr("fiubUO", code[0]) || !code[0] || strlen(code) > 9)
        return false;
    char *end;
    const unsigned long size = strtoul(code + 1, &end, 10);
    if (*end || (order && sc_pt_as_text(order) && strcmp(sc_pt_as_text(order), ">") == 0))
        return false;
    a->kind = code[0];
    a->item_size = a->kind == 'U' ? size * 4 : size;
    const bool is_number = strchr("fiub", a->kind);
    return is_number ? size == 1 || size == 2 || size == 4 || size == 8 : size > 0;
}

sc_status sc_pickle_ndarray(sc_pickle *p, sc_pt_value *array, const sc_pt_value *state, sc_err *err)
{
    (void)p;
    sc_pt_ndarray a = {0};
    const sc_pt_value *const shape = sc_pt_item(state, 1), *const dtype = sc_pt_item(state, 2),
                             *const fortran = sc_pt_item(state, 3),
                             *const data = sc_pt_item(state, 4);
    if (sc_pt_kind_of(state) != SC_PT_TUPLE || !data || !read_shape(shape, a.dims, &a.n_dims, &a.n))
        return sc_fail(err, SC_EFORMAT, "an array has an impossible shape");
    if (!read_dtype(dtype, &a))
        return sc_fail(err, SC_EFORMAT, "an array has a dtype that is unknown here");
    (void)sc_pt_as_bool(fortran, &a.is_fortran);
    if (a.kind == 'O') {
        if (data->kind != SC_PT_LIST || data->seq.n != a.n)
            return sc_fail(err, SC_EFORMAT, "an array of %zu objects does not have as many", a.n);
        a.items = data->seq.v;
    } else {
        if (data->kind != SC_PT_BYTES || (a.item_size && a.n > data->text.n / a.item_size) ||
            a.n * a.item_size != data->text.n)
            return sc_fail(err, SC_EFORMAT,
                           "an array of %zu elements of %zu bytes does not have as many", a.n,
                           a.item_size);
        a.data = data->text.s;
    }
    *array->array = a;
    return SC_OK;
}

sc_status sc_pickle_scalar(sc_pickle *p, const sc_pt_value *args, sc_pt_value **out, sc_err *err)
{
    sc_pt_ndarray a = {.n = 1};
    if (args->seq.n != 2 || !read_dtype(args->seq.v[0], &a) || a.kind == 'O' ||
        args->seq.v[1]->kind != SC_PT_BYTES || args->seq.v[1]->text.n != a.item_size)
        return sc_fail(err, SC_EFORMAT, "a numpy scalar is damaged");
    a.data = args->seq.v[1]->text.s;
    sc_pt_value view = {.kind = SC_PT_NDARRAY, .array = &a};
    double d = 0;
    SC_TRY(sc_pt_new(p->arena, SC_PT_FLOAT, out, err));
    if (a.kind == 'U') {
        sc_pt_text t;
        SC_TRY(sc_pt_utf32(p->arena, a.data, a.item_size / 4, &t, err));
        (*out)->kind = SC_PT_STRING;
        (*out)->text = t;
    } else if (a.kind == 'f') {
        if (!sc_pt_real_at(&view, 0, &d))
            return sc_fail(err, SC_EFORMAT, "a numpy scalar is a float of %zu bytes", a.item_size);
        (*out)->f = d;
    } else if (a.kind == 'b') {
        (*out)->kind = SC_PT_BOOL;
        (*out)->b = a.data[0] != 0;
    } else {
        (*out)->kind = SC_PT_INT;
        (*out)->i = sc_pt_integer(a.data, a.item_size, a.kind == 'i');
    }
    return SC_OK;
}

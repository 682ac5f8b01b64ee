/* Values of a saved model: their memory, and what can be asked of them. */
#include "sc_pickle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sc_pt_chunk {
    sc_pt_chunk *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

enum { CHUNK = 1 << 16 };

sc_status sc_pt_take(sc_pt_arena *a, void *out_ptr, size_t n, size_t size, sc_err *err)
{
    if (size && n > (a->budget - a->used) / size)
        return sc_fail(err, SC_EFORMAT, "needs more memory than a file of its size can justify");
    const size_t bytes = (n * size + 15) & ~(size_t)15;
    sc_pt_chunk *c = a->chunks;
    if (!c || c->size - c->used < bytes) {
        const size_t want = bytes > CHUNK / 4 ? bytes : CHUNK;
        SC_TRY(sc_alloc(&c, sizeof *c + want, 1, err));
        c->size = want;
        c->next = a->chunks;
        a->chunks = c;
        /* a big block doesn't hide the room that is left in the chunk before it */
        if (want == bytes && c->next && c->next->used < c->next->size) {
            a->chunks = c->next;
            c->next = a->chunks->next;
            a->chunks->next = c;
        }
    }
    void *const mem = c->data + c->used;
    memcpy(out_ptr, &mem, sizeof mem);
    c->used += bytes;
    a->used += bytes > a->budget - a->used ? a->budget - a->used : bytes;
    return SC_OK;
}

void sc_pt_arena_free(sc_pt_arena *a)
{
    for (sc_pt_chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    a->chunks = NULL;
}

sc_status sc_pt_new(sc_pt_arena *a, sc_pt_kind kind, sc_pt_value **out, sc_err *err)
{
    SC_TRY(sc_pt_take(a, out, 1, sizeof **out, err));
    (*out)->kind = (uint8_t)kind;
    return SC_OK;
}

sc_status sc_pt_new_text(sc_pt_arena *a, sc_pt_kind kind, const void *bytes, size_t n,
                         sc_pt_value **out, sc_err *err)
{
    SC_TRY(sc_pt_new(a, kind, out, err));
    sc_pt_text *t = &(*out)->text;
    SC_TRY(sc_pt_take(a, &t->s, n + 1, 1, err));
    if (n)
        memcpy(t->s, bytes, n);
    t->n = n;
    return SC_OK;
}

sc_status sc_pt_append(sc_pt_arena *a, sc_pt_value *seq, sc_pt_value **v, size_t n, sc_err *err)
{
    sc_pt_seq *s = &seq->seq;
    if (n > s->cap - s->n) {
        const size_t cap = s->n ? (s->n + n) * 2 : n;
        sc_pt_value **grown;
        SC_TRY(sc_pt_take(a, &grown, cap, sizeof *grown, err));
        if (s->n)
            memcpy(grown, s->v, s->n * sizeof *grown);
        s->v = grown;
        s->cap = cap;
    }
    if (n)
        memcpy(s->v + s->n, v, n * sizeof *v);
    s->n += n;
    return SC_OK;
}

bool sc_pt_is_utf8(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        const unsigned char c = s[i];
        const size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        if (c < 0x80) {
            i++;
            continue;
        }
        if (c < 0xc2 || c > 0xf4 || n - i < len)
            return false;
        for (size_t k = 1; k < len; k++)
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        const unsigned char d = s[i + 1];
        if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) ||
            (c == 0xf4 && d > 0x8f))
            return false;
        i += len;
    }
    return true;
}

sc_pt_kind sc_pt_kind_of(const sc_pt_value *v)
{
    return v ? (sc_pt_kind)v->kind : SC_PT_NONE;
}

static bool is(const sc_pt_value *v, sc_pt_kind kind)
{
    return v && v->kind == kind;
}

static bool is_object(const sc_pt_value *v)
{
    return is(v, SC_PT_OPAQUE) || is(v, SC_PT_GLOBAL);
}

const char *sc_pt_as_text(const sc_pt_value *v)
{
    if (!is(v, SC_PT_STRING) || memchr(v->text.s, '\0', v->text.n))
        return NULL;
    return (const char *)v->text.s;
}

static bool key_is(const sc_pt_value *key, const char *text)
{
    if (is(key, SC_PT_STRING))
        return strlen(text) == key->text.n && memcmp(text, key->text.s, key->text.n) == 0;
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRId64, is(key, SC_PT_INT) ? key->i : 0);
    return is(key, SC_PT_INT) && strcmp(digits, text) == 0;
}

/* from the end, because a key that is set twice keeps its last value */
const sc_pt_value *sc_pt_get(const sc_pt_value *dict, const char *key)
{
    if (is(dict, SC_PT_DICT))
        for (size_t i = dict->seq.n; i >= 2; i -= 2)
            if (key_is(dict->seq.v[i - 2], key))
                return dict->seq.v[i - 1];
    return NULL;
}

size_t sc_pt_len(const sc_pt_value *v)
{
    if (is(v, SC_PT_LIST) || is(v, SC_PT_TUPLE))
        return v->seq.n;
    if (is(v, SC_PT_DICT))
        return v->seq.n / 2;
    return is(v, SC_PT_NDARRAY) ? v->array->n : 0;
}

const sc_pt_value *sc_pt_item(const sc_pt_value *v, size_t i)
{
    if (i >= sc_pt_len(v))
        return NULL;
    if (v->kind == SC_PT_NDARRAY)
        return v->array->items ? v->array->items[i] : NULL;
    return v->seq.v[v->kind == SC_PT_DICT ? 2 * i + 1 : i];
}

const sc_pt_value *sc_pt_key(const sc_pt_value *dict, size_t i)
{
    return is(dict, SC_PT_DICT) && i < dict->seq.n / 2 ? dict->seq.v[2 * i] : NULL;
}

bool sc_pt_as_bool(const sc_pt_value *v, bool *out)
{
    if (is(v, SC_PT_BOOL))
        *out = v->b;
    return is(v, SC_PT_BOOL);
}

bool sc_pt_as_int(const sc_pt_value *v, int64_t *out)
{
    if (is(v, SC_PT_INT))
        *out = v->i;
    else if (is(v, SC_PT_BOOL))
        *out = v->b;
    else
        return false;
    return true;
}

bool sc_pt_as_real(const sc_pt_value *v, double *out)
{
    int64_t i;
    if (is(v, SC_PT_FLOAT)) {
        *out = v->f;
        return true;
    }
    if (!sc_pt_as_int(v, &i))
        return false;
    *out = (double)i;
    return true;
}

int64_t sc_pt_integer(const unsigned char *p, size_t n, bool has_sign)
{
    uint64_t u = 0;
    for (size_t k = 0; k < n; k++)
        u |= (uint64_t)p[k] << (8 * k);
    if (has_sign && n < 8 && u >> (8 * n - 1))
        u |= ~UINT64_C(0) << (8 * n);
    int64_t i;
    memcpy(&i, &u, sizeof i);
    return i;
}

bool sc_pt_real_at(const sc_pt_value *v, size_t i, double *out)
{
    if (i >= sc_pt_len(v) || is(v, SC_PT_DICT))
        return false;
    if (v->kind != SC_PT_NDARRAY || v->array->items)
        return sc_pt_as_real(sc_pt_item(v, i), out);
    const sc_pt_ndarray *a = v->array;
    const unsigned char *p = a->data + i * a->item_size;
    const int64_t bits = a->kind == 'U' ? 0 : sc_pt_integer(p, a->item_size, a->kind == 'i');
    if (a->kind == 'f' && a->item_size == 4) {
        float f;
        const uint32_t low = (uint32_t)bits;
        memcpy(&f, &low, sizeof f);
        *out = (double)f;
    } else if (a->kind == 'f' && a->item_size == 8) {
        memcpy(out, &bits, sizeof *out);
    } else if (a->kind == 'i' || a->kind == 'b') {
        *out = (double)bits;
    } else if (a->kind == 'u') {
        *out = (double)(uint64_t)bits;
    } else {
        return false;
    }
    return true;
}

const sc_pt_ndarray *sc_pt_as_ndarray(const sc_pt_value *v)
{
    return is(v, SC_PT_NDARRAY) ? v->array : NULL;
}

const char *sc_pt_class_name(const sc_pt_value *v)
{
    return is_object(v) ? v->obj.name : NULL;
}

#include "sc_stream_int.h"

#include <stdlib.h>
#include <string.h>

uint32_t sc_load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t sc_load64(const uint8_t *p)
{
    return sc_load32(p) | (uint64_t)sc_load32(p + 4) << 32;
}

void sc_store32(uint8_t *p, uint32_t v)
{
    for (int k = 0; k < 4; k++)
        p[k] = (uint8_t)(v >> 8 * k);
}

void sc_store64(uint8_t *p, uint64_t v)
{
    sc_store32(p, (uint32_t)v);
    sc_store32(p + 4, (uint32_t)(v >> 32));
}

sc_status sc_buf_room(sc_buf *b, size_t n, uint8_t **at, sc_err *err)
{
    if (n > SIZE_MAX - b->n)
        return sc_fail(err, SC_ENOMEM, "a record is too long");
    if (!b->p || b->n + n > b->cap) {
        size_t cap = b->cap + b->cap / 2;
        if (cap < b->n + n)
            cap = b->n + n;
        SC_TRY(sc_resize(&b->p, cap, 1, err));
        b->cap = cap;
    }
    *at = b->p + b->n;
    b->n += n;
    return SC_OK;
}

sc_status sc_put_u8(sc_buf *b, unsigned v, sc_err *err)
{
    uint8_t *p = NULL;
    SC_TRY(sc_buf_room(b, 1, &p, err));
    *p = (uint8_t)v;
    return SC_OK;
}

sc_status sc_put_u32(sc_buf *b, uint32_t v, sc_err *err)
{
    uint8_t *p = NULL;
    SC_TRY(sc_buf_room(b, 4, &p, err));
    sc_store32(p, v);
    return SC_OK;
}

sc_status sc_put_u64(sc_buf *b, uint64_t v, sc_err *err)
{
    uint8_t *p = NULL;
    SC_TRY(sc_buf_room(b, 8, &p, err));
    sc_store64(p, v);
    return SC_OK;
}

sc_status sc_put_text(sc_buf *b, const char *s, sc_err *err)
{
    const size_t n = strlen(s);
    uint8_t *p = NULL;
    if (!sc_is_text(s, n))
        return sc_fail(err, SC_EFORMAT, "a text of %zu bytes is not UTF-8", n);
    SC_TRY(sc_put_u64(b, n, err));
    SC_TRY(sc_buf_room(b, n, &p, err));
    memcpy(p, s, n);
    return SC_OK;
}

sc_status sc_put_strs(sc_buf *b, const sc_strs *s, sc_err *err)
{
    const uint64_t n_bytes = s->n ? s->off[s->n] : 0;
    uint8_t *p = NULL;
    SC_TRY(sc_put_u64(b, (uint64_t)s->n, err));
    SC_TRY(sc_put_u64(b, n_bytes, err));
    SC_TRY(sc_buf_room(b, n_bytes, &p, err));
    if (n_bytes)
        memcpy(p, s->bytes, n_bytes);
    return SC_OK;
}

sc_status sc_get_bytes(sc_cur *c, size_t n, const uint8_t **at, sc_err *err)
{
    if (n > c->left)
        return sc_fail(err, SC_EFORMAT, "a record is shorter than it says");
    *at = c->p;
    c->p += n;
    c->left -= n;
    return SC_OK;
}

sc_status sc_get_u8(sc_cur *c, unsigned max, unsigned *v, sc_err *err)
{
    const uint8_t *p = NULL;
    SC_TRY(sc_get_bytes(c, 1, &p, err));
    *v = *p;
    if (*v > max)
        return sc_fail(err, SC_EFORMAT, "a record holds %u where at most %u may stand", *v, max);
    return SC_OK;
}

sc_status sc_get_u32(sc_cur *c, uint32_t *v, sc_err *err)
{
    const uint8_t *p = NULL;
    SC_TRY(sc_get_bytes(c, 4, &p, err));
    *v = sc_load32(p);
    return SC_OK;
}

sc_status sc_get_u64(sc_cur *c, uint64_t *v, sc_err *err)
{
    const uint8_t *p = NULL;
    SC_TRY(sc_get_bytes(c, 8, &p, err));
    *v = sc_load64(p);
    return SC_OK;
}

sc_status sc_get_text(sc_cur *c, size_t max, char **out, sc_err *err)
{
    uint64_t n;
    const uint8_t *p = NULL;
    SC_TRY(sc_get_u64(c, &n, err));
    SC_TRY(sc_get_bytes(c, n, &p, err));
    if (n > max)
        return sc_fail(err, SC_EFORMAT, "a text has %llu bytes, and %zu are allowed",
                       (unsigned long long)n, max);
    if (!sc_is_text((const char *)p, n))
        return sc_fail(err, SC_EFORMAT, "a text is not UTF-8");
    SC_TRY(sc_alloc(out, n + 1, 1, err));
    if (n)
        memcpy(*out, p, n);
    return SC_OK;
}

static sc_status strs_fill(sc_strs *s, const uint8_t *p, size_t n_bytes, uint64_t n, sc_err *err)
{
    SC_TRY(sc_alloc(&s->off, n + 1, sizeof *s->off, err));
    SC_TRY(sc_alloc(&s->bytes, n_bytes, 1, err));
    if (n_bytes)
        memcpy(s->bytes, p, n_bytes);
    s->cap_n = (int64_t)n;
    s->cap_bytes = n_bytes;
    size_t at = 0;
    for (uint64_t i = 0; i < n; i++) {
        const char *nul = at < n_bytes ? memchr(s->bytes + at, 0, n_bytes - at) : NULL;
        if (!nul)
            return sc_fail(err, SC_EFORMAT, "a list of strings ends inside string %llu",
                           (unsigned long long)i);
        const size_t len = (size_t)(nul - (s->bytes + at));
        if (!sc_is_text(s->bytes + at, len))
            return sc_fail(err, SC_EFORMAT, "string %llu is not UTF-8 text", (unsigned long long)i);
        at += len + 1;
        s->off[i + 1] = at;
    }
    if (at != n_bytes)
        return sc_fail(err, SC_EFORMAT, "a list of strings has more bytes than strings");
    s->n = (int64_t)n;
    return SC_OK;
}

sc_status sc_get_strs(sc_cur *c, sc_strs *out, sc_err *err)
{
    uint64_t n, n_bytes;
    const uint8_t *p = NULL;
    SC_TRY(sc_get_u64(c, &n, err));
    SC_TRY(sc_get_u64(c, &n_bytes, err));
    SC_TRY(sc_get_bytes(c, n_bytes, &p, err));
    if (n > n_bytes) /* each has at least its NUL */
        return sc_fail(err, SC_EFORMAT, "a list of %llu strings has %llu bytes",
                       (unsigned long long)n, (unsigned long long)n_bytes);
    if (n == 0 && n_bytes == 0)
        return SC_OK;
    const sc_status st = strs_fill(out, p, n_bytes, n, err);
    if (st != SC_OK)
        sc_strs_free(out);
    return st;
}

sc_status sc_get_done(const sc_cur *c, sc_err *err)
{
    return c->left ? sc_fail(err, SC_EFORMAT, "a record is longer than it says") : SC_OK;
}

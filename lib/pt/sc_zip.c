#include "sc_zip.h"

#include <stdlib.h>
#include <string.h>

enum {
    END_SIZE = 22,
    LOCATOR_SIZE = 20,
    END64_SIZE = 56,
    CENTRAL_SIZE = 46,
    LOCAL_SIZE = 30,
    MAX_COMMENT = 65535,
    FLAG_ENCRYPTED = 0x2041, /* any of the three kinds of encryption */
};

static uint16_t u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t u64(const unsigned char *p)
{
    return u32(p) | (uint64_t)u32(p + 4) << 32;
}

uint32_t sc_crc32(uint32_t crc, const unsigned char *bytes, size_t n)
{
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? UINT32_C(0xedb88320) : 0);
    }
    crc = ~crc;
    for (size_t i = 0; i < n; i++)
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
    return ~crc;
}

typedef struct directory {
    uint64_t at, size, n; /* offset and bytes of the central directory, number of members */
} directory;

/* The end record may be followed by a comment, so it is looked for from the end. */
static const unsigned char *find_end(const unsigned char *bytes, size_t n)
{
    for (size_t back = END_SIZE; back <= n && back <= END_SIZE + MAX_COMMENT; back++) {
        const unsigned char *p = bytes + n - back;
        if (memcmp(p, "PK\5\6", 4) == 0 && u16(p + 20) == back - END_SIZE)
            return p;
    }
    return NULL;
}

static sc_status find_directory(directory *d, const unsigned char *bytes, size_t n, sc_err *err)
{
    if (n < 4 || memcmp(bytes, "PK", 2) != 0)
        return sc_fail(err, SC_EFORMAT, "not a zip archive");
    const unsigned char *end = find_end(bytes, n);
    if (!end)
        return sc_fail(err, SC_EFORMAT, "zip archive ends early: it has no directory");
    *d = (directory){.at = u32(end + 16), .size = u32(end + 12), .n = u16(end + 10)};

    const size_t end_at = (size_t)(end - bytes);
    uint64_t limit = end_at;
    const bool is_64 = end_at >= LOCATOR_SIZE && memcmp(end - LOCATOR_SIZE, "PK\6\7", 4) == 0;
    if (is_64) {
        const uint64_t at = u64(end - LOCATOR_SIZE + 8);
        limit = end_at - LOCATOR_SIZE;
        if (limit < END64_SIZE || at > limit - END64_SIZE || memcmp(bytes + at, "PK\6\6", 4) != 0)
            return sc_fail(err, SC_EFORMAT, "zip archive has a damaged 64-bit end record");
        limit = at;
        *d = (directory){
            .at = u64(bytes + at + 48), .size = u64(bytes + at + 40), .n = u64(bytes + at + 32)};
    }
    if (d->at > limit || d->size > limit - d->at || d->n > d->size / CENTRAL_SIZE)
        return sc_fail(err, SC_EFORMAT, "zip directory does not lie in the file");
    return SC_OK;
}

/* Sizes and offset of a member, from the 64-bit extra field where the short ones are full. */
static bool wide_fields(const unsigned char *p, size_t extra_len, uint64_t *size, uint64_t *stored,
                        uint64_t *at)
{
    const unsigned char *extra = p + CENTRAL_SIZE + u16(p + 28), *end = extra + extra_len;
    uint64_t *const fields[] = {size, stored, at};
    *stored = u32(p + 20);
    *size = u32(p + 24);
    *at = u32(p + 42);
    while (end - extra >= 4) {
        const unsigned char *q = extra + 4, *stop = q + u16(extra + 2);
        if (stop > end)
            return false;
        if (u16(extra) == 1) {
            for (int k = 0; k < 3; k++) {
                if (*fields[k] != UINT32_MAX)
                    continue;
                if (stop - q < 8)
                    return false;
                *fields[k] = u64(q);
                q += 8;
            }
            return true;
        }
        extra = stop;
    }
    return true;
}

/* Reads one entry of the directory; *len is what it takes there. */
static sc_status read_entry(sc_zip_member *m, const unsigned char *bytes, const directory *d,
                            size_t pos, size_t *len, sc_err *err)
{
    const unsigned char *p = bytes + d->at + pos;
    const size_t left = (size_t)d->size - pos;
    if (left < CENTRAL_SIZE || memcmp(p, "PK\1\2", 4) != 0)
        return sc_fail(err, SC_EFORMAT, "zip directory ends early");
    const size_t name_len = u16(p + 28), extra_len = u16(p + 30);
    *len = CENTRAL_SIZE + name_len + extra_len + u16(p + 32);
    if (*len > left)
        return sc_fail(err, SC_EFORMAT, "zip directory ends early");
    *m = (sc_zip_member){.name = (const char *)p + CENTRAL_SIZE, .name_len = name_len};
    m->crc = u32(p + 16);

    const int shown = name_len > 200 ? 200 : (int)name_len;
    uint64_t size, stored, at;
    if (!wide_fields(p, extra_len, &size, &stored, &at))
        return sc_fail(err, SC_EFORMAT, "zip member '%.*s' has a damaged entry", shown, m->name);
    if (u16(p + 8) & FLAG_ENCRYPTED)
        return sc_fail(err, SC_EFORMAT, "zip member '%.*s' is encrypted", shown, m->name);
    if (u16(p + 10) != 0 || size != stored)
        return sc_fail(err, SC_EFORMAT,
                       "zip member '%.*s' is compressed, and torch stores members as they are",
                       shown, m->name);
    if (at > d->at || d->at - at < LOCAL_SIZE || memcmp(bytes + at, "PK\3\4", 4) != 0)
        return sc_fail(err, SC_EFORMAT, "zip member '%.*s' does not lie in the file", shown,
                       m->name);
    /* the local name and extra field may be longer than the directory's: they are padding */
    const uint64_t head = (uint64_t)LOCAL_SIZE + u16(bytes + at + 26) + u16(bytes + at + 28);
    if (d->at - at < head || d->at - at - head < size)
        return sc_fail(err, SC_EFORMAT, "zip member '%.*s' does not lie in the file", shown,
                       m->name);
    if (u16(bytes + at + 26) != name_len || memcmp(bytes + at + LOCAL_SIZE, m->name, name_len) != 0)
        return sc_fail(err, SC_EFORMAT, "zip member '%.*s' has another name in its own header",
                       shown, m->name);
    m->data = bytes + at + head;
    m->n = (size_t)size;
    return SC_OK;
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
    const int c = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return c ? c : (a_len > b_len) - (a_len < b_len);
}

static int by_name(const void *a, const void *b)
{
    const sc_zip_member *x = a, *y = b;
    return compare_names(x->name, x->name_len, y->name, y->name_len);
}

sc_status sc_zip_open(sc_zip *z, const unsigned char *bytes, size_t n, sc_err *err)
{
    *z = (sc_zip){0};
    directory d = {0};
    SC_TRY(find_directory(&d, bytes, n, err));
    SC_TRY(sc_alloc(&z->members, (size_t)d.n + 1, sizeof *z->members, err));

    sc_status st = SC_OK;
    size_t pos = 0, len = 0, sum = 0;
    for (; z->n < d.n; pos += len) {
        sc_zip_member *m = &z->members[z->n];
        SC_GOTO(st, read_entry(m, bytes, &d, pos, &len, err), out);
        if (m->n > n - sum) {
            st = sc_fail(err, SC_EFORMAT, "zip members overlap");
            goto out;
        }
        sum += m->n;
        z->n++;
    }
    qsort(z->members, z->n, sizeof *z->members, by_name);
    for (size_t i = 1; i < z->n; i++) {
        const sc_zip_member *m = &z->members[i];
        if (by_name(m - 1, m) == 0) {
            st = sc_fail(err, SC_EFORMAT, "zip member '%.*s' occurs twice",
                         m->name_len > 200 ? 200 : (int)m->name_len, m->name);
            goto out;
        }
    }
out:
    if (st != SC_OK)
        sc_zip_close(z);
    return st;
}

void sc_zip_close(sc_zip *z)
{
    free(z->members);
    *z = (sc_zip){0};
}

sc_status sc_zip_find(const sc_zip *z, const char *name, const sc_zip_member **out, sc_err *err)
{
    const sc_zip_member key = {.name = name, .name_len = strlen(name)};
    *out = NULL;
    if (z->n == 0)
        return SC_OK;
    sc_zip_member *m = bsearch(&key, z->members, z->n, sizeof *z->members, by_name);
    if (m && !m->is_checked && sc_crc32(0, m->data, m->n) != m->crc)
        return sc_fail(err, SC_EFORMAT, "zip member '%.200s' is damaged: its checksum is wrong",
                       name);
    if (m)
        m->is_checked = true;
    *out = m;
    return SC_OK;
}

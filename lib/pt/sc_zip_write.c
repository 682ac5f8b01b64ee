#include "sc_zip_write.h"

#include "sc_zip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DATE = 33, VERSION_NEEDED = 10 }; /* 1980-01-01; stored members need version 1.0 */

sc_status sc_bytes_put(sc_bytes *b, const void *bytes, size_t n, sc_err *err)
{
    if (n > b->cap - b->n) {
        const size_t want = b->n + n, half = b->cap + b->cap / 2;
        const size_t cap = want > half ? want : half;
        if (want < n)
            return sc_fail(err, SC_ENOMEM, "out of memory");
        SC_TRY(sc_resize(&b->p, cap, 1, err));
        b->cap = cap;
    }
    if (bytes && n)
        memcpy(b->p + b->n, bytes, n);
    b->n += n;
    return SC_OK;
}

/* Fields of a zip record: sizes in bytes, then values. */
typedef struct record {
    unsigned char bytes[64];
    size_t n;
} record;

static void add(record *r, int size, size_t value)
{
    for (int k = 0; k < size; k++)
        r->bytes[r->n++] = (unsigned char)(value >> (8 * k));
}

/* What a member's own header and its entry in the directory share. */
static void add_member(record *r, size_t crc, size_t n, size_t name_len)
{
    add(r, 2, VERSION_NEEDED);
    add(r, 2, 0); /* flags */
    add(r, 2, 0); /* stored */
    add(r, 2, 0); /* time */
    add(r, 2, DATE);
    add(r, 4, crc);
    add(r, 4, n);
    add(r, 4, n);
    add(r, 2, name_len);
    add(r, 2, 0); /* extra field */
}

sc_status sc_zip_put(sc_zip_writer *z, const char *name, const void *bytes, size_t n, sc_err *err)
{
    const size_t name_len = strlen(name), at = z->file.n;
    /* a half of the 4 GiB is left for the directory, and for sums that don't overflow */
    if (name_len > UINT16_MAX || z->n_members >= UINT16_MAX || n > UINT32_MAX / 2 ||
        at > UINT32_MAX / 2)
        return sc_fail(err, SC_EUSAGE, "member '%.100s' is too much for a zip archive", name);
    const uint32_t crc = sc_crc32(0, bytes, n);
    record r = {0};
    add(&r, 4, 0x04034b50);
    add_member(&r, crc, n, name_len);
    SC_TRY(sc_bytes_put(&z->file, r.bytes, r.n, err));
    SC_TRY(sc_bytes_put(&z->file, name, name_len, err));
    SC_TRY(sc_bytes_put(&z->file, bytes, n, err));

    r.n = 0;
    add(&r, 4, 0x02014b50);
    add(&r, 2, VERSION_NEEDED); /* made by */
    add_member(&r, crc, n, name_len);
    add(&r, 2, 0); /* comment */
    add(&r, 2, 0); /* disk */
    add(&r, 2, 0); /* attributes */
    add(&r, 4, 0);
    add(&r, 4, at);
    SC_TRY(sc_bytes_put(&z->directory, r.bytes, r.n, err));
    SC_TRY(sc_bytes_put(&z->directory, name, name_len, err));
    z->n_members++;
    return SC_OK;
}

sc_status sc_zip_finish(sc_zip_writer *z, sc_err *err)
{
    const size_t at = z->file.n;
    if (at + z->directory.n > UINT32_MAX)
        return sc_fail(err, SC_EUSAGE, "a zip archive ends at 4 GiB");
    record r = {0};
    add(&r, 4, 0x06054b50);
    add(&r, 4, 0); /* disks */
    add(&r, 2, z->n_members);
    add(&r, 2, z->n_members);
    add(&r, 4, z->directory.n);
    add(&r, 4, at);
    add(&r, 2, 0); /* comment */
    SC_TRY(sc_bytes_put(&z->file, z->directory.p, z->directory.n, err));
    return sc_bytes_put(&z->file, r.bytes, r.n, err);
}

void sc_zip_writer_free(sc_zip_writer *z)
{
    free(z->file.p);
    free(z->directory.p);
    *z = (sc_zip_writer){0};
}

#include "sc_stream_int.h"

#include <stdlib.h>
#include <string.h>

enum { LEVEL = 1 }; /* on counts that are laid out so, higher ones take longer for nothing */

sc_frame *sc_frame_ref(sc_frame *f)
{
    if (f)
        f->refs++;
    return f;
}

void sc_frame_drop(sc_frame **f)
{
    if (*f && --(*f)->refs == 0) {
        free((*f)->bytes);
        free(*f);
    }
    *f = NULL;
}

/* A skippable zstd frame of zeros behind the data, where they shrank more than readers allow. */
static void pad(uint8_t *p, size_t n)
{
    memset(p, 0, n);
    sc_store32(p, ZSTD_MAGIC_SKIPPABLE_START);
    sc_store32(p + 4, (uint32_t)(n - 8));
}

static sc_status pack_bytes(ZSTD_CCtx *z, const sc_buf *raw, sc_frame *f, sc_err *err)
{
    const size_t cap = ZSTD_compressBound(raw->n) + 16 + raw->n / SC_MAX_RATIO;
    SC_TRY(sc_resize(&f->bytes, cap, 1, err)); /* without the zeros of sc_alloc */
    const size_t n =
        ZSTD_compressCCtx(z, f->bytes, cap, raw->n ? (const void *)raw->p : "", raw->n, LEVEL);
    if (ZSTD_isError(n))
        return sc_fail(err, SC_ENOMEM, "zstd: %s", ZSTD_getErrorName(n));
    f->stored = n;
    if (raw->n > SC_FREE_RATIO && n < raw->n / SC_MAX_RATIO + 1) {
        const size_t more = raw->n / SC_MAX_RATIO + 1 - n;
        const size_t padding = more < 8 ? 8 : more;
        pad(f->bytes + n, padding);
        f->stored += padding;
    }
    f->raw_size = raw->n;
    f->hash = XXH3_64bits(f->bytes, f->stored);
    void *p = realloc(f->bytes, f->stored); /* a block in memory should be as small as on disk */
    if (p)
        f->bytes = p;
    return SC_OK;
}

sc_status sc_frame_pack(ZSTD_CCtx *z, const sc_buf *raw, sc_frame **out, sc_err *err)
{
    sc_frame *f;
    SC_TRY(sc_alloc(&f, 1, sizeof *f, err));
    f->refs = 1;
    const sc_status st = pack_bytes(z, raw, f, err);
    if (st != SC_OK)
        sc_frame_drop(&f);
    *out = f;
    return st;
}

/* raw_size is no more than SC_MAX_RATIO times the bytes that are there: sc_in_body saw to it. */
sc_status sc_frame_unpack(ZSTD_DCtx *z, const sc_frame *f, uint8_t **out, sc_err *err)
{
    uint8_t *p = NULL;
    SC_TRY(sc_resize(&p, f->raw_size, 1, err)); /* without the zeros of sc_alloc */
    const size_t n = ZSTD_decompressDCtx(z, p, f->raw_size, f->bytes, f->stored);
    if (ZSTD_isError(n) || n != f->raw_size) {
        free(p);
        return sc_fail(err, SC_EFORMAT, "a frame does not decode to the %llu bytes it promises",
                       (unsigned long long)f->raw_size);
    }
    *out = p;
    return SC_OK;
}

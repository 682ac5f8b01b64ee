/* Records in and out: a head with its own checksum, then the stored bytes of one frame. */
#include "sc_looks.h"
#include "sc_stream_int.h"
#include "sc_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A byte that no text has, the name, what a line-end conversion would spoil, the version. */
const unsigned char sc_magic[SC_MAGIC_SIZE] = {0x89, 'S', 'C', 'Z', 0x0d, 0x0a, 0x1a, 0};
static const unsigned char foot_magic[SC_MAGIC_SIZE] = {'S', 'C', 'Z', '-', 'D', 'O', 'N', 'E'};

enum {
    STEP = 1 << 20,  /* memory is taken as bytes arrive, doubling from here */
    SEND = 16 << 20, /* bytes written between two hints to the disk */
    SPOOL_FAILED = -2
};

/* One read from the spool where it has these bytes, else from fd, and then into the spool; below 0
 * with errno. */
static ssize_t read_some(sc_in *in, uint8_t *p, size_t n)
{
    ssize_t got;
    if (n > SSIZE_MAX)
        n = SSIZE_MAX;
    const uint64_t spool_end = in->spool_from + in->spool_len;
    if (in->spool >= 0 && in->pos < spool_end) {
        const uint64_t have = spool_end - in->pos;
        do
            got =
                pread(in->spool, p, n < have ? n : (size_t)have, (off_t)(in->pos - in->spool_from));
        while (got < 0 && errno == EINTR);
        return got;
    }
    do
        got = read(in->fd, p, n);
    while (got < 0 && errno == EINTR);
    for (ssize_t done = 0; in->spool >= 0 && done < got;) {
        const ssize_t w = write(in->spool, p + done, (size_t)(got - done));
        if (w < 0 && errno != EINTR)
            return SPOOL_FAILED;
        done += w > 0 ? w : 0;
        in->spool_len += w > 0 ? (uint64_t)w : 0;
    }
    return got;
}

/* As many of n bytes as there are. */
static sc_status read_up_to(sc_in *in, uint8_t *p, size_t n, size_t *n_got, sc_err *err)
{
    *n_got = 0;
    while (*n_got < n) {
        const ssize_t got = read_some(in, p + *n_got, n - *n_got);
        if (got == SPOOL_FAILED)
            return sc_temp_fail(err);
        if (got < 0)
            return errno == EISDIR
                       ? sc_fail(err, SC_EIO, "%s: is a folder; sc-read makes a stream of one",
                                 in->name)
                       : sc_fail_errno(err, "%s: cannot read", in->name);
        if (got == 0)
            break;
        *n_got += (size_t)got;
        in->pos += (uint64_t)got;
    }
    return SC_OK;
}

static sc_status read_all(sc_in *in, uint8_t *p, size_t n, sc_err *err)
{
    size_t got;
    SC_TRY(read_up_to(in, p, n, &got, err));
    return got == n ? SC_OK : sc_fail(err, SC_EFORMAT, "%s: stream ends early", in->name);
}

static sc_status read_magic(sc_in *in, sc_err *err)
{
    uint8_t m[SC_MAGIC_SIZE];
    size_t got;
    SC_TRY(read_up_to(in, m, sizeof m, &got, err));
    if (got == 0)
        return sc_fail(err, SC_EFORMAT, "%s: is empty, where a stream is needed%s", in->name,
                       strcmp(in->name, "stdin") == 0 ? "; the tool before it failed?" : "");
    if (memcmp(m, sc_magic, got < SC_MAGIC_SIZE - 1 ? got : SC_MAGIC_SIZE - 1) != 0) {
        const char *kind = got >= 4 && memcmp(m, sc_magic, 4) == 0
                               ? "spoilt, as by a transfer that converts line ends"
                               : sc_looks_like(m, got);
        return sc_fail(
            err, SC_EFORMAT,
            "%s: is not a .scz stream, nor a model; sc-read makes streams of other files "
            "of cells%s%s",
            in->name, kind ? "; this one is " : "", kind ? kind : "");
    }
    if (got < sizeof m)
        return sc_fail(err, SC_EFORMAT, "%s: stream ends early", in->name);
    if (m[SC_MAGIC_SIZE - 1] != sc_magic[SC_MAGIC_SIZE - 1])
        return sc_fail(err, SC_EFORMAT, "%s: is of version %u, and this program reads version %u",
                       in->name, m[SC_MAGIC_SIZE - 1], sc_magic[SC_MAGIC_SIZE - 1]);
    return SC_OK;
}

sc_status sc_in_open(sc_in *in, int fd, const char *name, sc_err *err)
{
    in->fd = fd;
    in->spool = -1;
    SC_TRY(sc_str_dup(&in->name, name, err));
    const off_t at = lseek(fd, 0, SEEK_CUR);
    in->is_seekable = at >= 0;
    if (at < 0)
        (void)fcntl(fd, F_SETPIPE_SZ,
                    STEP); /* fewer turns with the writer; it is no pipe: no matter */
    in->base = at >= 0 ? at : 0;
    in->z = ZSTD_createDCtx();
    if (!in->z)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    return read_magic(in, err);
}

void sc_in_close(sc_in *in)
{
    ZSTD_freeDCtx(in->z);
    if (in->spool >= 0)
        (void)close(in->spool);
    if (in->owns_fd)
        (void)close(in->fd);
    free(in->name);
}

sc_status sc_in_head(sc_in *in, sc_head *h, sc_err *err)
{
    uint8_t b[SC_HEAD_SIZE];
    SC_TRY(read_all(in, b, sizeof b, err));
    *h = (sc_head){.tag = sc_load32(b),
                   .id = sc_load32(b + 4),
                   .seq = sc_load64(b + 8),
                   .raw_size = sc_load64(b + 16),
                   .stored = sc_load64(b + 24),
                   .hash = sc_load64(b + 32)};
    if (XXH3_64bits(b, SC_HEAD_SIZE - 8) != sc_load64(b + 40) || h->seq != in->seq)
        return sc_fail(err, SC_EFORMAT, "%s: the head of record %llu is damaged", in->name,
                       (unsigned long long)in->seq);
    if (h->raw_size > SC_FREE_RATIO && h->raw_size / SC_MAX_RATIO > h->stored)
        return sc_fail(err, SC_EFORMAT, "%s: record %llu expands more than a stream may", in->name,
                       (unsigned long long)in->seq);
    in->seq++;
    return SC_OK;
}

sc_status sc_in_bytes(sc_in *in, const sc_head *h, uint8_t **bytes, size_t *cap, sc_err *err)
{
    for (uint64_t n = 0; n < h->stored;) {
        if (n == *cap) {
            const uint64_t room = n ? 2 * n : STEP, more = room < h->stored ? room : h->stored;
            SC_TRY(sc_resize(bytes, more, 1, err));
            *cap = more;
        }
        const uint64_t to = *cap < h->stored ? *cap : h->stored;
        SC_TRY(read_all(in, *bytes + n, to - n, err));
        n = to;
    }
    return SC_OK;
}

sc_status sc_check_bytes(const char *name, const sc_head *h, const uint8_t *bytes, sc_err *err)
{
    return XXH3_64bits(h->stored ? bytes : (const uint8_t *)"", h->stored) == h->hash
               ? SC_OK
               : sc_fail(err, SC_EFORMAT, "%s: record %llu is damaged", name,
                         (unsigned long long)h->seq);
}

sc_status sc_in_body(sc_in *in, const sc_head *h, sc_frame **out, sc_err *err)
{
    size_t cap = 0;
    sc_frame *f;
    SC_TRY(sc_alloc(&f, 1, sizeof *f, err));
    f->refs = 1;
    f->raw_size = h->raw_size;
    f->stored = h->stored;
    f->hash = h->hash;
    sc_status st = sc_in_bytes(in, h, &f->bytes, &cap, err);
    if (st == SC_OK)
        st = sc_check_bytes(in->name, h, f->bytes, err);
    if (st != SC_OK)
        sc_frame_drop(&f);
    *out = f;
    return st;
}

sc_status sc_in_record(sc_in *in, const sc_head *h, uint8_t **bytes, sc_err *err)
{
    sc_frame *f;
    SC_TRY(sc_in_body(in, h, &f, err));
    const sc_status st = sc_frame_unpack(in->z, f, bytes, err);
    sc_frame_drop(&f);
    return st == SC_OK ? st : sc_err_prefix(err, st, "%s", in->name);
}

sc_status sc_in_foot(sc_in *in, uint64_t end_at, sc_err *err)
{
    uint8_t b[SC_FOOT_SIZE + 1];
    size_t got;
    SC_TRY(read_all(in, b, SC_FOOT_SIZE, err));
    if (sc_load64(b) != end_at || XXH3_64bits(b, 8) != sc_load64(b + 8) ||
        memcmp(b + 16, foot_magic, sizeof foot_magic) != 0)
        return sc_fail(err, SC_EFORMAT, "%s: the end of the stream is damaged", in->name);
    SC_TRY(read_up_to(in, b, 1, &got, err));
    if (got)
        return sc_fail(err, SC_EFORMAT, "%s: bytes follow the end of the stream", in->name);
    return SC_OK;
}

sc_status sc_in_keep(sc_in *in, sc_err *err)
{
    if (in->is_seekable || in->spool >= 0)
        return SC_OK;
    SC_TRY(sc_temp_fd(&in->spool, err));
    in->spool_from = in->pos;
    return SC_OK;
}

sc_status sc_in_seek(sc_in *in, uint64_t pos, sc_err *err)
{
    if (in->spool < 0 && lseek(in->fd, in->base + (off_t)pos, SEEK_SET) < 0)
        return sc_fail_errno(err, "%s: cannot go back", in->name);
    in->pos = pos;
    return SC_OK;
}

static sc_status write_all(sc_out *out, struct iovec *v, int n, sc_err *err)
{
    while (n > 0) {
        const ssize_t w = writev(out->fd, v, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return sc_fail_errno(err, "%s: cannot write", out->name);
        size_t left = (size_t)w;
        out->pos += (uint64_t)w;
        while (n > 0 && left >= v->iov_len) {
            left -= v->iov_len;
            v++;
            n--;
        }
        if (n > 0) {
            v->iov_base = (char *)v->iov_base + left;
            v->iov_len -= left;
        }
    }
    return SC_OK;
}

sc_status sc_out_open(sc_out *out, int fd, const char *name, sc_err *err)
{
    unsigned char magic[SC_MAGIC_SIZE];
    struct iovec v = {magic, sizeof magic};
    out->fd = fd;
    SC_TRY(sc_str_dup(&out->name, name, err));
    out->z = ZSTD_createCCtx();
    if (!out->z)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    memcpy(magic, sc_magic, sizeof magic);
    return write_all(out, &v, 1, err);
}

void sc_out_close(sc_out *out)
{
    ZSTD_freeCCtx(out->z);
    free(out->name);
}

sc_status sc_out_frame(sc_out *out, uint32_t tag, uint32_t id, const sc_frame *f, sc_err *err)
{
    uint8_t b[SC_HEAD_SIZE];
    sc_store32(b, tag);
    sc_store32(b + 4, id);
    sc_store64(b + 8, out->seq++);
    sc_store64(b + 16, f->raw_size);
    sc_store64(b + 24, f->stored);
    sc_store64(b + 32, f->hash);
    sc_store64(b + 40, XXH3_64bits(b, SC_HEAD_SIZE - 8));
    struct iovec v[2] = {{b, sizeof b}, {f->bytes, f->stored}};
    SC_TRY(write_all(out, v, 2, err));
    if (out->pos - out->sent >= SEND) {
        /* the disk begins now, not at the fsync in the end; a pipe refuses, which is no matter */
        (void)sync_file_range(out->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
        out->sent = out->pos;
    }
    return SC_OK;
}

sc_status sc_out_record(sc_out *out, uint32_t tag, uint32_t id, const sc_buf *raw, sc_err *err)
{
    sc_frame *f;
    SC_TRY(sc_frame_pack(out->z, raw, &f, err));
    const sc_status st = sc_out_frame(out, tag, id, f, err);
    sc_frame_drop(&f);
    return st;
}

sc_status sc_out_foot(sc_out *out, uint64_t end_at, sc_err *err)
{
    uint8_t b[SC_FOOT_SIZE];
    struct iovec v = {b, sizeof b};
    sc_store64(b, end_at);
    sc_store64(b + 8, XXH3_64bits(b, 8));
    memcpy(b + 16, foot_magic, sizeof foot_magic);
    return write_all(out, &v, 1, err);
}

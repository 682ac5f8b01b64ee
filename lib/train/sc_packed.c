#include "sc_packed.h"

#include "sc_data.h"
#include "sc_temp.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { CHUNK_ROWS = 1024, PIECE = 16384, LINE = 64 };

/* A chunk's rows lie behind each other, the indices of a row before its counts. */
typedef struct chunk {
    unsigned char *data; /* NULL: on disk */
    int64_t at;          /* there */
    int value_bytes;
} chunk;

struct sc_packed {
    int64_t n_rows, cap_rows, memory, used;
    int64_t *first; /* of each row's counts, n_rows + 1 */
    int index_bytes;
    int64_t n_chunks, cap_chunks;
    chunk *chunks;
    int fd; /* -1: all in memory */
    int64_t file_size;
    int64_t n_staged, cap_staged; /* counts of the chunk that is being filled */
    int32_t *index;
    float *value;
    XXH3_state_t *hash;
};

sc_status sc_packed_new(sc_packed **out, int64_t n_vars, int64_t memory, sc_err *err)
{
    sc_packed *p = NULL;
    *out = NULL;
    SC_TRY(sc_alloc(&p, 1, sizeof *p, err));
    p->fd = -1;
    p->memory = memory;
    p->index_bytes = n_vars <= 65536 ? 2 : 4;
    sc_status st = sc_alloc(&p->first, 1, sizeof *p->first, err);
    p->cap_rows = 1;
    p->hash = XXH3_createState();
    if (st == SC_OK && !p->hash)
        st = sc_fail(err, SC_ENOMEM, "out of memory");
    if (st != SC_OK) {
        sc_packed_free(p);
        return st;
    }
    (void)XXH3_64bits_reset(p->hash);
    *out = p;
    return SC_OK;
}

void sc_packed_free(sc_packed *p)
{
    if (!p)
        return;
    for (int64_t i = 0; i < p->n_chunks; i++)
        free(p->chunks[i].data);
    free(p->chunks);
    free(p->first);
    free(p->index);
    free(p->value);
    (void)XXH3_freeState(p->hash);
    if (p->fd >= 0)
        (void)close(p->fd);
    free(p);
}

static sc_status append(sc_packed *p, const unsigned char *data, int64_t n, sc_err *err)
{
    while (n > 0) {
        const ssize_t done = write(p->fd, data, (size_t)n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return sc_temp_fail(err);
        data += done;
        n -= done;
        p->file_size += done;
    }
    return SC_OK;
}

static int64_t chunk_bytes(const sc_packed *p, int64_t i)
{
    const int64_t from = i * CHUNK_ROWS,
                  to = from + CHUNK_ROWS < p->n_rows ? from + CHUNK_ROWS : p->n_rows;
    return (p->first[to] - p->first[from]) * (p->index_bytes + p->chunks[i].value_bytes);
}

static sc_status to_disk(sc_packed *p, int64_t i, sc_err *err)
{
    chunk *c = &p->chunks[i];
    c->at = p->file_size;
    SC_TRY(append(p, c->data, chunk_bytes(p, i), err));
    free(c->data);
    c->data = NULL;
    return SC_OK;
}

static int bytes_for(int64_t n, const float *x)
{
    int bytes = 1;
    for (int64_t k = 0; k < n; k++) {
        if (x[k] != floorf(x[k]) || x[k] > 65535)
            return 4;
        if (x[k] > 255)
            bytes = 2;
    }
    return bytes;
}

static unsigned char *pack_row(unsigned char *to, const sc_packed *p, int64_t k0, int64_t n,
                               int value_bytes)
{
    if (p->index_bytes == 4)
        memcpy(to, p->index + k0, (size_t)n * 4);
    for (int64_t k = 0; k < n && p->index_bytes == 2; k++)
        memcpy(to + 2 * k, &(uint16_t){(uint16_t)p->index[k0 + k]}, 2);
    to += n * p->index_bytes;
    if (value_bytes == 4)
        memcpy(to, p->value + k0, (size_t)n * 4);
    for (int64_t k = 0; k < n && value_bytes == 2; k++)
        memcpy(to + 2 * k, &(uint16_t){(uint16_t)p->value[k0 + k]}, 2);
    for (int64_t k = 0; k < n && value_bytes == 1; k++)
        to[k] = (unsigned char)p->value[k0 + k];
    return to + n * value_bytes;
}

static sc_status close_chunk(sc_packed *p, sc_err *err)
{
    if (p->n_chunks == p->cap_chunks) {
        p->cap_chunks = p->cap_chunks * 2 + 16;
        SC_TRY(sc_resize(&p->chunks, (size_t)p->cap_chunks, sizeof *p->chunks, err));
    }
    const int64_t i = p->n_chunks++, from = i * CHUNK_ROWS;
    chunk *c = &p->chunks[i];
    *c = (chunk){.value_bytes = bytes_for(p->n_staged, p->value)};
    const int64_t size = chunk_bytes(p, i);
    SC_TRY(sc_alloc(&c->data, (size_t)size + 1, 1, err));
    unsigned char *to = c->data;
    for (int64_t r = from; r < p->n_rows; r++)
        to = pack_row(to, p, p->first[r] - p->first[from], p->first[r + 1] - p->first[r],
                      c->value_bytes);
    p->n_staged = 0;
    p->used += size;
    if (p->fd < 0 && (!p->memory || p->used <= p->memory))
        return SC_OK;
    if (p->fd >= 0)
        return to_disk(p, i, err);
    SC_TRY(sc_temp_fd(&p->fd, err));
    for (int64_t k = 0; k <= i; k++)
        SC_TRY(to_disk(p, k, err));
    return SC_OK;
}

sc_status sc_packed_add(sc_packed *p, int64_t n, const int32_t *index, const float *value,
                        sc_err *err)
{
    if (p->n_rows && p->n_rows % CHUNK_ROWS == 0 && p->n_chunks < p->n_rows / CHUNK_ROWS)
        SC_TRY(close_chunk(p, err));
    if (p->n_rows + 2 > p->cap_rows) {
        p->cap_rows = p->cap_rows * 3 / 2 + CHUNK_ROWS;
        SC_TRY(sc_resize(&p->first, (size_t)p->cap_rows, sizeof *p->first, err));
    }
    if (p->n_staged + n > p->cap_staged) {
        p->cap_staged = (p->n_staged + n) * 3 / 2;
        SC_TRY(sc_resize(&p->index, (size_t)p->cap_staged, sizeof *p->index, err));
        SC_TRY(sc_resize(&p->value, (size_t)p->cap_staged, sizeof *p->value, err));
    }
    (void)XXH3_64bits_update(p->hash, &n, sizeof n);
    if (n) { /* before the first count there is no room, and a copy to nowhere is undefined */
        memcpy(p->index + p->n_staged, index, (size_t)n * sizeof *index);
        memcpy(p->value + p->n_staged, value, (size_t)n * sizeof *value);
        (void)XXH3_64bits_update(p->hash, index, (size_t)n * sizeof *index);
        (void)XXH3_64bits_update(p->hash, value, (size_t)n * sizeof *value);
    }
    p->n_staged += n;
    p->first[p->n_rows + 1] = p->first[p->n_rows] + n;
    p->n_rows++;
    return SC_OK;
}

sc_status sc_packed_end(sc_packed *p, sc_err *err)
{
    if (p->n_chunks * CHUNK_ROWS < p->n_rows)
        SC_TRY(close_chunk(p, err));
    free(p->index);
    free(p->value);
    p->index = NULL;
    p->value = NULL;
    p->cap_staged = 0;
    return SC_OK;
}

int64_t sc_packed_count(const sc_packed *p, int64_t row)
{
    return p->first[row + 1] - p->first[row];
}

static void unpack_index(const unsigned char *from, int bytes, int64_t n, int32_t *to)
{
    if (bytes == 4) {
        memcpy(to, from, (size_t)n * 4);
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        uint16_t v;
        memcpy(&v, from + 2 * k, sizeof v);
        to[k] = v;
    }
}

static void unpack_value(const unsigned char *from, int bytes, int64_t n, float *to)
{
    if (bytes == 4) {
        memcpy(to, from, (size_t)n * 4);
        return;
    }
    for (int64_t k = 0; k < n && bytes == 1; k++)
        to[k] = (float)from[k];
    for (int64_t k = 0; k < n && bytes == 2; k++) {
        uint16_t v;
        memcpy(&v, from + 2 * k, sizeof v);
        to[k] = (float)v;
    }
}

static sc_status fetch(const sc_packed *p, unsigned char *to, int64_t n, int64_t at, sc_err *err)
{
    while (n > 0) {
        const ssize_t done = pread(p->fd, to, (size_t)n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return sc_fail_errno(err, "can't read a scratch file in '%s'", sc_temp_folder());
        if (done == 0)
            return sc_fail(err, SC_EIO, "a scratch file in '%s' was cut", sc_temp_folder());
        to += done;
        at += done;
        n -= done;
    }
    return SC_OK;
}

/* Where a row's bytes begin within its chunk. */
static int64_t offset_of(const sc_packed *p, int64_t row)
{
    const int64_t i = row / CHUNK_ROWS;
    return (p->first[row] - p->first[i * CHUNK_ROWS]) * (p->index_bytes + p->chunks[i].value_bytes);
}

void sc_packed_ask(const sc_packed *p, int64_t row)
{
    const chunk *c = &p->chunks[row / CHUNK_ROWS];
    if (!c->data)
        return;
    const unsigned char *from = c->data + offset_of(p, row);
    const int64_t n = sc_packed_count(p, row) * (p->index_bytes + c->value_bytes);
    for (int64_t at = 0; at < n; at += LINE)
        __builtin_prefetch(from + at);
}

sc_status sc_packed_row(const sc_packed *p, int64_t row, int32_t *index, float *value, sc_err *err)
{
    const chunk *c = &p->chunks[row / CHUNK_ROWS];
    const int64_t n = sc_packed_count(p, row), at = offset_of(p, row);
    const int ib = p->index_bytes, vb = c->value_bytes;
    if (c->data) {
        unpack_index(c->data + at, ib, n, index);
        unpack_value(c->data + at + n * ib, vb, n, value);
        return SC_OK;
    }
    unsigned char buf[PIECE];
    if (n * (ib + vb) <= PIECE) {
        SC_TRY(fetch(p, buf, n * (ib + vb), c->at + at, err));
        unpack_index(buf, ib, n, index);
        unpack_value(buf + n * ib, vb, n, value);
        return SC_OK;
    }
    for (int64_t k = 0; k < n; k += PIECE / 4) {
        const int64_t some = n - k < PIECE / 4 ? n - k : PIECE / 4;
        SC_TRY(fetch(p, buf, some * ib, c->at + at + k * ib, err));
        unpack_index(buf, ib, some, index + k);
        SC_TRY(fetch(p, buf, some * vb, c->at + at + n * ib + k * vb, err));
        unpack_value(buf, vb, some, value + k);
    }
    return SC_OK;
}

uint64_t sc_packed_digest(const sc_packed *p)
{
    return XXH3_64bits_digest(p->hash);
}

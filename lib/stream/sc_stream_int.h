/*
 * Inside the stream: bytes, frames, and what reader, writer and model file share. Layout: scz(5).
 */
#ifndef SC_STREAM_INT_H
#define SC_STREAM_INT_H

#include "sc_data_int.h"
#include "sc_stream.h"

#include <xxhash.h>
#include <zstd.h>

enum {
    SC_MAGIC_SIZE = 8,
    SC_HEAD_SIZE = 48,
    SC_FOOT_SIZE = 24,
    SC_MAX_RATIO = 64, /* a frame may not expand more, so that a small file takes little memory */
    SC_FREE_RATIO = 65536, /* ... beyond so many bytes, which any frame may have */
    SC_MAX_ROWS = 1 << 24, /* in a block */
    SC_MAX_MATS = 1 << 14, /* matrices, and columns of a table */
    SC_MAX_JSON = 64 << 20 /* bytes of uns, of a record, of a model's meta */
};
extern const unsigned char sc_magic[SC_MAGIC_SIZE];

/* The tags of the records, as they stand in the file. */
#define SC_TAG(a, b, c, d)                                                                         \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define SC_TAG_HEADER SC_TAG('H', 'E', 'A', 'D')
#define SC_TAG_MODEL SC_TAG('M', 'O', 'D', 'L')
#define SC_TAG_BLOCK SC_TAG('B', 'L', 'C', 'K')
#define SC_TAG_ELEM SC_TAG('E', 'L', 'E', 'M')
#define SC_TAG_TENSOR SC_TAG('T', 'E', 'N', 'S')
#define SC_TAG_END SC_TAG('E', 'N', 'D', '.')

/* Bytes that grow (to encode), and bytes that are taken from the front (to decode). */
typedef struct sc_buf {
    uint8_t *p;
    size_t n, cap;
} sc_buf;
typedef struct sc_cur {
    const uint8_t *p;
    size_t left;
} sc_cur;

/* Room for n more bytes, which count as put: *at lends them until the next put. The puts fail with
 * SC_ENOMEM only. */
sc_status sc_buf_room(sc_buf *b, size_t n, uint8_t **at, sc_err *err) SC_MUST_CHECK;
sc_status sc_put_u8(sc_buf *b, unsigned v, sc_err *err) SC_MUST_CHECK;
sc_status sc_put_u32(sc_buf *b, uint32_t v, sc_err *err) SC_MUST_CHECK;
sc_status sc_put_u64(sc_buf *b, uint64_t v, sc_err *err) SC_MUST_CHECK;
sc_status sc_put_text(sc_buf *b, const char *s, sc_err *err) SC_MUST_CHECK;
sc_status sc_put_strs(sc_buf *b, const sc_strs *s, sc_err *err) SC_MUST_CHECK;
/* The gets fail with SC_EFORMAT where the bytes are at an end or are not what they should be. What
 * get_bytes gives is lent by the cursor; what the others make is the caller's. */
sc_status sc_get_bytes(sc_cur *c, size_t n, const uint8_t **at, sc_err *err) SC_MUST_CHECK;
sc_status sc_get_u8(sc_cur *c, unsigned max, unsigned *v, sc_err *err) SC_MUST_CHECK;
sc_status sc_get_u32(sc_cur *c, uint32_t *v, sc_err *err) SC_MUST_CHECK;
sc_status sc_get_u64(sc_cur *c, uint64_t *v, sc_err *err) SC_MUST_CHECK;
sc_status sc_get_text(sc_cur *c, size_t max, char **out, sc_err *err) SC_MUST_CHECK;
sc_status sc_get_strs(sc_cur *c, sc_strs *out, sc_err *err) SC_MUST_CHECK; /* out: empty */
sc_status sc_get_done(const sc_cur *c, sc_err *err) SC_MUST_CHECK;         /* nothing is left */
uint32_t sc_load32(const uint8_t *p);
uint64_t sc_load64(const uint8_t *p);
void sc_store32(uint8_t *p, uint32_t v);
void sc_store64(uint8_t *p, uint64_t v);

/* Columns. A schema is names, types and categories; data are the values of n rows of one column. */
sc_status sc_put_schema(sc_buf *b, const sc_table *t, sc_err *err) SC_MUST_CHECK;
sc_status sc_get_schema(sc_cur *c, sc_table *t, sc_err *err) SC_MUST_CHECK;
sc_status sc_put_col(sc_buf *b, const sc_col *c, int64_t n_categories, sc_err *err) SC_MUST_CHECK;
sc_status sc_get_col(sc_cur *c, sc_col *col, int64_t n, sc_err *err) SC_MUST_CHECK;
sc_status sc_put_table(sc_buf *b, const sc_table *t, sc_err *err) SC_MUST_CHECK; /* all of it */
sc_status sc_get_table(sc_cur *c, sc_table *t, sc_err *err) SC_MUST_CHECK;

/* Matrices. Values: n of them, as small as they are; floats byte by byte, in_planes, or whole.
 * Pattern: n_rows x n_cols (< 0: any). */
sc_status sc_put_values(sc_buf *b, const float *v, size_t n, bool in_planes,
                        sc_err *err) SC_MUST_CHECK;
sc_status sc_get_values(sc_cur *c, float **out, size_t n, sc_err *err) SC_MUST_CHECK;
/* The same in parts: found and checked first, p lent by the cursor. */
typedef struct sc_values {
    const uint8_t *p;
    size_t n;
    unsigned enc;
} sc_values;
sc_status sc_find_values(sc_cur *c, sc_values *out, size_t n, sc_err *err) SC_MUST_CHECK;
void sc_values_part(const sc_values *v, size_t from, size_t n, float *to);
sc_status sc_put_pattern(sc_buf *b, const sc_csr *m, sc_err *err) SC_MUST_CHECK;
sc_status sc_get_pattern(sc_cur *c, sc_csr *m, int64_t n_rows, int64_t n_cols,
                         sc_err *err) SC_MUST_CHECK;

/* What an element of a block holds. */
enum { ELEM_OBS, ELEM_PATTERN, ELEM_VALUES, ELEM_DENSE };

/* A stored frame: zstd bytes and their checksum. Shared by whoever holds a reference. */
typedef struct sc_frame {
    int refs;
    bool has_key;
    XXH128_hash_t key; /* of a pattern, decoded: tells equal ones without decoding again */
    uint64_t raw_size, stored, hash;
    uint8_t *bytes;
} sc_frame;
sc_frame *sc_frame_ref(sc_frame *f);
void sc_frame_drop(sc_frame **f);
sc_status sc_frame_pack(ZSTD_CCtx *z, const sc_buf *raw, sc_frame **out, sc_err *err) SC_MUST_CHECK;
/* *out: raw_size bytes, owned by the caller. */
sc_status sc_frame_unpack(ZSTD_DCtx *z, const sc_frame *f, uint8_t **out,
                          sc_err *err) SC_MUST_CHECK;

typedef struct sc_head {
    uint32_t tag, id;
    uint64_t seq, raw_size, stored, hash;
} sc_head;

typedef struct sc_in {
    int fd, spool; /* spool: -1, or what was read from a pipe since `keep` */
    bool owns_fd, is_seekable;
    char *name;
    int64_t base; /* where in the file the stream began */
    uint64_t pos, seq, spool_from, spool_len;
    ZSTD_DCtx *z;
} sc_in;
sc_status sc_in_open(sc_in *in, int fd, const char *name, sc_err *err) SC_MUST_CHECK;
void sc_in_close(sc_in *in);
sc_status sc_in_head(sc_in *in, sc_head *h, sc_err *err) SC_MUST_CHECK;
sc_status sc_in_body(sc_in *in, const sc_head *h, sc_frame **out, sc_err *err) SC_MUST_CHECK;
/* The stored bytes, their checksum still to be looked at, into *bytes, which has room for *cap and
 * is resized as they arrive. */
sc_status sc_in_bytes(sc_in *in, const sc_head *h, uint8_t **bytes, size_t *cap,
                      sc_err *err) SC_MUST_CHECK;
/* SC_EFORMAT naming the record if they are not what was written. */
sc_status sc_check_bytes(const char *name, const sc_head *h, const uint8_t *bytes,
                         sc_err *err) SC_MUST_CHECK;
/* A whole record of this kind, decoded; *bytes is owned by the caller. */
sc_status sc_in_record(sc_in *in, const sc_head *h, uint8_t **bytes, sc_err *err) SC_MUST_CHECK;
sc_status sc_in_foot(sc_in *in, uint64_t end_at, sc_err *err) SC_MUST_CHECK; /* and nothing after */
sc_status sc_in_keep(sc_in *in, sc_err *err) SC_MUST_CHECK;
sc_status sc_in_seek(sc_in *in, uint64_t pos, sc_err *err) SC_MUST_CHECK;

typedef struct sc_out {
    int fd;
    char *name;
    uint64_t pos, seq, sent; /* sent: what the disk was told to begin with */
    ZSTD_CCtx *z;
} sc_out;
sc_status sc_out_open(sc_out *out, int fd, const char *name, sc_err *err) SC_MUST_CHECK;
void sc_out_close(sc_out *out);
sc_status sc_out_frame(sc_out *out, uint32_t tag, uint32_t id, const sc_frame *f,
                       sc_err *err) SC_MUST_CHECK;
sc_status sc_out_record(sc_out *out, uint32_t tag, uint32_t id, const sc_buf *raw,
                        sc_err *err) SC_MUST_CHECK;
sc_status sc_out_foot(sc_out *out, uint64_t end_at, sc_err *err) SC_MUST_CHECK;

/* h as the bytes of its record, checked both ways. get: h is empty ({0}) before, and the caller's
 * to free even where this fails. */
sc_status sc_header_put(sc_buf *b, const sc_header *h, sc_err *err) SC_MUST_CHECK;
sc_status sc_header_get(sc_cur *c, sc_header *h, sc_err *err) SC_MUST_CHECK;
sc_status sc_json_check(const char *text, const char *what, sc_err *err) SC_MUST_CHECK;
static inline bool sc_mat_flows(const sc_mat *m)
{
    return !m->varm.values;
}

/* One matrix of a block: as frames, decoded, or both (then they agree, unless it was touched). */
typedef struct sc_slot {
    char *path;
    bool is_sparse, is_decoded, is_touched;
    int64_t n_cols;
    sc_frame *pattern, *values; /* dense: values only */
    sc_csr csr;
    sc_dense dense;
} sc_slot;
struct sc_block {
    int64_t row0, n_rows;
    int n_slots;
    sc_slot **slots; /* each stays where it is: what it holds is lent */
    sc_frame *obs_frame;
    sc_table obs;
    bool has_obs, is_obs_touched;
    const sc_header *schema; /* of the reader; NULL: built by hand */
    ZSTD_DCtx *z;            /* lent by the reader, or by the thread that works on it */
    const char *name;        /* of the reader, for messages */
};
sc_slot *sc_block_find(sc_block *b, const char *path);
sc_status sc_block_slot(sc_block *b, const char *path, sc_slot **out, sc_err *err) SC_MUST_CHECK;
void sc_block_clear(sc_block *b);
XXH128_hash_t sc_pattern_key(const sc_csr *m);

/* A block as it is written: its elements in order, each frame once. The frames are lent by the
 * block's slots, but for the first, of obs. */
typedef struct sc_coded {
    int64_t n_rows;
    uint32_t n;
    sc_frame *obs, **frames;
    uint8_t *kinds;
    sc_buf pieces; /* of each matrix: pattern and values, 4 bytes each */
} sc_coded;
/* What encoding needs of w is its header, so that blocks may be encoded at once, each with a
 * context of its own; row0 is for messages. c must be freed whatever was returned. */
sc_status sc_writer_encode(const sc_writer *w, ZSTD_CCtx *z, sc_block *b, int64_t row0, sc_coded *c,
                           sc_err *err) SC_MUST_CHECK;
sc_status sc_writer_write(sc_writer *w, const sc_coded *c, sc_err *err) SC_MUST_CHECK;
void sc_coded_free(sc_coded *c);
/* As sc_reader_next, into a block of the caller's. */
sc_status sc_reader_take(sc_reader *in, sc_block *b, sc_err *err) SC_MUST_CHECK;

struct sc_reader {
    sc_in in;
    sc_header header;
    bool is_model, at_end;
    sc_head head;                  /* of a model: read, and its body not yet */
    uint64_t blocks_at, first_seq; /* where the first block stands */
    int64_t n_rows, n_blocks;
    sc_buf index;
    sc_block block;
};

#endif

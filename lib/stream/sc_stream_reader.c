#include "sc_stream_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sc_status read_header(sc_reader *in, const sc_head *head, sc_err *err)
{
    uint8_t *raw;
    SC_TRY(sc_in_record(&in->in, head, &raw, err));
    sc_cur c = {raw, head->raw_size};
    const sc_status st = sc_header_get(&c, &in->header, err);
    free(raw);
    return st == SC_OK ? st : sc_err_prefix(err, st, "%s: header", in->in.name);
}

static sc_status open_any(sc_reader *in, int fd, const char *name, sc_err *err)
{
    sc_head head;
    SC_TRY(sc_in_open(&in->in, fd, name, err));
    SC_TRY(sc_in_head(&in->in, &head, err));
    if (head.tag != SC_TAG_HEADER && head.tag != SC_TAG_MODEL)
        return sc_fail(err, SC_EFORMAT, "%s: begins with neither cells nor a model", name);
    in->is_model = head.tag == SC_TAG_MODEL;
    if (in->is_model) {
        in->head = head;
        return SC_OK;
    }
    SC_TRY(read_header(in, &head, err));
    in->blocks_at = in->in.pos;
    in->first_seq = in->in.seq;
    return SC_OK;
}

sc_status sc_reader_open_any(sc_reader **out, int fd, const char *name, sc_err *err)
{
    sc_reader *in;
    *out = NULL;
    SC_TRY(sc_alloc(&in, 1, sizeof *in, err));
    in->in.spool = -1;
    const sc_status st = open_any(in, fd, name, err);
    if (st != SC_OK)
        sc_reader_close(in);
    else
        *out = in;
    return st;
}

sc_status sc_reader_open(sc_reader **out, int fd, const char *name, sc_err *err)
{
    SC_TRY(sc_reader_open_any(out, fd, name, err));
    if (!(*out)->is_model)
        return SC_OK;
    sc_reader_close(*out);
    *out = NULL;
    return sc_fail(err, SC_EFORMAT, "%s: is a model, where cells are needed, as sc-read makes",
                   name);
}

typedef sc_status open_fn(sc_reader **out, int fd, const char *name, sc_err *err);

static sc_status open_path(sc_reader **out, const char *path, open_fn *open_fd, sc_err *err)
{
    *out = NULL;
    if (!path && isatty(STDIN_FILENO))
        return sc_fail(err, SC_EUSAGE,
                       "there is no input: name a file, or pipe in what another tool writes");
    if (!path || strcmp(path, "-") == 0)
        return open_fd(out, STDIN_FILENO, "stdin", err);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sc_fail_errno(err, "%s", path);
    const sc_status st = open_fd(out, fd, path, err);
    if (st != SC_OK)
        (void)close(fd);
    else
        (*out)->in.owns_fd = true;
    return st;
}

sc_status sc_reader_open_path(sc_reader **out, const char *path, sc_err *err)
{
    return open_path(out, path, sc_reader_open, err);
}

sc_status sc_reader_open_any_path(sc_reader **out, const char *path, sc_err *err)
{
    return open_path(out, path, sc_reader_open_any, err);
}

const sc_header *sc_reader_header(const sc_reader *in)
{
    return &in->header;
}

const char *sc_reader_name(const sc_reader *in)
{
    return in->in.name;
}

bool sc_reader_is_model(const sc_reader *in)
{
    return in->is_model;
}

void sc_reader_close(sc_reader *in)
{
    if (!in)
        return;
    sc_block_clear(&in->block);
    sc_header_free(&in->header);
    free(in->index.p);
    sc_in_close(&in->in);
    free(in);
}

/* What a block's record says: how many rows, which elements follow, which matrix is made of which.
 */
typedef struct plan {
    uint8_t *raw;
    uint32_t n_rows, n_elems;
    const uint8_t *kinds;  /* n_elems */
    const uint8_t *pieces; /* of each matrix: pattern and values, 4 bytes each */
} plan;

static int n_flowing(const sc_header *h)
{
    int n = 0;
    for (int k = 0; k < h->n_mats; k++)
        n += sc_mat_flows(&h->mats[k]);
    return n;
}

static sc_status parse_plan(const sc_header *h, plan *p, sc_cur *c, sc_err *err)
{
    uint32_t n_mats;
    const uint32_t n = (uint32_t)n_flowing(h);
    SC_TRY(sc_get_u32(c, &p->n_rows, err));
    SC_TRY(sc_get_u32(c, &p->n_elems, err));
    if (p->n_rows == 0 || p->n_rows > SC_MAX_ROWS || p->n_elems == 0 || p->n_elems > 2 * n + 1)
        return sc_fail(err, SC_EFORMAT, "a block has %u rows and %u elements", p->n_rows,
                       p->n_elems);
    SC_TRY(sc_get_bytes(c, p->n_elems, &p->kinds, err));
    SC_TRY(sc_get_u32(c, &n_mats, err));
    if (n_mats != n || p->kinds[0] != ELEM_OBS)
        return sc_fail(err, SC_EFORMAT, "a block has %u matrices, and the header %u", n_mats, n);
    SC_TRY(sc_get_bytes(c, (size_t)8 * n, &p->pieces, err));
    return sc_get_done(c, err);
}

static sc_status pick(const plan *p, sc_frame **elems, const uint8_t *at, unsigned kind,
                      sc_frame **out, sc_err *err)
{
    const uint32_t e = sc_load32(at);
    if (e >= p->n_elems || p->kinds[e] != kind)
        return sc_fail(err, SC_EFORMAT, "a matrix is made of an element that is not there");
    *out = sc_frame_ref(elems[e]);
    return SC_OK;
}

static sc_status fill_block(sc_reader *in, sc_block *b, const plan *p, sc_frame **elems,
                            sc_err *err)
{
    const uint8_t *at = p->pieces;
    for (int k = 0; k < in->header.n_mats; k++) {
        const sc_mat *m = &in->header.mats[k];
        sc_slot *s;
        if (!sc_mat_flows(m))
            continue;
        SC_TRY(sc_block_slot(b, m->path, &s, err));
        s->is_sparse = m->is_sparse;
        s->n_cols = m->n_cols;
        if (m->is_sparse)
            SC_TRY(pick(p, elems, at, ELEM_PATTERN, &s->pattern, err));
        SC_TRY(pick(p, elems, at + 4, m->is_sparse ? ELEM_VALUES : ELEM_DENSE, &s->values, err));
        at += 8;
    }
    b->obs_frame = sc_frame_ref(elems[0]);
    b->n_rows = p->n_rows;
    b->row0 = in->n_rows;
    b->schema = &in->header;
    b->z = in->in.z;
    b->name = in->in.name;
    return SC_OK;
}

static sc_status read_elems(sc_reader *in, sc_block *b, const plan *p, sc_err *err)
{
    sc_frame **elems;
    sc_status st = SC_OK;
    SC_TRY(sc_alloc(&elems, p->n_elems, sizeof *elems, err));
    for (uint32_t e = 0; e < p->n_elems && st == SC_OK; e++) {
        sc_head h;
        st = sc_in_head(&in->in, &h, err);
        if (st == SC_OK && (h.tag != SC_TAG_ELEM || h.id != e))
            st = sc_fail(err, SC_EFORMAT, "%s: element %u of block %" PRId64 " is not there",
                         in->in.name, e, in->n_blocks);
        if (st == SC_OK)
            st = sc_in_body(&in->in, &h, &elems[e], err);
    }
    if (st == SC_OK) {
        st = fill_block(in, b, p, elems, err);
        if (st != SC_OK)
            st = sc_err_prefix(err, st, "%s: block %" PRId64, in->in.name, in->n_blocks);
    }
    for (uint32_t e = 0; e < p->n_elems; e++)
        sc_frame_drop(&elems[e]);
    free(elems);
    return st;
}

static sc_status note_block(sc_buf *index, uint64_t at, uint32_t n_rows, sc_err *err)
{
    SC_TRY(sc_put_u64(index, at, err));
    return sc_put_u32(index, n_rows, err);
}

static sc_status read_block(sc_reader *in, sc_block *b, const sc_head *head, uint64_t at,
                            sc_err *err)
{
    plan p = {0};
    SC_TRY(sc_in_record(&in->in, head, &p.raw, err));
    sc_cur c = {p.raw, head->raw_size};
    sc_status st = parse_plan(&in->header, &p, &c, err);
    if (st != SC_OK)
        st = sc_err_prefix(err, st, "%s: block %" PRId64, in->in.name, in->n_blocks);
    else
        st = read_elems(in, b, &p, err);
    if (st == SC_OK)
        st = note_block(&in->index, at, p.n_rows, err);
    if (st == SC_OK) {
        in->n_rows += p.n_rows;
        in->n_blocks++;
    }
    free(p.raw);
    return st;
}

/* Totals and index must say what went by. */
static sc_status read_end(sc_reader *in, const sc_head *head, uint64_t at, sc_err *err)
{
    uint8_t *raw;
    SC_TRY(sc_in_record(&in->in, head, &raw, err));
    const size_t n = in->index.n;
    const bool agrees = head->raw_size == 16 + n && sc_load64(raw) == (uint64_t)in->n_rows &&
                        sc_load64(raw + 8) == (uint64_t)in->n_blocks &&
                        (n == 0 || memcmp(raw + 16, in->index.p, n) == 0);
    free(raw);
    if (!agrees || (in->header.n_obs >= 0 && in->header.n_obs != in->n_rows))
        return sc_fail(err, SC_EFORMAT,
                       "%s: the end of the stream does not agree with its %" PRId64 " cells",
                       in->in.name, in->n_rows);
    SC_TRY(sc_in_foot(&in->in, at, err));
    in->at_end = true;
    return SC_OK;
}

sc_status sc_reader_take(sc_reader *in, sc_block *b, sc_err *err)
{
    sc_head head;
    const uint64_t at = in->in.pos;
    sc_block_clear(b);
    if (in->is_model)
        return sc_fail(err, SC_EFORMAT, "%s: is a model, where cells are needed, as sc-read makes",
                       in->in.name);
    if (in->at_end)
        return SC_END;
    SC_TRY(sc_in_head(&in->in, &head, err));
    if (head.tag == SC_TAG_END) {
        SC_TRY(read_end(in, &head, at, err));
        return SC_END;
    }
    if (head.tag != SC_TAG_BLOCK)
        return sc_fail(err, SC_EFORMAT, "%s: block %" PRId64 " is not there", in->in.name,
                       in->n_blocks);
    return read_block(in, b, &head, at, err);
}

sc_status sc_reader_next(sc_reader *in, sc_block **b, sc_err *err)
{
    *b = NULL;
    SC_TRY(sc_reader_take(in, &in->block, err));
    *b = &in->block;
    return SC_OK;
}

sc_status sc_reader_keep(sc_reader *in, sc_err *err)
{
    return sc_in_keep(&in->in, err);
}

sc_status sc_reader_rewind(sc_reader *in, sc_err *err)
{
    sc_block_clear(&in->block);
    SC_TRY(sc_in_seek(&in->in, in->blocks_at, err));
    in->in.seq = in->first_seq;
    in->n_rows = in->n_blocks = 0;
    in->index.n = 0;
    in->at_end = false;
    return SC_OK;
}

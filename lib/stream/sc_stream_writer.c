#include "sc_stream_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t no_elem = UINT32_MAX;

struct sc_writer {
    sc_out out;
    sc_header header;
    int64_t n_rows, n_blocks;
    sc_buf index;
};

static sc_status writer_open(sc_writer *w, int fd, const char *name, const sc_header *h,
                             sc_err *err)
{
    sc_buf raw = {0};
    SC_TRY(sc_header_copy(&w->header, h, err));
    sc_status st = sc_header_put(&raw, &w->header, err);
    if (st == SC_OK)
        st = sc_out_open(&w->out, fd, name, err);
    if (st == SC_OK)
        st = sc_out_record(&w->out, SC_TAG_HEADER, 0, &raw, err);
    free(raw.p);
    return st;
}

sc_status sc_writer_open(sc_writer **out, int fd, const char *name, const sc_header *h, sc_err *err)
{
    sc_writer *w;
    *out = NULL;
    SC_TRY(sc_alloc(&w, 1, sizeof *w, err));
    const sc_status st = writer_open(w, fd, name, h, err);
    if (st != SC_OK)
        sc_writer_close(w);
    else
        *out = w;
    return st;
}

static bool same_strs(const sc_strs *a, const sc_strs *b)
{
    return a->n == b->n && (a->n == 0 || (a->off[a->n] == b->off[b->n] &&
                                          memcmp(a->bytes, b->bytes, a->off[a->n]) == 0));
}

static bool same_schema(const sc_table *a, const sc_table *b)
{
    if (a->n_cols != b->n_cols)
        return false;
    for (int k = 0; k < a->n_cols; k++) {
        const sc_col *x = &a->cols[k], *y = &b->cols[k];
        if (x->type != y->type || strcmp(x->name, y->name) != 0 ||
            !same_strs(&x->categories, &y->categories))
            return false;
    }
    return true;
}

/* Codes of a block that has categories of its own, in those of the header. */
static sc_status recode(const sc_col *c, const sc_strs *to, sc_col *out, sc_err *err)
{
    sc_names *names;
    SC_TRY(sc_names_new(&names, to, err));
    sc_status st = sc_col_copy(out, c, err);
    for (int64_t i = 0; i < c->n && st == SC_OK; i++) {
        const int32_t code = c->v.code[i];
        if (code < 0 || code >= c->categories.n)
            continue;
        const char *name = sc_strs_at(&c->categories, code);
        out->v.code[i] = (int32_t)sc_names_find(names, name);
        if (out->v.code[i] < 0)
            st = sc_fail(err, SC_EDATA, "obs column '%s' has '%s', which its header does not list",
                         c->name, name);
    }
    if (st != SC_OK)
        sc_col_free(out);
    sc_names_free(names);
    return st;
}

static sc_status put_obs_col(sc_buf *raw, const sc_table *obs, const sc_col *as, sc_err *err)
{
    const sc_col *c = sc_table_find(obs, as->name);
    if (!c)
        return sc_fail(err, SC_EDATA, "a block has no obs column '%s'", as->name);
    if (c->type != as->type || c->n != obs->n_rows ||
        (c->type == SC_COL_STRING && c->v.str.n != c->n))
        return sc_fail(err, SC_EDATA, "obs column '%s' is not what the header says", as->name);
    if (c->type != SC_COL_CATEGORY || c->categories.n == 0 ||
        same_strs(&c->categories, &as->categories))
        return sc_put_col(raw, c, as->categories.n, err);
    sc_col own;
    SC_TRY(recode(c, &as->categories, &own, err));
    const sc_status st = sc_put_col(raw, &own, as->categories.n, err);
    sc_col_free(&own);
    return st;
}

static sc_status put_obs(sc_buf *raw, const sc_table *obs, const sc_header *h, sc_err *err)
{
    if (obs->names.n != obs->n_rows)
        return sc_fail(err, SC_EDATA, "a block of %" PRId64 " rows has %" PRId64 " cell names",
                       obs->n_rows, obs->names.n);
    SC_TRY(sc_put_strs(raw, &obs->names, err));
    for (int k = 0; k < h->obs.n_cols; k++)
        SC_TRY(put_obs_col(raw, obs, &h->obs.cols[k], err));
    return SC_OK;
}

static sc_status obs_elem(const sc_writer *w, ZSTD_CCtx *z, sc_block *b, sc_frame **out,
                          sc_err *err)
{
    if (b->obs_frame && !b->is_obs_touched && same_schema(&b->schema->obs, &w->header.obs)) {
        *out = sc_frame_ref(b->obs_frame);
        return SC_OK;
    }
    sc_table *obs;
    sc_buf raw = {0};
    SC_TRY(sc_block_obs(b, &obs, err));
    sc_status st = put_obs(&raw, obs, &w->header, err);
    if (st == SC_OK)
        st = sc_frame_pack(z, &raw, out, err);
    free(raw.p);
    return st;
}

static void add_elem(sc_coded *e, sc_frame *f, uint8_t kind, uint32_t *id)
{
    for (uint32_t k = 1; k < e->n; k++)
        if (e->frames[k] == f) {
            *id = k;
            return;
        }
    *id = e->n;
    e->frames[e->n] = f;
    e->kinds[e->n++] = kind;
}

/* A pattern that this block has as a frame already is not written again. */
static sc_status pattern_elem(ZSTD_CCtx *z, sc_block *b, sc_slot *s, sc_err *err)
{
    const XXH128_hash_t key = sc_pattern_key(&s->csr);
    for (int k = -1; k < b->n_slots; k++) {
        sc_frame *f = k < 0 ? s->pattern : b->slots[k]->pattern;
        if (f && f->has_key && XXH128_isEqual(f->key, key)) {
            (void)sc_frame_ref(f);
            sc_frame_drop(&s->pattern);
            s->pattern = f;
            return SC_OK;
        }
    }
    sc_buf raw = {0};
    sc_status st = sc_put_pattern(&raw, &s->csr, err);
    sc_frame_drop(&s->pattern);
    if (st == SC_OK)
        st = sc_frame_pack(z, &raw, &s->pattern, err);
    if (st == SC_OK) {
        s->pattern->key = key;
        s->pattern->has_key = true;
    }
    free(raw.p);
    return st;
}

/* Makes the slot's frames agree with what is decoded. */
static sc_status encode(ZSTD_CCtx *z, sc_block *b, sc_slot *s, sc_err *err)
{
    size_t n = 0;
    const int64_t rows = s->is_sparse ? s->csr.n_rows : s->dense.n_rows;
    const int64_t cols = s->is_sparse ? s->csr.n_cols : s->dense.n_cols;
    if (rows != b->n_rows || cols != s->n_cols)
        return sc_fail(err, SC_EDATA,
                       "it is %" PRId64 " x %" PRId64 " where %" PRId64 " x %" PRId64
                       " was promised",
                       rows, cols, b->n_rows, s->n_cols);
    if (s->is_sparse) {
        SC_TRY(pattern_elem(z, b, s, err));
        n = (size_t)s->csr.indptr[rows];
    } else {
        n = (size_t)rows * (size_t)cols;
    }
    sc_buf raw = {0};
    sc_status st =
        sc_put_values(&raw, s->is_sparse ? s->csr.values : s->dense.values, n, !s->is_sparse, err);
    sc_frame_drop(&s->values);
    if (st == SC_OK)
        st = sc_frame_pack(z, &raw, &s->values, err);
    free(raw.p);
    s->is_touched = st != SC_OK;
    return st;
}

static sc_status mat_elems(ZSTD_CCtx *z, sc_block *b, const sc_mat *m, sc_coded *e, uint32_t ids[2],
                           int64_t row0, sc_err *err)
{
    sc_slot *s = sc_block_find(b, m->path);
    if (!s)
        return sc_fail(err, SC_EDATA, "a block has no matrix '%s'", m->path);
    if (s->is_sparse != m->is_sparse || (m->n_cols >= 0 && s->n_cols != m->n_cols))
        return sc_fail(err, SC_EDATA,
                       "'%s' is %s with %" PRId64 " columns, and the header says %s with %" PRId64,
                       m->path, s->is_sparse ? "sparse" : "dense", s->n_cols,
                       m->is_sparse ? "sparse" : "dense", m->n_cols);
    if (s->is_touched) {
        const sc_status st = encode(z, b, s, err);
        if (st != SC_OK)
            return sc_err_prefix(err, st, "'%s' from row %" PRId64 " on", m->path, row0);
    }
    ids[0] = no_elem;
    if (s->is_sparse)
        add_elem(e, s->pattern, ELEM_PATTERN, &ids[0]);
    add_elem(e, s->values, s->is_sparse ? ELEM_VALUES : ELEM_DENSE, &ids[1]);
    return SC_OK;
}

void sc_coded_free(sc_coded *c)
{
    sc_frame_drop(&c->obs);
    free(c->frames);
    free(c->kinds);
    free(c->pieces.p);
    *c = (sc_coded){0};
}

sc_status sc_writer_encode(const sc_writer *w, ZSTD_CCtx *z, sc_block *b, int64_t row0, sc_coded *c,
                           sc_err *err)
{
    const sc_header *h = &w->header;
    const size_t most = 2 * (size_t)h->n_mats + 1;
    *c = (sc_coded){.n_rows = b->n_rows};
    if (b->n_rows > SC_MAX_ROWS)
        return sc_fail(err, SC_EDATA, "a block of %" PRId64 " rows is too long", b->n_rows);
    SC_TRY(sc_alloc(&c->frames, most, sizeof *c->frames, err));
    SC_TRY(sc_alloc(&c->kinds, most, 1, err));
    SC_TRY(obs_elem(w, z, b, &c->obs, err));
    c->frames[0] = c->obs;
    c->kinds[0] = ELEM_OBS;
    c->n = 1;
    for (int k = 0; k < h->n_mats; k++) {
        uint32_t ids[2] = {no_elem, no_elem};
        if (!sc_mat_flows(&h->mats[k]))
            continue;
        SC_TRY(mat_elems(z, b, &h->mats[k], c, ids, row0, err));
        SC_TRY(sc_put_u32(&c->pieces, ids[0], err));
        SC_TRY(sc_put_u32(&c->pieces, ids[1], err));
    }
    return SC_OK;
}

static sc_status put_plan(sc_buf *raw, const sc_coded *c, sc_err *err)
{
    uint8_t *p = NULL;
    SC_TRY(sc_put_u32(raw, (uint32_t)c->n_rows, err));
    SC_TRY(sc_put_u32(raw, c->n, err));
    SC_TRY(sc_buf_room(raw, c->n, &p, err));
    memcpy(p, c->kinds, c->n);
    SC_TRY(sc_put_u32(raw, (uint32_t)(c->pieces.n / 8), err));
    SC_TRY(sc_buf_room(raw, c->pieces.n, &p, err));
    if (c->pieces.n)
        memcpy(p, c->pieces.p, c->pieces.n);
    return SC_OK;
}

sc_status sc_writer_write(sc_writer *w, const sc_coded *c, sc_err *err)
{
    sc_buf raw = {0};
    sc_status st;
    SC_TRY(sc_put_u64(&w->index, w->out.pos, err));
    SC_TRY(sc_put_u32(&w->index, (uint32_t)c->n_rows, err));
    SC_GOTO(st, put_plan(&raw, c, err), out);
    SC_GOTO(st, sc_out_record(&w->out, SC_TAG_BLOCK, (uint32_t)w->n_blocks, &raw, err), out);
    for (uint32_t k = 0; k < c->n && st == SC_OK; k++)
        st = sc_out_frame(&w->out, SC_TAG_ELEM, k, c->frames[k], err);
    if (st == SC_OK) {
        w->n_rows += c->n_rows;
        w->n_blocks++;
    }
out:
    free(raw.p);
    return st;
}

sc_status sc_writer_put(sc_writer *w, sc_block *b, sc_err *err)
{
    sc_coded c = {0};
    if (b->n_rows == 0)
        return SC_OK;
    sc_status st = sc_writer_encode(w, w->out.z, b, w->n_rows, &c, err);
    if (st == SC_OK)
        st = sc_writer_write(w, &c, err);
    sc_coded_free(&c);
    return st;
}

sc_status sc_writer_finish(sc_writer *w, sc_err *err)
{
    sc_buf raw = {0};
    uint8_t *p = NULL;
    sc_status st;
    const uint64_t at = w->out.pos;
    if (w->header.n_obs >= 0 && w->header.n_obs != w->n_rows)
        return sc_fail(err, SC_EDATA,
                       "%s: the header promised %" PRId64 " cells, and %" PRId64 " came",
                       w->out.name, w->header.n_obs, w->n_rows);
    SC_GOTO(st, sc_put_u64(&raw, (uint64_t)w->n_rows, err), out);
    SC_GOTO(st, sc_put_u64(&raw, (uint64_t)w->n_blocks, err), out);
    SC_GOTO(st, sc_buf_room(&raw, w->index.n, &p, err), out);
    if (w->index.n)
        memcpy(p, w->index.p, w->index.n);
    SC_GOTO(st, sc_out_record(&w->out, SC_TAG_END, 0, &raw, err), out);
    st = sc_out_foot(&w->out, at, err);
out:
    free(raw.p);
    return st;
}

void sc_writer_close(sc_writer *w)
{
    if (!w)
        return;
    sc_out_close(&w->out);
    sc_header_free(&w->header);
    free(w->index.p);
    free(w);
}

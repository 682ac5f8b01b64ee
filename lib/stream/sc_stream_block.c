#include "sc_stream_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

sc_status sc_block_new(sc_block **out, int64_t n_rows, sc_err *err)
{
    sc_block *b;
    SC_TRY(sc_alloc(&b, 1, sizeof *b, err));
    b->n_rows = n_rows;
    b->obs.n_rows = n_rows;
    b->has_obs = b->is_obs_touched = true;
    b->name = "a block";
    *out = b;
    return SC_OK;
}

static void drop_decoded(sc_slot *s)
{
    sc_csr_free(&s->csr);
    sc_dense_free(&s->dense);
    s->is_decoded = s->is_touched = false;
}

static void slot_free(sc_slot *s)
{
    drop_decoded(s);
    sc_frame_drop(&s->pattern);
    sc_frame_drop(&s->values);
    free(s->path);
    *s = (sc_slot){0};
}

void sc_block_clear(sc_block *b)
{
    for (int k = 0; k < b->n_slots; k++) {
        slot_free(b->slots[k]);
        free(b->slots[k]);
    }
    free(b->slots);
    b->slots = NULL;
    b->n_slots = 0;
    sc_frame_drop(&b->obs_frame);
    sc_table_free(&b->obs);
    b->has_obs = b->is_obs_touched = false;
}

void sc_block_free(sc_block *b)
{
    if (b)
        sc_block_clear(b);
    free(b);
}

int64_t sc_block_row0(const sc_block *b)
{
    return b->row0;
}

int64_t sc_block_n_rows(const sc_block *b)
{
    return b->n_rows;
}

sc_slot *sc_block_find(sc_block *b, const char *path)
{
    for (int k = 0; k < b->n_slots; k++)
        if (strcmp(b->slots[k]->path, path) == 0)
            return b->slots[k];
    return NULL;
}

static sc_status slot_new(sc_block *b, sc_slot **out, sc_err *err)
{
    SC_TRY(sc_resize(&b->slots, (size_t)b->n_slots + 1, sizeof *b->slots, err));
    SC_TRY(sc_alloc(&b->slots[b->n_slots], 1, sizeof **b->slots, err));
    *out = b->slots[b->n_slots++];
    return SC_OK;
}

/* The slot of that path, empty: made if there is none, else freed of what it held. */
sc_status sc_block_slot(sc_block *b, const char *path, sc_slot **out, sc_err *err)
{
    char *name;
    SC_TRY(sc_str_dup(&name, path, err));
    sc_slot *s = sc_block_find(b, path);
    if (s) {
        slot_free(s);
    } else {
        const sc_status st = slot_new(b, &s, err);
        if (st != SC_OK) {
            free(name);
            return st;
        }
    }
    *s = (sc_slot){.path = name};
    *out = s;
    return SC_OK;
}

static sc_status need(sc_block *b, const char *path, sc_slot **out, sc_err *err)
{
    *out = sc_block_find(b, path);
    return *out ? SC_OK : sc_fail(err, SC_EDATA, "%s: there is no matrix '%s'", b->name, path);
}

static sc_status where(const sc_block *b, const char *what, sc_status st, sc_err *err)
{
    if (st == SC_OK)
        return st;
    return sc_err_prefix(err, st, "%s: '%s' from row %" PRId64 " on", b->name, what, b->row0);
}

XXH128_hash_t sc_pattern_key(const sc_csr *m)
{
    const size_t nnz = (size_t)m->indptr[m->n_rows];
    const XXH128_hash_t rows = XXH3_128bits(m->indptr, ((size_t)m->n_rows + 1) * sizeof *m->indptr);
    return XXH3_128bits_withSeed(nnz ? (const void *)m->indices : "", nnz * sizeof *m->indices,
                                 rows.low64 ^ rows.high64 ^ (uint64_t)m->n_cols);
}

/* A matrix of this pattern that is decoded already: most have the pattern of X. */
static const sc_csr *twin(const sc_block *b, const sc_slot *s)
{
    for (int k = 0; k < b->n_slots; k++) {
        const sc_slot *t = b->slots[k];
        if (t != s && t->pattern == s->pattern && t->is_decoded && !t->is_touched)
            return &t->csr;
    }
    return NULL;
}

static sc_status copy_pattern(sc_csr *to, const sc_csr *from, sc_err *err)
{
    const size_t n_ptr = (size_t)from->n_rows + 1, nnz = (size_t)from->indptr[from->n_rows];
    *to = (sc_csr){.n_rows = from->n_rows, .n_cols = from->n_cols};
    SC_TRY(sc_resize(&to->indptr, n_ptr, sizeof *to->indptr, err));
    SC_TRY(sc_resize(&to->indices, nnz, sizeof *to->indices, err));
    memcpy(to->indptr, from->indptr, n_ptr * sizeof *to->indptr);
    if (nnz)
        memcpy(to->indices, from->indices, nnz * sizeof *to->indices);
    return SC_OK;
}

static sc_status decode_pattern(sc_block *b, sc_slot *s, sc_err *err)
{
    uint8_t *raw;
    const sc_csr *same = twin(b, s);
    if (same && same->n_cols == s->n_cols)
        return copy_pattern(&s->csr, same, err);
    SC_TRY(sc_frame_unpack(b->z, s->pattern, &raw, err));
    sc_cur c = {raw, s->pattern->raw_size};
    sc_status st = sc_get_pattern(&c, &s->csr, b->n_rows, s->n_cols, err);
    if (st == SC_OK)
        st = sc_get_done(&c, err);
    free(raw);
    return st;
}

static sc_status decode_csr(sc_block *b, sc_slot *s, sc_err *err)
{
    uint8_t *raw;
    SC_TRY(decode_pattern(b, s, err));
    SC_TRY(sc_frame_unpack(b->z, s->values, &raw, err));
    sc_cur c = {raw, s->values->raw_size};
    sc_status st = sc_get_values(&c, &s->csr.values, (size_t)s->csr.indptr[b->n_rows], err);
    if (st == SC_OK)
        st = sc_get_done(&c, err);
    free(raw);
    if (st == SC_OK && !s->pattern->has_key) {
        s->pattern->key = sc_pattern_key(&s->csr);
        s->pattern->has_key = true;
    }
    return st;
}

static sc_status decode_dense(sc_block *b, sc_slot *s, sc_err *err)
{
    uint8_t *raw;
    SC_TRY(sc_frame_unpack(b->z, s->values, &raw, err));
    sc_cur c = {raw, s->values->raw_size};
    s->dense.n_rows = b->n_rows;
    s->dense.n_cols = s->n_cols;
    sc_status st = sc_get_values(&c, &s->dense.values, (size_t)b->n_rows * (size_t)s->n_cols, err);
    if (st == SC_OK)
        st = sc_get_done(&c, err);
    free(raw);
    return st;
}

static sc_status decode(sc_block *b, sc_slot *s, sc_err *err)
{
    if (s->is_decoded)
        return SC_OK;
    const sc_status st = s->is_sparse ? decode_csr(b, s, err) : decode_dense(b, s, err);
    if (st != SC_OK)
        drop_decoded(s);
    else
        s->is_decoded = true;
    return where(b, s->path, st, err);
}

sc_status sc_block_sparse(sc_block *b, const char *path, sc_csr **out, sc_err *err)
{
    sc_slot *s;
    SC_TRY(need(b, path, &s, err));
    if (!s->is_sparse)
        return sc_fail(err, SC_EDATA, "%s: '%s' is dense, where a sparse matrix is needed", b->name,
                       path);
    SC_TRY(decode(b, s, err));
    *out = &s->csr;
    return SC_OK;
}

sc_status sc_block_dense(sc_block *b, const char *path, sc_dense **out, sc_err *err)
{
    sc_slot *s;
    SC_TRY(need(b, path, &s, err));
    if (s->is_sparse)
        return sc_fail(err, SC_EDATA, "%s: '%s' is sparse, where a dense matrix is needed", b->name,
                       path);
    SC_TRY(decode(b, s, err));
    *out = &s->dense;
    return SC_OK;
}

static sc_status decode_obs(sc_block *b, const uint8_t *raw, sc_err *err)
{
    sc_cur c = {raw, b->obs_frame->raw_size};
    sc_strs names = {0};
    SC_TRY(sc_get_strs(&c, &names, err));
    const int64_t n = names.n;
    sc_status st = sc_table_copy(&b->obs, &b->schema->obs, err);
    if (st != SC_OK) {
        sc_strs_free(&names);
        return st;
    }
    b->obs.names = names;
    b->obs.n_rows = b->n_rows;
    if (n != b->n_rows)
        return sc_fail(err, SC_EFORMAT, "%" PRId64 " names for %" PRId64 " rows", n, b->n_rows);
    for (int k = 0; k < b->obs.n_cols && st == SC_OK; k++) {
        sc_col *col = &b->obs.cols[k];
        free(col->type == SC_COL_STRING ? NULL : (void *)col->v.b); /* the schema's, of no rows */
        memset(&col->v, 0, sizeof col->v);
        st = sc_get_col(&c, col, b->n_rows, err);
    }
    return st == SC_OK ? sc_get_done(&c, err) : st;
}

sc_status sc_block_obs(sc_block *b, sc_table **out, sc_err *err)
{
    if (!b->has_obs) {
        uint8_t *raw;
        sc_status st = sc_frame_unpack(b->z, b->obs_frame, &raw, err);
        if (st == SC_OK) {
            st = decode_obs(b, raw, err);
            free(raw);
        }
        if (st != SC_OK) {
            sc_table_free(&b->obs);
            return where(b, "obs", st, err);
        }
        b->has_obs = true;
    }
    *out = &b->obs;
    return SC_OK;
}

void sc_block_touch(sc_block *b, const char *path)
{
    sc_slot *s = path ? sc_block_find(b, path) : NULL;
    if (!path)
        b->is_obs_touched = b->is_obs_touched || b->has_obs;
    else if (s && s->is_decoded)
        s->is_touched = true;
}

static sc_status copy_decoded(sc_slot *to, const sc_slot *from, sc_err *err)
{
    if (from->is_sparse) {
        const sc_csr *m = &from->csr;
        const size_t nnz = (size_t)m->indptr[m->n_rows];
        to->csr = (sc_csr){.n_rows = m->n_rows, .n_cols = m->n_cols};
        SC_TRY(sc_alloc(&to->csr.indptr, (size_t)m->n_rows + 1, sizeof *m->indptr, err));
        SC_TRY(sc_alloc(&to->csr.indices, nnz, sizeof *m->indices, err));
        SC_TRY(sc_alloc(&to->csr.values, nnz, sizeof *m->values, err));
        memcpy(to->csr.indptr, m->indptr, ((size_t)m->n_rows + 1) * sizeof *m->indptr);
        if (nnz) {
            memcpy(to->csr.indices, m->indices, nnz * sizeof *m->indices);
            memcpy(to->csr.values, m->values, nnz * sizeof *m->values);
        }
    } else {
        const size_t n = (size_t)from->dense.n_rows * (size_t)from->dense.n_cols;
        to->dense = (sc_dense){.n_rows = from->dense.n_rows, .n_cols = from->dense.n_cols};
        SC_TRY(sc_alloc(&to->dense.values, n, sizeof *to->dense.values, err));
        if (n)
            memcpy(to->dense.values, from->dense.values, n * sizeof *to->dense.values);
    }
    to->is_decoded = to->is_touched = true;
    return SC_OK;
}

sc_status sc_block_alias(sc_block *b, const char *path, const char *src, sc_err *err)
{
    sc_slot *from, *to;
    SC_TRY(need(b, src, &from, err));
    if (strcmp(path, src) == 0)
        return SC_OK;
    SC_TRY(sc_block_slot(b, path, &to, err));
    to->is_sparse = from->is_sparse;
    to->n_cols = from->n_cols;
    if (from->is_touched)
        return copy_decoded(to, from, err);
    to->pattern = sc_frame_ref(from->pattern);
    to->values = sc_frame_ref(from->values);
    return SC_OK;
}

sc_status sc_block_set_obs(sc_block *b, sc_table *takes, sc_err *err)
{
    if (takes->n_rows != b->n_rows)
        return sc_fail(err, SC_EDATA, "obs has %" PRId64 " rows in a block of %" PRId64,
                       takes->n_rows, b->n_rows);
    sc_table_free(&b->obs);
    b->obs = *takes;
    *takes = (sc_table){0};
    b->has_obs = b->is_obs_touched = true;
    return SC_OK;
}

static sc_status set(sc_block *b, const char *path, int64_t n_rows, sc_slot **out, sc_err *err)
{
    if (n_rows != b->n_rows)
        return sc_fail(err, SC_EDATA, "'%s' has %" PRId64 " rows in a block of %" PRId64, path,
                       n_rows, b->n_rows);
    SC_TRY(sc_block_slot(b, path, out, err));
    (*out)->is_decoded = (*out)->is_touched = true;
    return SC_OK;
}

sc_status sc_block_set_sparse(sc_block *b, const char *path, sc_csr *takes, sc_err *err)
{
    sc_slot *s = NULL;
    const sc_csr m = *takes;
    *takes = (sc_csr){0}; /* before the slot is emptied: it may be what this very slot holds */
    const sc_status st = set(b, path, m.n_rows, &s, err);
    if (st != SC_OK || !s) {
        *takes = m;
        return st;
    }
    s->csr = m;
    s->is_sparse = true;
    s->n_cols = m.n_cols;
    return SC_OK;
}

sc_status sc_block_set_dense(sc_block *b, const char *path, sc_dense *takes, sc_err *err)
{
    sc_slot *s = NULL;
    const sc_dense m = *takes;
    *takes = (sc_dense){0};
    const sc_status st = set(b, path, m.n_rows, &s, err);
    if (st != SC_OK || !s) {
        *takes = m;
        return st;
    }
    s->dense = m;
    s->n_cols = m.n_cols;
    return SC_OK;
}

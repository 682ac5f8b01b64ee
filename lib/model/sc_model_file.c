#include "sc_stream_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct sc_stored {
    const sc_tensor *t;
    const char *name; /* of the file */
    sc_head head;
    ZSTD_DCtx *z;
    uint8_t *bytes, *raw;
    size_t bytes_cap, raw_cap;
    sc_values values;
};

static sc_status n_values(const sc_tensor *t, size_t *n, sc_err *err)
{
    int64_t total = 1;
    for (int d = 0; d < t->n_dims; d++)
        if (t->dims[d] < 0 || __builtin_mul_overflow(total, t->dims[d], &total))
            return sc_fail(err, SC_EFORMAT, "tensor '%s' has an impossible size", t->name);
    *n = (size_t)total;
    return SC_OK;
}

static sc_status get_tensor(sc_cur *c, sc_tensor *t, sc_err *err)
{
    unsigned n_dims;
    size_t n = 0;
    SC_TRY(sc_get_text(c, SIZE_MAX, &t->name, err));
    SC_TRY(sc_get_u8(c, 4, &n_dims, err));
    t->n_dims = (int)n_dims;
    for (unsigned d = 0; d < n_dims; d++) {
        uint64_t v;
        SC_TRY(sc_get_u64(c, &v, err));
        t->dims[d] = (int64_t)v;
    }
    return n_values(t, &n, err);
}

static sc_status get_head(sc_cur *c, sc_model_file *m, sc_err *err)
{
    uint32_t n;
    SC_TRY(sc_get_text(c, SC_MAX_JSON, &m->meta, err));
    SC_TRY(sc_json_check(m->meta, "meta", err));
    SC_TRY(sc_get_strs(c, &m->records, err));
    for (int64_t k = 0; k < m->records.n; k++)
        SC_TRY(sc_json_check(sc_strs_at(&m->records, k), "a provenance record", err));
    SC_TRY(sc_get_table(c, &m->var, err));
    SC_TRY(sc_get_u32(c, &n, err));
    if (n > SC_MAX_MATS || n > c->left)
        return sc_fail(err, SC_EFORMAT, "%u tensors are more than the file holds", n);
    SC_TRY(sc_alloc(&m->tensors, n, sizeof *m->tensors, err));
    for (uint32_t k = 0; k < n; k++) {
        m->n_tensors = (int)k + 1; /* so that what is half made is freed as well */
        SC_TRY(get_tensor(c, &m->tensors[k], err));
    }
    return sc_get_done(c, err);
}

sc_status sc_stored_new(sc_stored **out, sc_err *err)
{
    sc_stored *p;
    *out = NULL;
    SC_TRY(sc_alloc(&p, 1, sizeof *p, err));
    p->z = ZSTD_createDCtx();
    if (!p->z) {
        free(p);
        return sc_fail(err, SC_ENOMEM, "out of memory");
    }
    *out = p;
    return SC_OK;
}

void sc_stored_free(sc_stored *p)
{
    if (!p)
        return;
    ZSTD_freeDCtx(p->z);
    free(p->bytes);
    free(p->raw);
    free(p);
}

sc_status sc_stored_read(sc_stored *p, sc_reader *in, const sc_model_file *m, int k, sc_err *err)
{
    p->t = &m->tensors[k];
    p->name = in->in.name;
    SC_TRY(sc_in_head(&in->in, &p->head, err));
    if (p->head.tag != SC_TAG_TENSOR || p->head.id != (uint32_t)k)
        return sc_fail(err, SC_EFORMAT, "%s: tensor '%s' is not there", p->name, p->t->name);
    return sc_in_bytes(&in->in, &p->head, &p->bytes, &p->bytes_cap, err);
}

/* raw_size is no more than SC_MAX_RATIO times the bytes that are there: sc_in_head saw to it. */
static sc_status unpack(sc_stored *p, sc_err *err)
{
    size_t n = 0;
    SC_TRY(n_values(p->t, &n, err));
    if (p->head.raw_size > p->raw_cap) {
        SC_TRY(sc_resize(&p->raw, p->head.raw_size, 1, err));
        p->raw_cap = p->head.raw_size;
    }
    const size_t got =
        ZSTD_decompressDCtx(p->z, p->raw, p->head.raw_size, p->bytes, p->head.stored);
    if (ZSTD_isError(got) || got != p->head.raw_size)
        return sc_fail(err, SC_EFORMAT, "a frame does not decode to the %llu bytes it promises",
                       (unsigned long long)p->head.raw_size);
    sc_cur c = {p->raw, p->head.raw_size};
    SC_TRY(sc_find_values(&c, &p->values, n, err));
    return sc_get_done(&c, err);
}

sc_status sc_stored_check(const sc_stored *p, sc_err *err)
{
    return sc_check_bytes(p->name, &p->head, p->bytes, err);
}

sc_status sc_stored_decode(sc_stored *p, sc_err *err)
{
    SC_TRY(sc_stored_check(p, err));
    const sc_status st = unpack(p, err);
    return st == SC_OK ? st : sc_err_prefix(err, st, "%s: tensor '%s'", p->name, p->t->name);
}

void sc_stored_values(const sc_stored *p, size_t from, size_t n, float *to)
{
    sc_values_part(&p->values, from, n, to);
}

sc_status sc_model_file_end(const sc_model_file *m, sc_reader *r, sc_err *err)
{
    sc_in *in = &r->in;
    sc_head h;
    uint8_t *raw;
    const uint64_t at = in->pos;
    SC_TRY(sc_in_head(in, &h, err));
    SC_TRY(sc_in_record(in, &h, &raw, err));
    const bool agrees =
        h.tag == SC_TAG_END && h.raw_size == 8 && sc_load64(raw) == (uint64_t)m->n_tensors;
    free(raw);
    if (!agrees)
        return sc_fail(err, SC_EFORMAT, "%s: the end does not agree with its %d tensors", in->name,
                       m->n_tensors);
    return sc_in_foot(in, at, err);
}

sc_status sc_model_file_head(sc_model_file *out, sc_reader *in, sc_err *err)
{
    sc_model_file m = {0};
    uint8_t *raw;
    if (!in->is_model)
        return sc_fail(err, SC_EFORMAT, "%s: holds cells, where a model is needed, as sc-fit makes",
                       in->in.name);
    SC_TRY(sc_in_record(&in->in, &in->head, &raw, err));
    sc_cur c = {raw, in->head.raw_size};
    const sc_status st = get_head(&c, &m, err);
    free(raw);
    if (st != SC_OK) {
        sc_model_file_free(&m);
        return sc_err_prefix(err, st, "%s", in->in.name);
    }
    *out = m;
    return SC_OK;
}

static sc_status take_values(sc_stored *p, sc_tensor *t, sc_err *err)
{
    size_t n = 0;
    SC_TRY(sc_stored_decode(p, err));
    SC_TRY(n_values(t, &n, err));
    SC_TRY(sc_resize(&t->values, n, sizeof *t->values, err)); /* without the zeros of sc_alloc */
    sc_stored_values(p, 0, n, t->values);
    return SC_OK;
}

sc_status sc_model_file_rest(sc_model_file *m, sc_reader *in, const bool *wanted, sc_err *err)
{
    sc_stored *p = NULL;
    sc_status st;
    SC_GOTO(st, sc_stored_new(&p, err), out);
    for (int k = 0; k < m->n_tensors; k++) {
        SC_GOTO(st, sc_stored_read(p, in, m, k, err), out);
        SC_GOTO(st,
                !wanted || wanted[k] ? take_values(p, &m->tensors[k], err)
                                     : sc_stored_check(p, err),
                out);
    }
    st = sc_model_file_end(m, in, err);
out:
    sc_stored_free(p);
    return st;
}

sc_status sc_model_file_from(sc_model_file *out, sc_reader *in, sc_err *err)
{
    sc_model_file m;
    SC_TRY(sc_model_file_head(&m, in, err));
    const sc_status st = sc_model_file_rest(&m, in, NULL, err);
    if (st != SC_OK)
        sc_model_file_free(&m);
    else
        *out = m;
    return st;
}

sc_status sc_model_file_read(sc_model_file *out, int fd, const char *name, sc_err *err)
{
    sc_reader *in;
    SC_TRY(sc_reader_open_any(&in, fd, name, err));
    const sc_status st = sc_model_file_from(out, in, err);
    sc_reader_close(in);
    return st;
}

static sc_status put_head(sc_buf *b, const sc_model_file *m, sc_err *err)
{
    SC_TRY(sc_json_check(m->meta, "meta", err));
    SC_TRY(sc_put_text(b, m->meta, err));
    SC_TRY(sc_put_strs(b, &m->records, err));
    SC_TRY(sc_put_table(b, &m->var, err));
    SC_TRY(sc_put_u32(b, (uint32_t)m->n_tensors, err));
    for (int k = 0; k < m->n_tensors; k++) {
        const sc_tensor *t = &m->tensors[k];
        SC_TRY(sc_put_text(b, t->name, err));
        SC_TRY(sc_put_u8(b, (unsigned)t->n_dims, err));
        for (int d = 0; d < t->n_dims; d++)
            SC_TRY(sc_put_u64(b, (uint64_t)t->dims[d], err));
    }
    return SC_OK;
}

static sc_status write_model(const sc_model_file *m, sc_out *out, sc_buf *raw, sc_err *err)
{
    SC_TRY(put_head(raw, m, err));
    SC_TRY(sc_out_record(out, SC_TAG_MODEL, 0, raw, err));
    for (int k = 0; k < m->n_tensors; k++) {
        size_t n = 0;
        SC_TRY(n_values(&m->tensors[k], &n, err));
        raw->n = 0;
        SC_TRY(sc_put_values(raw, m->tensors[k].values, n, true, err));
        SC_TRY(sc_out_record(out, SC_TAG_TENSOR, (uint32_t)k, raw, err));
    }
    const uint64_t at = out->pos;
    raw->n = 0;
    SC_TRY(sc_put_u64(raw, (uint64_t)m->n_tensors, err));
    SC_TRY(sc_out_record(out, SC_TAG_END, 0, raw, err));
    return sc_out_foot(out, at, err);
}

sc_status sc_model_file_write(const sc_model_file *m, int fd, const char *name, sc_err *err)
{
    sc_out out = {0};
    sc_buf raw = {0};
    sc_status st = sc_out_open(&out, fd, name, err);
    if (st == SC_OK)
        st = write_model(m, &out, &raw, err);
    free(raw.p);
    sc_out_close(&out);
    return st;
}

void sc_model_file_free(sc_model_file *m)
{
    sc_table_free(&m->var);
    free(m->meta);
    sc_strs_free(&m->records);
    for (int k = 0; k < m->n_tensors; k++) {
        free(m->tensors[k].name);
        free(m->tensors[k].values);
    }
    free(m->tensors);
    *m = (sc_model_file){0};
}

const sc_tensor *sc_model_file_find(const sc_model_file *m, const char *name)
{
    for (int k = 0; k < m->n_tensors; k++)
        if (strcmp(m->tensors[k].name, name) == 0)
            return &m->tensors[k];
    return NULL;
}

#include "sc_stream_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

static sc_status read_tensor(sc_in *in, uint32_t id, sc_tensor *t, sc_err *err)
{
    sc_head h;
    uint8_t *raw;
    size_t n = 0;
    SC_TRY(n_values(t, &n, err));
    SC_TRY(sc_in_head(in, &h, err));
    if (h.tag != SC_TAG_TENSOR || h.id != id)
        return sc_fail(err, SC_EFORMAT, "%s: tensor '%s' is not there", in->name, t->name);
    SC_TRY(sc_in_record(in, &h, &raw, err));
    sc_cur c = {raw, h.raw_size};
    sc_status st = sc_get_values(&c, &t->values, n, err);
    if (st == SC_OK)
        st = sc_get_done(&c, err);
    free(raw);
    return st == SC_OK ? st : sc_err_prefix(err, st, "%s: tensor '%s'", in->name, t->name);
}

static sc_status read_end(sc_in *in, int n_tensors, sc_err *err)
{
    sc_head h;
    uint8_t *raw;
    const uint64_t at = in->pos;
    SC_TRY(sc_in_head(in, &h, err));
    SC_TRY(sc_in_record(in, &h, &raw, err));
    const bool agrees =
        h.tag == SC_TAG_END && h.raw_size == 8 && sc_load64(raw) == (uint64_t)n_tensors;
    free(raw);
    if (!agrees)
        return sc_fail(err, SC_EFORMAT, "%s: the end does not agree with its %d tensors", in->name,
                       n_tensors);
    return sc_in_foot(in, at, err);
}

static sc_status read_model(sc_model_file *m, sc_in *in, const sc_head *head, sc_err *err)
{
    uint8_t *raw;
    SC_TRY(sc_in_record(in, head, &raw, err));
    sc_cur c = {raw, head->raw_size};
    const sc_status st = get_head(&c, m, err);
    free(raw);
    if (st != SC_OK)
        return sc_err_prefix(err, st, "%s", in->name);
    for (int k = 0; k < m->n_tensors; k++)
        SC_TRY(read_tensor(in, (uint32_t)k, &m->tensors[k], err));
    return read_end(in, m->n_tensors, err);
}

sc_status sc_model_file_from(sc_model_file *out, sc_reader *in, sc_err *err)
{
    sc_model_file m = {0};
    if (!in->is_model)
        return sc_fail(err, SC_EFORMAT, "%s: holds cells, where a model is needed, as sc-fit makes",
                       in->in.name);
    const sc_status st = read_model(&m, &in->in, &in->head, err);
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

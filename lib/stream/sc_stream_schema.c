/* The header as bytes, and what must hold in it. */
#include "sc_stream_int.h"

#include <jansson.h>
#include <string.h>

sc_status sc_json_check(const char *text, const char *what, sc_err *err)
{
    json_error_t e;
    json_t *o = json_loads(text, 0, &e);
    const bool is_object = json_is_object(o);
    json_decref(o);
    return is_object ? SC_OK : sc_fail(err, SC_EFORMAT, "%s is not a JSON object", what);
}

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0 && s[strlen(with)] != 0;
}

static sc_status check_mat(const sc_header *h, const sc_mat *m, sc_err *err)
{
    const bool is_x = strcmp(m->path, "X") == 0 || starts(m->path, "layers/");
    const bool is_raw = strcmp(m->path, "raw/X") == 0, is_varm = starts(m->path, "varm/");
    const bool is_obsm = starts(m->path, "obsm/"), is_obsp = starts(m->path, "obsp/");
    if (!is_x && !is_raw && !is_varm && !is_obsm && !is_obsp)
        return sc_fail(err, SC_EFORMAT, "a matrix is named '%s', which is no place in a stream",
                       m->path);
    if (m->n_cols < (is_obsp ? -1 : 0) || m->n_cols > INT32_MAX)
        return sc_fail(err, SC_EFORMAT, "'%s' has %lld columns", m->path, (long long)m->n_cols);
    if (is_raw && !h->has_raw)
        return sc_fail(err, SC_EFORMAT, "there is raw/X without the genes of raw");
    const int64_t genes = is_raw ? h->raw_var.n_rows : h->var.n_rows;
    if ((is_x || is_raw) && m->n_cols != genes)
        return sc_fail(err, SC_EFORMAT, "'%s' has %lld columns for %lld genes", m->path,
                       (long long)m->n_cols, (long long)genes);
    if (m->col_names.n && m->col_names.n != m->n_cols)
        return sc_fail(err, SC_EFORMAT, "'%s' has %lld names for %lld columns", m->path,
                       (long long)m->col_names.n, (long long)m->n_cols);
    if (is_varm != (m->varm.values != NULL) ||
        (is_varm && (m->varm.n_cols != m->n_cols || m->varm.n_rows != genes || m->is_sparse)))
        return sc_fail(err, SC_EFORMAT, "'%s' does not have the size of a varm", m->path);
    return SC_OK;
}

/* Sizes, paths and JSON agree: what both sides insist on. */
static sc_status check_header(const sc_header *h, sc_err *err)
{
    SC_TRY(sc_json_check(h->uns, "uns", err));
    for (int64_t k = 0; k < h->records.n; k++)
        SC_TRY(sc_json_check(sc_strs_at(&h->records, k), "a provenance record", err));
    if (h->n_obs < -1)
        return sc_fail(err, SC_EFORMAT, "the header promises %lld cells", (long long)h->n_obs);
    for (int k = 0; k < h->n_mats; k++) {
        SC_TRY(check_mat(h, &h->mats[k], err));
        if (sc_header_find(h, h->mats[k].path) != k)
            return sc_fail(err, SC_EFORMAT, "there are two matrices '%s'", h->mats[k].path);
    }
    return SC_OK;
}

static sc_status put_mat(sc_buf *b, const sc_mat *m, sc_err *err)
{
    const sc_dense *v = &m->varm;
    SC_TRY(sc_put_text(b, m->path, err));
    SC_TRY(sc_put_u8(b, m->kind, err));
    SC_TRY(sc_put_u8(b, m->is_sparse, err));
    SC_TRY(sc_put_u64(b, (uint64_t)m->n_cols, err));
    SC_TRY(sc_put_strs(b, &m->col_names, err));
    SC_TRY(sc_put_u8(b, v->values != NULL, err));
    return v->values ? sc_put_values(b, v->values, (size_t)v->n_rows * (size_t)v->n_cols, true, err)
                     : SC_OK;
}

static sc_status get_mat(sc_cur *c, int64_t n_vars, sc_mat *m, sc_err *err)
{
    unsigned kind, is_sparse, has_varm;
    uint64_t n_cols;
    SC_TRY(sc_get_text(c, SIZE_MAX, &m->path, err));
    SC_TRY(sc_get_u8(c, SC_REAL, &kind, err));
    SC_TRY(sc_get_u8(c, 1, &is_sparse, err));
    SC_TRY(sc_get_u64(c, &n_cols, err));
    SC_TRY(sc_get_strs(c, &m->col_names, err));
    SC_TRY(sc_get_u8(c, 1, &has_varm, err));
    m->kind = (sc_matkind)kind;
    m->is_sparse = is_sparse;
    m->n_cols = (int64_t)n_cols;
    if (!has_varm)
        return SC_OK;
    if (m->n_cols < 0 || m->n_cols > INT32_MAX) /* n_vars is below 2^31 as well: no overflow */
        return sc_fail(err, SC_EFORMAT, "'%s' has %lld columns", m->path, (long long)m->n_cols);
    m->varm.n_rows = n_vars;
    m->varm.n_cols = m->n_cols;
    return sc_get_values(c, &m->varm.values, (size_t)n_vars * (size_t)m->n_cols, err);
}

sc_status sc_header_put(sc_buf *b, const sc_header *h, sc_err *err)
{
    SC_TRY(check_header(h, err));
    SC_TRY(sc_put_u64(b, (uint64_t)h->n_obs, err));
    SC_TRY(sc_put_text(b, h->uns, err));
    SC_TRY(sc_put_strs(b, &h->records, err));
    SC_TRY(sc_put_table(b, &h->var, err));
    SC_TRY(sc_put_schema(b, &h->obs, err));
    SC_TRY(sc_put_u8(b, h->has_raw, err));
    if (h->has_raw)
        SC_TRY(sc_put_table(b, &h->raw_var, err));
    SC_TRY(sc_put_u32(b, (uint32_t)h->n_mats, err));
    for (int k = 0; k < h->n_mats; k++)
        SC_TRY(put_mat(b, &h->mats[k], err));
    return SC_OK;
}

static sc_status get_mats(sc_cur *c, sc_header *h, sc_err *err)
{
    uint32_t n;
    SC_TRY(sc_get_u32(c, &n, err));
    if (n > SC_MAX_MATS || n > c->left)
        return sc_fail(err, SC_EFORMAT, "%u matrices are more than the header holds", n);
    SC_TRY(sc_alloc(&h->mats, n, sizeof *h->mats, err));
    for (uint32_t k = 0; k < n; k++) {
        h->n_mats = (int)k + 1; /* so that what is half made is freed as well */
        SC_TRY(get_mat(c, h->var.n_rows, &h->mats[k], err));
    }
    return SC_OK;
}

sc_status sc_header_get(sc_cur *c, sc_header *h, sc_err *err)
{
    uint64_t n_obs;
    unsigned has_raw;
    SC_TRY(sc_get_u64(c, &n_obs, err));
    h->n_obs = (int64_t)n_obs;
    SC_TRY(sc_get_text(c, SC_MAX_JSON, &h->uns, err));
    SC_TRY(sc_get_strs(c, &h->records, err));
    SC_TRY(sc_get_table(c, &h->var, err));
    SC_TRY(sc_get_schema(c, &h->obs, err));
    for (int k = 0; k < h->obs.n_cols; k++) /* a column of no rows has its arrays all the same */
        SC_TRY(sc_col_alloc(&h->obs.cols[k], 0, false, err));
    SC_TRY(sc_get_u8(c, 1, &has_raw, err));
    h->has_raw = has_raw;
    if (has_raw)
        SC_TRY(sc_get_table(c, &h->raw_var, err));
    SC_TRY(get_mats(c, h, err));
    SC_TRY(sc_get_done(c, err));
    return check_header(h, err);
}

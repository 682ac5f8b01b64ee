#include "h5.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BATCH = 1 << 20, TEXT_ROWS = 4096, TEXT_MAX = 1 << 24 };

/* The type in memory of one field: a compound of that field alone, or the type itself. */
static hid_t field_type(const h5_vec *v, hid_t type)
{
    if (!v->field)
        return H5Tcopy(type);
    hid_t value = type, array = 0;
    if (v->n_sub > 1) {
        const hsize_t n = (hsize_t)v->n_sub;
        value = array = H5Tarray_create2(type, 1, &n);
    }
    const hid_t t = H5Tcreate(H5T_COMPOUND, H5Tget_size(value));
    (void)H5Tinsert(t, v->field, 0, value);
    h5_close(&array);
    return t;
}

static bool read_box(hid_t ds, hid_t type, int rank, const int64_t *start, const int64_t *count,
                     void *buf)
{
    hsize_t from[H5_MAX_RANK], n[H5_MAX_RANK];
    for (int k = 0; k < rank; k++) {
        if (count[k] == 0)
            return true;
        from[k] = (hsize_t)start[k];
        n[k] = (hsize_t)count[k];
    }
    hid_t space = H5Dget_space(ds), mem = H5Screate_simple(rank, n, NULL);
    const bool ok = space > 0 && mem > 0 && H5Sget_simple_extent_ndims(space) == rank &&
                    H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, n, NULL) >= 0 &&
                    H5Sselect_valid(space) > 0 &&
                    H5Dread(ds, type, mem, space, H5P_DEFAULT, buf) >= 0;
    h5_close(&mem);
    h5_close(&space);
    return ok;
}

static sc_status cannot_read(hid_t ds, const char *field, int64_t row0, sc_err *err)
{
    char at[H5_PATH_MAX];
    return sc_fail(err, SC_EFORMAT, "'%s%s%s' can't be read from row %" PRId64 " on: it is damaged",
                   h5_path(ds, at, sizeof at), field ? "/" : "", field ? field : "", row0);
}

sc_status h5_read_box(hid_t ds, hid_t type, const int64_t *start, const int64_t *count, void *buf,
                      sc_err *err)
{
    hid_t space = H5Dget_space(ds);
    const int rank = space > 0 ? H5Sget_simple_extent_ndims(space) : -1;
    h5_close(&space);
    if (rank < 1 || rank > H5_MAX_RANK || !read_box(ds, type, rank, start, count, buf))
        return cannot_read(ds, NULL, rank < 1 ? 0 : start[0], err);
    return SC_OK;
}

sc_status h5_read_vec(const h5_vec *v, hid_t type, int64_t row0, int64_t n, void *buf, sc_err *err)
{
    if (n == 0)
        return SC_OK;
    hid_t mem = field_type(v, type);
    const bool ok = mem > 0 && read_box(v->ds, mem, 1, &row0, &n, buf);
    h5_close(&mem);
    return ok ? SC_OK : cannot_read(v->ds, v->field, row0, err);
}

/* The text type of a vector in its file; 0 if it isn't text. */
static hid_t file_text_type(const h5_vec *v)
{
    hid_t type = H5Dget_type(v->ds), member = 0;
    if (v->field && type > 0 && H5Tget_class(type) == H5T_COMPOUND) {
        const int k = H5Tget_member_index(type, v->field);
        member = k >= 0 ? H5Tget_member_type(type, (unsigned)k) : 0;
        h5_close(&type);
        type = member;
    }
    if (type > 0 && H5Tget_class(type) != H5T_STRING)
        h5_close(&type);
    return type > 0 ? type : 0;
}

static sc_status push_variable(const h5_vec *v, hid_t type, int64_t row0, int64_t n, sc_strs *out,
                               sc_err *err)
{
    char **texts;
    hid_t mem = field_type(v, type);
    sc_status st = sc_alloc(&texts, (size_t)n, sizeof *texts, err);
    if (st == SC_OK && !read_box(v->ds, mem, 1, &row0, &n, texts))
        st = cannot_read(v->ds, v->field, row0, err);
    if (st == SC_OK) {
        for (int64_t i = 0; i < n && st == SC_OK; i++)
            st = sc_strs_push(out, texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) : 0, err);
        const hsize_t len = (hsize_t)n;
        hid_t space = H5Screate_simple(1, &len, NULL);
        (void)H5Dvlen_reclaim(mem, space, H5P_DEFAULT, texts);
        h5_close(&space);
    }
    h5_close(&mem);
    free(texts);
    return st;
}

static sc_status push_fixed(const h5_vec *v, hid_t type, size_t size, int64_t row0, int64_t n,
                            sc_strs *out, sc_err *err)
{
    char *buf;
    hid_t mem = field_type(v, type);
    const bool has_blanks = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    sc_status st = sc_alloc(&buf, (size_t)n, size, err);
    if (st == SC_OK && !read_box(v->ds, mem, 1, &row0, &n, buf))
        st = cannot_read(v->ds, v->field, row0, err);
    for (int64_t i = 0; i < n && st == SC_OK; i++) {
        const char *s = buf + (size_t)i * size;
        size_t len = strnlen(s, size);
        while (has_blanks && len && s[len - 1] == ' ')
            len--;
        st = sc_strs_push(out, s, len, err);
    }
    h5_close(&mem);
    free(buf);
    return st;
}

/* What a string itself complains of (it is no UTF-8) doesn't say where it stands. */
static sc_status name_text(hid_t ds, sc_status st, sc_err *err)
{
    char at[H5_PATH_MAX];
    if (st != SC_EFORMAT || !err || strchr(err->msg, '\''))
        return st;
    return sc_err_prefix(err, st, "'%s'", h5_path(ds, at, sizeof at));
}

sc_status h5_read_text(const h5_vec *v, int64_t row0, int64_t n, sc_strs *out, sc_err *err)
{
    char at[H5_PATH_MAX];
    hid_t type = file_text_type(v);
    if (!type)
        return sc_fail(err, SC_EFORMAT, "'%s' should be text and isn't",
                       h5_path(v->ds, at, sizeof at));
    const bool is_var = H5Tis_variable_str(type) > 0;
    const size_t size = is_var ? sizeof(char *) : H5Tget_size(type);
    sc_status st = SC_OK;
    if (size > TEXT_MAX)
        st = sc_fail(err, SC_EFORMAT, "the texts of '%s' are too long",
                     h5_path(v->ds, at, sizeof at));
    const int64_t fit = size < TEXT_BATCH / TEXT_ROWS ? TEXT_ROWS : (int64_t)(TEXT_BATCH / size);
    const int64_t step = fit ? fit : 1;
    for (int64_t i = 0; i < n && st == SC_OK; i += step) {
        const int64_t m = n - i < step ? n - i : step;
        st = is_var ? push_variable(v, type, row0 + i, m, out, err)
                    : push_fixed(v, type, size, row0 + i, m, out, err);
    }
    h5_close(&type);
    return name_text(v->ds, st, err);
}

sc_status h5_read_scalar_text(hid_t ds, sc_strs *out, sc_err *err)
{
    const h5_vec v = {ds, NULL, 1};
    hid_t type = file_text_type(&v), space = H5Dget_space(ds), mem = 0;
    sc_status st = SC_OK;
    char *one = NULL;
    const bool is_var = type && H5Tis_variable_str(type) > 0;
    const size_t size = type && !is_var ? H5Tget_size(type) : 0;
    if (!type || H5Sget_simple_extent_npoints(space) != 1 || size > TEXT_MAX) {
        st = cannot_read(ds, NULL, 0, err);
        goto out;
    }
    mem = H5Tcopy(type);
    if (!is_var)
        SC_GOTO(st, sc_alloc(&one, size + 1, 1, err), out);
    if (H5Dread(ds, mem, H5S_ALL, H5S_ALL, H5P_DEFAULT, is_var ? (void *)&one : (void *)one) < 0)
        st = cannot_read(ds, NULL, 0, err);
    else
        st = sc_strs_push(out, one ? one : "", one ? strlen(one) : 0, err);
out:
    free(one); /* HDF5 takes the memory of variable-length text from malloc */
    h5_close(&mem);
    h5_close(&space);
    h5_close(&type);
    return name_text(ds, st, err);
}

#include "out.h"
#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 19, MIN_CHUNK_ROWS = 256, GZIP_LEVEL = 4, TEXT_BATCH = 8192 };

sc_status h5out_check(const h5out *o, sc_err *err)
{
    if (!o->disk_errno)
        return SC_OK;
    errno = o->disk_errno;
    return sc_fail_errno(err, "%s: cannot write", o->name);
}

sc_status h5out_fail(const h5out *o, const char *where, sc_err *err)
{
    if (o->disk_errno)
        return h5out_check(o, err);
    return sc_fail(err, SC_EIO, "%s: can't write '%s': HDF5 refused", o->name, where);
}

sc_status h5out_open(h5out *o, const char *path, const char *name, bool is_gzip, sc_err *err)
{
    *o = (h5out){.is_gzip = is_gzip, .name = name};
    h5_quiet();
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), fcpl = H5Pcreate(H5P_FILE_CREATE);
    o->driver = h5disk_use(fapl, &o->disk_errno);
    (void)H5Pset_obj_track_times(fcpl, false);
    o->file = H5Fcreate(path, H5F_ACC_TRUNC, fcpl, fapl);
    h5_close(&fapl);
    h5_close(&fcpl);
    if (o->file <= 0) {
        o->file = 0;
        return h5out_fail(o, "/", err);
    }
    o->text = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(o->text, H5T_VARIABLE);
    (void)H5Tset_cset(o->text, H5T_CSET_UTF8);
    o->boolean = H5Tenum_create(H5T_STD_I8LE);
    static const signed char no = 0, yes = 1;
    (void)H5Tenum_insert(o->boolean, "FALSE", &no);
    (void)H5Tenum_insert(o->boolean, "TRUE", &yes);
    return SC_OK;
}

sc_status h5out_finish(h5out *o, sc_err *err)
{
    const bool ok = H5Fclose(o->file) >= 0;
    o->file = 0;
    return ok ? h5out_check(o, err) : h5out_fail(o, "/", err);
}

void h5out_close(h5out *o)
{
    h5_close(&o->text);
    h5_close(&o->boolean);
    h5_close(&o->file);
    h5_close(&o->driver);
}

static sc_status put_attr(const h5out *o, hid_t obj, const char *name, hid_t file_type,
                          hid_t mem_type, hid_t space, const void *value, sc_err *err)
{
    hid_t a = H5Acreate2(obj, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool ok = a > 0 && (!value || H5Awrite(a, mem_type, value) >= 0);
    if (a > 0)
        h5_close(&a);
    return ok ? SC_OK : h5out_fail(o, name, err);
}

sc_status h5out_attr_text(const h5out *o, hid_t obj, const char *name, const char *value,
                          sc_err *err)
{
    hid_t space = H5Screate(H5S_SCALAR);
    sc_status st = put_attr(o, obj, name, o->text, o->text, space, &value, err);
    h5_close(&space);
    return st;
}

sc_status h5out_encoding(const h5out *o, hid_t obj, const char *type, const char *version,
                         sc_err *err)
{
    SC_TRY(h5out_attr_text(o, obj, "encoding-type", type, err));
    return h5out_attr_text(o, obj, "encoding-version", version, err);
}

sc_status h5out_attr_texts(const h5out *o, hid_t obj, const char *name, const char *const *values,
                           int64_t n, sc_err *err)
{
    const hsize_t dim = (hsize_t)n;
    hid_t space = H5Screate_simple(1, &dim, NULL);
    sc_status st = n ? put_attr(o, obj, name, o->text, o->text, space, values, err)
                     : put_attr(o, obj, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space, NULL, err);
    h5_close(&space);
    return st;
}

sc_status h5out_attr_bool(const h5out *o, hid_t obj, const char *name, bool value, sc_err *err)
{
    const signed char v = value;
    hid_t space = H5Screate(H5S_SCALAR);
    sc_status st = put_attr(o, obj, name, o->boolean, o->boolean, space, &v, err);
    h5_close(&space);
    return st;
}

sc_status h5out_attr_shape(const h5out *o, hid_t obj, int64_t n_rows, int64_t n_cols, sc_err *err)
{
    const int64_t shape[2] = {n_rows, n_cols};
    const hsize_t dim = 2;
    hid_t space = H5Screate_simple(1, &dim, NULL);
    sc_status st = put_attr(o, obj, "shape", H5T_STD_I64LE, H5T_NATIVE_INT64, space, shape, err);
    h5_close(&space);
    return st;
}

sc_status h5out_group(const h5out *o, hid_t loc, const char *name, const char *type,
                      const char *version, hid_t *group, sc_err *err)
{
    hid_t gcpl = H5Pcreate(H5P_GROUP_CREATE);
    (void)H5Pset_obj_track_times(gcpl, false);
    *group = H5Gcreate2(loc, name, H5P_DEFAULT, gcpl, H5P_DEFAULT);
    h5_close(&gcpl);
    if (*group <= 0) {
        *group = 0;
        return h5out_fail(o, name, err);
    }
    return type ? h5out_encoding(o, *group, type, version, err) : SC_OK;
}

/* chunk: elements of a chunk by dimension; NULL: contiguous. */
static hid_t create(const h5out *o, hid_t loc, const char *name, hid_t type, hid_t space, int rank,
                    const hsize_t *chunk)
{
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
    (void)H5Pset_obj_track_times(dcpl, false);
    if (chunk)
        (void)H5Pset_chunk(dcpl, rank, chunk);
    if (chunk && o->is_gzip) {
        (void)H5Pset_shuffle(dcpl);
        (void)H5Pset_deflate(dcpl, GZIP_LEVEL);
    }
    hid_t ds = H5Dcreate2(loc, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    h5_close(&dcpl);
    return ds > 0 ? ds : 0;
}

sc_status h5out_array(const h5out *o, hid_t loc, const char *name, hid_t file_type, hid_t mem_type,
                      int rank, const int64_t *dims, const void *values, const char *encoding,
                      sc_err *err)
{
    hsize_t n[H5_MAX_RANK] = {0};
    for (int k = 0; k < rank; k++)
        n[k] = (hsize_t)dims[k];
    hid_t space = rank ? H5Screate_simple(rank, n, NULL) : H5Screate(H5S_SCALAR);
    hid_t ds = create(o, loc, name, file_type, space, rank, NULL);
    const bool is_empty = H5Sget_simple_extent_npoints(space) == 0;
    const bool ok =
        ds && (is_empty || H5Dwrite(ds, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    sc_status st = ok ? SC_OK : h5out_fail(o, name, err);
    if (st == SC_OK)
        st = h5out_encoding(o, ds, encoding, "0.2.0", err);
    h5_close(&space);
    h5_close(&ds);
    return st;
}

static sc_status grow_create(const h5out *o, h5grow *g, hid_t loc, const char *name, hid_t type,
                             int64_t width, int64_t n, const char *encoding, sc_err *err)
{
    const int rank = width < 0 ? 1 : 2;
    const hsize_t none[2] = {0, width < 0 ? 0 : (hsize_t)width};
    const hsize_t most[2] = {H5S_UNLIMITED, none[1]};
    const int64_t room = CHUNK_BYTES / (int64_t)H5Tget_size(type);
    const int64_t cols = width < 1 ? 1 : width < room ? width : room;
    /* the first rows tell the size of what comes; but the first of many may be few */
    const int64_t wanted = n > MIN_CHUNK_ROWS ? n : MIN_CHUNK_ROWS;
    const int64_t rows = room / cols < wanted ? room / cols : wanted;
    const hsize_t chunk[2] = {rows > 0 ? (hsize_t)rows : 1, (hsize_t)cols};
    hid_t space = H5Screate_simple(rank, none, most);
    g->ds = create(o, loc, name, type, space, rank, chunk);
    h5_close(&space);
    if (!g->ds)
        return h5out_fail(o, name, err);
    return encoding ? h5out_encoding(o, g->ds, encoding, "0.2.0", err) : SC_OK;
}

sc_status h5grow_put(const h5out *o, h5grow *g, hid_t loc, const char *name, hid_t file_type,
                     hid_t mem_type, int64_t width, int64_t n, const void *values,
                     const char *encoding, sc_err *err)
{
    if (!g->ds)
        SC_TRY(grow_create(o, g, loc, name, file_type, width, n, encoding, err));
    if (n == 0)
        return SC_OK;
    const int rank = width < 0 ? 1 : 2;
    const hsize_t w = width < 0 ? 0 : (hsize_t)width;
    const hsize_t size[2] = {(hsize_t)(g->n + n), w}, from[2] = {(hsize_t)g->n, 0};
    const hsize_t count[2] = {(hsize_t)n, w};
    bool ok = H5Dset_extent(g->ds, size) >= 0;
    g->n += n;
    if (ok && width != 0) {
        hid_t space = H5Dget_space(g->ds), mem = H5Screate_simple(rank, count, NULL);
        ok = H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, count, NULL) >= 0 &&
             H5Dwrite(g->ds, mem_type, mem, space, H5P_DEFAULT, values) >= 0;
        h5_close(&mem);
        h5_close(&space);
    }
    return ok ? SC_OK : h5out_fail(o, name, err);
}

sc_status h5grow_put_texts(const h5out *o, h5grow *g, hid_t loc, const char *name, const sc_strs *s,
                           sc_err *err)
{
    const char *lines[TEXT_BATCH];
    int64_t i = 0;
    do {
        int64_t m = 0;
        while (m < TEXT_BATCH && i < s->n)
            lines[m++] = sc_strs_at(s, i++);
        SC_TRY(h5grow_put(o, g, loc, name, o->text, o->text, -1, m, lines, "string-array", err));
    } while (i < s->n);
    return SC_OK;
}

sc_status h5out_texts(const h5out *o, hid_t loc, const char *name, const sc_strs *s, sc_err *err)
{
    h5grow g = {0};
    sc_status st = h5grow_put_texts(o, &g, loc, name, s, err);
    h5grow_close(&g);
    return st;
}

void h5grow_close(h5grow *g)
{
    h5_close(&g->ds);
}

const char *h5out_key(const char *name, char *buf, size_t buf_len)
{
    (void)snprintf(buf, buf_len, "%s", name[0] && strcmp(name, ".") != 0 ? name : "_");
    for (char *p = buf; *p; p++)
        if (*p == '/')
            *p = '_';
    return buf;
}

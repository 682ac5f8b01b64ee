#include "h5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deflate's best case is 1032:1 and shuffle adds nothing to that. */
static const uint64_t max_ratio = 1100;
static const uint64_t small_bytes = (uint64_t)1 << 26;

void h5_quiet(void)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

bool h5_try_open(hid_t *file, const char *path)
{
    h5_quiet();
    const htri_t is_hdf5 = H5Fis_hdf5(path);
    if (is_hdf5 <= 0)
        return false;
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
    /* a file that is only read needs no lock, and many shared file systems have none */
    (void)H5Pset_file_locking(fapl, false, true);
    /* HDF5's usual driver follows links by name, which a spooled file has lost */
    if (strncmp(path, "/proc/", 6) == 0)
        (void)H5Pset_fapl_stdio(fapl);
    *file = H5Fopen(path, H5F_ACC_RDONLY, fapl);
    h5_close(&fapl);
    if (*file < 0)
        *file = 0;
    return *file > 0;
}

sc_status h5_open(hid_t *file, const char *path, sc_err *err)
{
    h5_lzf_register();
    if (h5_try_open(file, path))
        return SC_OK;
    return sc_fail(err, SC_EFORMAT,
                   H5Fis_hdf5(path) > 0 ? "not a whole HDF5 file: it is cut or damaged"
                                        : "not an HDF5 file");
}

int h5_probe(hid_t *file, const unsigned char *head, size_t head_len, const char *path,
             const char *name, const char *suffix, int otherwise)
{
    static const unsigned char magic[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    const size_t n = strlen(name), m = strlen(suffix);
    if (head_len < sizeof magic || memcmp(head, magic, sizeof magic) != 0)
        return 0;
    if (!path)
        return 40;
    if (h5_try_open(file, path))
        return -1;
    return n >= m && strcmp(name + n - m, suffix) == 0 ? 30 : otherwise;
}

void h5_close(hid_t *id)
{
    if (*id > 0)
        (void)H5Idec_ref(*id);
    *id = 0;
}

const char *h5_path(hid_t obj, char *buf, size_t buf_len)
{
    const ssize_t n = H5Iget_name(obj, buf, buf_len);
    if (n <= 0)
        (void)snprintf(buf, buf_len, "?");
    else if (buf[0] == '/' && buf[1])
        memmove(buf, buf + 1, strlen(buf));
    return buf;
}

bool h5_has(hid_t loc, const char *name)
{
    return H5Oexists_by_name(loc, name, H5P_DEFAULT) > 0;
}

bool h5_is_group(hid_t loc, const char *name)
{
    if (!h5_has(loc, name))
        return false;
    hid_t obj = H5Oopen(loc, name, H5P_DEFAULT);
    const bool is_group = obj > 0 && H5Iget_type(obj) == H5I_GROUP;
    h5_close(&obj);
    return is_group;
}

sc_status h5_get(hid_t *obj, hid_t loc, const char *name, sc_err *err)
{
    char at[H5_PATH_MAX];
    *obj = H5Oopen(loc, name, H5P_DEFAULT);
    if (*obj > 0)
        return SC_OK;
    *obj = 0;
    return sc_fail(err, SC_EFORMAT, "there is no readable '%s' in '%s'", name,
                   h5_path(loc, at, sizeof at));
}

typedef struct member_list {
    sc_strs *out;
    sc_status st;
    sc_err *err;
} member_list;

static herr_t add_member(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    (void)group;
    (void)info;
    member_list *m = ctx;
    m->st = sc_strs_push(m->out, name, strlen(name), m->err);
    return m->st == SC_OK ? 0 : -1;
}

sc_status h5_members(hid_t group, sc_strs *out, sc_err *err)
{
    char at[H5_PATH_MAX];
    member_list m = {.out = out, .st = SC_OK, .err = err};
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_member, &m) >= 0)
        return SC_OK;
    if (m.st != SC_OK)
        return sc_err_prefix(err, m.st, "the members of '%s'", h5_path(group, at, sizeof at));
    return sc_fail(err, SC_EFORMAT, "the members of '%s' can't be listed",
                   h5_path(group, at, sizeof at));
}

h5_kind h5_type_kind(hid_t type, int64_t *n_sub)
{
    *n_sub = 1;
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        return H5_NUM_INT;
    case H5T_FLOAT:
        return H5_NUM_REAL;
    case H5T_ENUM:
        /* h5py's form of numpy's bool; enumerations of other things don't occur in these files */
        return H5Tget_nmembers(type) == 2 ? H5_BOOL : H5_OTHER;
    case H5T_STRING:
        return H5_TEXT;
    case H5T_COMPOUND:
        return H5_COMPOUND;
    case H5T_ARRAY: {
        hid_t base = H5Tget_super(type);
        hsize_t dims[H5S_MAX_RANK];
        int64_t inner;
        const h5_kind kind = h5_type_kind(base, &inner);
        if (H5Tget_array_dims2(type, dims) == 1 && inner == 1 && dims[0] <= INT32_MAX)
            *n_sub = (int64_t)dims[0];
        h5_close(&base);
        return *n_sub > 0 && inner == 1 ? kind : H5_OTHER;
    }
    default:
        return H5_OTHER;
    }
}

/* Memory is taken for what a dataset holds, so what it says must be backed by what is stored. */
static sc_status check_stored(hid_t ds, const h5_info *info, sc_err *err)
{
    char at[H5_PATH_MAX];
    uint64_t n = info->size ? info->size : 1;
    for (int k = 0; k < info->rank; k++) {
        if (info->dims[k] < 0 || (info->dims[k] && n > UINT64_MAX / 4 / (uint64_t)info->dims[k]))
            return sc_fail(err, SC_EFORMAT, "'%s' is larger than any memory",
                           h5_path(ds, at, sizeof at));
        n *= (uint64_t)info->dims[k];
    }
    const uint64_t stored = H5Dget_storage_size(ds);
    if (n > small_bytes && n / max_ratio > stored)
        return sc_fail(err, SC_EFORMAT, "'%s' claims %llu bytes but %llu are stored",
                       h5_path(ds, at, sizeof at), (unsigned long long)n,
                       (unsigned long long)stored);
    return SC_OK;
}

static bool describe_space(hid_t ds, h5_info *out)
{
    hid_t space = H5Dget_space(ds);
    if (space < 0)
        return false;
    hsize_t dims[H5S_MAX_RANK] = {0};
    const H5S_class_t cls = H5Sget_simple_extent_type(space);
    out->rank = cls == H5S_NULL ? -1 : H5Sget_simple_extent_dims(space, dims, NULL);
    for (int k = 0; k < out->rank && k < H5_MAX_RANK; k++)
        out->dims[k] = dims[k] > INT64_MAX ? -1 : (int64_t)dims[k];
    h5_close(&space);
    return cls == H5S_NULL || out->rank >= 0;
}

sc_status h5_describe(hid_t ds, h5_info *out, sc_err *err)
{
    char at[H5_PATH_MAX];
    *out = (h5_info){0};
    if (H5Iget_type(ds) != H5I_DATASET)
        return sc_fail(err, SC_EFORMAT, "'%s' is not a dataset", h5_path(ds, at, sizeof at));
    hid_t type = H5Dget_type(ds);
    if (type < 0 || !describe_space(ds, out)) {
        h5_close(&type);
        return sc_fail(err, SC_EFORMAT, "'%s' can't be read", h5_path(ds, at, sizeof at));
    }
    int64_t n_sub;
    out->kind = h5_type_kind(type, &n_sub);
    out->size = H5Tget_size(type);
    if (n_sub != 1 || out->rank > H5_MAX_RANK)
        out->kind = H5_OTHER;
    h5_close(&type);
    return out->rank > H5_MAX_RANK ? SC_OK : check_stored(ds, out, err);
}

const char *h5_list(const sc_strs *names, char *buf, size_t buf_len)
{
    size_t used = 0;
    buf[0] = 0;
    for (int64_t i = 0; i < names->n; i++) {
        const char *name = sc_strs_at(names, i);
        if (used + strlen(name) + 32 > buf_len) {
            (void)snprintf(buf + used, buf_len - used, " and %lld more", (long long)(names->n - i));
            break;
        }
        used += (size_t)snprintf(buf + used, buf_len - used, "%s%s", i ? ", " : "", name);
    }
    return buf;
}

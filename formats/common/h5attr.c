#include "h5.h"

#include <stdlib.h>
#include <string.h>

static hid_t open_attr(hid_t obj, const char *name)
{
    if (H5Aexists(obj, name) <= 0)
        return 0;
    const hid_t a = H5Aopen(obj, name, H5P_DEFAULT);
    return a > 0 ? a : 0;
}

/* Number of values of an attribute of this class; -1 if it is another thing. */
static int64_t attr_length(hid_t a, H5T_class_t want)
{
    hid_t type = H5Aget_type(a), space = H5Aget_space(a);
    const H5T_class_t cls = type > 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    const hssize_t n = space > 0 ? H5Sget_simple_extent_npoints(space) : -1;
    h5_close(&type);
    h5_close(&space);
    return cls == want && n >= 0 && n <= INT32_MAX ? (int64_t)n : -1;
}

/* A text type in memory with the character set of the file's, which HDF5 insists on. */
static hid_t text_type(hid_t file_type, size_t fixed)
{
    const hid_t t = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(t, fixed ? fixed : H5T_VARIABLE);
    (void)H5Tset_cset(t, H5Tget_cset(file_type));
    if (fixed)
        (void)H5Tset_strpad(t, H5T_STR_NULLPAD);
    return t;
}

sc_status h5_attr_strs(hid_t obj, const char *name, sc_strs *out, sc_err *err)
{
    hid_t a = open_attr(obj, name), type = 0, mem = 0;
    char *fixed = NULL;
    char **texts = NULL;
    sc_status st = SC_OK;
    const int64_t n = a ? attr_length(a, H5T_STRING) : -1;
    if (n <= 0)
        goto out;
    type = H5Aget_type(a);
    const bool is_var = H5Tis_variable_str(type) > 0;
    const size_t size = is_var ? 0 : H5Tget_size(type);
    /* attributes are at most 64 KiB when they stand in the object's header, as these do */
    if (size > (1 << 20) || (!is_var && (uint64_t)n * size > (1 << 26)))
        goto out;
    mem = text_type(type, size);
    if (is_var)
        SC_GOTO(st, sc_alloc(&texts, (size_t)n, sizeof *texts, err), out);
    else
        SC_GOTO(st, sc_alloc(&fixed, (size_t)n, size, err), out);
    if (H5Aread(a, mem, is_var ? (void *)texts : (void *)fixed) < 0) {
        st = sc_fail(err, SC_EFORMAT, "attribute '%s' can't be read", name);
        goto out;
    }
    for (int64_t i = 0; i < n && st == SC_OK; i++) {
        const char *s = is_var ? (texts[i] ? texts[i] : "") : fixed + (size_t)i * size;
        st = sc_strs_push(out, s, is_var ? strlen(s) : strnlen(s, size), err);
    }
    if (is_var) {
        hid_t space = H5Aget_space(a);
        (void)H5Dvlen_reclaim(mem, space, H5P_DEFAULT, texts);
        h5_close(&space);
    }
out:
    free(fixed);
    free(texts);
    h5_close(&mem);
    h5_close(&type);
    h5_close(&a);
    if (st != SC_OK && err && !strchr(err->msg, '\''))
        return sc_err_prefix(err, st, "attribute '%s'", name);
    return st;
}

bool h5_attr_text(hid_t obj, const char *name, char *buf, size_t buf_len)
{
    sc_strs s = {0};
    sc_err ignored = {0};
    const bool ok = h5_attr_strs(obj, name, &s, &ignored) == SC_OK && s.n == 1 &&
                    strlen(sc_strs_at(&s, 0)) < buf_len;
    buf[0] = 0;
    if (ok)
        memcpy(buf, sc_strs_at(&s, 0), strlen(sc_strs_at(&s, 0)) + 1);
    sc_strs_free(&s);
    return ok;
}

bool h5_attr_ints(hid_t obj, const char *name, int64_t *out, int n)
{
    hid_t a = open_attr(obj, name);
    const bool ok = a && attr_length(a, H5T_INTEGER) == n && H5Aread(a, H5T_NATIVE_INT64, out) >= 0;
    h5_close(&a);
    return ok;
}

bool h5_attr_bool(hid_t obj, const char *name)
{
    hid_t a = open_attr(obj, name);
    signed char v = 0;
    const bool ok = a && (attr_length(a, H5T_ENUM) == 1 || attr_length(a, H5T_INTEGER) == 1) &&
                    H5Aread(a, H5T_NATIVE_SCHAR, &v) >= 0;
    h5_close(&a);
    return ok && v;
}

bool h5_attr_ref(hid_t obj, const char *name, hid_t *target)
{
    hid_t a = open_attr(obj, name), type = a ? H5Aget_type(a) : 0;
    hobj_ref_t ref;
    bool ok = a && attr_length(a, H5T_REFERENCE) == 1 && H5Tequal(type, H5T_STD_REF_OBJ) > 0 &&
              H5Aread(a, H5T_STD_REF_OBJ, &ref) >= 0;
    if (ok) {
        *target = H5Rdereference2(a, H5P_DEFAULT, H5R_OBJECT, &ref);
        ok = *target > 0;
        if (!ok)
            *target = 0;
    }
    h5_close(&type);
    h5_close(&a);
    return ok;
}

#include "sc_err.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sc_status sc_vfail(sc_err *err, sc_status status, const char *fmt, va_list ap)
{
    if (err) {
        err->status = status;
        (void)vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    }
    return status;
}

sc_status sc_fail(sc_err *err, sc_status status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)sc_vfail(err, status, fmt, ap);
    va_end(ap);
    return status;
}

sc_status sc_fail_errno(sc_err *err, const char *fmt, ...)
{
    const int saved = errno;
    const sc_status status = saved == EPIPE ? SC_EPIPE : SC_EIO;
    va_list ap;
    va_start(ap, fmt);
    (void)sc_vfail(err, status, fmt, ap);
    va_end(ap);
    if (err) {
        const size_t used = strlen(err->msg);
        (void)snprintf(err->msg + used, sizeof err->msg - used, ": %s", strerror(saved));
    }
    errno = saved;
    return status;
}

sc_status sc_err_prefix(sc_err *err, sc_status status, const char *fmt, ...)
{
    if (!err)
        return status;
    char old[SC_ERR_MAX];
    memcpy(old, err->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    (void)sc_vfail(err, status, fmt, ap);
    va_end(ap);
    const size_t used = strlen(err->msg);
    (void)snprintf(err->msg + used, sizeof err->msg - used, ": %s", old);
    return status;
}

sc_status sc_err_name(sc_err *err, sc_status status, const char *file)
{
    const size_t n = strlen(file);
    if (status != SC_EDATA || !err || (strncmp(err->msg, file, n) == 0 && err->msg[n] == ':'))
        return status;
    return sc_err_prefix(err, status, "%s", file);
}

int sc_status_exit(sc_status status)
{
    switch (status) {
    case SC_OK:
    case SC_END:
    case SC_EPIPE:
        return 0;
    case SC_EUSAGE:
        return 2;
    case SC_EDATA:
        return 3;
    case SC_EDIVERGED:
        return 4;
    case SC_EPLUGIN:
        return 5;
    case SC_EIO:
    case SC_EFORMAT:
    case SC_ENOMEM:
        return 1;
    }
    return 1;
}

/* The caller's pointer may be of any object type: it is copied as bytes, which aliasing allows. */
static void store(void *out_ptr, void *p)
{
    memcpy(out_ptr, &p, sizeof p);
}

sc_status sc_alloc(void *out_ptr, size_t n, size_t size, sc_err *err)
{
    void *p = calloc(n ? n : 1, size);
    store(out_ptr, p);
    return p ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory for %zu x %zu bytes", n, size);
}

sc_status sc_resize(void *inout_ptr, size_t n, size_t size, sc_err *err)
{
    void *p;
    memcpy(&p, inout_ptr, sizeof p);
    void *q = size && n > SIZE_MAX / size ? NULL : realloc(p, n && size ? n * size : 1);
    if (!q)
        return sc_fail(err, SC_ENOMEM, "out of memory for %zu x %zu bytes", n, size);
    store(inout_ptr, q);
    return SC_OK;
}

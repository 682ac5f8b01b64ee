/*
 * Errors: one status, one sentence, decided at the top.
 *
 * What can fail returns sc_status and takes sc_err *err last; err is written on failure only. Lib
 * and plugins neither print nor exit: the tool does, once. Sentences are lower case, have no full
 * stop, quote the thing and say where in the file it stands.
 */
#ifndef SC_ERR_H
#define SC_ERR_H

#include <stdarg.h>
#include <stddef.h>

#define SC_MUST_CHECK __attribute__((warn_unused_result))
#define SC_PRINTF(f, a) __attribute__((format(printf, f, a)))

typedef enum sc_status {
    SC_OK = 0,
    SC_END,       /* no more blocks: not an error */
    SC_EIO,       /* the system refused: exit 1 */
    SC_EFORMAT,   /* bytes that don't decode: exit 1 */
    SC_ENOMEM,    /* exit 1 */
    SC_EUSAGE,    /* unknown option, model or tool name: exit 2 */
    SC_EDATA,     /* the data break the contract: exit 3 */
    SC_EDIVERGED, /* training diverged: exit 4 */
    SC_EPLUGIN,   /* a plugin was found and can't be loaded: exit 5 */
    SC_EPIPE      /* the reader of our output closed it: quiet, exit 0 */
} sc_status;

enum { SC_ERR_MAX = 1024 };

typedef struct sc_err {
    sc_status status;
    char msg[SC_ERR_MAX]; /* one sentence, NUL-terminated, cut if need be */
} sc_err;

/* Writes the sentence and returns status, so that callers write `return sc_fail(err, ...)`. err may
 * be NULL. */
sc_status sc_fail(sc_err *err, sc_status status, const char *fmt, ...) SC_PRINTF(3, 4);
sc_status sc_vfail(sc_err *err, sc_status status, const char *fmt, va_list ap) SC_PRINTF(3, 0);

/* As sc_fail, with ": " and strerror(errno) at the end; SC_EPIPE where errno is EPIPE, otherwise
 * SC_EIO. */
sc_status sc_fail_errno(sc_err *err, const char *fmt, ...) SC_PRINTF(2, 3);

/* Puts "prefix: " before the sentence that is there (the name of the file that a library call
 * doesn't know). */
sc_status sc_err_prefix(sc_err *err, sc_status status, const char *fmt, ...) SC_PRINTF(3, 4);

/* Puts "file: " before a sentence about data (SC_EDATA) that does not begin with it; returns
 * status. For the end of a tool, where all that concerns a file as such names it already. */
sc_status sc_err_name(sc_err *err, sc_status status, const char *file);

/* The exit status of design.md section 4 for a status. */
int sc_status_exit(sc_status status);

#define SC_TRY(call)                                                                               \
    do {                                                                                           \
        sc_status sc_try_ = (call);                                                                \
        if (sc_try_ != SC_OK)                                                                      \
            return sc_try_;                                                                        \
    } while (0)

#define SC_GOTO(st, call, label)                                                                   \
    do {                                                                                           \
        (st) = (call);                                                                             \
        if ((st) != SC_OK)                                                                         \
            goto label;                                                                            \
    } while (0)

/*
 * calloc and reallocarray that fail with a sentence (SC_ENOMEM, on overflow of n * size too). The
 * first argument is the address of a pointer; the memory is the caller's to free. A new array is
 * zeroed, the new part of a resized one is not; what could not be resized is as it was.
 */
sc_status sc_alloc(void *out_ptr, size_t n, size_t size, sc_err *err) SC_MUST_CHECK;
sc_status sc_resize(void *inout_ptr, size_t n, size_t size, sc_err *err) SC_MUST_CHECK;

#endif

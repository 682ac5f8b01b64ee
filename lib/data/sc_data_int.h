/* Shared between sc_data*.c and sc_stream*.c only. */
#ifndef SC_DATA_INT_H
#define SC_DATA_INT_H

#include "sc_data.h"

/* True for well-formed UTF-8 without NUL. */
bool sc_is_text(const char *s, size_t len);
/* Strings rows[0..n) of from; to is freed first. */
sc_status sc_strs_take(sc_strs *to, const sc_strs *from, const int64_t *rows, int64_t n,
                       sc_err *err) SC_MUST_CHECK;
/* Room for n values of c's type (and n missing flags if with_missing), all zero; c->n becomes n. */
sc_status sc_col_alloc(sc_col *c, int64_t n, bool with_missing, sc_err *err) SC_MUST_CHECK;
/* A copy of a C string, owned by the caller. */
sc_status sc_str_dup(char **out, const char *s, sc_err *err) SC_MUST_CHECK;

#endif

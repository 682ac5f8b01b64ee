/*
 * Lines of text from a file, a pipe or the member of an archive, plain or compressed (gzip, zstd,
 * bzip2, xz), in one pass through a large buffer.
 */
#ifndef SC_TEXT_H
#define SC_TEXT_H

#include "sc_format.h"

typedef struct sc_text sc_text;

/* A file; name (for messages) is copied, as it is by all of these. */
sc_status sc_text_open_path(sc_text **out, const char *path, const char *name,
                            sc_err *err) SC_MUST_CHECK;
/* The source from its first byte; src is lent until the close. */
sc_status sc_text_open_source(sc_text **out, sc_source *src, sc_err *err) SC_MUST_CHECK;
/* Bytes from anywhere: fill gives a pointer to the next ones, *len == 0 at the end. */
typedef sc_status (*sc_text_fill)(void *ctx, const void **bytes, size_t *len, sc_err *err);
sc_status sc_text_open_fill(sc_text **out, sc_text_fill fill, void *ctx, const char *name,
                            sc_err *err) SC_MUST_CHECK;
/*
 * The next line without its end (LF or CR LF), NUL-terminated; lent until the next call and free to
 * be written to. SC_END after the last. SC_EFORMAT if the compressed bytes are cut or damaged.
 */
sc_status sc_text_line(sc_text *in, char **line, size_t *len, sc_err *err) SC_MUST_CHECK;
/* The whole lines that are at hand, with their line feeds, for a parser that takes many at once;
 * lent until the next call of any of these. *len == 0: what is left has no line feed. Errors as of
 * sc_text_line. */
sc_status sc_text_peek(sc_text *in, const char **lines, size_t *len, sc_err *err) SC_MUST_CHECK;
/* Says that so many of these bytes, which are n_lines, are done with. */
void sc_text_skip(sc_text *in, size_t len, int64_t n_lines);
int64_t sc_text_line_number(const sc_text *in); /* of the last line given, from 1 */
const char *sc_text_name(const sc_text *in);
void sc_text_close(sc_text *in);

/* Adds the names that a file has, one a line up to the first tab; empty lines and a header row as
 * sc-view prints it ("cell", "gene") are none. SC_EDATA where there is no name; errors name the
 * file. */
sc_status sc_text_names(const char *path, sc_strs *names, sc_err *err) SC_MUST_CHECK;

/* Cuts a line at `delim` in place; the fields are lent from it. Returns their number, at most
 * cap. */
int64_t sc_text_split(char *line, char delim, char **fields, int64_t cap);

/* As sc_fail, with "NAME: line N: " in front. */
sc_status sc_text_fail(const sc_text *in, sc_err *err, sc_status st, const char *fmt, ...)
    SC_PRINTF(4, 5);

#endif

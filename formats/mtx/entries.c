/* A "matrix coordinate" file, parsed fast. */
#include "mtx.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MAX_SIDE = 100 * 1000 * 1000 }; /* a line of text must not cost gigabytes */

typedef struct mtx_shape {
    int64_t n_rows, n_cols, n_stored;
    bool is_integer;
} mtx_shape;

/* Digits at p into *v, up to 10^18; NULL if there is none. */
static const char *parse_digits(const char *p, int64_t *v)
{
    const char *begin = p;
    int64_t x = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if ((x = 10 * x + (*p - '0')) > INT64_C(100000000000000000))
            return NULL;
    *v = x;
    return p > begin ? p : NULL;
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static sc_status parse_banner(const sc_text *in, const char *line, bool *is_integer, sc_err *err)
{
    char object[32], layout[32], field[32], symmetry[32];
    const int n =
        sscanf(line, "%%%%MatrixMarket %31s %31s %31s %31s", object, layout, field, symmetry);
    if (n != 4)
        return sc_text_fail(in, err, SC_EFORMAT, "not a Matrix Market header");
    if (strcasecmp(object, "matrix") != 0 || strcasecmp(layout, "coordinate") != 0)
        return sc_text_fail(in, err, SC_EFORMAT,
                            "a '%s %s' Matrix Market file, and 'matrix coordinate' is wanted",
                            object, layout);
    *is_integer = strcasecmp(field, "integer") == 0;
    if ((!*is_integer && strcasecmp(field, "real") != 0) || strcasecmp(symmetry, "general") != 0)
        return sc_text_fail(in, err, SC_EFORMAT,
                            "values are '%s %s', and 'integer general' or 'real general' is wanted",
                            field, symmetry);
    return SC_OK;
}

static sc_status parse_shape(sc_text *in, mtx_shape *s, sc_err *err)
{
    char *line;
    size_t len;
    sc_status st = sc_text_line(in, &line, &len, err);
    if (st == SC_OK)
        st = parse_banner(in, line, &s->is_integer, err);
    do {
        if (st == SC_OK)
            st = sc_text_line(in, &line, &len, err);
    } while (st == SC_OK && (len == 0 || line[0] == '%'));
    if (st == SC_END)
        return sc_fail(err, SC_EFORMAT, "%s: the file ends before the size of the matrix",
                       sc_text_name(in));
    SC_TRY(st);
    const char *p = parse_digits(skip_blanks(line), &s->n_rows);
    p = p ? parse_digits(skip_blanks(p), &s->n_cols) : NULL;
    p = p ? parse_digits(skip_blanks(p), &s->n_stored) : NULL;
    if (!p || *skip_blanks(p) != '\0')
        return sc_text_fail(in, err, SC_EFORMAT, "not the three sizes of a matrix");
    if (s->n_rows > MAX_SIDE || s->n_cols > MAX_SIDE)
        return sc_text_fail(in, err, SC_EFORMAT,
                            "a matrix of %" PRId64 " x %" PRId64 " is too large", s->n_rows,
                            s->n_cols);
    return SC_OK;
}

static sc_status parse_value(const sc_text *in, const char *p, float *value, sc_err *err)
{
    int64_t whole;
    const char *end = parse_digits(p, &whole);
    if (end && *skip_blanks(end) == '\0') { /* nearly all are small whole numbers */
        *value = (float)whole;
        return SC_OK;
    }
    char *stop;
    const double v = strtod(p, &stop);
    if (stop == p || *skip_blanks(stop) != '\0')
        return sc_text_fail(in, err, SC_EFORMAT, "'%.40s' is not a number", p);
    if (!isfinite(v))
        return sc_text_fail(in, err, SC_EDATA, "the value is %s, and counts are wanted",
                            isnan(v) ? "NaN" : "infinite");
    if (v < 0)
        return sc_text_fail(in, err, SC_EDATA, "the value %.9g is negative, and counts are wanted",
                            v);
    *value = (float)v;
    return SC_OK;
}

static sc_status fail_index(const sc_text *in, const char *what, int64_t i, int64_t n, sc_err *err)
{
    return sc_text_fail(in, err, SC_EFORMAT, "%s index %" PRId64 " is not within 1 to %" PRId64,
                        what, i, n);
}

static sc_status parse_entry(sc_entries *e, sc_text *in, const char *line, const mtx_shape *s,
                             bool is_transposed, sc_err *err)
{
    int64_t row, col;
    float value = 0;
    const char *p = parse_digits(skip_blanks(line), &row);
    p = p ? parse_digits(skip_blanks(p), &col) : NULL;
    if (!p || *p == '\0')
        return sc_text_fail(in, err, SC_EFORMAT, "'%.40s' is not an entry (row, column, value)",
                            line);
    if (row < 1 || row > s->n_rows)
        return fail_index(in, "row", row, s->n_rows, err);
    if (col < 1 || col > s->n_cols)
        return fail_index(in, "column", col, s->n_cols, err);
    SC_TRY(parse_value(in, skip_blanks(p), &value, err));
    const int32_t i = (int32_t)row - 1, j = (int32_t)col - 1;
    return sc_entries_add(e, is_transposed ? i : j, is_transposed ? j : i, value, err);
}

/* Up to eight digits at *p, and the byte behind them, which must be `stop`; -1 if it is not so. */
static inline int32_t plain_number(const char **p, char stop)
{
    const char *c = *p;
    uint32_t v = 0; /* may wrap around */
    while ((unsigned char)(*c - '0') < 10)
        v = 10 * v + (uint32_t)(*c++ - '0');
    const bool is_plain = *c == stop && c > *p && c - *p <= 8;
    *p = c + 1;
    return is_plain ? (int32_t)v : -1;
}

/*
 * Entries of the plainest kind, three whole numbers with a blank between, as long as there are any
 * at p; nearly all files have no others. Gives where it stopped: at a line of another kind, for
 * parse_entry, or at the end. Each line ends with a line feed, where plain_number stops too.
 */
static const char *plain_entries(sc_entries *e, const char *p, const char *end, const mtx_shape *s,
                                 bool is_transposed, int64_t *n_lines)
{
    while (p < end && e->n_stored < s->n_stored) {
        const char *at = p;
        const int32_t row = plain_number(&at, ' ');
        if (row < 1 || row > s->n_rows)
            break;
        const int32_t col = plain_number(&at, ' ');
        if (col < 1 || col > s->n_cols)
            break;
        const int32_t count = plain_number(&at, '\n');
        const int32_t i = row - 1, j = col - 1;
        if (count < 0 ||
            !sc_entries_add_count(e, is_transposed ? i : j, is_transposed ? j : i, (float)count))
            break;
        p = at;
        ++*n_lines;
    }
    return p;
}

static sc_status parse_entries(sc_entries *e, sc_text *in, const mtx_shape *s, bool is_transposed,
                               sc_err *err)
{
    char *line;
    size_t len;
    sc_status st;
    while (true) {
        const char *lines;
        int64_t n_lines = 0;
        SC_TRY(sc_text_peek(in, &lines, &len, err));
        const char *to = plain_entries(e, lines, lines + len, s, is_transposed, &n_lines);
        sc_text_skip(in, (size_t)(to - lines), n_lines);
        if (len > 0 && to == lines + len)
            continue;
        st = sc_text_line(in, &line, &len, err);
        if (st != SC_OK)
            break;
        if (len == 0 || line[0] == '%')
            continue;
        if (e->n_stored == s->n_stored)
            return sc_text_fail(in, err, SC_EFORMAT, "more entries than the %" PRId64 " stated",
                                s->n_stored);
        SC_TRY(parse_entry(e, in, line, s, is_transposed, err));
    }
    if (st != SC_END)
        return st;
    if (e->n_stored < s->n_stored)
        return sc_fail(err, SC_EFORMAT,
                       "%s: %" PRId64 " entries are stated and the file ends after %" PRId64,
                       sc_text_name(in), s->n_stored, e->n_stored);
    return SC_OK;
}

sc_status mtx_read_entries(sc_entries *e, sc_text *in, bool is_transposed, sc_err *err)
{
    mtx_shape s = {0};
    SC_TRY(parse_shape(in, &s, err));
    SC_TRY(parse_entries(e, in, &s, is_transposed, err));
    return sc_entries_close(e, is_transposed ? s.n_rows : s.n_cols,
                            is_transposed ? s.n_cols : s.n_rows, err);
}

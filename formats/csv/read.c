/* A table of delimited text, line by line. */
#include "csv.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct table {
    sc_text *in;
    char delim;
    const csv_opts *o;
    char **fields; /* of the line at hand, lent from it */
    int64_t n_fields, cap_fields;
    bool has_row_names;
    sc_strs rows, cols; /* names, as the file has them */
    int64_t n_rows, n_cols;
} table;

static sc_status add_field(table *t, char *field, sc_err *err)
{
    if (t->n_fields == t->cap_fields) {
        const int64_t cap = t->cap_fields ? 2 * t->cap_fields : 256;
        SC_TRY(sc_resize(&t->fields, (size_t)cap, sizeof *t->fields, err));
        t->cap_fields = cap;
    }
    t->fields[t->n_fields++] = field;
    return SC_OK;
}

/* Ends a field at p, for quoted ones behind the closing quote. "" inside quotes is a quote. */
static char *end_of_quoted(char *p)
{
    char *to = p;
    while (*p && (*p != '"' || p[1] == '"')) {
        p += *p == '"';
        *to++ = *p++;
    }
    if (*p == '"')
        p++;
    *to = '\0';
    return p;
}

/* Cuts the line into fields, in place. */
static sc_status cut(table *t, char *p, sc_err *err)
{
    const bool is_blank = t->delim == ' ';
    t->n_fields = 0;
    if (is_blank)
        p += strspn(p, " \t");
    for (;;) {
        char *end;
        if (*p == '"') {
            SC_TRY(add_field(t, p + 1, err));
            end = end_of_quoted(p + 1);
        } else {
            SC_TRY(add_field(t, p, err));
            end = is_blank ? p + strcspn(p, " \t") : strchr(p, t->delim);
            if (!end)
                return SC_OK;
        }
        if (*end == '\0')
            return SC_OK;
        if (is_blank ? !strchr(" \t", *end) : *end != t->delim)
            return sc_text_fail(t->in, err, SC_EFORMAT, "'%.20s' follows a closing quote", end);
        *end++ = '\0';
        p = is_blank ? end + strspn(end, " \t") : end;
        if (is_blank && *p == '\0')
            return SC_OK;
    }
}

static bool is_number(const char *field)
{
    char *end;
    (void)strtod(field, &end);
    return end > field && end[strspn(end, " ")] == '\0';
}

/* The next line that is neither empty nor a comment, cut. */
static sc_status next_line(table *t, sc_err *err)
{
    char *line;
    size_t len;
    sc_status st;
    do
        st = sc_text_line(t->in, &line, &len, err);
    while (st == SC_OK && (len == 0 || line[0] == '#'));
    return st == SC_OK ? cut(t, line, err) : st;
}

static sc_status parse(const table *t, int64_t j, const char *field, float *value, sc_err *err)
{
    const char *col = j < t->cols.n ? sc_strs_at(&t->cols, j) : "";
    char *end;
    const double v = strtod(field, &end);
    if (end == field || end[strspn(end, " ")] != '\0')
        return sc_text_fail(t->in, err, SC_EFORMAT, "%s%.40s%s is not a number, in column '%.80s'",
                            *field ? "'" : "", *field ? field : "an empty field", *field ? "'" : "",
                            col);
    if (!isfinite(v))
        return sc_text_fail(t->in, err, SC_EDATA, "the value is %s, in column '%.80s'",
                            isnan(v) ? "NaN" : "infinite", col);
    *value = (float)v;
    return SC_OK;
}

static sc_status push_number(sc_strs *s, int64_t k, sc_err *err)
{
    char name[24];
    const int len = snprintf(name, sizeof name, "%" PRId64, k);
    return sc_strs_push(s, name, (size_t)len, err);
}

static sc_status add_row(table *t, sc_entries *e, sc_err *err)
{
    const int64_t skip = t->has_row_names ? 1 : 0;
    if (t->n_fields - skip != t->n_cols)
        return sc_text_fail(t->in, err, SC_EFORMAT,
                            "%" PRId64 " values, and the lines before have %" PRId64,
                            t->n_fields - skip, t->n_cols);
    if (t->n_rows == INT32_MAX)
        return sc_text_fail(t->in, err, SC_EFORMAT, "too many rows");
    if (skip)
        SC_TRY(sc_strs_push(&t->rows, t->fields[0], strlen(t->fields[0]), err));
    else
        SC_TRY(push_number(&t->rows, t->n_rows, err));
    for (int64_t j = 0; j < t->n_cols; j++) {
        float v = 0;
        SC_TRY(parse(t, j, t->fields[skip + j], &v, err));
        const int32_t row = (int32_t)t->n_rows, col = (int32_t)j;
        if (v != 0)
            SC_TRY(sc_entries_add(e, t->o->is_transposed ? col : row,
                                  t->o->is_transposed ? row : col, v, err));
    }
    t->n_rows++;
    return SC_OK;
}

/* The first line is a header if its last field is no number. */
static sc_status read_header(table *t, sc_strs *header, sc_err *err)
{
    const sc_status st = next_line(t, err);
    if (st == SC_END)
        return sc_fail(err, SC_EFORMAT, "%s: there are no lines in it", sc_text_name(t->in));
    SC_TRY(st);
    if (is_number(t->fields[t->n_fields - 1]))
        return SC_OK;
    for (int64_t k = 0; k < t->n_fields; k++)
        SC_TRY(sc_strs_push(header, t->fields[k], strlen(t->fields[k]), err));
    return next_line(t, err);
}

/* Names of columns: the header's, without the corner above the row names. */
static sc_status name_cols(table *t, const sc_strs *header, sc_err *err)
{
    if (header->n != 0 && header->n != t->n_cols && header->n != t->n_cols + 1)
        return sc_text_fail(t->in, err, SC_EFORMAT,
                            "%" PRId64 " values, and the header has %" PRId64 " names", t->n_cols,
                            header->n);
    const int64_t skip = header->n - t->n_cols;
    for (int64_t k = 0; k < t->n_cols; k++) {
        if (header->n == 0) {
            SC_TRY(push_number(&t->cols, k, err));
            continue;
        }
        const char *name = sc_strs_at(header, k + skip);
        SC_TRY(sc_strs_push(&t->cols, name, strlen(name), err));
    }
    return SC_OK;
}

static sc_status read_table(table *t, sc_entries *e, sc_strs *header, sc_err *err)
{
    sc_status st = read_header(t, header, err);
    if (st == SC_END)
        return sc_fail(err, SC_EFORMAT, "%s: there is no line after the header",
                       sc_text_name(t->in));
    SC_TRY(st);
    t->has_row_names = t->o->row_names == 0 ? !is_number(t->fields[0]) : t->o->row_names == 1;
    t->n_cols = t->n_fields - (t->has_row_names ? 1 : 0);
    if (t->n_cols < 1 || t->n_cols > INT32_MAX)
        return sc_text_fail(t->in, err, SC_EFORMAT, "there are no values in it");
    SC_TRY(name_cols(t, header, err));
    do
        SC_TRY(add_row(t, e, err));
    while ((st = next_line(t, err)) == SC_OK);
    return st == SC_END ? SC_OK : st;
}

sc_status csv_read(sc_entries *e, sc_strs *cells, sc_strs *genes, sc_text *in, char delim,
                   const csv_opts *o, sc_err *err)
{
    table t = {.in = in, .delim = delim, .o = o};
    sc_strs header = {0};
    sc_status st = read_table(&t, e, &header, err);
    sc_strs_free(&header);
    free(t.fields);
    if (st == SC_OK) {
        *cells = o->is_transposed ? t.cols : t.rows;
        *genes = o->is_transposed ? t.rows : t.cols;
        return sc_entries_close(e, cells->n, genes->n, err);
    }
    sc_strs_free(&t.rows);
    sc_strs_free(&t.cols);
    return st;
}

#include "sc_tsv.h"

#include "sc_looks.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tsv {
    FILE *file;
    const char *path;
    char *line; /* the current one, without its end */
    size_t room;
    int64_t number; /* of that line, from 1 */
} tsv;

/* SC_END at the end of the file. */
static sc_status next_line(tsv *t, sc_err *err)
{
    errno = 0;
    const ssize_t got = getline(&t->line, &t->room, t->file);
    if (got < 0 && errno == EISDIR)
        return sc_fail(err, SC_EIO, "%s: is a folder, where a table is needed", t->path);
    if (got < 0 && (ferror(t->file) || errno))
        return sc_fail_errno(err, "%s", t->path);
    if (got < 0)
        return SC_END;
    size_t len = (size_t)got;
    const char *kind = t->number++ == 0 ? sc_looks_like(t->line, len) : NULL;
    if (kind)
        return sc_fail(err, SC_EFORMAT, "%s: is %s, where a table (tab-separated text) is needed",
                       t->path, kind);
    if (strlen(t->line) != len)
        return sc_fail(err, SC_EFORMAT, "%s: line %" PRId64 " has a NUL in it", t->path, t->number);
    while (len && (t->line[len - 1] == '\n' || t->line[len - 1] == '\r'))
        t->line[--len] = '\0';
    return SC_OK;
}

static int64_t count_fields(const char *line)
{
    int64_t n = 1;
    for (; *line; line++)
        n += *line == '\t';
    return n;
}

/* Cuts the next field off *rest. */
static const char *next_field(char **rest)
{
    char *field = *rest, *tab = strchr(field, '\t');
    if (tab)
        *tab = '\0';
    *rest = tab ? tab + 1 : field + strlen(field);
    return field;
}

static bool means_missing(const char *text)
{
    return !*text || strcmp(text, "NA") == 0 || strcmp(text, "nan") == 0 ||
           strcmp(text, "NaN") == 0;
}

/* names: the header's fields; is_bare: it has none for the names. */
static sc_status add_columns(sc_table *out, const sc_strs *names, bool is_bare, const tsv *t,
                             sc_err *err)
{
    for (int64_t k = is_bare ? 0 : 1; k < names->n; k++) {
        const sc_status st = sc_table_add(out, sc_strs_at(names, k), SC_COL_STRING, NULL, err);
        if (st != SC_OK)
            return sc_err_prefix(err, st, "%s", t->path);
    }
    return SC_OK;
}

/* One row; missing flags are kept in `missing`, a byte a value, row by row. */
static sc_status add_row(sc_table *out, tsv *t, sc_strs *missing, sc_err *err)
{
    char *rest = t->line;
    const int64_t n = count_fields(t->line);
    if (n != out->n_cols + 1)
        return sc_fail(err, SC_EFORMAT, "%s: line %" PRId64 " has %" PRId64 " fields, not %d",
                       t->path, t->number, n, out->n_cols + 1);
    const char *name = next_field(&rest);
    sc_status st = sc_strs_push(&out->names, name, strlen(name), err);
    for (int k = 0; k < out->n_cols && st == SC_OK; k++) {
        const char *field = next_field(&rest);
        st = sc_strs_push(&out->cols[k].v.str, field, strlen(field), err);
        if (st == SC_OK)
            st = sc_strs_push(missing, means_missing(field) ? "1" : "", means_missing(field), err);
    }
    if (st == SC_EFORMAT)
        return sc_err_prefix(err, st, "%s: line %" PRId64, t->path, t->number);
    return st;
}

static sc_status read_rows(sc_table *out, tsv *t, const sc_strs *header, sc_strs *missing,
                           sc_err *err)
{
    sc_status st;
    while ((st = next_line(t, err)) == SC_OK) {
        if (!*t->line)
            continue;
        if (out->names.n == 0)
            SC_TRY(add_columns(out, header, count_fields(t->line) == header->n + 1, t, err));
        SC_TRY(add_row(out, t, missing, err));
    }
    if (st != SC_END)
        return st;
    if (out->names.n == 0)
        return sc_fail(err, SC_EFORMAT, "%s: there is no row below the header", t->path);
    if (out->n_cols == 0)
        return sc_fail(err, SC_EFORMAT,
                       "%s: there is no column besides the names; are tabs between them?", t->path);
    return SC_OK;
}

static sc_status finish(sc_table *out, const tsv *t, const sc_strs *missing, sc_err *err)
{
    sc_names *by_name = NULL;
    out->n_rows = out->names.n;
    for (int k = 0; k < out->n_cols; k++) {
        sc_col *c = &out->cols[k];
        c->n = out->n_rows;
        free(c->missing);
        c->missing = NULL;
        SC_TRY(sc_alloc(&c->missing, (size_t)c->n, 1, err));
        for (int64_t i = 0; i < c->n; i++)
            c->missing[i] = *sc_strs_at(missing, i * out->n_cols + k) == '1';
    }
    SC_TRY(sc_names_new(&by_name, &out->names, err));
    sc_status st = SC_OK;
    for (int64_t i = 0; i < out->n_rows && st == SC_OK; i++)
        if (sc_names_find(by_name, sc_strs_at(&out->names, i)) != i)
            st = sc_fail(err, SC_EDATA, "%s: '%s' stands twice", t->path,
                         sc_strs_at(&out->names, i));
    sc_names_free(by_name);
    return st;
}

static sc_status read_header(tsv *t, sc_strs *header, sc_err *err)
{
    const sc_status st = next_line(t, err);
    if (st == SC_END)
        return sc_fail(err, SC_EFORMAT, "%s: the file is empty", t->path);
    SC_TRY(st);
    char *rest = t->line;
    if (strncmp(rest, "\xef\xbb\xbf", 3) == 0)
        rest += 3; /* a byte order mark, as spreadsheets write it */
    for (int64_t n = count_fields(rest); n > 0; n--) {
        const char *field = next_field(&rest);
        const sc_status pushed = sc_strs_push(header, field, strlen(field), err);
        if (pushed != SC_OK)
            return sc_err_prefix(err, pushed, "%s: line 1", t->path);
    }
    return SC_OK;
}

sc_status sc_tsv_read(sc_table *out, const char *path, sc_err *err)
{
    tsv t = {.file = fopen(path, "re"), .path = path};
    sc_strs header = {0}, missing = {0};
    *out = (sc_table){0};
    if (!t.file)
        return sc_fail_errno(err, "%s", path);
    sc_status st = read_header(&t, &header, err);
    if (st == SC_OK)
        st = read_rows(out, &t, &header, &missing, err);
    if (st == SC_OK)
        st = finish(out, &t, &missing, err);
    if (st != SC_OK)
        sc_table_free(out);
    sc_strs_free(&header);
    sc_strs_free(&missing);
    free(t.line);
    (void)fclose(t.file);
    return st;
}

static bool looks_real(const char *s)
{
    char *end = NULL;
    const char *digits = s + (*s == '-');
    if (!isdigit((unsigned char)*digits) || (*digits == '0' && isdigit((unsigned char)digits[1])))
        return false;
    return isfinite(strtod(s, &end)) && !*end && !strpbrk(s, "xX");
}

static bool looks_int(const char *s)
{
    return looks_real(s) && !strpbrk(s, ".eE") && strlen(s) <= 18;
}

static bool looks_bool(const char *s)
{
    return strcmp(s, "True") == 0 || strcmp(s, "False") == 0;
}

sc_status sc_tsv_infer(const sc_col *c, sc_col_type *type, sc_err *err)
{
    bool all_int = true, all_real = true, all_bool = true, repeats = false;
    int64_t n = 0;
    sc_names *by_name = NULL;
    SC_TRY(sc_names_new(&by_name, &c->v.str, err));
    for (int64_t i = 0; i < c->n; i++) {
        const char *s = sc_strs_at(&c->v.str, i);
        if (sc_col_is_missing(c, i))
            continue;
        n++;
        all_int = all_int && looks_int(s);
        all_real = all_real && looks_real(s);
        all_bool = all_bool && looks_bool(s);
        repeats = repeats || sc_names_find(by_name, s) != i;
    }
    sc_names_free(by_name);
    *type = n == 0     ? SC_COL_STRING
            : all_int  ? SC_COL_INT
            : all_real ? SC_COL_REAL
            : all_bool ? SC_COL_BOOL
            : repeats  ? SC_COL_CATEGORY
                       : SC_COL_STRING;
    return SC_OK;
}

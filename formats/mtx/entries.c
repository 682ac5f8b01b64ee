/* Entries of a coordinate matrix: parsed fast, kept outside of memory when there are many. */
#include "mtx.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEEP_ENTRIES = 2 << 20 }; /* 24 MiB; more go to a file */

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
    if (s->n_rows >= INT32_MAX || s->n_cols >= INT32_MAX)
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

static sc_status flush(mtx_entries *e, sc_err *err)
{
    if (e->fd < 0)
        SC_TRY(sc_temp_fd(&e->fd, err));
    const char *p = (const char *)e->buf;
    size_t left = e->n_buf * sizeof *e->buf;
    while (left > 0) {
        const ssize_t n = write(e->fd, p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sc_fail_errno(err, "temporary file");
        p += n;
        left -= (size_t)n;
    }
    e->n_buf = 0;
    return SC_OK;
}

static sc_status keep(mtx_entries *e, mtx_entry entry, sc_err *err)
{
    if (e->n_buf == e->cap_buf) {
        if (e->cap_buf == KEEP_ENTRIES) {
            SC_TRY(flush(e, err));
        } else {
            const size_t cap = e->cap_buf ? 2 * e->cap_buf : 1024;
            SC_TRY(sc_resize(&e->buf, cap, sizeof *e->buf, err));
            e->cap_buf = cap;
        }
    }
    e->buf[e->n_buf++] = entry;
    e->indptr[entry.cell + 1]++;
    return SC_OK;
}

static sc_status fail_index(const sc_text *in, const char *what, int64_t i, int64_t n, sc_err *err)
{
    return sc_text_fail(in, err, SC_EFORMAT, "%s index %" PRId64 " is not within 1 to %" PRId64,
                        what, i, n);
}

static sc_status parse_entry(mtx_entries *e, sc_text *in, const char *line, const mtx_shape *s,
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
    if (e->kind == SC_COUNTS)
        e->kind = sc_kind_scan(SC_COUNTS, &value, 1);
    const mtx_entry entry = {.cell = (int32_t)((is_transposed ? row : col) - 1),
                             .gene = (int32_t)((is_transposed ? col : row) - 1),
                             .value = value};
    return keep(e, entry, err);
}

static sc_status parse_entries(mtx_entries *e, sc_text *in, const mtx_shape *s, bool is_transposed,
                               sc_err *err)
{
    char *line;
    size_t len;
    sc_status st;
    int32_t last = 0;
    while ((st = sc_text_line(in, &line, &len, err)) == SC_OK) {
        if (len == 0 || line[0] == '%')
            continue;
        if (e->n_stored == s->n_stored)
            return sc_text_fail(in, err, SC_EFORMAT, "more entries than the %" PRId64 " stated",
                                s->n_stored);
        SC_TRY(parse_entry(e, in, line, s, is_transposed, err));
        const int32_t cell = e->buf[e->n_buf - 1].cell;
        e->is_sorted = e->is_sorted && cell >= last;
        last = cell;
        e->n_stored++;
    }
    if (st != SC_END)
        return st;
    if (e->n_stored < s->n_stored)
        return sc_fail(err, SC_EFORMAT,
                       "%s: %" PRId64 " entries are stated and the file ends after %" PRId64,
                       sc_text_name(in), s->n_stored, e->n_stored);
    return SC_OK;
}

/* Entry k in file order; they are asked for in order, once. */
static sc_status next_entry(mtx_entries *e, mtx_entry *out, sc_err *err)
{
    if (e->buf_pos == e->n_buf) {
        size_t got = 0;
        const size_t want = e->cap_buf * sizeof *e->buf;
        while (got < want) {
            const ssize_t n = read(e->fd, (char *)e->buf + got, want - got);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return sc_fail_errno(err, "temporary file");
            if (n == 0)
                break;
            got += (size_t)n;
        }
        e->n_buf = got / sizeof *e->buf;
        e->buf_pos = 0;
        if (e->n_buf == 0)
            return sc_fail(err, SC_EIO, "temporary file: it lost its end");
    }
    *out = e->buf[e->buf_pos++];
    return SC_OK;
}

/* By cell, in the order of the file within one. */
static sc_status sort_entries(mtx_entries *e, sc_err *err)
{
    int64_t *at = NULL;
    sc_status st = sc_alloc(&e->genes, (size_t)e->n_stored, sizeof *e->genes, err);
    if (st == SC_OK)
        st = sc_alloc(&e->values, (size_t)e->n_stored, sizeof *e->values, err);
    if (st == SC_OK)
        st = sc_alloc(&at, (size_t)e->n_cells + 1, sizeof *at, err);
    if (st == SC_OK)
        memcpy(at, e->indptr, ((size_t)e->n_cells + 1) * sizeof *at);
    for (int64_t k = 0; st == SC_OK && k < e->n_stored; k++) {
        mtx_entry x;
        st = next_entry(e, &x, err);
        if (st != SC_OK)
            break;
        const int64_t to = at[x.cell]++;
        e->genes[to] = x.gene;
        e->values[to] = x.value;
    }
    free(at);
    return st;
}

sc_status mtx_entries_read(mtx_entries *e, sc_text *in, bool is_transposed, sc_err *err)
{
    mtx_shape s = {0};
    *e = (mtx_entries){.kind = SC_COUNTS, .is_sorted = true, .fd = -1};
    SC_TRY(parse_shape(in, &s, err));
    e->n_cells = is_transposed ? s.n_rows : s.n_cols;
    e->n_genes = is_transposed ? s.n_cols : s.n_rows;
    SC_TRY(sc_alloc(&e->indptr, (size_t)e->n_cells + 2, sizeof *e->indptr, err));
    SC_TRY(parse_entries(e, in, &s, is_transposed, err));
    for (int64_t i = 0; i < e->n_cells; i++)
        e->indptr[i + 1] += e->indptr[i];
    if (e->fd >= 0) {
        SC_TRY(flush(e, err));
        if (lseek(e->fd, 0, SEEK_SET) < 0)
            return sc_fail_errno(err, "temporary file");
    }
    return e->is_sorted ? SC_OK : sort_entries(e, err);
}

/* Sorts entries [k0, k1) by gene and adds up equal ones, from `to` on; gives the new end. Rows are
 * short and mostly sorted, or sorted the other way round. */
static int64_t close_row(sc_csr *m, int64_t k0, int64_t k1, int64_t to, mtx_entry *tmp)
{
    int64_t n = k1 - k0;
    bool is_rising = true;
    for (int64_t k = k0 + 1; k < k1; k++)
        is_rising = is_rising && m->indices[k] > m->indices[k - 1];
    for (int64_t k = 0; k < n; k++)
        tmp[k] = (mtx_entry){.gene = m->indices[k0 + k], .value = m->values[k0 + k], .cell = 0};
    if (!is_rising) {
        /* a merge sort from the bottom: stable, so that sums do not depend on the library */
        mtx_entry *from = tmp, *other = tmp + n;
        for (int64_t width = 1; width < n; width *= 2) {
            for (int64_t lo = 0; lo < n; lo += 2 * width) {
                const int64_t mid = lo + width < n ? lo + width : n;
                const int64_t hi = lo + 2 * width < n ? lo + 2 * width : n;
                int64_t a = lo, b = mid;
                for (int64_t k = lo; k < hi; k++)
                    other[k] = a < mid && (b == hi || from[a].gene <= from[b].gene) ? from[a++]
                                                                                    : from[b++];
            }
            mtx_entry *swap = from;
            from = other;
            other = swap;
        }
        tmp = from;
    }
    for (int64_t k = 0; k < n;) {
        const int32_t gene = tmp[k].gene;
        double sum = 0; /* a float loses counts above 2^24 */
        for (; k < n && tmp[k].gene == gene; k++)
            sum += (double)tmp[k].value;
        m->indices[to] = gene;
        m->values[to] = (float)sum;
        to += sum != 0;
    }
    return to;
}

static int64_t count_repeats(const sc_csr *m, int64_t k0, int64_t k1, int64_t *last_of_gene,
                             int64_t row)
{
    int64_t n = 0;
    for (int64_t k = k0; k < k1; k++) {
        n += last_of_gene[m->indices[k]] == row + 1;
        last_of_gene[m->indices[k]] = row + 1;
    }
    return n;
}

sc_status mtx_entries_take(mtx_entries *e, int64_t n, sc_csr *out, int64_t *n_summed, sc_err *err)
{
    const int64_t *indptr = e->indptr + e->n_taken;
    const int64_t nnz = indptr[n] - indptr[0];
    int64_t longest = 0, to = 0;
    mtx_entry *tmp = NULL;
    int64_t *seen = NULL;
    for (int64_t i = 0; i < n; i++)
        if (indptr[i + 1] - indptr[i] > longest)
            longest = indptr[i + 1] - indptr[i];
    *out = (sc_csr){.n_rows = n, .n_cols = e->n_genes};
    sc_status st;
    SC_GOTO(st, sc_alloc(&out->indptr, (size_t)n + 1, sizeof *out->indptr, err), out);
    SC_GOTO(st, sc_alloc(&out->indices, (size_t)nnz, sizeof *out->indices, err), out);
    SC_GOTO(st, sc_alloc(&out->values, (size_t)nnz, sizeof *out->values, err), out);
    SC_GOTO(st, sc_alloc(&tmp, 2 * (size_t)longest, sizeof *tmp, err), out);
    SC_GOTO(st, sc_alloc(&seen, (size_t)e->n_genes, sizeof *seen, err), out);
    for (int64_t i = 0; i < n; i++) {
        const int64_t k0 = indptr[i] - indptr[0], k1 = indptr[i + 1] - indptr[0];
        for (int64_t k = k0; k < k1; k++) {
            mtx_entry x = {0};
            if (e->genes)
                x = (mtx_entry){0, e->genes[indptr[0] + k], e->values[indptr[0] + k]};
            else
                SC_GOTO(st, next_entry(e, &x, err), out);
            out->indices[k] = x.gene;
            out->values[k] = x.value;
        }
        *n_summed += count_repeats(out, k0, k1, seen, i);
        to = close_row(out, k0, k1, to, tmp);
        out->indptr[i + 1] = to;
    }
    e->n_taken += n;
out:
    free(tmp);
    free(seen);
    return st;
}

void mtx_entries_free(mtx_entries *e)
{
    if (e->fd >= 0 && e->buf)
        close(e->fd);
    free(e->indptr);
    free(e->buf);
    free(e->genes);
    free(e->values);
    *e = (mtx_entries){.fd = -1};
}

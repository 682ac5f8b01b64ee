/* Writes one matrix as delimited text: a header row, then a row a cell. */
#include "csv.h"

#include "sc_print.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

typedef struct csv_writer {
    const sc_header *h;
    const char *target;
    struct archive *a;
    int matrix;
    char delim;
    char *buf;
    size_t len, cap;
} csv_writer;

static sc_status fail_write(const csv_writer *w, sc_err *err)
{
    errno = archive_errno(w->a);
    if (errno > 0) /* what libarchive says of it is 'Write error' */
        return sc_fail_errno(err, "%s: cannot write", w->target);
    const char *why = archive_error_string(w->a);
    return sc_fail(err, SC_EIO, "%s: %s", w->target, why ? why : "can't be written");
}

void csv_discard(void *state)
{
    csv_writer *w = state;
    if (!w)
        return;
    archive_write_free(w->a);
    free(w->buf);
    free(w);
}

static sc_status put_text(csv_writer *w, const char *s, size_t n, sc_err *err)
{
    if (w->cap - w->len < n) {
        SC_TRY(sc_resize(&w->buf, 2 * (w->len + n), 1, err));
        w->cap = 2 * (w->len + n);
    }
    memcpy(w->buf + w->len, s, n);
    w->len += n;
    return SC_OK;
}

/* In quotes where it has what would end it. */
static sc_status put_name(csv_writer *w, const char *name, sc_err *err)
{
    if (!strpbrk(name, "\"\r\n#") && !strchr(name, w->delim))
        return put_text(w, name, strlen(name), err);
    SC_TRY(put_text(w, "\"", 1, err));
    for (const char *p = name; *p; p++) {
        if (*p == '\n' || *p == '\r')
            return sc_fail(err, SC_EDATA,
                           "the name '%s' has a line feed, which this format can't hold", name);
        SC_TRY(put_text(w, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1, err));
    }
    return put_text(w, "\"", 1, err);
}

static sc_status put_value(csv_writer *w, float value, sc_err *err)
{
    char text[SC_REAL_TEXT + 1] = {w->delim, '0'};
    const size_t n = value == 0 ? 1 : sc_print_real(text + 1, (double)value);
    return put_text(w, text, n + 1, err);
}

static sc_status end_line(csv_writer *w, sc_err *err)
{
    SC_TRY(put_text(w, "\n", 1, err));
    const bool is_ok = archive_write_data(w->a, w->buf, w->len) == (la_ssize_t)w->len;
    w->len = 0;
    return is_ok ? SC_OK : fail_write(w, err);
}

static sc_status put_header(csv_writer *w, sc_err *err)
{
    const sc_mat *m = &w->h->mats[w->matrix];
    const bool is_by_gene = strncmp(m->path, "obsm/", 5) != 0;
    const sc_strs *names = is_by_gene ? &w->h->var.names : &m->col_names;
    SC_TRY(put_text(w, "cell", 4, err));
    for (int64_t j = 0; j < m->n_cols; j++) {
        char number[24];
        (void)snprintf(number, sizeof number, "%" PRId64, j);
        SC_TRY(put_text(w, &w->delim, 1, err));
        SC_TRY(put_name(w, j < names->n ? sc_strs_at(names, j) : number, err));
    }
    return end_line(w, err);
}

static sc_status open_file(csv_writer *w, const char *path, sc_err *err)
{
    const size_t n = strlen(w->target);
    struct archive_entry *entry = archive_entry_new();
    w->a = archive_write_new();
    if (!w->a || !entry) {
        archive_entry_free(entry);
        return sc_fail(err, SC_ENOMEM, "no memory for compression");
    }
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_set_format_raw(w->a);
    if (n > 3 && strcmp(w->target + n - 3, ".gz") == 0) {
        archive_write_add_filter_gzip(w->a);
        archive_write_set_options(w->a, "gzip:!timestamp"); /* the same bytes tomorrow */
    }
    archive_write_set_bytes_in_last_block(w->a, 1);
    const bool is_ok = archive_write_open_filename(w->a, path) == ARCHIVE_OK &&
                       archive_write_header(w->a, entry) == ARCHIVE_OK;
    archive_entry_free(entry);
    return is_ok ? SC_OK : fail_write(w, err);
}

sc_status csv_create(void **state, const char *path, const char *target, const void *opts,
                     const sc_host *host, const sc_header *h, sc_err *err)
{
    (void)host;
    const csv_write_opts *o = opts;
    const char *name = o->matrix ? o->matrix : "X";
    const int matrix = sc_header_find(h, name);
    csv_writer *w;
    if (matrix < 0 || strncmp(name, "raw/", 4) == 0 || strncmp(name, "obsp/", 5) == 0 ||
        strncmp(name, "varm/", 5) == 0)
        return sc_fail(err, SC_EDATA, "there is no matrix '%s' with a row for each cell%s", name,
                       sc_header_why(h, name));
    SC_TRY(sc_alloc(&w, 1, sizeof *w, err));
    w->h = h;
    w->target = target;
    w->matrix = matrix;
    w->delim = csv_delimiter(target) == '\t' ? '\t' : ',';
    sc_status st = open_file(w, path, err);
    if (st == SC_OK)
        st = put_header(w, err);
    if (st == SC_OK)
        *state = w;
    else
        csv_discard(w);
    return st;
}

static sc_status put_sparse_row(csv_writer *w, const sc_csr *m, int64_t i, sc_err *err)
{
    int64_t k = m->indptr[i];
    for (int64_t j = 0; j < m->n_cols; j++) {
        const bool is_stored = k < m->indptr[i + 1] && m->indices[k] == j;
        SC_TRY(put_value(w, is_stored ? m->values[k] : 0, err));
        k += is_stored;
    }
    return SC_OK;
}

static sc_status put_dense_row(csv_writer *w, const sc_dense *m, int64_t i, sc_err *err)
{
    for (int64_t j = 0; j < m->n_cols; j++)
        SC_TRY(put_value(w, m->values[i * m->n_cols + j], err));
    return SC_OK;
}

sc_status csv_put(void *state, const sc_format_rows *r, sc_err *err)
{
    csv_writer *w = state;
    const sc_format_mat *m = &r->mats[w->matrix];
    for (int64_t i = 0; i < r->n_rows; i++) {
        SC_TRY(put_name(w, sc_strs_at(&r->obs.names, i), err));
        SC_TRY(w->h->mats[w->matrix].is_sparse ? put_sparse_row(w, &m->sparse, i, err)
                                               : put_dense_row(w, &m->dense, i, err));
        SC_TRY(end_line(w, err));
    }
    return SC_OK;
}

sc_status csv_finish(void *state, sc_err *err)
{
    csv_writer *w = state;
    return archive_write_close(w->a) == ARCHIVE_OK ? SC_OK : fail_write(w, err);
}

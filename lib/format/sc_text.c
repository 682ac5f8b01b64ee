#include "sc_text.h"

#include "sc_ahead.h"
#include "sc_looks.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUF_MIN = 1 << 20, FILL_MAX = 1 << 18 };

struct sc_text {
    char *name;
    struct archive *a;
    sc_ahead *ahead; /* from the second buffer on, it has a to itself */
    bool has_begun;
    sc_text_fill fill;
    void *ctx;
    sc_err fill_err;    /* what fill said, for libarchive can't carry it */
    int fd;             /* -1: not ours */
    unsigned char *raw; /* for fills that read() */
    char *buf;
    size_t cap, pos, len; /* buf[pos, len) is not yet given */
    bool at_end;
    int64_t line_no;
};

static sc_status fill_from_fd(void *ctx, const void **bytes, size_t *len, sc_err *err)
{
    sc_text *in = ctx;
    ssize_t n;
    do
        n = read(in->fd, in->raw, FILL_MAX);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EISDIR)
        return sc_fail(err, SC_EIO, "%s: is a folder, where a file is needed", in->name);
    if (n < 0)
        return sc_fail_errno(err, "%s", in->name);
    *bytes = in->raw;
    *len = (size_t)n;
    return SC_OK;
}

static la_ssize_t archive_fill(struct archive *a, void *ctx, const void **bytes)
{
    sc_text *in = ctx;
    size_t len = 0;
    const sc_status st = in->fill(in->ctx, bytes, &len, &in->fill_err);
    if (st == SC_OK)
        return (la_ssize_t)len;
    in->fill_err.status = st;
    archive_set_error(a, EIO, "%s", in->fill_err.msg);
    return ARCHIVE_FATAL;
}

static sc_status fail_archive(sc_text *in, sc_err *err)
{
    if (in->fill_err.status != SC_OK) {
        if (err)
            *err = in->fill_err;
        return in->fill_err.status;
    }
    const char *why = archive_error_string(in->a);
    return sc_fail(err, SC_EFORMAT, "%s: %s", in->name, why ? why : "can't be decompressed");
}

static sc_status start(sc_text *in, sc_err *err)
{
    struct archive_entry *entry;
    in->a = archive_read_new();
    if (!in->a)
        return sc_fail(err, SC_ENOMEM, "no memory for decompression");
    archive_read_support_filter_gzip(in->a);
    archive_read_support_filter_zstd(in->a);
    archive_read_support_filter_bzip2(in->a);
    archive_read_support_filter_xz(in->a);
    archive_read_support_format_raw(in->a);
    archive_read_support_format_empty(in->a);
    in->cap = BUF_MIN;
    SC_TRY(sc_alloc(&in->buf, in->cap + 1, 1, err));
    if (archive_read_open(in->a, in, NULL, archive_fill, NULL) != ARCHIVE_OK)
        return fail_archive(in, err);
    const int rc = archive_read_next_header(in->a, &entry);
    if (rc == ARCHIVE_EOF)
        in->at_end = true;
    else if (rc != ARCHIVE_OK)
        return fail_archive(in, err);
    return SC_OK;
}

static sc_status make(sc_text **out, const char *name, sc_err *err)
{
    SC_TRY(sc_alloc(out, 1, sizeof **out, err));
    (*out)->fd = -1;
    (*out)->name = strdup(name);
    if ((*out)->name)
        return SC_OK;
    sc_text_close(*out);
    return sc_fail(err, SC_ENOMEM, "no memory for a name");
}

static sc_status begin(sc_text **out, sc_text *in, sc_err *err)
{
    const sc_status st = start(in, err);
    if (st == SC_OK)
        *out = in;
    else
        sc_text_close(in);
    return st;
}

sc_status sc_text_open_fill(sc_text **out, sc_text_fill fill, void *ctx, const char *name,
                            sc_err *err)
{
    sc_text *in;
    SC_TRY(make(&in, name, err));
    in->fill = fill;
    in->ctx = ctx;
    return begin(out, in, err);
}

sc_status sc_text_open_path(sc_text **out, const char *path, const char *name, sc_err *err)
{
    sc_text *in;
    SC_TRY(make(&in, name, err));
    in->fill = fill_from_fd;
    in->ctx = in;
    in->fd = open(path, O_RDONLY | O_CLOEXEC);
    sc_status st = in->fd < 0 ? sc_fail_errno(err, "%s", name) : SC_OK;
    if (st == SC_OK)
        st = sc_alloc(&in->raw, FILL_MAX, 1, err);
    if (st == SC_OK)
        return begin(out, in, err);
    sc_text_close(in);
    return st;
}

typedef struct source_fill {
    sc_source *src;
    unsigned char bytes[FILL_MAX];
} source_fill;

static sc_status fill_from_source(void *ctx, const void **bytes, size_t *len, sc_err *err)
{
    source_fill *f = ctx;
    *bytes = f->bytes;
    return f->src->read(f->src, f->bytes, sizeof f->bytes, len, err);
}

sc_status sc_text_open_source(sc_text **out, sc_source *src, sc_err *err)
{
    if (src->path)
        return sc_text_open_path(out, src->path, src->name, err);
    sc_text *in;
    source_fill *f;
    SC_TRY(make(&in, src->name, err));
    const sc_status st = sc_alloc(&f, 1, sizeof *f, err);
    if (st != SC_OK) {
        sc_text_close(in);
        return st;
    }
    f->src = src;
    in->raw = (unsigned char *)f;
    in->fill = fill_from_source;
    in->ctx = f;
    return begin(out, in, err);
}

static sc_status decompress(void *ctx, char *buf, size_t cap, size_t *len, sc_err *err)
{
    sc_text *in = ctx;
    const la_ssize_t n = archive_read_data(in->a, buf, cap);
    *len = n > 0 ? (size_t)n : 0;
    return n < 0 ? fail_archive(in, err) : SC_OK;
}

/* Small files, of which there are more, are not worth a thread. */
static sc_status more(sc_text *in, char *buf, size_t cap, size_t *len, sc_err *err)
{
    if (in->has_begun && !in->ahead)
        SC_TRY(sc_ahead_new(&in->ahead, decompress, in, err));
    in->has_begun = true;
    return in->ahead ? sc_ahead_take(in->ahead, buf, cap, len, err)
                     : decompress(in, buf, cap, len, err);
}

/* More bytes behind those that are not yet given. */
static sc_status refill(sc_text *in, sc_err *err)
{
    if (in->pos > 0) {
        memmove(in->buf, in->buf + in->pos, in->len - in->pos);
        in->len -= in->pos;
        in->pos = 0;
    }
    if (in->len == in->cap) {
        SC_TRY(sc_resize(&in->buf, 2 * in->cap + 1, 1, err));
        in->cap *= 2;
    }
    size_t n = 0;
    SC_TRY(more(in, in->buf + in->len, in->cap - in->len, &n, err));
    in->at_end = n == 0;
    in->len += n;
    return SC_OK;
}

sc_status sc_text_peek(sc_text *in, const char **lines, size_t *len, sc_err *err)
{
    const char *end;
    while (!(end = memrchr(in->buf + in->pos, '\n', in->len - in->pos)) && !in->at_end)
        SC_TRY(refill(in, err));
    *lines = in->buf + in->pos;
    *len = end ? (size_t)(end + 1 - *lines) : 0;
    return SC_OK;
}

void sc_text_skip(sc_text *in, size_t len, int64_t n_lines)
{
    in->pos += len;
    in->line_no += n_lines;
}

sc_status sc_text_line(sc_text *in, char **line, size_t *len, sc_err *err)
{
    size_t seen = 0; /* bytes known to hold no line feed */
    char *end;
    while (!(end = memchr(in->buf + in->pos + seen, '\n', in->len - in->pos - seen)) &&
           !in->at_end) {
        seen = in->len - in->pos;
        SC_TRY(refill(in, err));
    }
    if (!end && in->pos == in->len)
        return SC_END;
    if (!end)
        end = in->buf + in->len;
    *line = in->buf + in->pos;
    *len = (size_t)(end - *line);
    in->pos += *len;
    if (in->pos < in->len)
        in->pos++;
    if (*len > 0 && end[-1] == '\r')
        (*len)--;
    (*line)[*len] = '\0';
    in->line_no++;
    return SC_OK;
}

int64_t sc_text_line_number(const sc_text *in)
{
    return in->line_no;
}

const char *sc_text_name(const sc_text *in)
{
    return in->name;
}

void sc_text_close(sc_text *in)
{
    if (!in)
        return;
    sc_ahead_free(in->ahead);
    archive_read_free(in->a);
    if (in->fd >= 0)
        close(in->fd);
    free(in->raw);
    free(in->buf);
    free(in->name);
    free(in);
}

int64_t sc_text_split(char *line, char delim, char **fields, int64_t cap)
{
    int64_t n = 0;
    while (n < cap) {
        fields[n++] = line;
        line = strchr(line, delim);
        if (!line)
            break;
        *line++ = '\0';
    }
    return n;
}

sc_status sc_text_fail(const sc_text *in, sc_err *err, sc_status st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    sc_vfail(err, st, fmt, ap);
    va_end(ap);
    return sc_err_prefix(err, st, "%s: line %" PRId64, in->name, in->line_no);
}

/* A line, of which the file's first tells what it is. */
static sc_status names_line(sc_text *in, char **line, size_t *len, sc_err *err)
{
    SC_TRY(sc_text_line(in, line, len, err));
    const char *kind = in->line_no == 1 ? sc_looks_like(*line, *len) : NULL;
    return kind ? sc_fail(err, SC_EFORMAT, "%s: is %s, where a list of names (text) is needed",
                          in->name, kind)
                : SC_OK;
}

sc_status sc_text_names(const char *path, sc_strs *names, sc_err *err)
{
    sc_text *in = NULL;
    char *line;
    size_t len;
    const int64_t n_before = names->n;
    sc_status st;
    SC_TRY(sc_text_open_path(&in, path, path, err));
    while ((st = names_line(in, &line, &len, err)) == SC_OK) {
        const size_t n = strcspn(line, "\t");
        const bool is_header = in->line_no == 1 && n == 4 &&
                               (strncmp(line, "cell", 4) == 0 || strncmp(line, "gene", 4) == 0);
        if (n == 0 || is_header)
            continue;
        st = sc_strs_push(names, line, n, err);
        if (st != SC_OK) {
            (void)sc_err_prefix(err, st, "%s: line %" PRId64, path, in->line_no);
            break;
        }
    }
    sc_text_close(in);
    if (st == SC_END && names->n == n_before)
        return sc_fail(err, SC_EDATA, "%s: there are no names in it, one is expected on each line",
                       path);
    return st == SC_END ? SC_OK : st;
}

#include "sc_source.h"

#include "sc_temp.h"

#include <archive.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough that a decompressor gives its first buffer without meeting the cut end. */
enum { HEAD_MAX = 256 * 1024, TEXT_MAX = 64 * 1024, COPY_MAX = 1 << 20 };

typedef struct source_impl {
    sc_source src; /* first: the two have one address */
    int fd;
    bool owns_fd;
    size_t head_used; /* of the head, by read() */
    unsigned char *head, *text;
    char fd_path[64]; /* /proc/self/fd/N, where the file has no name */
} source_impl;

static sc_status read_fd(int fd, void *buf, size_t cap, size_t *got, const char *name, sc_err *err)
{
    ssize_t n;
    do
        n = read(fd, buf, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sc_fail_errno(err, "%s", name);
    *got = (size_t)n;
    return SC_OK;
}

/* Fills buf as far as the input goes: a pipe gives less than is asked for. */
static sc_status read_full(int fd, void *buf, size_t cap, size_t *len, const char *name,
                           sc_err *err)
{
    size_t got = 1;
    for (*len = 0; *len < cap && got > 0; *len += got)
        SC_TRY(read_fd(fd, (char *)buf + *len, cap - *len, &got, name, err));
    return SC_OK;
}

static sc_status write_full(int fd, const unsigned char *buf, size_t len, sc_err *err)
{
    while (len > 0) {
        const ssize_t n = write(fd, buf, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sc_temp_fail(err);
        buf += n;
        len -= (size_t)n;
    }
    return SC_OK;
}

static sc_status source_read(sc_source *src, void *buf, size_t cap, size_t *got, sc_err *err)
{
    source_impl *s = src->impl;
    const size_t left = src->head_len - s->head_used;
    if (left == 0)
        return read_fd(s->fd, buf, cap, got, src->name, err);
    *got = left < cap ? left : cap;
    memcpy(buf, s->head + s->head_used, *got);
    s->head_used += *got;
    return SC_OK;
}

/* Takes one layer of compression off the head. Whatever can't be decoded is left as it is: the
 * format that reads it all will say what is wrong. */
static sc_status look_inside(source_impl *s, sc_err *err)
{
    s->src.text = s->head;
    s->src.text_len = s->src.head_len;
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    sc_status st = sc_alloc(&s->text, TEXT_MAX, 1, err);
    if (st == SC_OK && !a)
        st = sc_fail(err, SC_ENOMEM, "no memory for decompression");
    if (st != SC_OK)
        goto out;
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_format_raw(a);
    if (archive_read_open_memory(a, s->head, s->src.head_len) != ARCHIVE_OK ||
        archive_read_next_header(a, &entry) != ARCHIVE_OK || archive_filter_count(a) < 2)
        goto out;
    const la_ssize_t n = archive_read_data(a, s->text, TEXT_MAX);
    if (n > 0) {
        s->src.text = s->text;
        s->src.text_len = (size_t)n;
    }
out:
    archive_read_free(a);
    return st;
}

static sc_status open_fd(source_impl *s, const char *path, sc_err *err)
{
    struct stat info;
    const bool is_stdin = !path || strcmp(path, "-") == 0;
    s->src.name = is_stdin ? "stdin" : path;
    s->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &info) != 0)
        return sc_fail_errno(err, "%s", s->src.name);
    s->owns_fd = !is_stdin;
    s->src.is_dir = S_ISDIR(info.st_mode);
    if (!is_stdin && (S_ISREG(info.st_mode) || s->src.is_dir))
        s->src.path = path;
    else if (s->src.is_dir || (S_ISREG(info.st_mode) && lseek(s->fd, 0, SEEK_CUR) == 0)) {
        (void)snprintf(s->fd_path, sizeof s->fd_path, "/proc/self/fd/%d", s->fd);
        s->src.path = s->fd_path;
    }
    return SC_OK;
}

sc_status sc_source_open(sc_source **out, const char *path, sc_err *err)
{
    source_impl *s;
    SC_TRY(sc_alloc(&s, 1, sizeof *s, err));
    s->fd = -1;
    s->src.impl = s;
    s->src.read = source_read;
    sc_status st = open_fd(s, path, err);
    if (st == SC_OK && !s->src.is_dir) {
        SC_GOTO(st, sc_alloc(&s->head, HEAD_MAX, 1, err), out);
        SC_GOTO(st, read_full(s->fd, s->head, HEAD_MAX, &s->src.head_len, s->src.name, err), out);
        s->src.head = s->head;
        if (s->src.head_len == 0)
            st = sc_fail(err, SC_EFORMAT, "%s: the input is empty", s->src.name);
        else
            st = look_inside(s, err);
    }
out:
    if (st != SC_OK) {
        sc_source_close(&s->src);
        return st;
    }
    *out = &s->src;
    return SC_OK;
}

sc_status sc_source_spool(sc_source *src, sc_err *err)
{
    source_impl *s = src->impl;
    unsigned char *buf = NULL;
    int fd = -1;
    if (src->path)
        return SC_OK;
    sc_status st = sc_alloc(&buf, COPY_MAX, 1, err);
    if (st == SC_OK)
        st = sc_temp_fd(&fd, err);
    size_t got = 1;
    while (st == SC_OK && got > 0) {
        st = source_read(src, buf, COPY_MAX, &got, err);
        if (st == SC_OK)
            st = write_full(fd, buf, got, err);
    }
    free(buf);
    if (st != SC_OK) {
        if (fd >= 0)
            close(fd);
        return st;
    }
    if (s->owns_fd)
        close(s->fd);
    s->fd = fd;
    s->owns_fd = true;
    s->head_used = 0;
    (void)snprintf(s->fd_path, sizeof s->fd_path, "/proc/self/fd/%d", fd);
    src->path = s->fd_path;
    if (lseek(fd, (off_t)src->head_len, SEEK_SET) < 0)
        return sc_temp_fail(err);
    return SC_OK;
}

sc_status sc_source_fd(sc_source *src, int *fd, sc_err *err)
{
    source_impl *s = src->impl;
    assert(src->path && !src->is_dir);
    if (lseek(s->fd, 0, SEEK_SET) < 0)
        return sc_fail_errno(err, "%s", src->name);
    *fd = s->fd;
    return SC_OK;
}

void sc_source_close(sc_source *src)
{
    if (!src)
        return;
    source_impl *s = src->impl;
    if (s->owns_fd && s->fd >= 0)
        close(s->fd);
    free(s->head);
    free(s->text);
    free(s);
}

#include "target.h"
#include "sc_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 18 };

static sc_status make_places(target *t, const char *folder, size_t folder_len, const char *base,
                             sc_err *err)
{
    const size_t n = folder_len + strlen(base) + 32;
    SC_TRY(sc_alloc(&t->dir, n, 1, err));
    SC_TRY(sc_alloc(&t->path, n, 1, err));
    (void)snprintf(t->dir, n, "%.*s.sluice.XXXXXX", (int)folder_len, folder);
    if (!mkdtemp(t->dir)) {
        const sc_status st = sc_fail_errno(err, "%s: cannot write", t->name);
        free(t->dir);
        t->dir = NULL;
        return st;
    }
    (void)snprintf(t->path, n, "%s/%s", t->dir, base);
    return SC_OK;
}

sc_status target_open(target *t, const char *name, sc_err *err)
{
    struct stat info;
    *t = (target){.name = name ? name : "-"};
    const bool is_stdout = strcmp(t->name, "-") == 0;
    if (is_stdout && isatty(STDOUT_FILENO))
        return sc_fail(err, SC_EUSAGE,
                       "stdout is a terminal, and the output is a file: use -o or a pipe");
    t->is_copied = is_stdout ||
                   (stat(t->name, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode));
    if (t->is_copied) {
        const char *tmp = getenv("TMPDIR");
        char folder[4096];
        const int len = snprintf(folder, sizeof folder, "%s/", tmp && *tmp ? tmp : "/tmp");
        if (len < 0 || (size_t)len >= sizeof folder)
            return sc_fail(err, SC_EIO, "the path of TMPDIR is too long");
        return make_places(t, folder, (size_t)len, "out", err);
    }
    size_t len = strlen(t->name);
    while (len > 1 && t->name[len - 1] == '/')
        len--; /* of a folder */
    size_t base = len;
    while (base > 0 && t->name[base - 1] != '/')
        base--;
    char *last = strndup(t->name + base, len - base);
    if (!last)
        return sc_fail(err, SC_ENOMEM, "no memory for a path");
    const sc_status st = make_places(t, t->name, base, last, err);
    free(last);
    return st;
}

static sc_status copy(const target *t, int from, int to, sc_err *err)
{
    char *buf;
    ssize_t n = 0;
    sc_status st = sc_alloc(&buf, COPY_BYTES, 1, err);
    while (st == SC_OK && (n = read(from, buf, COPY_BYTES)) > 0)
        for (ssize_t done = 0, k; st == SC_OK && done < n; done += k) {
            k = write(to, buf + done, (size_t)(n - done));
            if (k < 0)
                st = sc_fail_errno(err, "%s", strcmp(t->name, "-") ? t->name : "stdout");
        }
    if (st == SC_OK && n < 0)
        st = sc_temp_fail(err);
    free(buf);
    return st;
}

static sc_status copy_out(const target *t, sc_err *err)
{
    const bool is_stdout = strcmp(t->name, "-") == 0;
    const int from = open(t->path, O_RDONLY | O_CLOEXEC);
    const int to = is_stdout ? STDOUT_FILENO : open(t->name, O_WRONLY | O_CLOEXEC);
    sc_status st = SC_OK;
    if (from < 0 || to < 0)
        st = sc_fail_errno(err, "%s: cannot write", t->name);
    else
        st = copy(t, from, to, err);
    if (from >= 0)
        close(from);
    if (to >= 0 && !is_stdout && close(to) != 0 && st == SC_OK)
        st = sc_fail_errno(err, "%s: cannot write", t->name);
    return st;
}

sc_status target_commit(target *t, sc_err *err)
{
    if (t->is_copied)
        return copy_out(t, err);
    const int fd = open(t->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        const sc_status st = sc_fail_errno(err, "%s: cannot write", t->name);
        if (fd >= 0)
            close(fd);
        return st;
    }
    close(fd);
    if (rename(t->path, t->name) != 0)
        return sc_fail_errno(err, "%s: cannot write", t->name);
    return SC_OK;
}

static int take_away(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void target_close(target *t)
{
    if (t->dir)
        (void)nftw(t->dir, take_away, 8, FTW_DEPTH | FTW_PHYS);
    free(t->dir);
    free(t->path);
    *t = (target){0};
}

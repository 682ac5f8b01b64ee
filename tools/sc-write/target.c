#include "target.h"
#include "sc_temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 18, TRIES = 100 };

static int take_away(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static void clear(const target *t)
{
    (void)nftw(t->dir, take_away, 8, FTW_DEPTH | FTW_PHYS);
}

/* Ends the process as the signal would have, but for what it would leave behind. */
static void *watch(void *arg)
{
    const target *t = arg;
    int got = 0;
    if (sigwait(&t->signals, &got) != 0)
        return NULL;
    for (int k = 0; k < TRIES && access(t->dir, F_OK) == 0; k++)
        clear(t); /* while others may still make files there */
    (void)pthread_sigmask(SIG_UNBLOCK, &t->signals, NULL);
    (void)raise(got);
    return NULL;
}

/* Those signals that are not ignored, as they are under nohup. */
static void watch_signals(target *t)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction is;
    (void)sigemptyset(&t->signals);
    for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++)
        if (sigaction(ends[k], NULL, &is) == 0 && is.sa_handler == SIG_DFL)
            (void)sigaddset(&t->signals, ends[k]);
    if (pthread_sigmask(SIG_BLOCK, &t->signals, &t->before) != 0)
        return;
    t->is_watched = pthread_create(&t->watch, NULL, watch, t) == 0;
    if (!t->is_watched)
        (void)pthread_sigmask(SIG_SETMASK, &t->before, NULL);
}

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
    watch_signals(t);
    return SC_OK;
}

/* What has no name leaves nothing behind, however the process ends. path stays NULL where that is
 * not to be had. */
static sc_status open_nameless(target *t, sc_err *err)
{
    char by_fd[32];
    const char *way = by_fd;
    if (t->is_copied) {
        SC_TRY(sc_temp_fd(&t->spool, err));
        (void)snprintf(by_fd, sizeof by_fd, "/proc/self/fd/%d", t->spool);
    } else {
        SC_TRY(sc_output_open(&t->file, t->name, true, err));
        way = sc_output_way(&t->file);
    }
    if (t->is_copied ? access(way, F_OK) == 0 : t->file.is_nameless)
        t->path = strdup(way);
    else
        sc_output_abandon(&t->file);
    return SC_OK;
}

sc_status target_open(target *t, const char *name, bool is_folder, sc_err *err)
{
    struct stat info;
    *t = (target){.name = name, .file = {.fd = -1}, .spool = -1};
    const bool is_stdout = strcmp(t->name, "-") == 0;
    if (is_stdout && isatty(STDOUT_FILENO))
        return sc_fail(err, SC_EUSAGE,
                       "stdout is a terminal, and the output is a file: use -o or a pipe");
    t->is_copied = is_stdout ||
                   (stat(t->name, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode));
    if (t->is_copied && is_folder)
        return sc_fail(err, SC_EUSAGE, "%s: no folder can be made there; stdout takes an archive",
                       t->name);
    if (!is_folder)
        SC_TRY(open_nameless(t, err));
    if (t->path)
        return SC_OK;
    if (t->is_copied) {
        const char *tmp = getenv("TMPDIR");
        char folder[4096];
        const int len = snprintf(folder, sizeof folder, "%s/", tmp && *tmp ? tmp : "/tmp");
        if (len < 0 || (size_t)len >= sizeof folder)
            return sc_fail(err, SC_EIO, "the path of TMPDIR is too long");
        return make_places(t, folder, (size_t)len, "out", err);
    }
    if (lstat(t->name, &info) == 0 && S_ISLNK(info.st_mode))
        t->place = realpath(t->name, NULL);
    if (!t->place)
        t->place = strdup(t->name);
    if (!t->place)
        return sc_fail(err, SC_ENOMEM, "no memory for a path");
    size_t len = strlen(t->place);
    while (len > 1 && t->place[len - 1] == '/')
        len--; /* of a folder */
    size_t base = len;
    while (base > 0 && t->place[base - 1] != '/')
        base--;
    char *last = strndup(t->place + base, len - base);
    if (!last)
        return sc_fail(err, SC_ENOMEM, "no memory for a path");
    const sc_status st = make_places(t, t->place, base, last, err);
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

/* Whether each file of the folder `name` is one that the new folder has too; else `other` is one.
 */
static bool has_no_other(const target *t, char *other, size_t other_len)
{
    DIR *was = opendir(t->place), *is = opendir(t->path);
    bool is_same = was && is;
    *other = '\0';
    for (struct dirent *e; is_same && (e = readdir(was));) {
        is_same = faccessat(dirfd(is), e->d_name, F_OK, 0) == 0;
        if (!is_same)
            (void)snprintf(other, other_len, "%s", e->d_name);
    }
    if (was)
        (void)closedir(was);
    if (is)
        (void)closedir(is);
    return is_same;
}

/* The old folder takes the place of the new one, and goes with the rest. */
static sc_status replace_folder(const target *t, sc_err *err)
{
    char other[NAME_MAX + 1];
    if (!has_no_other(t, other, sizeof other))
        return sc_fail(err, SC_EIO,
                       "%s: cannot write: a folder with other files ('%s') is not replaced",
                       t->name, other);
    if (renameat2(AT_FDCWD, t->path, AT_FDCWD, t->place, RENAME_EXCHANGE) != 0)
        return sc_fail_errno(err, "%s: cannot write", t->name);
    return SC_OK;
}

sc_status target_commit(target *t, sc_err *err)
{
    if (t->is_copied)
        return copy_out(t, err);
    if (t->file.is_nameless)
        return sc_output_commit(&t->file, err);
    const int fd = open(t->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        const sc_status st = sc_fail_errno(err, "%s: cannot write", t->name);
        if (fd >= 0)
            close(fd);
        return st;
    }
    close(fd);
    if (rename(t->path, t->place) == 0)
        return SC_OK;
    if (errno == ENOTEMPTY || errno == EEXIST)
        return replace_folder(t, err);
    return sc_fail_errno(err, "%s: cannot write", t->name);
}

void target_close(target *t)
{
    if (t->is_watched) {
        (void)pthread_cancel(t->watch);
        (void)pthread_join(t->watch, NULL);
    }
    if (t->dir)
        clear(t);
    if (t->is_watched)
        (void)pthread_sigmask(SIG_SETMASK, &t->before, NULL);
    sc_output_abandon(&t->file);
    if (t->spool >= 0)
        (void)close(t->spool);
    free(t->place);
    free(t->dir);
    free(t->path);
    *t = (target){0};
}

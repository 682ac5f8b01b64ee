#include "sc_data_int.h"
#include "sc_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHORT_NAME = sizeof((sc_output *)0)->by_fd, MAX_TRIES = 100 };

/* A pipe, a terminal or /dev/null at that path: it cannot be replaced, only written to. */
static bool is_special(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode);
}

/* A file in that file's folder that has no name yet, so that nothing is left of it however the
 * process ends. -1: the file system, or lack of /proc, does not allow it. */
static int open_nameless(const char *path, char by_fd[SHORT_NAME])
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
    if (slash && !folder)
        return -1;
    const int fd = open(folder ? folder : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    free(folder);
    if (fd < 0)
        return -1;
    (void)snprintf(by_fd, SHORT_NAME, "/proc/self/fd/%d", fd);
    if (access(by_fd, F_OK) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static sc_status open_beside(sc_output *o, sc_err *err)
{
    const size_t n = strlen(o->path) + SHORT_NAME;
    o->fd = open_nameless(o->path, o->by_fd);
    o->is_nameless = o->fd >= 0;
    if (o->is_nameless)
        return SC_OK;
    SC_TRY(sc_alloc(&o->tmp, n, 1, err));
    (void)snprintf(o->tmp, n, "%s.XXXXXX", o->path);
    o->fd = mkostemp(o->tmp, O_CLOEXEC);
    if (o->fd < 0) {
        const sc_status st = sc_fail_errno(err, "%s: cannot write", o->path);
        free(o->tmp);
        o->tmp = NULL;
        return st;
    }
    return SC_OK;
}

/* A link keeps its place: what it leads to is replaced, as with the shell's '>'. */
static sc_status take_path(sc_output *o, const char *path, sc_err *err)
{
    struct stat s;
    if (!*path)
        return sc_fail(err, SC_EUSAGE, "the name of the output is empty");
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
        return sc_fail(err, SC_EIO, "%s: cannot write: is a folder", path);
    if (lstat(path, &s) == 0 && S_ISLNK(s.st_mode))
        o->path = realpath(path, NULL);
    return o->path ? SC_OK : sc_str_dup(&o->path, path, err);
}

sc_status sc_output_open(sc_output *o, const char *path, bool is_binary, sc_err *err)
{
    *o = (sc_output){.fd = STDOUT_FILENO, .name = "stdout"};
    if (!path || strcmp(path, "-") == 0) {
        if (is_binary && isatty(STDOUT_FILENO))
            return sc_fail(err, SC_EUSAGE,
                           "stdout is a terminal, and the output is binary: use -o or a pipe");
        const int mode = fcntl(STDOUT_FILENO, F_GETFL);
        if (mode >= 0 && (mode & O_ACCMODE) == O_RDONLY) { /* as where it was closed */
            errno = EBADF;
            return sc_fail_errno(err, "stdout: cannot write");
        }
        return SC_OK;
    }
    SC_TRY(take_path(o, path, err));
    o->name = o->path;
    if (!is_special(path))
        return open_beside(o, err);
    o->fd = open(path, O_WRONLY | O_CLOEXEC);
    return o->fd < 0 ? sc_fail_errno(err, "%s: cannot write", path) : SC_OK;
}

/* Gives a nameless file its name: that of the output, or one beside it where that is taken, as only
 * a rename replaces a file. */
static sc_status give_name(sc_output *o, sc_err *err)
{
    const size_t n = strlen(o->path) + SHORT_NAME;
    int rc = linkat(AT_FDCWD, o->by_fd, AT_FDCWD, o->path, AT_SYMLINK_FOLLOW);
    if (rc == 0 || errno != EEXIST)
        return rc == 0 ? SC_OK : sc_fail_errno(err, "%s: cannot write", o->path);
    SC_TRY(sc_alloc(&o->tmp, n, 1, err));
    for (int k = 0; k < MAX_TRIES; k++) {
        (void)snprintf(o->tmp, n, "%s.%ld-%d", o->path, (long)getpid(), k);
        rc = linkat(AT_FDCWD, o->by_fd, AT_FDCWD, o->tmp, AT_SYMLINK_FOLLOW);
        if (rc == 0)
            return SC_OK;
        if (errno != EEXIST)
            break;
    }
    const sc_status st = sc_fail_errno(err, "%s: cannot write", o->path);
    free(o->tmp); /* that name is another's */
    o->tmp = NULL;
    return st;
}

const char *sc_output_way(const sc_output *o)
{
    return o->is_nameless ? o->by_fd : o->tmp;
}

static sc_status put_in_place(sc_output *o, sc_err *err)
{
    if (o->tmp) { /* which mkostemp lets the owner alone read */
        const mode_t mask = umask(0);
        (void)umask(mask);
        if (fchmod(o->fd, 0666 & ~mask) < 0)
            return sc_fail_errno(err, "%s: cannot write", o->path);
    }
    if (fsync(o->fd) < 0)
        return sc_fail_errno(err, "%s: cannot write", o->path);
    if (o->is_nameless)
        SC_TRY(give_name(o, err));
    const int fd = o->fd;
    o->fd = -1;
    if (close(fd) < 0 || (o->tmp && rename(o->tmp, o->path) < 0))
        return sc_fail_errno(err, "%s: cannot write", o->path);
    free(o->tmp);
    o->tmp = NULL;
    return SC_OK;
}

sc_status sc_output_commit(sc_output *o, sc_err *err)
{
    sc_status st = SC_OK;
    if (o->tmp || o->is_nameless) {
        st = put_in_place(o, err);
    } else if (o->path && o->fd >= 0) {
        if (close(o->fd) < 0)
            st = sc_fail_errno(err, "%s: cannot write", o->path);
        o->fd = -1;
    }
    sc_output_abandon(o);
    return st;
}

void sc_output_abandon(sc_output *o)
{
    if (o->path && o->fd >= 0)
        (void)close(o->fd);
    if (o->tmp)
        (void)unlink(o->tmp);
    free(o->tmp);
    free(o->path);
    *o = (sc_output){.fd = -1};
}

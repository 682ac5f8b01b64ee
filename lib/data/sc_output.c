#include "sc_data_int.h"
#include "sc_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char suffix[] = ".XXXXXX";

/* A pipe, a terminal or /dev/null at that path: it cannot be replaced, only written to. */
static bool is_special(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode);
}

static sc_status open_beside(sc_output *o, sc_err *err)
{
    const size_t n = strlen(o->path) + sizeof suffix;
    SC_TRY(sc_alloc(&o->tmp, n, 1, err));
    (void)snprintf(o->tmp, n, "%s%s", o->path, suffix);
    o->fd = mkostemp(o->tmp, O_CLOEXEC);
    if (o->fd < 0) {
        const sc_status st = sc_fail_errno(err, "%s: cannot write", o->path);
        free(o->tmp);
        o->tmp = NULL;
        return st;
    }
    return SC_OK;
}

sc_status sc_output_open(sc_output *o, const char *path, bool is_binary, sc_err *err)
{
    *o = (sc_output){.fd = STDOUT_FILENO, .name = "stdout"};
    if (!path || strcmp(path, "-") == 0) {
        if (is_binary && isatty(STDOUT_FILENO))
            return sc_fail(err, SC_EUSAGE,
                           "stdout is a terminal, and the output is binary: use -o or a pipe");
        return SC_OK;
    }
    SC_TRY(sc_str_dup(&o->path, path, err));
    o->name = o->path;
    if (!is_special(path))
        return open_beside(o, err);
    o->fd = open(path, O_WRONLY | O_CLOEXEC);
    return o->fd < 0 ? sc_fail_errno(err, "%s: cannot write", path) : SC_OK;
}

static sc_status put_in_place(sc_output *o, sc_err *err)
{
    const mode_t mask = umask(0);
    (void)umask(mask);
    if (fchmod(o->fd, 0666 & ~mask) < 0 || fsync(o->fd) < 0)
        return sc_fail_errno(err, "%s: cannot write", o->path);
    const int fd = o->fd;
    o->fd = -1;
    if (close(fd) < 0 || rename(o->tmp, o->path) < 0)
        return sc_fail_errno(err, "%s: cannot write", o->path);
    free(o->tmp);
    o->tmp = NULL;
    return SC_OK;
}

sc_status sc_output_commit(sc_output *o, sc_err *err)
{
    sc_status st = SC_OK;
    if (o->tmp) {
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

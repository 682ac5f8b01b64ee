#include "sc_cli_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What was closed when we began would else be the next file that is opened, and messages go into
 * it. Opened the wrong way round, so that using it fails. */
void sc_cli_hold_fds(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null",
                       fd == STDIN_FILENO ? O_WRONLY : O_RDONLY); /* takes the lowest */
}

int sc_cli_exit(const sc_tool *t, sc_status st, const sc_err *err)
{
    if (st != SC_OK && st != SC_END && st != SC_EPIPE)
        (void)fprintf(stderr, "%s: %s\n", t->name, err->msg);
    return sc_status_exit(st);
}

int sc_cli_main(const sc_tool *t, void *opts, int argc, char **argv,
                sc_status (*run)(void *opts, sc_err *err))
{
    sc_err err = {0};
    sc_status st = sc_cli_parse(t, opts, argc, argv, &err);
    if (st == SC_OK)
        st = run(opts, &err);
    const int code = sc_cli_exit(t, st, &err);
    sc_cli_free(opts);
    return code;
}

sc_status sc_cli_check_key(const char *option, const char *key, sc_err *err)
{
    enum { KEY_MAX = 255 };
    if (!key || (*key && strlen(key) <= KEY_MAX && !strchr(key, '/')))
        return SC_OK;
    return sc_fail(err, SC_EUSAGE, "--%s takes a name of 1 to %d bytes without '/', not '%.300s'",
                   option, KEY_MAX, key);
}

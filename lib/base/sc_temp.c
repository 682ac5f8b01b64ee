#include "sc_temp.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *sc_temp_folder(void)
{
    const char *dir = getenv("TMPDIR");
    return dir && *dir ? dir : "/tmp";
}

sc_status sc_temp_fd(int *fd, sc_err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/sluice-XXXXXX", sc_temp_folder()) >= (int)sizeof path)
        return sc_fail(err, SC_EIO, "TMPDIR is too long a path");
    *fd = mkostemp(path, O_CLOEXEC);
    if (*fd < 0)
        return sc_temp_fail(err);
    (void)unlink(path);
    return SC_OK;
}

sc_status sc_temp_fail(sc_err *err)
{
    return sc_fail_errno(err, "can't keep a scratch file in '%s' (TMPDIR names another folder)",
                         sc_temp_folder());
}

/* For C tests that load plugins by name: those of the build that the test belongs to. */
#ifndef TESTS_BUILT_H
#define TESTS_BUILT_H

#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Before the first plugin is loaded. False: where this program lies can't be told. */
static inline bool use_built_plugins(void)
{
    char self[4000], path[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = 0;
    (void)snprintf(path, sizeof path, "%s/../plugins", dirname(self));
    return setenv("SLUICE_PLUGIN_PATH", path, 1) == 0;
}

#endif

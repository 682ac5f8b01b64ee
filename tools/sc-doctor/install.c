/* The installation: tools, plugins and formats. */
#include "doctor.h"
#include "sc_plugin_host.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of this binary, without a slash at its end. */
static bool own_folder(char *dir, size_t dir_len)
{
    const ssize_t n = readlink("/proc/self/exe", dir, dir_len - 1);
    dir[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

/* The file that a shell would run for a name. */
static bool on_path(const char *name, char *path, size_t path_len)
{
    const char *p = getenv("PATH");
    for (; p && *p; p += *p == ':') {
        const size_t len = strcspn(p, ":");
        const int n = snprintf(path, path_len, "%.*s/%s", (int)len, p, name);
        if (n > 0 && (size_t)n < path_len && access(path, X_OK) == 0)
            return true;
        p += len;
    }
    return false;
}

static void look_at_path(doctor *d, const char *dir, const char *name, int *n_elsewhere)
{
    char own[PATH_MAX + 256], found[PATH_MAX];
    struct stat a, b;
    (void)snprintf(own, sizeof own, "%s/%s", dir, name);
    const bool is_found = on_path(name, found, sizeof found);
    if (is_found && stat(own, &a) == 0 && stat(found, &b) == 0 && a.st_dev == b.st_dev &&
        a.st_ino == b.st_ino)
        return;
    if (++*n_elsewhere > 1)
        return; /* one says enough */
    if (is_found)
        doctor_say(d, IS_NOTE, "PATH",
                   "the shell runs %s, not the one in %s; put that folder first", found, dir);
    else
        doctor_say(d, IS_NOTE, "PATH", "the shell does not find %s; add %s to PATH", name, dir);
}

void look_at_install(doctor *d)
{
    char dir[PATH_MAX];
    int n = 0, n_elsewhere = 0;
    DIR *folder = own_folder(dir, sizeof dir) ? opendir(dir) : NULL;
    if (!folder) {
        doctor_say(d, IS_NOTE, "sluice", "%s; its own folder can't be read", SC_VERSION);
        return;
    }
    const struct dirent *e;
    while ((e = readdir(folder)))
        if (strncmp(e->d_name, "sc-", 3) == 0 && !strchr(e->d_name, '.')) {
            n++;
            look_at_path(d, dir, e->d_name, &n_elsewhere);
        }
    closedir(folder);
    doctor_say(d, IS_OK, "sluice", "%s, %d tools in %s", SC_VERSION, n, dir);
}

static bool has(const sc_plugin_list *list, const char *name)
{
    for (int i = 0; i < list->n; i++)
        if (list->items[i].h.plugin && strcmp(list->items[i].name, name) == 0)
            return true;
    return false;
}

/* What every installation has. One that is there and does not load is told with its own reason. */
static void look_for(doctor *d, const sc_plugin_list *list, const char *kind,
                     const char *const *names)
{
    for (; *names; names++) {
        bool is_broken = false;
        for (int i = 0; i < list->n; i++)
            is_broken =
                is_broken || (list->items[i].why && strcmp(list->items[i].name, *names) == 0);
        if (has(list, *names) || is_broken)
            continue;
        doctor_say(d, IS_BAD, kind,
                   "%s is in none of the folders; install Sluice anew, or set SLUICE_PLUGIN_PATH",
                   *names);
        d->n_bad_plugins++;
    }
}

/* Of what can't be loaded the kind is not known: it is told once. */
static sc_status look_at_kind(doctor *d, const char *kind, bool with_broken,
                              const char *const *expected, sc_err *err)
{
    sc_plugin_list list;
    SC_TRY(sc_plugin_list_load(kind, &list, err));
    for (int i = 0; i < list.n; i++) {
        const sc_plugin_item *p = &list.items[i];
        if (p->h.plugin) {
            doctor_say(d, IS_OK, kind, "%-11s ABI %u  %s", p->name, p->h.plugin->abi, p->h.path);
        } else if (with_broken) {
            doctor_say(d, IS_BAD, "plugin", "%s; build it anew against this Sluice, or remove it",
                       p->why);
            d->n_bad_plugins++;
        }
    }
    look_for(d, &list, kind, expected);
    sc_plugin_list_free(&list);
    return SC_OK;
}

sc_status look_at_plugins(doctor *d, sc_err *err)
{
    static const char *const models[] = {"ldvae", "scanvi", "scvi", "totalvi", NULL};
    static const char *const formats[] = {"10x-h5", "csv", "h5ad", "loom", "mtx", NULL};
    sc_strs dirs = {0};
    int64_t n_named = 0;
    sc_status st = sc_plugin_folders(&dirs, &n_named, err);
    for (int64_t k = 0; k < n_named && st == SC_OK; k++)
        if (access(sc_strs_at(&dirs, k), R_OK | X_OK) != 0)
            doctor_say(d, IS_NOTE, "plugins", "SLUICE_PLUGIN_PATH names %s, which can't be read",
                       sc_strs_at(&dirs, k));
    sc_strs_free(&dirs);
    SC_TRY(st);
    SC_TRY(look_at_kind(d, SC_KIND_MODEL, false, models, err));
    return look_at_kind(d, SC_KIND_FORMAT, true, formats, err);
}

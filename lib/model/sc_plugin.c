#include "sc_plugin_host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sc_status push_folder(sc_strs *dirs, const char *dir, size_t len, sc_err *err)
{
    return len > 0 ? sc_strs_push(dirs, dir, len, err) : SC_OK;
}

sc_status sc_plugin_folders(sc_strs *dirs, int64_t *n_named, sc_err *err)
{
    const char *env = getenv("SLUICE_PLUGIN_PATH");
    for (const char *p = env; p && *p; p += *p == ':') {
        const size_t len = strcspn(p, ":");
        SC_TRY(push_folder(dirs, p, len, err));
        p += len;
    }
    *n_named = dirs->n;
    char exe[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 32);
    if (n > 0) {
        exe[n] = '\0';
        char *slash = strrchr(exe, '/');
        static const char *const beside[] = {"/../plugins", "/../formats", "/../lib/sluice/plugins",
                                             "/../lib/sluice/formats"};
        for (size_t k = 0; slash && k < sizeof beside / sizeof *beside; k++) {
            strcpy(slash, beside[k]);
            SC_TRY(push_folder(dirs, exe, strlen(exe), err));
        }
    }
    static const char *const installed[] = {SC_PREFIX "/lib/sluice/plugins",
                                            SC_PREFIX "/lib/sluice/formats"};
    for (size_t k = 0; k < 2; k++)
        SC_TRY(push_folder(dirs, installed[k], strlen(installed[k]), err));
    return SC_OK;
}

void sc_plugin_close(sc_plugin_handle *h)
{
    if (!h)
        return;
    if (h->dl)
        dlclose(h->dl);
    free(h->path);
    *h = (sc_plugin_handle){0};
}

static sc_status check(const sc_plugin *p, const char *path, sc_err *err)
{
    if (!p)
        return sc_fail(err, SC_EPLUGIN, "plugin '%s' can't be loaded: it has no sc_plugin_entry",
                       path);
    if (p->abi != SC_PLUGIN_ABI)
        return sc_fail(err, SC_EPLUGIN,
                       "plugin '%s' can't be loaded: it is built for plugin ABI %u, not %d", path,
                       p->abi, SC_PLUGIN_ABI);
    if (p->size < sizeof *p)
        return sc_fail(err, SC_EPLUGIN,
                       "plugin '%s' can't be loaded: its entry has %u bytes, fewer than %zu", path,
                       p->size, sizeof *p);
    if (!p->kind || !p->name || !p->impl || p->opts_size > SC_PLUGIN_OPTS_MAX)
        return sc_fail(err, SC_EPLUGIN, "plugin '%s' can't be loaded: its entry is not complete",
                       path);
    return SC_OK;
}

static sc_status load(const char *path, sc_plugin_handle *out, sc_err *err)
{
    sc_status st;
    *out = (sc_plugin_handle){0};
    out->path = strdup(path);
    if (!out->path)
        return sc_fail(err, SC_ENOMEM, "no memory for a plugin's path");
    /* it stays mapped: libraries that it brings keep state of threads and exit handlers */
    out->dl = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!out->dl) {
        const char *why = dlerror();
        st = sc_fail(err, SC_EPLUGIN, "plugin '%s' can't be loaded: %s", path,
                     why ? why : "no reason given");
        goto out;
    }
    out->plugin = dlsym(out->dl, "sc_plugin_entry");
    st = check(out->plugin, path, err);
out:
    if (st != SC_OK)
        sc_plugin_close(out);
    return st;
}

/* The name that a file of a folder gives to its plugin, or false. */
static bool plugin_name(const char *file, char *name, size_t cap)
{
    const size_t len = strlen(file);
    if (len <= 3 || file[0] == '.' || strcmp(file + len - 3, ".so") != 0 || len - 3 >= cap)
        return false;
    memcpy(name, file, len - 3);
    name[len - 3] = '\0';
    return true;
}

static sc_status add_item(sc_plugin_list *list, const char *kind, const char *path,
                          const char *name, sc_err *err)
{
    sc_err why = {0};
    sc_plugin_item item = {0};
    const sc_status st = load(path, &item.h, &why);
    if (st != SC_OK && st != SC_EPLUGIN) {
        *err = why;
        return st;
    }
    if (st == SC_OK && strcmp(item.h.plugin->kind, kind) != 0) {
        sc_plugin_close(&item.h);
        return SC_OK;
    }
    sc_status grown = sc_resize(&list->items, (size_t)list->n + 1, sizeof item, err);
    item.name = strdup(name);
    item.why = st == SC_OK ? NULL : strdup(why.msg);
    if (grown == SC_OK && (!item.name || (st != SC_OK && !item.why)))
        grown = sc_fail(err, SC_ENOMEM, "no memory for a list of plugins");
    if (grown != SC_OK) {
        sc_plugin_close(&item.h);
        free(item.name);
        free(item.why);
        return grown;
    }
    list->items[list->n++] = item;
    return SC_OK;
}

static bool has_item(const sc_plugin_list *list, const char *name)
{
    for (int k = 0; k < list->n; k++)
        if (strcmp(list->items[k].name, name) == 0)
            return true;
    return false;
}

static sc_status scan_folder(sc_plugin_list *list, const char *kind, const char *dir, sc_err *err)
{
    sc_status st = SC_OK;
    DIR *d = opendir(dir);
    if (!d)
        return SC_OK; /* most users have only one of the folders */
    const struct dirent *e;
    while (st == SC_OK && (e = readdir(d))) {
        char name[256], path[PATH_MAX];
        if (!plugin_name(e->d_name, name, sizeof name) || has_item(list, name))
            continue;
        const int len = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (len > 0 && (size_t)len < sizeof path)
            st = add_item(list, kind, path, name, err);
    }
    closedir(d);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const sc_plugin_item *)a)->name, ((const sc_plugin_item *)b)->name);
}

sc_status sc_plugin_list_load(const char *kind, sc_plugin_list *out, sc_err *err)
{
    sc_strs dirs = {0};
    int64_t n_named = 0;
    *out = (sc_plugin_list){0};
    sc_status st = sc_plugin_folders(&dirs, &n_named, err);
    for (int64_t k = 0; st == SC_OK && k < dirs.n; k++)
        st = scan_folder(out, kind, sc_strs_at(&dirs, k), err);
    if (st != SC_OK)
        sc_plugin_list_free(out);
    else if (out->n > 1)
        qsort(out->items, (size_t)out->n, sizeof *out->items, by_name);
    sc_strs_free(&dirs);
    return st;
}

void sc_plugin_list_free(sc_plugin_list *list)
{
    for (int k = 0; k < list->n; k++) {
        sc_plugin_close(&list->items[k].h);
        free(list->items[k].name);
        free(list->items[k].why);
    }
    free(list->items);
    *list = (sc_plugin_list){0};
}

/* The file of a name, in the first folder that has it; SC_END: nowhere. */
static sc_status find_path(const char *name, char *path, size_t cap, sc_err *err)
{
    if (strchr(name, '/')) {
        const int len = snprintf(path, cap, "%s", name);
        if (len < 0 || (size_t)len >= cap || access(path, R_OK) != 0)
            return sc_fail_errno(err, "plugin '%s'", name);
        return SC_OK;
    }
    sc_strs dirs = {0};
    int64_t n_named = 0;
    sc_status st = sc_plugin_folders(&dirs, &n_named, err);
    if (st == SC_OK)
        st = SC_END;
    for (int64_t k = 0; st == SC_END && k < dirs.n; k++) {
        const int len = snprintf(path, cap, "%s/%s.so", sc_strs_at(&dirs, k), name);
        if (len > 0 && (size_t)len < cap && access(path, F_OK) == 0)
            st = SC_OK;
    }
    sc_strs_free(&dirs);
    return st;
}

void sc_plugin_list_names(const sc_plugin_list *list, char *buf, size_t cap)
{
    buf[0] = '\0';
    for (int k = 0; k < list->n; k++) {
        const size_t used = strlen(buf);
        if (list->items[k].h.plugin)
            (void)snprintf(buf + used, cap - used, "%s%s", used ? ", " : "", list->items[k].name);
    }
}

static sc_status fail_unknown(const char *kind, const char *name, sc_err *err)
{
    sc_plugin_list list;
    sc_strs names = {0};
    char near[256] = "", all[256];
    const char *suffix = strrchr(name, '.');
    if (suffix && strcmp(suffix, ".so") == 0)
        return sc_fail(err, SC_EUSAGE,
                       "unknown %s '%s'; a plugin's file is named with its folder: './%s'", kind,
                       name, name);
    SC_TRY(sc_plugin_list_load(kind, &list, err));
    sc_plugin_list_names(&list, all, sizeof all);
    sc_status st = SC_OK;
    for (int k = 0; st == SC_OK && k < list.n; k++)
        if (list.items[k].h.plugin)
            st = sc_strs_push(&names, list.items[k].name, strlen(list.items[k].name), err);
    if (st == SC_OK) {
        sc_strs_near(&names, name, near, sizeof near);
        st = near[0]
                 ? sc_fail(err, SC_EUSAGE, "unknown %s '%s'; did you mean %s?", kind, name, near)
                 : sc_fail(err, SC_EUSAGE,
                           "unknown %s '%s'; is the folder of its plugin in "
                           "SLUICE_PLUGIN_PATH? found: %s",
                           kind, name, all[0] ? all : "none");
    }
    sc_strs_free(&names);
    sc_plugin_list_free(&list);
    return st;
}

sc_status sc_plugin_find(const char *kind, const char *name, sc_plugin_handle *out, sc_err *err)
{
    char path[PATH_MAX];
    *out = (sc_plugin_handle){0};
    const sc_status st = find_path(name, path, sizeof path, err);
    if (st == SC_END)
        return fail_unknown(kind, name, err);
    SC_TRY(st);
    SC_TRY(load(path, out, err));
    if (strcmp(out->plugin->kind, kind) != 0) {
        const char *is = out->plugin->kind;
        const sc_status wrong = sc_fail(err, strchr(name, '/') ? SC_EPLUGIN : SC_EUSAGE,
                                        "plugin '%s' is a %s, and a %s is wanted", name, is, kind);
        sc_plugin_close(out);
        return wrong;
    }
    return SC_OK;
}

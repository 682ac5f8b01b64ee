/*
 * Finding and loading plugins of any kind (sc_plugin.h).
 *
 * A name is looked for as NAME.so, first in the folders of $SLUICE_PLUGIN_PATH (colon-separated),
 * then beside the running tool: in a build tree ../plugins and ../formats of its folder, installed
 * ../lib/sluice/plugins and ../lib/sluice/formats; then in the same two of SC_PREFIX. A name with a
 * slash in it is a path.
 */
#ifndef SC_PLUGIN_HOST_H
#define SC_PLUGIN_HOST_H

#include "sc_data.h"
#include "sc_plugin.h"

/* A loaded plugin. plugin is lent until the close; models and formats must be closed before it. */
typedef struct sc_plugin_handle {
    const sc_plugin *plugin;
    char *path;
    void *dl;
} sc_plugin_handle;

/*
 * Loads the plugin of this kind and name. SC_EPLUGIN with the reason if it is there and can't be
 * loaded (wrong ABI number, too small a struct, not a plugin, undefined symbols) or is of another
 * kind; SC_EUSAGE with near names if it is nowhere.
 */
sc_status sc_plugin_find(const char *kind, const char *name, sc_plugin_handle *out,
                         sc_err *err) SC_MUST_CHECK;
void sc_plugin_close(sc_plugin_handle *h);

/* The folders that are searched, in this order, whether they are there or not; *n_named: how many
 * of them SLUICE_PLUGIN_PATH names. dirs is empty before. */
sc_status sc_plugin_folders(sc_strs *dirs, int64_t *n_named, sc_err *err) SC_MUST_CHECK;

/* All plugins that are found, of one kind; the first folder that has a name wins. What could not be
 * loaded is listed too (of any kind, since that is not known): plugin is NULL and why says so. */
typedef struct sc_plugin_item {
    sc_plugin_handle h;
    char *name; /* the file's name without .so */
    char *why;  /* a sentence, or NULL */
} sc_plugin_item;

typedef struct sc_plugin_list {
    int n;
    sc_plugin_item *items; /* sorted by name */
} sc_plugin_list;

/* out is newly made. SC_EIO, SC_ENOMEM; a plugin that can't be loaded is an item of the list. Who
 * keeps a handle clears it in the item before the list is freed. */
sc_status sc_plugin_list_load(const char *kind, sc_plugin_list *out, sc_err *err) SC_MUST_CHECK;
/* "ldvae, poisson, scvi" of those that load, as far as it fits; "" if none does. */
void sc_plugin_list_names(const sc_plugin_list *list, char *buf, size_t cap);
void sc_plugin_list_free(sc_plugin_list *list);

#endif

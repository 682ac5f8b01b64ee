/* sc-model list: the plugins that the tools would find. */
#include "model.h"

static void put(FILE *to, const char *kind, const sc_plugin_item *item)
{
    const sc_plugin *p = item->h.plugin;
    if (p)
        fprintf(to, "%s\t%s\tyes\t%s\t%s\n", kind, p->name, p->brief ? p->brief : "", item->h.path);
    else
        fprintf(to, "plugin\t%s\tno\t%s\t\n", item->name, item->why);
}

/* Of a plugin that can't be loaded the kind is not known, so it would stand in both lists. */
static sc_status put_all(FILE *to, const char *kind, bool with_broken, sc_err *err)
{
    sc_plugin_list list;
    SC_TRY(sc_plugin_list_load(kind, &list, err));
    for (int i = 0; i < list.n; i++)
        if (list.items[i].h.plugin || with_broken)
            put(to, kind, &list.items[i]);
    sc_plugin_list_free(&list);
    return SC_OK;
}

sc_status model_list(const model_opts *o, const char *const *operands, FILE *to, sc_err *err)
{
    (void)o;
    (void)operands;
    fputs("kind\tname\tloads\twhat\tpath\n", to);
    SC_TRY(put_all(to, SC_KIND_MODEL, false, err));
    return put_all(to, SC_KIND_FORMAT, true, err);
}

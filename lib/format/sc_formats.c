#include "sc_formats.h"

#include "sc_looks.h"
#include "sc_source.h"

#include <stdlib.h>

static bool can(const sc_formats *f, const sc_plugin *p)
{
    return f->is_writing ? sc_format_of(p)->create != NULL : sc_format_of(p)->open != NULL;
}

static const sc_param *params_of(const sc_formats *f, const sc_plugin *p)
{
    static const sc_param none[] = {SC_PARAM_END};
    const sc_param *rows = f->is_writing ? sc_format_of(p)->write_params : p->params;
    return rows && can(f, p) ? rows : none;
}

static sc_param *find_row(const sc_formats *f, const char *name)
{
    for (int k = 0; k < f->n_rows; k++)
        if (strcmp(f->rows[k].name, name) == 0)
            return &f->rows[k];
    return NULL;
}

/* "what it does (mtx, loom)": users must know which inputs an option is for. */
static sc_status name_format(char **doc, const char *text, const char *format, sc_err *err)
{
    char *longer;
    const size_t len = strlen(*doc ? *doc : text) + strlen(format) + 8;
    SC_TRY(sc_alloc(&longer, len, 1, err));
    if (*doc)
        (void)snprintf(longer, len, "%.*s, %s)", (int)strlen(*doc) - 1, *doc, format);
    else
        (void)snprintf(longer, len, "%s (%s)", text, format);
    free(*doc);
    *doc = longer;
    return SC_OK;
}

static sc_status add_params(sc_formats *f, const sc_plugin *p, sc_err *err)
{
    for (const sc_param *row = params_of(f, p); row->name; row++) {
        sc_param *known = find_row(f, row->name);
        if (!known) {
            known = &f->rows[f->n_rows];
            *known = *row;
            known->offset = (size_t)f->n_rows * sizeof *f->values;
            f->n_rows++;
        }
        char **doc = &f->docs[known - f->rows];
        SC_TRY(name_format(doc, row->doc, p->name, err));
        known->doc = *doc;
    }
    return SC_OK;
}

/* A format of an older, smaller contract is as good as one that can't be loaded. */
static void drop_old(sc_plugin_item *item)
{
    if (!item->h.plugin || sc_format_of(item->h.plugin)->size >= sizeof(sc_format))
        return;
    sc_plugin_close(&item->h);
    item->why = strdup("its sc_format is of an older contract");
}

sc_status sc_formats_load(sc_formats *f, sc_err *err)
{
    size_t n = 0;
    if (f->is_loaded)
        return SC_OK;
    f->is_loaded = true;
    SC_TRY(sc_plugin_list_load(SC_KIND_FORMAT, &f->list, err));
    for (int k = 0; k < f->list.n; k++) {
        drop_old(&f->list.items[k]);
        const sc_plugin *p = f->list.items[k].h.plugin;
        for (const sc_param *row = p ? params_of(f, p) : NULL; row && row->name; row++)
            n++;
    }
    sc_status st;
    SC_GOTO(st, sc_alloc(&f->rows, n + 1, sizeof *f->rows, err), out);
    SC_GOTO(st, sc_alloc(&f->docs, n + 1, sizeof *f->docs, err), out);
    SC_GOTO(st, sc_alloc(&f->values, n + 1, sizeof *f->values, err), out);
    SC_GOTO(st, sc_alloc(&f->defaults, n + 1, sizeof *f->defaults, err), out);
    for (int k = 0; k < f->list.n; k++)
        if (f->list.items[k].h.plugin)
            SC_GOTO(st, add_params(f, f->list.items[k].h.plugin, err), out);
    sc_params_default(f->rows, f->defaults);
out:
    if (st != SC_OK)
        sc_formats_free(f);
    return st;
}

void sc_formats_free(sc_formats *f)
{
    for (int k = 0; k < f->n_rows; k++)
        free(f->docs[k]);
    free(f->docs);
    free(f->rows);
    free(f->values);
    free(f->defaults);
    sc_plugin_list_free(&f->list);
    *f = (sc_formats){0};
}

sc_status sc_formats_pick(void *ctx, const char *value, sc_cli_extra *extra, sc_err *err)
{
    (void)value; /* what is given too much is found once the input's format is known */
    sc_formats *f = ctx;
    if (!extra->is_asked)
        return SC_OK;
    SC_TRY(sc_formats_load(f, err));
    *extra = (sc_cli_extra){.title = f->is_writing ? "Formats that are written"
                                                   : "Formats that are read",
                            .params = f->rows,
                            .opts = f->values};
    return SC_OK;
}

/* "csv, h5ad, mtx", as far as it fits. */
static void list_names(const sc_formats *f, char *buf, size_t cap)
{
    buf[0] = '\0';
    for (int k = 0; k < f->list.n; k++) {
        const size_t used = strlen(buf);
        if (f->list.items[k].h.plugin && can(f, f->list.items[k].h.plugin))
            (void)snprintf(buf + used, cap - used, "%s%s", used ? ", " : "", f->list.items[k].name);
    }
}

static const char *first_reason(const sc_formats *f)
{
    for (int k = 0; k < f->list.n; k++)
        if (f->list.items[k].why)
            return f->list.items[k].why;
    return NULL;
}

sc_status sc_formats_find(const sc_formats *f, const char *name, const sc_plugin **out, sc_err *err)
{
    char names[256];
    for (int k = 0; k < f->list.n; k++) {
        const sc_plugin_item *item = &f->list.items[k];
        if (strcmp(item->name, name) != 0)
            continue;
        if (item->why)
            return sc_fail(err, SC_EPLUGIN, "%s", item->why);
        *out = item->h.plugin;
        if (can(f, *out))
            return SC_OK;
    }
    list_names(f, names, sizeof names);
    return sc_fail(err, SC_EUSAGE, "there is no format '%s' to %s; there are %s", name,
                   f->is_writing ? "write" : "read", names);
}

/* Compressed still, where sc_source has tried to look inside: cut before its first block ended. */
static bool is_packed(const sc_source *src)
{
    static const struct {
        unsigned char bytes[4];
        size_t n;
    } magic[] = {{{0x1f, 0x8b}, 2}, {{0x28, 0xb5, 0x2f, 0xfd}, 4}, {"BZh", 3}, {"\xfd\x37zX", 4}};
    for (size_t k = 0; k < sizeof magic / sizeof magic[0] && !src->is_dir; k++)
        if (src->text_len >= magic[k].n && memcmp(src->text, magic[k].bytes, magic[k].n) == 0)
            return true;
    return false;
}

sc_status sc_formats_sniff(const sc_formats *f, sc_source *src, const sc_plugin **out, sc_err *err)
{
    int best = 0;
    *out = NULL;
    for (int k = 0; k < f->list.n; k++) {
        const sc_plugin *p = f->list.items[k].h.plugin;
        if (!p || !can(f, p) || !sc_format_of(p)->probe)
            continue;
        if (src->is_dir && !(sc_format_of(p)->flags & SC_FORMAT_DIRS))
            continue;
        const int score = sc_format_of(p)->probe(src);
        if (score <= best)
            continue;
        best = score;
        *out = p;
    }
    if (!*out) {
        char names[256];
        list_names(f, names, sizeof names);
        const char *why = first_reason(f);
        if (is_packed(src))
            return sc_fail(err, SC_EFORMAT, "%s: compressed, and cut or damaged", src->name);
        if (why)
            return sc_fail(err, SC_EPLUGIN, "%s: not of a format that could be loaded (%s); %s",
                           src->name, names, why);
        const char *kind = src->is_dir ? NULL : sc_looks_like(src->text, src->text_len);
        return sc_fail(err, SC_EFORMAT, "%s: not of a known format (%s)%s%s%s", src->name, names,
                       kind ? "; it is " : "", kind ? kind : "",
                       kind && src->text != src->head ? ", and compressed" : "");
    }
    if (src->path || !(sc_format_of(*out)->flags & SC_FORMAT_SEEKS))
        return SC_OK;
    SC_TRY(sc_source_spool(src, err));
    return sc_formats_sniff(f, src, out, err);
}

/* Whether name ends in one of "h5ad|csv.gz|/", after a dot; the length of that. */
static size_t match_suffix(const char *suffixes, const char *name)
{
    size_t best = 0;
    const size_t len = strlen(name);
    for (const char *s = suffixes; *s; s += *s == '|') {
        const size_t n = strcspn(s, "|");
        const bool is_folder = n == 1 && *s == '/';
        if (n < len && memcmp(name + len - n, s, n) == 0 &&
            (is_folder || name[len - n - 1] == '.') && n > best)
            best = n;
        s += n;
    }
    return best;
}

bool sc_formats_makes_folder(const sc_plugin *p, const char *name)
{
    const char *suffixes = sc_format_of(p)->suffixes;
    if (!suffixes || strcmp(name, "-") == 0)
        return false;
    const size_t n = match_suffix(suffixes, name);
    return n > 0 ? name[strlen(name) - 1] == '/' : match_suffix(suffixes, "folder/") > 0;
}

sc_status sc_formats_by_suffix(const sc_formats *f, const char *name, const sc_plugin **out,
                               sc_err *err)
{
    size_t best = 0;
    for (int k = 0; k < f->list.n; k++) {
        const sc_plugin *p = f->list.items[k].h.plugin;
        if (!p || !can(f, p) || !sc_format_of(p)->suffixes)
            continue;
        const size_t n = match_suffix(sc_format_of(p)->suffixes, name);
        if (n > best) {
            best = n;
            *out = p;
        }
    }
    if (best > 0)
        return SC_OK;
    char names[256];
    list_names(f, names, sizeof names);
    return sc_fail(err, SC_EUSAGE, "the name '%s' says no format; --format says it (%s)", name,
                   names);
}

static void copy_value(const sc_param *row, const sc_format_value *from, char *to)
{
    static const size_t sizes[] = {
        [SC_PARAM_BOOL] = sizeof(bool),           [SC_PARAM_INT] = sizeof(int64_t),
        [SC_PARAM_REAL] = sizeof(double),         [SC_PARAM_CHOICE] = sizeof(int),
        [SC_PARAM_STRING] = sizeof(const char *), [SC_PARAM_LIST] = sizeof(sc_param_list),
        [SC_PARAM_SIZE] = sizeof(int64_t),        [SC_PARAM_FLAG] = sizeof(int)};
    memcpy(to + row->offset, from, sizes[row->type]);
}

sc_status sc_formats_no_opts(const sc_formats *f, sc_err *err)
{
    for (int k = 0; k < f->n_rows; k++)
        if (memcmp(&f->values[k], &f->defaults[k], sizeof f->values[k]) != 0)
            return sc_fail(err, SC_EUSAGE, "--%s is for other formats than scz", f->rows[k].name);
    return SC_OK;
}

sc_status sc_formats_opts(const sc_formats *f, const sc_plugin *p, sc_format_opts *opts,
                          sc_err *err)
{
    const sc_param *own = params_of(f, p);
    *opts = (sc_format_opts){0};
    sc_params_default(own, opts);
    for (int k = 0; k < f->n_rows; k++) {
        const sc_param *row = own;
        while (row->name && strcmp(row->name, f->rows[k].name) != 0)
            row++;
        if (row->name && row->type == f->rows[k].type)
            copy_value(row, &f->values[k], opts->bytes);
        else if (memcmp(&f->values[k], &f->defaults[k], sizeof f->values[k]) != 0)
            return sc_fail(err, SC_EUSAGE, "--%s is no option of format '%s'", f->rows[k].name,
                           p->name);
    }
    return SC_OK;
}

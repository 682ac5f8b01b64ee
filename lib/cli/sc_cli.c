#include "sc_cli_impl.h"
#include "sc_data.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What sc_cli_free gives back: the operands and the arrays of list options. */
typedef struct owned {
    struct owned *next;
    void *ptr;
} owned;

static const sc_param meta_rows[] = {
    SC_BOOL(sc_cli_meta, help_all, "help-all", 0, "show every option"), /* where --help does not, */
    {SC_PARAM_BOOL, "help", offsetof(sc_cli_meta, help), 0, 0, 1, NULL, "show this and leave", 'h'},
    SC_BOOL(sc_cli_meta, version, "version", 0, "show the version and leave"),
    SC_BOOL(sc_cli_meta, help_mdoc, "help-mdoc", 0, NULL),
    SC_BOOL(sc_cli_meta, help_complete, "help-complete", 0, NULL),
    SC_BOOL(sc_cli_meta, help_complete_zsh, "help-complete-zsh", 0, NULL),
    SC_BOOL(sc_cli_meta, help_words, "help-words", 0, NULL),
    SC_BOOL(sc_cli_meta, help_all, "help-all", 0, NULL), /* and where it does, taken all the same */
    SC_PARAM_END};

static const struct {
    unsigned flag; /* 0: every tool */
    sc_param row;
} common_rows[] = {
    {SC_TOOL_OUTPUT,
     {SC_PARAM_STRING, "output", offsetof(sc_common, output), 0, 0, 0, "FILE",
      "write here, whole or not at all; without it to stdout", 'o'}},
    {SC_TOOL_THREADS,
     {SC_PARAM_INT, "threads", offsetof(sc_common, n_threads), 0, 0, 1024, "N",
      "threads; 0: as many as there are cores; the result is the same", '@'}},
    {SC_TOOL_SEED, SC_INT(sc_common, seed, "seed", 0, 0, 9.2e18, "seed of all random numbers")},
    {SC_TOOL_PG, SC_BOOL(sc_common, no_pg, "no-PG", 0, "leave out the provenance record")},
    {0,
     {SC_PARAM_BOOL, "quiet", offsetof(sc_common, quiet), 0, 0, 1, NULL, "errors only on stderr",
      'q'}},
    {SC_TOOL_VERBOSE,
     {SC_PARAM_BOOL, "verbose", offsetof(sc_common, verbose), 0, 0, 1, NULL, "say more on stderr",
      'v'}},
};

static void add_section(sc_cli *c, const char *title, const sc_param *params, void *opts)
{
    if (params && params->name)
        c->sections[c->n_sections++] =
            (sc_cli_section){.title = title, .params = params, .opts = opts};
}

/* The tool's own rows come first, so that they win where a plugin uses a name again. */
static void make_sections(sc_cli *c, const sc_tool *t, void *opts)
{
    int n = 0;
    c->tool = t;
    for (size_t i = 0; i < sizeof common_rows / sizeof common_rows[0]; i++)
        if (!common_rows[i].flag || (t->flags & common_rows[i].flag))
            c->common[n++] = common_rows[i].row;
    c->common[n] = (sc_param)SC_PARAM_END;
    add_section(c, "options", t->params, opts);
    add_section(c, "common options", c->common, opts);
    add_section(c, NULL, meta_rows + (t->screen ? 0 : 1), &c->meta);
}

static bool is_same_name(const char *row, const char *given, size_t len)
{
    size_t i = 0;
    for (; i < len && row[i]; i++)
        if (row[i] != given[i] && !(row[i] == '-' && given[i] == '_') &&
            !(row[i] == '_' && given[i] == '-'))
            return false;
    return i == len && !row[i];
}

static const sc_param *find_in(const sc_param *params, const char *name, size_t len)
{
    for (const sc_param *p = params; p && p->name; p++)
        if (is_same_name(p->name, name, len))
            return p;
    return NULL;
}

static const sc_param *find_long(const sc_cli *c, const char *name, size_t len, void **opts)
{
    for (int i = 0; i < c->n_sections; i++) {
        const sc_param *p = find_in(c->sections[i].params, name, len);
        if (p) {
            *opts = c->sections[i].opts;
            return p;
        }
    }
    return NULL;
}

static const sc_param *find_short(const sc_cli *c, char letter, void **opts)
{
    for (int i = 0; i < c->n_sections; i++)
        for (const sc_param *p = c->sections[i].params; p->name; p++)
            if (p->short_name == letter) {
                *opts = c->sections[i].opts;
                return p;
            }
    return NULL;
}

/* Names are compared without their dashes, which would make all of them alike, and shown with them.
 */
static void near_names(const sc_cli *c, const char *name, char *buf, size_t buf_len)
{
    sc_strs names = {0};
    sc_status st = SC_OK;
    char bare[256] = "";
    for (int i = 0; i < c->n_sections; i++)
        for (const sc_param *p = c->sections[i].params; p->name && st == SC_OK; p++)
            if (p->doc)
                st = sc_strs_push(&names, p->name, strlen(p->name), NULL);
    if (st == SC_OK)
        sc_strs_near(&names, name, bare, sizeof bare);
    sc_strs_free(&names);

    size_t used = 0;
    bool opens = false;
    for (const char *s = bare; *s && used + 4 < buf_len; s++) {
        buf[used++] = *s;
        opens = opens != (*s == '\'');
        if (*s == '\'' && opens) {
            buf[used++] = '-';
            buf[used++] = '-';
        }
    }
    buf[used] = '\0';
}

static sc_status unknown_option(const sc_cli *c, const char *arg, size_t len, sc_err *err)
{
    char name[128], near[272];
    (void)snprintf(name, sizeof name, "%.*s", (int)(len < 127 ? len : 127), arg);
    near_names(c, name + 2, near, sizeof near);
    if (near[0])
        return sc_fail(err, SC_EUSAGE, "unknown option '%s'; did you mean %s?", name, near);
    return sc_fail(err, SC_EUSAGE, "unknown option '%s'; --help lists those there are", name);
}

/* arg begins with "--"; *i moves on when the value is the next argument. */
static sc_status parse_long(sc_cli *c, int argc, char **argv, int *i, sc_err *err)
{
    const char *arg = argv[*i], *name = arg + 2;
    const size_t len = strcspn(name, "=");
    const char *value = name[len] ? name + len + 1 : NULL;
    void *opts = NULL;
    const sc_param *p = find_long(c, name, len, &opts);
    if (!p && len > 3 && strncmp(name, "no", 2) == 0 && (name[2] == '-' || name[2] == '_')) {
        p = find_long(c, name + 3, len - 3, &opts);
        if (!p || sc_param_takes_value(p) || opts == (void *)&c->meta)
            return unknown_option(c, arg, len + 2, err);
        if (value)
            return sc_fail(err, SC_EUSAGE, "option '--no-%s' takes no value", p->name);
        return sc_param_set(p, opts, "false", err);
    }
    if (!p)
        return unknown_option(c, arg, len + 2, err);
    if (!value && !sc_param_takes_value(p))
        value = "true";
    if (!value) {
        if (*i + 1 >= argc)
            return sc_fail(err, SC_EUSAGE, "option '--%s' needs a value", p->name);
        value = argv[++*i];
    }
    return sc_param_set(p, opts, value, err);
}

/* "-n5", "-n 5", "-qv". */
static sc_status parse_short(sc_cli *c, int argc, char **argv, int *i, sc_err *err)
{
    for (const char *s = argv[*i] + 1; *s; s++) {
        void *opts = NULL;
        const sc_param *p = find_short(c, *s, &opts);
        if (!p)
            return sc_fail(err, SC_EUSAGE, "unknown option '-%c'; --help lists those there are",
                           *s);
        if (!sc_param_takes_value(p)) {
            SC_TRY(sc_param_set(p, opts, "true", err));
            continue;
        }
        if (s[1])
            return sc_param_set(p, opts, s + 1, err);
        if (*i + 1 >= argc)
            return sc_fail(err, SC_EUSAGE, "option '-%c' needs a value", *s);
        return sc_param_set(p, opts, argv[++*i], err);
    }
    return SC_OK;
}

static sc_status print_meta(const sc_cli *c, sc_err *err)
{
    if (c->meta.help || c->meta.help_all)
        return sc_cli_print_help(c, err);
    if (c->meta.help_mdoc)
        return sc_cli_print_mdoc(c, err);
    if (c->meta.help_complete)
        return sc_cli_print_bash(c, err);
    if (c->meta.help_complete_zsh)
        return sc_cli_print_zsh(c, err);
    if (c->meta.help_words)
        return sc_cli_print_words(c, err);
    if (printf("%s (sluice) %s\n", c->tool->name, SC_VERSION) < 0 || fflush(stdout) != 0)
        return sc_fail_errno(err, "stdout");
    return SC_OK;
}

static bool asks_meta(const sc_cli *c)
{
    const sc_cli_meta *m = &c->meta;
    return m->help || m->help_all || m->version || m->help_mdoc || m->help_complete ||
           m->help_complete_zsh || m->help_words;
}

static sc_status check_operands(const sc_tool *t, const sc_common *common, sc_err *err)
{
    const char *usage = t->operands ? t->operands : "";
    if (common->n_operands < t->min_operands)
        return sc_fail(err, SC_EUSAGE, "an operand is missing: usage is '%s [options] %s'", t->name,
                       usage);
    if (t->max_operands >= 0 && common->n_operands > t->max_operands)
        return sc_fail(err, SC_EUSAGE, "unexpected operand '%s': usage is '%s [options]%s%s'",
                       common->operands[t->max_operands], t->name, *usage ? " " : "", usage);
    for (int i = 0; i < common->n_operands; i++)
        if (!*common->operands[i])
            return sc_fail(err, SC_EUSAGE, "operand %d is empty: usage is '%s [options] %s'", i + 1,
                           t->name, usage);
    return SC_OK;
}

static sc_status parse_all(sc_cli *c, sc_common *common, int argc, char **argv, sc_err *err)
{
    bool only_operands = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (only_operands || arg[0] != '-' || !arg[1])
            common->operands[common->n_operands++] = arg;
        else if (strcmp(arg, "--") == 0)
            only_operands = true;
        else if (arg[1] == '-')
            SC_TRY(parse_long(c, argc, argv, &i, err));
        else
            SC_TRY(parse_short(c, argc, argv, &i, err));
        if (asks_meta(c)) {
            const sc_status st = print_meta(c, err);
            return st == SC_OK ? SC_END : st;
        }
    }
    return check_operands(c->tool, common, err);
}

/*
 * The value of one option, found before the table that it chooses is known: an option that is not
 * in the tables yet is passed over, its value then looks like an operand and is passed over too.
 */
static const char *peek(const sc_cli *c, const char *name, int argc, char **argv, bool *wants_help,
                        bool *is_asked)
{
    const char *value = NULL;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *arg = argv[i];
        void *opts = NULL;
        if (arg[0] != '-' || !arg[1])
            continue;
        const bool is_long = arg[1] == '-';
        const size_t len = is_long ? strcspn(arg + 2, "=") : 1;
        const sc_param *p =
            is_long ? find_long(c, arg + 2, len, &opts) : find_short(c, arg[1], &opts);
        if (!p || !sc_param_takes_value(p)) {
            const bool is_meta = p && opts == (const void *)&c->meta;
            *wants_help = *wants_help || is_meta;
            *is_asked = *is_asked || !p || is_meta || (!is_long && arg[2]); /* -qx: whose is x? */
            continue;
        }
        const char *rest =
            is_long ? (arg[2 + len] ? arg + len + 3 : NULL) : (arg[2] ? arg + 2 : NULL);
        if (!rest)
            rest = i + 1 < argc ? argv[++i] : NULL;
        if (is_same_name(p->name, name, strlen(name)))
            value = rest;
    }
    return value;
}

static sc_status own(sc_common *common, void *ptr, sc_err *err)
{
    owned *o = NULL;
    SC_TRY(sc_alloc(&o, 1, sizeof *o, err));
    *o = (owned){common->owned, ptr};
    common->owned = o;
    return SC_OK;
}

static sc_status own_lists(const sc_cli *c, sc_common *common, sc_err *err)
{
    sc_status st = SC_OK;
    for (int i = 0; i < c->n_sections; i++)
        for (const sc_param *p = c->sections[i].params; p->name; p++) {
            sc_param_list *list = (void *)((char *)c->sections[i].opts + p->offset);
            if (p->type == SC_PARAM_LIST && list->items && st == SC_OK)
                st = own(common, list->items, err);
        }
    return st;
}

sc_status sc_cli_parse_with(const sc_tool *t, void *opts, const char *pick_name, sc_cli_pick pick,
                            void *ctx, int argc, char **argv, sc_err *err)
{
    sc_cli c = {0};
    sc_common *common = opts;
    sc_cli_extra extra = {0};
    memset(opts, 0, t->opts_size);
    sc_cli_hold_fds();
    /* A pipe closed by its reader is then an error that write() reports, and ends the tool quietly;
     * so is a file above the limit that a scheduler set, which is said. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    if (t->flags & SC_TOOL_FLOW) { /* or each block's pages are given back, and cleared anew */
        (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
        (void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
    }
    make_sections(&c, t, opts);
    for (int i = 0; i < c.n_sections; i++)
        sc_params_default(c.sections[i].params, c.sections[i].opts);
    common->argc = argc;
    common->argv = argv;
    SC_TRY(sc_alloc(&common->operands, (size_t)argc + 1, sizeof *common->operands, err));
    SC_TRY(own(common, common->operands, err));
    if (pick) {
        bool wants_help = false;
        const char *value = peek(&c, pick_name, argc, argv, &wants_help, &extra.is_asked);
        c.pick_name = pick_name;
        c.has_pick = value != NULL;
        const sc_status st = pick(ctx, value, &extra, err);
        if (st == SC_OK && extra.params) {
            sc_params_default(extra.params, extra.opts);
            add_section(&c, extra.title, extra.params, extra.opts);
            c.sections[c.n_sections - 1].is_picked = true;
        } else if (st != SC_OK && (value || !wants_help)) {
            return st;
        }
    }
    const sc_status st = parse_all(&c, common, argc, argv, err);
    const sc_status st_own = own_lists(&c, common, err);
    return st == SC_OK ? st_own : st;
}

sc_status sc_cli_parse(const sc_tool *t, void *opts, int argc, char **argv, sc_err *err)
{
    return sc_cli_parse_with(t, opts, NULL, NULL, NULL, argc, argv, err);
}

sc_status sc_params_set(const sc_param *params, void *opts, const char *name, const char *value,
                        sc_err *err)
{
    const sc_param *p = find_in(params, name, strlen(name));
    if (!p)
        return sc_fail(err, SC_EUSAGE, "unknown option '--%s'", name);
    return sc_param_set(p, opts, value, err);
}

void sc_cli_free(void *opts)
{
    sc_common *common = opts;
    for (owned *o = common->owned; o;) {
        owned *next = o->next;
        free(o->ptr);
        free(o);
        o = next;
    }
    common->owned = NULL;
    common->operands = NULL;
    common->n_operands = 0;
}

void sc_cli_note(const sc_tool *t, const void *opts, const char *fmt, ...)
{
    char note[SC_ERR_MAX];
    va_list ap;
    if (((const sc_common *)opts)->quiet)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(note, sizeof note, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "%s: %s\n", t->name,
                  note); /* one write, so that tools in a pipe don't mix */
}

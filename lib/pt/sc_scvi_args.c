#include "sc_scvi_args.h"

#include "sc_cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { PATH_MAX_LEN = 128 };

static const sc_scvi_arg no_args[] = {SC_SCVI_ARGS_END};

static const sc_scvi_arg *table_of(const sc_net *net)
{
    const sc_model *m = net->model;
    const bool has = m->size >= offsetof(sc_model, scvi_args) + sizeof m->scvi_args;
    return has && m->scvi_args ? m->scvi_args : no_args;
}

static void underscored(char *to, const char *name)
{
    (void)snprintf(to, PATH_MAX_LEN, "%s", name);
    for (char *c = to; *c; c++)
        *c = *c == '-' ? '_' : *c;
}

/* The row that writes an option, or one that says its own name. */
static sc_scvi_arg arg_of(const sc_net *net, const sc_param *p, char *own_name)
{
    for (const sc_scvi_arg *a = table_of(net); a->path; a++)
        if (a->option && a->form != SC_SCVI_SWITCH && a->form != SC_SCVI_SINCE &&
            strcmp(a->option, p->name) == 0)
            return *a;
    underscored(own_name, p->name);
    return (sc_scvi_arg)SC_SCVI_KWARG(p->name, own_name, SC_SCVI_VALUE);
}

static const sc_pt_value *value_at(const sc_pt *pt, const char *path)
{
    char first[PATH_MAX_LEN];
    const size_t n = strcspn(path, "/");
    (void)snprintf(first, sizeof first, "%.*s", (int)n, path);
    const sc_pt_value *v = sc_pt_init_param(pt, first);
    return path[n] ? sc_pt_get(v, path + n + 1) : v;
}

/* Letters and digits alone: LeakyReLU and leaky-relu are the same word. */
static void squash(char *to, size_t size, const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n + 1 < size; i++)
        if (isalnum((unsigned char)s[i]))
            to[n++] = (char)tolower((unsigned char)s[i]);
    to[n] = '\0';
}

/* The choice that is meant by "torch.nn.modules.activation LeakyReLU"; -1: none. */
static int choice_of(const sc_param *p, const char *class_name)
{
    char want[64], have[64];
    const char *word = strrchr(class_name, ' ');
    word = word ? word + 1 : class_name;
    squash(want, sizeof want, word, strlen(word));
    size_t len = 0;
    const char *s;
    for (int i = 0; (s = sc_param_choice_at(p, i, &len)); i++) {
        squash(have, sizeof have, s, len);
        if (strcmp(have, want) == 0)
            return i;
    }
    return -1;
}

static sc_status bad_value(const sc_scvi_arg *a, const sc_param *p, const char *shown, sc_err *err)
{
    return sc_fail(err, SC_EFORMAT,
                   "argument '%s' of the model is %s, which option '--%s' can't be", a->path, shown,
                   p->name);
}

static sc_status read_word(const sc_scvi_arg *a, const sc_param *p, const sc_pt_value *v,
                           int *field, sc_err *err)
{
    const char *name = sc_pt_class_name(v);
    bool is_on = true;
    if (a->form == SC_SCVI_SWITCH) {
        size_t len;
        if (!sc_pt_as_bool(v, &is_on))
            return bad_value(a, p, "no bool", err);
        for (int i = 0; !is_on && sc_param_choice_at(p, i, &len); i++)
            *field = i;
        return SC_OK;
    }
    const int choice = name ? choice_of(p, name) : -1;
    if (choice < 0)
        return bad_value(a, p, name ? name : "of another kind", err);
    *field = choice;
    return SC_OK;
}

static sc_status read_arg(sc_net *net, const sc_scvi_arg *a, const sc_param *p,
                          const sc_pt_value *v, sc_err *err)
{
    char text[64];
    const char *s = sc_pt_as_text(v);
    bool b;
    double x;
    if (sc_pt_kind_of(v) == SC_PT_NONE)
        return SC_OK; /* not given, or the default by another name */
    if (a->form != SC_SCVI_VALUE)
        return read_word(a, p, v, (int *)(void *)((char *)net->opts + p->offset), err);
    if (!s && sc_pt_kind_of(v) == SC_PT_BOOL && sc_pt_as_bool(v, &b))
        s = b ? "true" : "false";
    else if (!s && sc_pt_as_real(v, &x)) {
        (void)snprintf(text, sizeof text, "%.17g", x);
        s = text;
    }
    if (!s)
        return bad_value(a, p, "of another kind", err);
    const sc_status st = sc_params_set(net->handle.plugin->params, net->opts, p->name, s, err);
    return st == SC_OK ? SC_OK : sc_err_prefix(err, SC_EFORMAT, "argument '%s'", a->path);
}

static bool is_path(const sc_net *net, const char *path)
{
    char own[PATH_MAX_LEN];
    const size_t n = strlen(path);
    for (const sc_scvi_arg *a = table_of(net); a->path; a++)
        if (strncmp(a->path, path, n) == 0 && (!a->path[n] || a->path[n] == '/'))
            return true;
    for (const sc_param *p = net->handle.plugin->params; p && p->name; p++) {
        underscored(own, p->name);
        if (strcmp(own, path) == 0)
            return true;
    }
    return false;
}

static bool is_ignored(const sc_net *net, const char *path)
{
    for (const sc_scvi_arg *a = table_of(net); a->path; a++)
        if (!a->option && strcmp(a->path, path) == 0)
            return true;
    return false;
}

/* Every argument of a dict must mean something here: what is left unread might change the model. */
static sc_status check_known(const sc_net *net, const char *in, const sc_pt_value *dict,
                             sc_err *err)
{
    char path[PATH_MAX_LEN];
    for (size_t i = 0; i < sc_pt_len(dict); i++) {
        const char *key = sc_pt_as_text(sc_pt_key(dict, i));
        const sc_pt_value *v = sc_pt_item(dict, i);
        (void)snprintf(path, sizeof path, "%s%s%s", in, *in ? "/" : "", key ? key : "");
        if (sc_pt_kind_of(v) == SC_PT_NONE || is_ignored(net, path))
            continue;
        if (!key || !is_path(net, path))
            return sc_fail(err, SC_EFORMAT, "argument '%s' of the model is unknown here", path);
        if (sc_pt_kind_of(v) == SC_PT_DICT && !*in)
            SC_TRY(check_known(net, path, v, err));
    }
    return SC_OK;
}

/* 1.10.2 is not before 1.9; a file that does not say is of the newest version. */
static bool is_before(const char *version, const char *since)
{
    int have[3] = {0}, want[3] = {0}, k = 0;
    if (!version || sscanf(version, "%d.%d.%d", &have[0], &have[1], &have[2]) < 1 ||
        sscanf(since, "%d.%d.%d", &want[0], &want[1], &want[2]) < 1)
        return false;
    while (k < 2 && have[k] == want[k])
        k++;
    return have[k] < want[k];
}

/* false, or the last choice: what an option was before it came to be. */
static void take_old(const sc_param *p, void *field)
{
    size_t len;
    if (p->type == SC_PARAM_BOOL)
        *(bool *)field = false;
    for (int i = 0; p->type == SC_PARAM_CHOICE && sc_param_choice_at(p, i, &len); i++)
        *(int *)field = i;
}

/* The rows of an option that are only read. */
static sc_status read_more(sc_net *net, const sc_pt *pt, const sc_param *p, const sc_pt_value *said,
                           sc_err *err)
{
    for (const sc_scvi_arg *s = table_of(net); s->path; s++) {
        if (!s->option || strcmp(s->option, p->name) != 0)
            continue;
        if (s->form == SC_SCVI_SWITCH)
            SC_TRY(read_arg(net, s, p, value_at(pt, s->path), err));
        if (s->form == SC_SCVI_SINCE && sc_pt_kind_of(said) == SC_PT_NONE &&
            is_before(sc_pt_get_registry(pt)->scvi_version, s->path))
            take_old(p, (char *)net->opts + p->offset);
    }
    return SC_OK;
}

sc_status sc_scvi_args_read(sc_net *net, const sc_pt *pt, sc_err *err)
{
    char own[PATH_MAX_LEN];
    const sc_scvi_arg *table = table_of(net);
    for (const sc_param *p = net->handle.plugin->params; p && p->name; p++) {
        const sc_scvi_arg a = arg_of(net, p, own);
        const sc_pt_value *said = a.form == SC_SCVI_OURS ? NULL : value_at(pt, a.path);
        SC_TRY(read_arg(net, &a, p, said, err));
        SC_TRY(read_more(net, pt, p, said, err));
    }
    if (table == no_args)
        return SC_OK;
    SC_TRY(check_known(net, "", sc_pt_find(pt, "attr_dict/init_params_/non_kwargs"), err));
    const sc_pt_value *more = sc_pt_find(pt, "attr_dict/init_params_/kwargs");
    for (size_t i = 0; i < sc_pt_len(more); i++)
        SC_TRY(check_known(net, "", sc_pt_item(more, i), err));
    return SC_OK;
}

/* Names that torch's unpickler finds. */
static const struct {
    sc_scvi_form form;
    const char *word, *module, *name;
} torch_names[] = {
    {SC_SCVI_CLASS, "relu", "torch.nn.modules.activation", "ReLU"},
    {SC_SCVI_CLASS, "leaky-relu", "torch.nn.modules.activation", "LeakyReLU"},
    {SC_SCVI_CLASS, "silu", "torch.nn.modules.activation", "SiLU"},
    {SC_SCVI_CLASS, "gelu", "torch.nn.modules.activation", "GELU"},
    {SC_SCVI_CLASS, "elu", "torch.nn.modules.activation", "ELU"},
    {SC_SCVI_CLASS, "tanh", "torch.nn.modules.activation", "Tanh"},
    {SC_SCVI_CLASS, "sigmoid", "torch.nn.modules.activation", "Sigmoid"},
    {SC_SCVI_CLASS, "softplus", "torch.nn.modules.activation", "Softplus"},
    {SC_SCVI_CLASS, "selu", "torch.nn.modules.activation", "SELU"},
    {SC_SCVI_CLASS, "celu", "torch.nn.modules.activation", "CELU"},
    {SC_SCVI_CLASS, "mish", "torch.nn.modules.activation", "Mish"},
    {SC_SCVI_CLASS, "softsign", "torch.nn.modules.activation", "Softsign"},
    {SC_SCVI_CLASS, "hardswish", "torch.nn.modules.activation", "Hardswish"},
    {SC_SCVI_CLASS, "identity", "torch.nn.modules.linear", "Identity"},
    {SC_SCVI_FUNCTION, "exp", "torch", "exp"},
    {SC_SCVI_FUNCTION, "square", "torch", "square"},
    {SC_SCVI_FUNCTION, "softplus", "torch.nn.functional", "softplus"},
    {SC_SCVI_FUNCTION, "sigmoid", "torch.nn.functional", "sigmoid"},
    {SC_SCVI_FUNCTION, "relu", "torch.nn.functional", "relu"},
};

static sc_status write_choice(const sc_param *p, const sc_scvi_arg *a, int choice, sc_pt_writer *w,
                              sc_err *err)
{
    char word[64];
    size_t len = 0;
    const char *s = sc_param_choice_at(p, choice, &len);
    (void)snprintf(word, sizeof word, "%.*s", (int)len, s ? s : "");
    if (a->lacks && strcmp(a->lacks, word) == 0)
        return sc_fail(err, SC_EUSAGE, "scvi-tools 1.4 has no models with '--%s %s'", p->name,
                       word);
    if (a->form == SC_SCVI_OURS)
        return SC_OK;
    if (a->form == SC_SCVI_VALUE) {
        sc_pt_put_text(w, word);
        return SC_OK;
    }
    for (size_t i = 0; i < sizeof torch_names / sizeof *torch_names; i++)
        if (torch_names[i].form == a->form && strcmp(torch_names[i].word, word) == 0) {
            sc_pt_put_global(w, torch_names[i].module, torch_names[i].name);
            return SC_OK;
        }
    return sc_fail(err, SC_EUSAGE, "torch has no name for '--%s %s'", p->name, word);
}

static sc_status write_value(const sc_net *net, const sc_param *p, const sc_scvi_arg *a,
                             sc_pt_writer *w, sc_err *err)
{
    const char *at = (const char *)net->opts + p->offset;
    switch (p->type) {
    case SC_PARAM_BOOL:
        sc_pt_put_bool(w, *(const bool *)at);
        return SC_OK;
    case SC_PARAM_INT:
    case SC_PARAM_SIZE:
        sc_pt_put_int(w, *(const int64_t *)(const void *)at);
        return SC_OK;
    case SC_PARAM_REAL:
        sc_pt_put_real(w, *(const double *)(const void *)at);
        return SC_OK;
    case SC_PARAM_CHOICE:
        return write_choice(p, a, *(const int *)(const void *)at, w, err);
    default:
        return sc_fail(err, SC_EUSAGE, "option '--%s' can't be written for scvi-tools", p->name);
    }
}

static bool is_default(const sc_net *net, const sc_param *p)
{
    const char *at = (const char *)net->opts + p->offset;
    switch (p->type) {
    case SC_PARAM_BOOL:
        return *(const bool *)at == (p->def != 0);
    case SC_PARAM_INT:
    case SC_PARAM_SIZE:
        return *(const int64_t *)(const void *)at == (int64_t)p->def;
    case SC_PARAM_REAL:
        return *(const double *)(const void *)at == p->def;
    case SC_PARAM_CHOICE:
        return *(const int *)(const void *)at == (int)p->def;
    default:
        return false;
    }
}

/* The arguments whose path is in the dict `in` ("": the outermost). Those within dicts of their own
 * are left out at their defaults, since older versions don't know them. */
static sc_status write_dict(const sc_net *net, bool named, const char *in, sc_pt_writer *w,
                            sc_err *err)
{
    const size_t n = strlen(in);
    for (const sc_param *p = net->handle.plugin->params; p && p->name; p++) {
        char own[PATH_MAX_LEN];
        const sc_scvi_arg a = arg_of(net, p, own);
        const char *slash = strchr(a.path, '/');
        const bool is_here =
            n ? slash && strncmp(a.path, in, n) == 0 && slash == a.path + n : !slash;
        if (!is_here || a.is_named != named || (n && is_default(net, p)))
            continue;
        if (a.form == SC_SCVI_OURS && !a.lacks)
            continue;
        if (a.form != SC_SCVI_OURS)
            sc_pt_put_text(w, n ? slash + 1 : a.path);
        SC_TRY(write_value(net, p, &a, w, err));
    }
    return SC_OK;
}

/* Whether a row is the first of its dict, so that each dict is written once. */
static bool opens_dict(const sc_scvi_arg *table, const sc_scvi_arg *a)
{
    const size_t n = strcspn(a->path, "/");
    if (!a->option || !a->path[n])
        return false;
    for (const sc_scvi_arg *b = table; b != a; b++)
        if (strncmp(b->path, a->path, n + 1) == 0)
            return false;
    return true;
}

static sc_status write_kwargs(const sc_net *net, sc_pt_writer *w, sc_err *err)
{
    const sc_scvi_arg *table = table_of(net);
    SC_TRY(write_dict(net, false, "", w, err));
    for (const sc_scvi_arg *a = table; a->path; a++) {
        char in[PATH_MAX_LEN];
        if (a->form == SC_SCVI_N_LABELS && net->dims.n_labels) {
            sc_pt_put_text(w, a->path);
            sc_pt_put_int(w, net->dims.n_labels);
        }
        if (!opens_dict(table, a))
            continue;
        (void)snprintf(in, sizeof in, "%.*s", (int)strcspn(a->path, "/"), a->path);
        sc_pt_put_text(w, in);
        sc_pt_put_begin(w, SC_PT_DICT);
        SC_TRY(write_dict(net, false, in, w, err));
        sc_pt_put_end(w);
    }
    return SC_OK;
}

sc_status sc_scvi_args_write(const sc_net *net, sc_pt_writer *w, sc_err *err)
{
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "kwargs");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "model_kwargs");
    sc_pt_put_begin(w, SC_PT_DICT);
    SC_TRY(write_kwargs(net, w, err));
    sc_pt_put_end(w);
    sc_pt_put_end(w);
    sc_pt_put_text(w, "non_kwargs");
    sc_pt_put_begin(w, SC_PT_DICT);
    SC_TRY(write_dict(net, true, "", w, err));
    sc_pt_put_end(w);
    sc_pt_put_end(w);
    return SC_OK;
}

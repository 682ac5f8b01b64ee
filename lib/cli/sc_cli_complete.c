/* Completion for bash and zsh, written from the tables. */
#include "sc_cli_impl.h"

#include <stdio.h>
#include <string.h>

/* The names of the plugins of a kind, in either shell; %s is the kind. */
#define PLUGINS "$(sc-model list 2>/dev/null | sed -n \"s/^%s\\t\\([^\\t]*\\)\\tyes.*/\\1/p\")"

static sc_status flush(sc_err *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return sc_fail_errno(err, "stdout");
    return SC_OK;
}

static bool names_plugin(const sc_cli *c, const sc_param *p)
{
    return c->pick_name && strcmp(p->name, c->pick_name) == 0;
}

/* A model's options are not known before one is named; those of the formats all are. */
static bool has_unknown(const sc_cli *c)
{
    for (int i = 0; i < c->n_sections; i++)
        if (c->sections[i].is_picked)
            return false;
    return c->pick_name != NULL;
}

static bool has_choices(const sc_param *p)
{
    return p->choices && (p->type == SC_PARAM_CHOICE || p->type == SC_PARAM_FLAG);
}

static bool takes_file(const sc_param *p)
{
    return sc_param_takes_value(p) && p->choices &&
           (strstr(p->choices, "FILE") || strstr(p->choices, "MODEL") || strstr(p->choices, "DIR"));
}

static void print_with_blanks(const char *choices)
{
    for (const char *s = choices; *s; s++)
        (void)putchar(*s == '|' ? ' ' : *s);
}

/* The pattern of a case of bash: what stands before the value of an option. A flag has one after
 * '=' only. */
static void print_case(const sc_param *p)
{
    printf("    ");
    if (p->type != SC_PARAM_FLAG && p->short_name)
        printf("-%c|", p->short_name);
    if (p->type != SC_PARAM_FLAG)
        printf("--%s|", p->name);
    printf("--%s=) ", p->name);
}

static void print_bash_value(const sc_cli *c, const sc_param *p)
{
    if (names_plugin(c, p)) {
        print_case(p);
        printf("words=" PLUGINS " ;;\n", c->pick_name);
    } else if (has_choices(p)) {
        print_case(p);
        printf("words='");
        print_with_blanks(p->choices);
        printf("' ;;\n");
    } else if (sc_param_takes_value(p) && !takes_file(p)) {
        print_case(p);
        printf("compopt +o default 2>/dev/null ;;\n"); /* a number or a name, no file */
    }
}

static void print_names(const sc_param *params, const char *end)
{
    for (const sc_param *p = params; p->name; p++)
        if (p->doc)
            printf("--%s%s%s", p->type == SC_PARAM_BOOL && p->def != 0 ? "no-" : "", p->name, end);
}

/* _sc_norm from sc-norm. */
static void function_name(const sc_cli *c, char *fn, size_t len)
{
    (void)snprintf(fn, len, "_%s", c->tool->name);
    for (char *s = fn; *s; s++)
        *s = (char)(*s == '-' ? '_' : *s);
}

/* Values of choices after their option, option names after a dash, files otherwise. */
sc_status sc_cli_print_bash(const sc_cli *c, sc_err *err)
{
    char fn[64];
    function_name(c, fn, sizeof fn);
    printf(
        "%s() {\n"
        "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words= i plugin=\n"
        "  if [ \"$cur\" = '=' ]; then cur= prev=$prev=\n"
        "  elif [ \"$prev\" = '=' ]; then prev=${COMP_WORDS[COMP_CWORD-2]}=; fi\n",
        fn);
    if (has_unknown(c))
        printf("  for ((i = 2; i < COMP_CWORD; i++)); do\n"
               "    case ${COMP_WORDS[i-1]} in -m|--%s) plugin=${COMP_WORDS[i]} ;; esac\n"
               "  done\n",
               c->pick_name);
    printf("  case $prev in\n");
    for (int i = 0; i < c->n_sections; i++)
        for (const sc_param *p = c->sections[i].params; p->name; p++)
            print_bash_value(c, p);
    printf("    *) case $cur in -*) words='");
    for (int i = 0; i < c->n_sections; i++)
        print_names(c->sections[i].params, " ");
    printf("'");
    if (has_unknown(c))
        printf("\n      [ -z \"$plugin\" ] || words+=$(\"${COMP_WORDS[0]}\" -m \"$plugin\" "
               "--help-words "
               "2>/dev/null)");
    printf(" ;; esac ;;\n"
           "  esac\n"
           "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "}\n"
           "complete -o default -F %s %s\n",
           fn, c->tool->name);
    return flush(err);
}

/* Text inside '...[text]...'. */
static void print_quoted(const char *text)
{
    for (const char *s = text; *s; s++) {
        if (*s == '\'')
            printf("'\\''");
        else if (strchr("[]\\:", *s))
            printf("\\%c", *s);
        else
            (void)putchar(*s);
    }
}

static void print_zsh_value(const sc_cli *c, const sc_param *p)
{
    printf(":%s:", has_choices(p) || names_plugin(c, p) ? "value" : sc_param_placeholder(p));
    if (names_plugin(c, p)) {
        printf("{compadd -- " PLUGINS "}", c->pick_name);
    } else if (has_choices(p)) {
        (void)putchar('(');
        print_with_blanks(p->choices);
        (void)putchar(')');
    } else if (takes_file(p)) {
        printf("_files");
    } else {
        (void)putchar(' ');
    }
}

static void print_zsh_row(const sc_cli *c, const sc_param *p)
{
    const bool takes = sc_param_takes_value(p);
    const bool is_repeated = p->type == SC_PARAM_LIST;
    const char *no = p->type == SC_PARAM_BOOL && p->def != 0 ? "no-" : "";
    printf("  ");
    if (p->short_name)
        printf("'(-%c --%s%s)'{-%c%s,--%s%s%s}'", p->short_name, no, p->name, p->short_name,
               takes ? "+" : "", no, p->name, takes ? "=" : "");
    else
        printf("'%s--%s%s%s", is_repeated ? "*" : "", no, p->name,
               takes                      ? "="
               : p->type == SC_PARAM_FLAG ? "=-"
                                          : "");
    (void)putchar('[');
    print_quoted(p->doc);
    (void)putchar(']');
    if (p->type == SC_PARAM_FLAG)
        (void)putchar(':'); /* its value may be left out */
    if (takes || p->type == SC_PARAM_FLAG)
        print_zsh_value(c, p);
    printf("'\n");
}

sc_status sc_cli_print_zsh(const sc_cli *c, sc_err *err)
{
    printf("#compdef %s\n"
           "local -a args more\n"
           "args=(\n",
           c->tool->name);
    for (int i = 0; i < c->n_sections; i++)
        for (const sc_param *p = c->sections[i].params; p->name; p++)
            if (p->doc)
                print_zsh_row(c, p);
    printf("  '*:file:_files'\n"
           ")\n");
    if (has_unknown(c))
        printf("local i=${words[(I)(-m|--%s)]}\n"
               "if (( i && i + 1 < CURRENT )); then\n"
               "  more=(${(f)\"$($words[1] -m $words[i+1] --help-words 2>/dev/null)\"})\n"
               "fi\n",
               c->pick_name);
    printf("_arguments -s -S $args $more\n");
    return flush(err);
}

sc_status sc_cli_print_words(const sc_cli *c, sc_err *err)
{
    for (int i = 0; i < c->n_sections; i++)
        if (c->sections[i].is_picked)
            print_names(c->sections[i].params, "\n");
    return flush(err);
}

#include "sc_cli_impl.h"

#include <stdio.h>
#include <string.h>

enum { HELP_WIDTH = 80, HELP_INDENT = 27 };

static sc_status flush(sc_err *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return sc_fail_errno(err, "stdout");
    return SC_OK;
}

/* A flag that is on unless told otherwise is shown by the form that changes something. */
static const char *no_prefix(const sc_param *p)
{
    return p->type == SC_PARAM_BOOL && p->def != 0 ? "[no-]" : "";
}

/* Words of text, broken before the right edge; column is where the cursor stands. */
static void print_wrapped(const char *text, int column, int indent)
{
    bool at_start = true;
    while (*text) {
        const int len = (int)strcspn(text, " ");
        if (!at_start && column + 1 + len > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
            at_start = true;
        }
        column += printf("%s%.*s", at_start ? "" : " ", len, text);
        at_start = false;
        text += len;
        text += strspn(text, " ");
    }
    (void)putchar('\n');
}

/* "doc [default]", and the choices where they did not fit beside the name. */
static void doc_text(const sc_param *p, bool with_choices, char *buf, size_t buf_len)
{
    char def[64];
    sc_param_default_text(p, def, sizeof def);
    (void)snprintf(buf, buf_len, "%s%s%s%s%s%s", p->doc, with_choices ? ": " : "",
                   with_choices ? p->choices : "", *def ? " [" : "", def, *def ? "]" : "");
}

static void print_row(const sc_param *p)
{
    char left[160], doc[1024];
    const bool takes = sc_param_takes_value(p);
    const bool is_long = p->type == SC_PARAM_CHOICE && strlen(p->name) + strlen(p->choices) > 16;
    const char *value = is_long ? "WHICH" : sc_param_placeholder(p);
    char letter[] = {'-', p->short_name, ',', ' ', '\0'};
    const bool may = p->type == SC_PARAM_FLAG;
    (void)snprintf(left, sizeof left, "  %s--%s%s%s%s%s", p->short_name ? letter : "    ",
                   no_prefix(p), p->name,
                   takes ? " "
                   : may ? "[="
                         : "",
                   takes || may ? value : "", may ? "]" : "");
    doc_text(p, is_long, doc, sizeof doc);
    if ((int)strlen(left) > HELP_INDENT - 2)
        printf("%s\n%*s", left, HELP_INDENT, "");
    else
        printf("%-*s", HELP_INDENT, left);
    print_wrapped(doc, HELP_INDENT, HELP_INDENT);
}

/* Whether a word stands in a list of words with blanks between them. */
static bool is_listed(const char *list, const char *word)
{
    const size_t len = strlen(word);
    for (const char *s = list; (s = strstr(s, word)); s += len)
        if ((s == list || s[-1] == ' ') && (s[len] == ' ' || !s[len]))
            return true;
    return false;
}

/* On a tool's screen stand the options that it names and the common ones; or, where the command
 * line names a plugin, that plugin's. */
static bool is_shown(const sc_cli *c, int section, const sc_param *p)
{
    const sc_cli_section *s = &c->sections[section];
    if (!p->doc)
        return false;
    if (!c->tool->screen || c->meta.help_all || s->is_picked || !s->title)
        return true;
    if (c->has_pick)
        return false;
    return s->params != c->tool->params || is_listed(c->tool->screen, p->name);
}

static void print_section(const sc_cli *c, int section)
{
    bool is_begun = false;
    for (const sc_param *p = c->sections[section].params; p->name; p++) {
        if (!is_shown(c, section, p))
            continue;
        if (!is_begun && c->sections[section].title)
            printf("\n%s:\n", c->sections[section].title);
        is_begun = true;
        print_row(p);
    }
}

sc_status sc_cli_print_help(const sc_cli *c, sc_err *err)
{
    const sc_tool *t = c->tool;
    printf("usage: %s [options]%s%s\n", t->name, t->operands && *t->operands ? " " : "",
           t->operands ? t->operands : "");
    print_wrapped(t->brief, 0, 0);
    for (int i = 0; i < c->n_sections; i++)
        print_section(c, i);
    if (t->example)
        printf("\nexample:\n  %s\n", t->example);
    return flush(err);
}

/* Text that mdoc takes as it is: a sentence of its own line, without control characters in front.
 */
static void print_mdoc_text(const char *text)
{
    if (*text >= 'a' && *text <= 'z')
        (void)putchar(*text++ - 'a' + 'A');
    else if (*text == '.' || *text == '\'')
        printf("\\&");
    for (; *text; text++)
        if (*text == '\\')
            printf("\\e");
        else
            (void)putchar(*text);
}

static void print_mdoc_row(const sc_param *p)
{
    char def[64];
    printf(".It ");
    if (p->short_name)
        printf("Fl %c , ", p->short_name);
    printf("Fl Fl %s%s", no_prefix(p), p->name);
    if (sc_param_takes_value(p))
        printf(" Ar %s", sc_param_placeholder(p));
    if (p->type == SC_PARAM_FLAG)
        printf(" Ns Oo = Ns Cm %s Oc", sc_param_placeholder(p));
    (void)putchar('\n');
    print_mdoc_text(p->doc);
    if (*sc_param_default_text(p, def, sizeof def))
        printf(" (default %s)", def);
    printf(".\n");
}

sc_status sc_cli_print_mdoc(const sc_cli *c, sc_err *err)
{
    printf(".Bl -tag -width Ds\n");
    for (int i = 0; i < c->n_sections; i++)
        for (const sc_param *p = c->sections[i].params; p->name; p++)
            if (p->doc)
                print_mdoc_row(p);
    printf(".El\n");
    return flush(err);
}

/* sc-model: what models and formats there are, what is in a model, a model for scvi-tools; plugins
 * of users' own, begun and checked. */
#include "sc-model/model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const sc_param params[] = {
    SC_CHOICE(model_opts, to, "to", 0, "scvi-tools", "export: whose file to write"), SC_PARAM_END};

const sc_tool model_tool = {
    .name = "sc-model",
    .brief = "list, show and export models; begin and check plugins",
    .operands = "list | show MODEL | export DIR MODEL [IN] | new NAME | check PLUGIN",
    .min_operands = 1,
    .max_operands = 4,
    .flags = SC_TOOL_OUTPUT,
    .params = params,
    .opts_size = sizeof(model_opts),
    .example = "sc-model export --to scvi-tools saved/ m.scm hvg.scz"};

static const struct {
    const char *name, *usage;
    int min, max;
    bool prints; /* -o is its */
    sc_status (*run)(const model_opts *o, const char *const *operands, FILE *to, sc_err *err);
} commands[] = {
    {"list", "list", 0, 0, true, model_list},
    {"show", "show MODEL", 1, 1, true, model_show},
    {"export", "export DIR MODEL [IN]", 2, 3, false, model_export},
    {"new", "new NAME", 1, 1, false, model_new},
    {"check", "check PLUGIN", 1, 1, true, model_check},
};

static sc_status print(const model_opts *o, int command, sc_err *err)
{
    sc_output out = {.fd = -1};
    sc_status st;
    SC_TRY(sc_output_open(&out, o->common.output, false, err));
    FILE *f = fdopen(dup(out.fd), "w");
    st = f ? commands[command].run(o, o->common.operands + 1, f, err)
           : sc_fail_errno(err, "%s", out.name);
    const bool is_bad = f && ferror(f) != 0;
    if (f && (fclose(f) != 0 || is_bad) && st == SC_OK)
        st = sc_fail_errno(err, "%s", out.name);
    if (st == SC_OK)
        st = sc_output_commit(&out, err);
    sc_output_abandon(&out);
    return st;
}

static sc_status run(void *opts, sc_err *err)
{
    const model_opts *o = opts;
    const char *name = o->common.operands[0];
    const int n = o->common.n_operands - 1, n_commands = (int)(sizeof commands / sizeof *commands);
    int k = 0;
    while (k < n_commands && strcmp(commands[k].name, name) != 0)
        k++;
    if (k == n_commands)
        return sc_fail(err, SC_EUSAGE,
                       "unknown command '%s'; there are list, show, export, new "
                       "and check",
                       name);
    if (n < commands[k].min || n > commands[k].max)
        return sc_fail(err, SC_EUSAGE, "usage is 'sc-model [options] %s'", commands[k].usage);
    if (commands[k].prints)
        return print(o, k, err);
    if (o->common.output)
        return sc_fail(err, SC_EUSAGE, "'sc-model %s' has no -o: it writes into a folder", name);
    return commands[k].run(o, o->common.operands + 1, NULL, err);
}

int main(int argc, char **argv)
{
    model_opts o;
    return sc_cli_main(&model_tool, &o, argc, argv, run);
}

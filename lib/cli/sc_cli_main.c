#include "sc_cli.h"

int sc_cli_main(const sc_tool *t, void *opts, int argc, char **argv,
                sc_status (*run)(void *opts, sc_err *err))
{
    sc_err err = {0};
    sc_status st = sc_cli_parse(t, opts, argc, argv, &err);
    if (st == SC_OK)
        st = run(opts, &err);
    const int code = sc_cli_exit(t, st, &err);
    sc_cli_free(opts);
    return code;
}

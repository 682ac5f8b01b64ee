/*
 * Command lines from tables. A tool is described by one constant sc_tool; from it come the parser,
 * --help, --version, the OPTIONS of the man page (hidden --help-mdoc) and completion in bash and
 * zsh (hidden --help-complete, --help-complete-zsh).
 */
#ifndef SC_CLI_H
#define SC_CLI_H

#include "sc_err.h"
#include "sc_param.h"

/* Options that every tool has; the first member of every tool's options struct. */
typedef struct sc_common {
    int64_t n_threads; /* -@, --threads: 0 = all cores that this process may use; only in tools that
                          say SC_TOOL_THREADS */
    int64_t seed;      /* --seed, default 0; only with SC_TOOL_SEED */
    const char *output; /* -o, --output; only with SC_TOOL_OUTPUT */
    bool quiet, verbose, no_pg;
    int n_operands;
    const char **operands;
    int argc; /* as given, for the provenance record */
    char **argv;
    void *owned; /* of the parse: see sc_cli_free */
} sc_common;

enum {
    SC_TOOL_THREADS = 1,
    SC_TOOL_SEED = 2,
    SC_TOOL_OUTPUT = 4,
    SC_TOOL_PG = 8,
    SC_TOOL_VERBOSE = 16, /* -v: for tools that have more to say */
    SC_TOOL_FLOW = 32     /* takes the same memory for block after block: what is freed is kept */
};

typedef struct sc_tool {
    const char *name;               /* "sc-norm" */
    const char *brief;              /* one line */
    const char *operands;           /* "[IN]", "MODEL [IN]", "IN..." */
    int min_operands, max_operands; /* max < 0: any number */
    unsigned flags;                 /* SC_TOOL_* */
    const sc_param *params;
    size_t opts_size;    /* the struct begins with an sc_common */
    const char *example; /* one line for --help */
    /* Names of the options that --help shows, with blanks between them, where all of them are more
     * than fit a screen (50 lines): --help-all shows the rest. NULL: all. */
    const char *screen;
} sc_tool;

/*
 * Fills opts (an options struct of opts_size bytes that begins with sc_common) with defaults and
 * what argv says. SC_END: help or version was printed, and the tool should leave with 0. SC_EUSAGE:
 * unknown option (near ones are named), value out of range, too many operands. From then on SIGPIPE
 * is ignored: a pipe closed by its reader is a write that fails with EPIPE, which sc_fail_errno
 * turns into SC_EPIPE. sc_cli_free is due whatever was returned.
 */
sc_status sc_cli_parse(const sc_tool *t, void *opts, int argc, char **argv,
                       sc_err *err) SC_MUST_CHECK;
/*
 * The same with a second table, of a plugin chosen on the command line: `pick` is called with the
 * value of the option `pick_name` (or NULL if it was not given) before the rest is parsed, and sets
 * the table and where its fields lie.
 */
typedef struct sc_cli_extra {
    const char *title; /* of its section in --help */
    const sc_param *params;
    void *opts;
    bool is_asked; /* told to pick: help, or an option that the tool's own tables lack, was given */
} sc_cli_extra;
typedef sc_status (*sc_cli_pick)(void *ctx, const char *value, sc_cli_extra *extra, sc_err *err);
sc_status sc_cli_parse_with(const sc_tool *t, void *opts, const char *pick_name, sc_cli_pick pick,
                            void *ctx, int argc, char **argv, sc_err *err) SC_MUST_CHECK;
/* SC_EUSAGE if `key`, the value of --option, can't be the name of a column or matrix: it is empty,
 * longer than 255 bytes or has a '/', which leads into groups of an h5ad. NULL can. */
sc_status sc_cli_check_key(const char *option, const char *key, sc_err *err) SC_MUST_CHECK;
/* The i-th word of a choice, or NULL; it is not ended, its length goes to *len. */
const char *sc_param_choice_at(const sc_param *p, int i, size_t *len);
/* Fills a table's defaults only. */
void sc_params_default(const sc_param *params, void *opts);
/* Sets one field from text; SC_EUSAGE with the option's name and what it takes. A list's array of
 * items belongs to the caller then, who frees it. */
sc_status sc_params_set(const sc_param *params, void *opts, const char *name, const char *value,
                        sc_err *err) SC_MUST_CHECK;
/* Gives back the operands and the items of list options (a plugin's too, whose options struct need
 * not be there any more). */
void sc_cli_free(void *opts);
/* Prints `sc-norm: sentence` on stderr if st is an error, frees nothing, gives the exit status.
 * SC_END counts as done. */
int sc_cli_exit(const sc_tool *t, sc_status st, const sc_err *err);
/* The whole of a main() that holds nothing but its options: parses into opts, runs, says what went
 * wrong, gives back what the parse took. The exit status. */
int sc_cli_main(const sc_tool *t, void *opts, int argc, char **argv,
                sc_status (*run)(void *opts, sc_err *err));
/* `sc-norm: note` on stderr unless quiet. */
void sc_cli_note(const sc_tool *t, const void *opts, const char *fmt, ...) SC_PRINTF(3, 4);

#endif

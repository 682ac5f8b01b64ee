/* What the parser and the help pages share; for sc_cli*.c only. */
#ifndef SC_CLI_IMPL_H
#define SC_CLI_IMPL_H

#include "sc_cli.h"

/* Options that print something and leave. */
typedef struct sc_cli_meta {
    bool help, help_all, version, help_mdoc, help_complete, help_complete_zsh, help_words;
} sc_cli_meta;

/* A table and the struct that its offsets point into. */
typedef struct sc_cli_section {
    const char *title; /* in --help */
    const sc_param *params;
    void *opts;
    bool is_picked; /* of the plugin that the command line names */
} sc_cli_section;

enum { SC_CLI_SECTIONS = 4, SC_CLI_COMMON = 8 };

typedef struct sc_cli {
    const sc_tool *tool;
    sc_cli_meta meta;
    sc_param common[SC_CLI_COMMON]; /* those common options that this tool has */
    sc_cli_section sections[SC_CLI_SECTIONS];
    int n_sections;
    const char *pick_name; /* the option that names a plugin, or NULL */
    bool has_pick;         /* it was given */
} sc_cli;

/* Takes the places of standard streams that are closed, so that no other file gets their numbers.
 */
void sc_cli_hold_fds(void);
/* True if a row takes a value ("--name=VALUE"). */
bool sc_param_takes_value(const sc_param *p);
/* The word that stands for the value in --help: "N", "FILE", "a|b|c". */
const char *sc_param_placeholder(const sc_param *p);
/* The default as a user would type it; "" if there is none to show. */
const char *sc_param_default_text(const sc_param *p, char *buf, size_t buf_len);
/* Sets the field of one row from text. */
sc_status sc_param_set(const sc_param *p, void *opts, const char *value, sc_err *err) SC_MUST_CHECK;

/* Each prints on stdout; SC_EIO or SC_EPIPE where stdout does not take it. */
sc_status sc_cli_print_help(const sc_cli *c, sc_err *err) SC_MUST_CHECK;
sc_status sc_cli_print_mdoc(const sc_cli *c, sc_err *err) SC_MUST_CHECK;
/* A completion function for bash, or a file for zsh's fpath. */
sc_status sc_cli_print_bash(const sc_cli *c, sc_err *err) SC_MUST_CHECK;
sc_status sc_cli_print_zsh(const sc_cli *c, sc_err *err) SC_MUST_CHECK;
/* The options of the plugin that the command line names, one a line, for those functions. */
sc_status sc_cli_print_words(const sc_cli *c, sc_err *err) SC_MUST_CHECK;

#endif

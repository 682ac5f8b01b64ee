/*
 * All formats at hand, with one table of options for a tool: what sc-read and sc-write share.
 */
#ifndef SC_FORMATS_H
#define SC_FORMATS_H

#include "sc_cli.h"
#include "sc_format.h"
#include "sc_plugin_host.h"

/* Room for the value of any option, and for a plugin's options struct. */
typedef union sc_format_value {
    bool b;
    int choice;
    int64_t i;
    double r;
    const char *s;
    sc_param_list list;
} sc_format_value;

typedef union sc_format_opts {
    max_align_t align;
    char bytes[SC_PLUGIN_OPTS_MAX];
} sc_format_opts;

/* Starts as {0}, or {.is_writing = true} for writing. */
typedef struct sc_formats {
    bool is_writing, is_loaded;
    sc_plugin_list list;
    int n_rows;
    sc_param *rows; /* the options of all of them, by name; ends with SC_PARAM_END */
    char **docs;
    sc_format_value *values, *defaults;
} sc_formats;

/* Loads them all, once; those that can't be loaded stay in the list with their reasons. It takes 10
 * ms, most of them for what HDF5 brings along. */
sc_status sc_formats_load(sc_formats *f, sc_err *err) SC_MUST_CHECK;
void sc_formats_free(sc_formats *f);
/* For sc_cli_parse_with; ctx is the sc_formats. Loads them where the command line asks for their
 * options; sc_formats_load is due before anything below in any case. */
sc_status sc_formats_pick(void *ctx, const char *value, sc_cli_extra *extra, sc_err *err);

/* By name: SC_EUSAGE with near names if it is unknown or can't do what is wanted, SC_EPLUGIN if it
 * can't be loaded. */
sc_status sc_formats_find(const sc_formats *f, const char *name, const sc_plugin **out,
                          sc_err *err) SC_MUST_CHECK;
/* By what the input looks like; spools a pipe if need be. SC_EFORMAT naming the formats there are,
 * and those that can't be loaded. */
sc_status sc_formats_sniff(const sc_formats *f, sc_source *src, const sc_plugin **out,
                           sc_err *err) SC_MUST_CHECK;
/* By the suffix of a name to be written; a name that ends in a slash is a folder. */
sc_status sc_formats_by_suffix(const sc_formats *f, const char *name, const sc_plugin **out,
                               sc_err *err) SC_MUST_CHECK;
/* Whether it makes a folder under that name, not a file. */
bool sc_formats_makes_folder(const sc_plugin *p, const char *name);
/* SC_EUSAGE if an option of any format was given, where none is at work. */
sc_status sc_formats_no_opts(const sc_formats *f, sc_err *err) SC_MUST_CHECK;
/* The options struct of the chosen one; SC_EUSAGE if an option was given that it doesn't have. */
sc_status sc_formats_opts(const sc_formats *f, const sc_plugin *p, sc_format_opts *opts,
                          sc_err *err) SC_MUST_CHECK;

static inline const sc_format *sc_format_of(const sc_plugin *p)
{
    return p->impl;
}

#endif

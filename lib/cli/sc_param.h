/*
 * One row of an options table. The parser, --help, the man page, shell completion and the record in
 * a model file all come from it; tools and plugins use the same rows.
 */
#ifndef SC_PARAM_H
#define SC_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sc_param_type {
    SC_PARAM_BOOL,   /* field: bool;       --name, --no-name */
    SC_PARAM_INT,    /* field: int64_t */
    SC_PARAM_REAL,   /* field: double; with -1 as default and minimum, no other number below 0 */
    SC_PARAM_CHOICE, /* field: int, index into choices "a|b|c"; def is the index */
    SC_PARAM_STRING, /* field: const char *, NULL if not given; lent by argv */
    SC_PARAM_LIST,   /* field: sc_param_list, may be repeated */
    SC_PARAM_SIZE,   /* field: int64_t bytes; 32M, 2G, 1.5G */
    SC_PARAM_FLAG    /* field: int, 0: not given, 1: --name, 2 + i: --name=CHOICE of "a|b|c" */
} sc_param_type;

typedef struct sc_param_list {
    int n;
    const char **items; /* lent by argv; the array is owned by the parse */
} sc_param_list;

typedef struct sc_param {
    sc_param_type type;
    const char *name; /* "n-latent"; n_latent is accepted too */
    size_t offset;    /* its field in the options struct */
    double def, min, max;
    const char *choices; /* "a|b|c", or the placeholder of the value ("N", "FILE"); NULL: by type */
    const char *doc;     /* one line, lower case; units and what a special value means */
    char short_name;     /* 'n' for -n; 0: none */
} sc_param;

#define SC_BOOL(T, field, name, def, doc)                                                          \
    {                                                                                              \
        SC_PARAM_BOOL, name, offsetof(T, field), def, 0, 1, NULL, doc, 0                           \
    }
#define SC_INT(T, field, name, def, min, max, doc)                                                 \
    {                                                                                              \
        SC_PARAM_INT, name, offsetof(T, field), def, min, max, "N", doc, 0                         \
    }
#define SC_REAL(T, field, name, def, min, max, doc)                                                \
    {                                                                                              \
        SC_PARAM_REAL, name, offsetof(T, field), def, min, max, "X", doc, 0                        \
    }
#define SC_CHOICE(T, field, name, def, choices, doc)                                               \
    {                                                                                              \
        SC_PARAM_CHOICE, name, offsetof(T, field), def, 0, 0, choices, doc, 0                      \
    }
#define SC_FLAG(T, field, name, choices, doc)                                                      \
    {                                                                                              \
        SC_PARAM_FLAG, name, offsetof(T, field), 0, 0, 0, choices, doc, 0                          \
    }
#define SC_STRING(T, field, name, placeholder, doc)                                                \
    {                                                                                              \
        SC_PARAM_STRING, name, offsetof(T, field), 0, 0, 0, placeholder, doc, 0                    \
    }
#define SC_LIST(T, field, name, placeholder, doc)                                                  \
    {                                                                                              \
        SC_PARAM_LIST, name, offsetof(T, field), 0, 0, 0, placeholder, doc, 0                      \
    }
#define SC_SIZE(T, field, name, def, doc)                                                          \
    {                                                                                              \
        SC_PARAM_SIZE, name, offsetof(T, field), def, 0, 9.2e18, "SIZE", doc, 0                    \
    }
/* The row that ends a table. A row with a one-letter form is spelled out. */
#define SC_PARAM_END                                                                               \
    {                                                                                              \
        SC_PARAM_BOOL, NULL, 0, 0, 0, 0, NULL, NULL, 0                                             \
    }

#endif

/*
 * The head of every plugin: one constant struct, `const sc_plugin sc_plugin_entry`, the only symbol
 * a plugin exports. Models and formats share it; `kind` says what `impl` points to.
 *
 * A plugin leaves no symbol of ours undefined: everything it needs from the host it reaches through
 * a table of services that the host hands in (sc_model.h, sc_format.h).
 */
#ifndef SC_PLUGIN_H
#define SC_PLUGIN_H

#include "sc_err.h"
#include "sc_param.h"

enum { SC_PLUGIN_ABI = 1 };

#define SC_KIND_MODEL "model"   /* impl: const sc_model * */
#define SC_KIND_FORMAT "format" /* impl: const sc_format * */

typedef struct sc_plugin {
    uint32_t abi, size; /* these two never move; new fields go last and are seen by size */
    const char *kind, *name, *brief, *doc, *source;
    const sc_param *params; /* ends with SC_PARAM_END; NULL: none */
    size_t opts_size;       /* of the options struct; at most SC_PLUGIN_OPTS_MAX */
    const void *impl;
} sc_plugin;

enum { SC_PLUGIN_OPTS_MAX = 4096 };

#define SC_PLUGIN_EXPORT __attribute__((visibility("default")))

#endif

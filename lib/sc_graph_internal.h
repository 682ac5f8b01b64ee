/* Between sc_graph.c and sc_graph_services.c. */
#ifndef SC_GRAPH_INTERNAL_H
#define SC_GRAPH_INTERNAL_H

#include "sc_graph.h"

extern const sc_services sc_graph_services;

sc_node sc_graph_mistake(sc_built *g, const char *fmt, ...)
    SC_PRINTF(2, 3); /* the first is kept; gives SC_NONE */
sc_node sc_graph_add(sc_built *g, const sc_gnode *n);
int sc_graph_add_weight(sc_built *g, const sc_gweight *w); /* takes segments; index, or -1 */

#endif

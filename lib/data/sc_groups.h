/*
 * Groups of cells by an obs column, numbered as they come by in a stream.
 */
#ifndef SC_GROUPS_H
#define SC_GROUPS_H

#include "sc_stream.h"

enum { SC_GROUPS_MAX = 4096 };

typedef struct sc_groups {
    char *key;     /* the column */
    sc_strs names; /* of the groups, in order of their first cell */
    int32_t *code; /* of the rows of the last block; room for n_room */
    int64_t n_room;
} sc_groups;

/* g is zeroed first. SC_EDATA, naming near ones, if obs has no such column; key is copied. */
sc_status sc_groups_open(sc_groups *g, const sc_header *h, const char *key,
                         sc_err *err) SC_MUST_CHECK;
/* Fills g->code for the rows of b. SC_EDATA, naming the cell, where the column is missing a value,
 * and where it has more than SC_GROUPS_MAX different ones. */
sc_status sc_groups_block(sc_groups *g, sc_block *b, sc_err *err) SC_MUST_CHECK;
void sc_groups_close(sc_groups *g);

#endif

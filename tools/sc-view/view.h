/* sc-view's parts: what is printed of cells, of a model, and how. */
#ifndef SC_VIEW_H
#define SC_VIEW_H

#include "sc_stream.h"

#include <jansson.h>
#include <stdio.h>

typedef struct view {
    FILE *to;
    const char *what; /* of -t; NULL: the summary */
    int64_t n_rows;   /* at most so many; < 0: all */
    bool header_only, json, check;
    int n_threads; /* 0: as many as there are cores */
} view;

/* Prints what v asks for of what in has, to its end where that is needed. SC_EDATA: there is no
 * such table. */
sc_status view_cells(const view *v, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status view_model(const view *v, sc_reader *in, sc_err *err) SC_MUST_CHECK;

/* A field, with tab, line end and backslash escaped, so that a row stays a row. */
void put_field(FILE *to, const char *s);
void put_number(FILE *to, double x);
/* A table of names and columns: the first column is called `first`. Rows 0..n. */
void put_table_head(FILE *to, const char *first, const sc_table *t);
void put_table_rows(FILE *to, const sc_table *t, int64_t n);
/* "name (type), ..." of all columns. */
void put_columns(FILE *to, const char *label, const sc_table *t);
void put_records(FILE *to, const sc_strs *records);
/* Prints a value of JSON, indented, and drops it. */
sc_status put_json(FILE *to, json_t *takes, sc_err *err) SC_MUST_CHECK;
json_t *json_of_text(const char *text);
json_t *json_of_strs(const sc_strs *s, bool parsed);
json_t *json_of_columns(const sc_table *t);
/* No table of that name: says which there are. Takes the list. */
sc_status no_table(const char *what, sc_strs *takes, sc_err *err);

#endif

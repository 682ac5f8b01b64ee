/*
 * A table's columns edited by a plan: dropped, renamed, joined from another table by name, cast.
 * The plan is made of the schema, so that it works on a table that arrives in blocks.
 */
#ifndef SC_EDIT_H
#define SC_EDIT_H

#include "sc_data.h"

typedef struct sc_edit_col {
    char *origin; /* the column it is made of: of the table, or of the joined one */
    bool is_joined;
    char *name;
    sc_col_type type;
    bool is_ordered;
    bool wants_categories; /* cast to category: sc_edit_look must see every block first */
    sc_strs categories;
} sc_edit_col;

typedef struct sc_edit {
    const char *axis; /* "obs" or "var", for messages */
    bool is_changed;
    int n_cols;
    sc_edit_col *cols;
    const sc_table *joined; /* lent; NULL: none */
    sc_names *by_name;
    uint8_t *is_used; /* of joined's rows */
    char *first;      /* name of the first row that sc_edit_apply saw */
    int64_t n_seen, n_matched;
} sc_edit;

/* A plan that changes nothing. sc_edit_free is due whatever was returned, here and below. */
sc_status sc_edit_open(sc_edit *e, const char *axis, const sc_table *schema,
                       sc_err *err) SC_MUST_CHECK;
bool sc_edit_has(const sc_edit *e, const char *name);
/* Near names among the columns, as sc_strs_near writes them. */
void sc_edit_near(const sc_edit *e, const char *name, char *buf, size_t buf_len);
/* Each of these takes the columns as those before left them. SC_EDATA if a column is not there, or
 * a new name is taken. */
sc_status sc_edit_drop(sc_edit *e, const char *name, sc_err *err) SC_MUST_CHECK;
sc_status sc_edit_rename(sc_edit *e, const char *from, const char *to, sc_err *err) SC_MUST_CHECK;
/* All columns of a table of strings (sc_tsv_read), typed by what they mean; once for a plan. */
sc_status sc_edit_join(sc_edit *e, const sc_table *lent, sc_err *err) SC_MUST_CHECK;
sc_status sc_edit_cast(sc_edit *e, const char *name, sc_col_type type, sc_err *err) SC_MUST_CHECK;
/* True if categories have to be gathered with sc_edit_look before anything is applied. */
bool sc_edit_wants_look(const sc_edit *e);
sc_status sc_edit_look(sc_edit *e, const sc_table *t, sc_err *err) SC_MUST_CHECK;
/* The edited schema (columns without rows), or the edited rows of t; to is newly made. */
sc_status sc_edit_schema(const sc_edit *e, const sc_table *t, sc_table *to,
                         sc_err *err) SC_MUST_CHECK;
sc_status sc_edit_apply(sc_edit *e, const sc_table *t, sc_table *to, sc_err *err) SC_MUST_CHECK;
void sc_edit_free(sc_edit *e);

#endif

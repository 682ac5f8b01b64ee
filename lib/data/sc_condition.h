/*
 * Conditions on obs columns, as users write them: "tech == 5p", "n_counts >= 500 & type != B".
 *
 *   condition := term { '&' term }        all must hold
 *   term      := COLUMN OP VALUE          OP: == != < <= > >=
 *
 * Blanks around names do not count; a name or value with blanks at its ends, an '&' or an operator
 * inside stands in '...' or "...". A column of numbers is compared as numbers, any other as text,
 * which knows == and != only. A missing value is equal to nothing, and != anything.
 */
#ifndef SC_CONDITION_H
#define SC_CONDITION_H

#include "sc_stream.h"

typedef enum sc_compare { SC_EQ, SC_NE, SC_LT, SC_LE, SC_GT, SC_GE } sc_compare;

typedef struct sc_clause {
    char *column, *value;
    sc_compare op;
    double number; /* value as a number, or NaN */
} sc_clause;

typedef struct sc_condition {
    int n;
    sc_clause *all;
    bool is_negated; /* holds where the clauses do not */
} sc_condition;

/* SC_EUSAGE where text is no condition. c is zeroed first, and free is due whatever was returned.
 */
sc_status sc_condition_parse(sc_condition *c, const char *text, sc_err *err) SC_MUST_CHECK;
/* Adds "column OP value" with names as they are. */
sc_status sc_condition_add(sc_condition *c, const char *column, sc_compare op, const char *value,
                           sc_err *err) SC_MUST_CHECK;
/* SC_EDATA, naming near ones, if obs lacks a column; SC_EUSAGE: an order asked of text. */
sc_status sc_condition_check(const sc_condition *c, const sc_header *h, sc_err *err) SC_MUST_CHECK;
/* The same of any table, called `axis` ("obs", "var") in messages. */
sc_status sc_condition_check_table(const sc_condition *c, const sc_table *table, const char *axis,
                                   sc_err *err) SC_MUST_CHECK;
/* A sentence on the first clause that asks for a value which its column, a category, does not have,
 * with near ones: a typing mistake as a rule. "" if there is none. */
void sc_condition_odd(const sc_condition *c, const sc_table *t, const char *axis, char *note,
                      size_t note_len);
/* holds[i]: 1 where row i of t, which was checked, fulfils c, else 0. */
void sc_condition_table(const sc_condition *c, const sc_table *t, uint8_t *holds);
/* The same for the obs of a block. */
sc_status sc_condition_block(const sc_condition *c, sc_block *b, uint8_t *holds,
                             sc_err *err) SC_MUST_CHECK;
void sc_condition_free(sc_condition *c);

#endif

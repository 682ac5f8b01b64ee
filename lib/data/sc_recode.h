/*
 * Columns made value by value out of others, of this type or another: what joining, concatenating
 * and casting tables need.
 */
#ifndef SC_RECODE_H
#define SC_RECODE_H

#include "sc_data.h"

typedef struct sc_recode {
    sc_col col;        /* being made; n is how many values there are room for */
    sc_names *by_name; /* of col.categories */
    int64_t at;        /* values there are */
    bool has_missing;
} sc_recode;

/* Room for n values of a column. categories (for SC_COL_CATEGORY, otherwise NULL) are copied.
 * sc_recode_free is due whatever was returned. */
sc_status sc_recode_open(sc_recode *r, const char *name, sc_col_type type,
                         const sc_strs *categories, int64_t n, sc_err *err) SC_MUST_CHECK;
/*
 * Appends value i of `from` (NULL: a missing one), converted: anything becomes text as sc_col_text
 * has it; text becomes a number or True/False if it reads as one ("", "NA" and "nan" are missing
 * then); a real becomes an integer if it is one. SC_EDATA where that fails, naming column and
 * value, or where a category is not among the categories.
 */
sc_status sc_recode_put(sc_recode *r, const sc_col *from, int64_t i, sc_err *err) SC_MUST_CHECK;
/* Appends the finished column (all n values were put) to a table of n rows, or to a header's schema
 * (then n is 0). SC_EDATA if the table has a column of that name. */
sc_status sc_recode_add_to(sc_recode *r, sc_table *t, sc_err *err) SC_MUST_CHECK;
void sc_recode_free(sc_recode *r);

/* Appends to `categories` those of `c` (a category's categories; otherwise the values, sorted) that
 * are not there yet. */
sc_status sc_recode_categories(sc_strs *categories, const sc_col *c, sc_err *err) SC_MUST_CHECK;
/* Sorts them: numbers by size, then text by bytes. */
sc_status sc_recode_sort(sc_strs *categories, sc_err *err) SC_MUST_CHECK;
/* "category", "string", "int", "real", "bool". */
const char *sc_col_type_name(sc_col_type type);

#endif

/* Tables of text: tab-separated, a header row, the row's name first. */
#ifndef SC_TSV_H
#define SC_TSV_H

#include "sc_data.h"

/*
 * Reads a table whose columns are all strings; an empty field, NA and nan are missing. Lines may
 * end with CRLF; the header may lack the first field, as R writes it. SC_EIO if it can't be read;
 * SC_EFORMAT, naming the line, if a row has too few or too many fields or is not text; SC_EDATA if
 * a name or a column stands twice. out is empty then; otherwise sc_table_free is due.
 */
sc_status sc_tsv_read(sc_table *out, const char *path, sc_err *err) SC_MUST_CHECK;
/*
 * The type that such a column means: int or real if all its values are numbers (007 is none), bool
 * if they are True and False, category if values repeat, else string.
 */
sc_status sc_tsv_infer(const sc_col *c, sc_col_type *type, sc_err *err) SC_MUST_CHECK;

#endif

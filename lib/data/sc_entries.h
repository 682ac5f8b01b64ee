/*
 * Entries of a cells x genes matrix as a file has them, in any order: kept in memory as long as
 * they are few, then in an unlinked temporary file. When all are there they can be taken cell by
 * cell. Those that came sorted by cell are never all in memory.
 */
#ifndef SC_ENTRIES_H
#define SC_ENTRIES_H

#include "sc_format.h"

typedef struct sc_entry {
    int32_t cell, gene; /* from 0 */
    float value;
} sc_entry;

/* Begin with SC_ENTRIES_NEW. */
typedef struct sc_entries {
    int64_t n_cells, n_genes, n_stored;
    sc_matkind kind; /* of the values so far: SC_COUNTS, SC_COUNTS_FRACTIONAL or SC_REAL */
    bool is_sorted;  /* by cell */
    int64_t *indptr; /* of cells, in the order added; n_cells + 1 once closed */
    int64_t cap_cells;
    sc_entry *buf;
    size_t n_buf, cap_buf, buf_pos;
    int fd; /* -1: all are in buf */
    int32_t last_cell;
    int32_t *genes; /* once they were sorted in memory */
    float *values;
    int64_t n_taken;
} sc_entries;

#define SC_ENTRIES_NEW                                                                             \
    (sc_entries)                                                                                   \
    {                                                                                              \
        .kind = SC_COUNTS, .is_sorted = true, .fd = -1                                             \
    }

/* A whole count >= 0 of a cell not before the last one's; false: it takes sc_entries_add. */
static inline bool sc_entries_add_count(sc_entries *e, int32_t cell, int32_t gene, float count)
{
    if (e->n_buf == e->cap_buf || cell >= e->cap_cells || cell < e->last_cell)
        return false;
    e->buf[e->n_buf++] = (sc_entry){cell, gene, count};
    e->indptr[cell + 1]++;
    e->n_stored++;
    e->last_cell = cell;
    return true;
}
sc_status sc_entries_add(sc_entries *e, int32_t cell, int32_t gene, float value,
                         sc_err *err) SC_MUST_CHECK;
/* All are there; cells and genes beyond those met are empty. */
sc_status sc_entries_close(sc_entries *e, int64_t n_cells, int64_t n_genes,
                           sc_err *err) SC_MUST_CHECK;
/* The next n cells. Entries of one cell and gene are added up in the order they came, and what was
 * too many is added to *n_summed; zeros are left out. */
sc_status sc_entries_take(sc_entries *e, int64_t n, sc_csr *out, int64_t *n_summed,
                          sc_err *err) SC_MUST_CHECK;
void sc_entries_free(sc_entries *e);

#endif

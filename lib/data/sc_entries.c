#include "sc_entries.h"

#include "sc_temp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEEP_ENTRIES = 2 << 20 }; /* 24 MiB; more go to a file */

/* An entry in the file, where all of a buffer fit: cells counted from its first. */
typedef struct small {
    uint16_t cell, gene, value;
} small;

/* Before the entries of each buffer in the file. */
typedef struct part {
    uint32_t n;
    int32_t cell0;
    bool is_small;
} part;

static sc_status write_all(int fd, const void *bytes, size_t left, sc_err *err)
{
    const char *p = bytes;
    while (left > 0) {
        const ssize_t n = write(fd, p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sc_temp_fail(err);
        p += n;
        left -= (size_t)n;
    }
    return SC_OK;
}

static sc_status read_all(int fd, void *bytes, size_t left, sc_err *err)
{
    char *p = bytes;
    while (left > 0) {
        const ssize_t n = read(fd, p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sc_temp_fail(err);
        if (n == 0)
            return sc_fail(err, SC_EIO, "a scratch file in '%s' lost its end", sc_temp_folder());
        p += n;
        left -= (size_t)n;
    }
    return SC_OK;
}

/* As small ones, in place; false: some entry does not fit, and nothing was changed. */
static bool shrink(sc_entry *buf, size_t n)
{
    const int32_t cell0 = buf[0].cell;
    bool fits = true;
    for (size_t k = 0; k < n; k++) {
        const int32_t cell = buf[k].cell - cell0;
        const float v = buf[k].value;
        fits &= (cell >= 0) & (cell <= UINT16_MAX) & (buf[k].gene <= UINT16_MAX) & (v >= 0) &
                (v <= UINT16_MAX);
        fits = fits && (float)(uint16_t)v == v;
    }
    for (size_t k = 0; fits && k < n; k++) {
        const small x = {(uint16_t)(buf[k].cell - cell0), (uint16_t)buf[k].gene,
                         (uint16_t)buf[k].value};
        memcpy((char *)buf + k * sizeof x, &x, sizeof x); /* never beyond what is read already */
    }
    return fits;
}

static void grow(sc_entry *buf, size_t n, int32_t cell0)
{
    while (n-- > 0) {
        small x;
        memcpy(&x, (char *)buf + n * sizeof x, sizeof x);
        buf[n] = (sc_entry){cell0 + x.cell, x.gene, (float)x.value};
    }
}

static sc_status flush(sc_entries *e, sc_err *err)
{
    if (e->n_buf == 0)
        return SC_OK;
    if (e->fd < 0)
        SC_TRY(sc_temp_fd(&e->fd, err));
    part p;
    memset(&p, 0, sizeof p); /* its padding is written, too */
    p.n = (uint32_t)e->n_buf;
    p.cell0 = e->buf[0].cell;
    p.is_small = shrink(e->buf, e->n_buf);
    e->n_buf = 0;
    SC_TRY(write_all(e->fd, &p, sizeof p, err));
    return write_all(e->fd, e->buf, p.n * (p.is_small ? sizeof(small) : sizeof *e->buf), err);
}

static sc_status make_room(sc_entries *e, int64_t n_cells, sc_err *err)
{
    if (n_cells < e->cap_cells)
        return SC_OK;
    const int64_t cap = n_cells + n_cells / 2 + 1024;
    SC_TRY(sc_resize(&e->indptr, (size_t)cap + 1, sizeof *e->indptr, err));
    const int64_t had = e->cap_cells ? e->cap_cells + 1 : 0;
    memset(e->indptr + had, 0, (size_t)(cap + 1 - had) * sizeof *e->indptr);
    e->cap_cells = cap;
    return SC_OK;
}

sc_status sc_entries_add(sc_entries *e, int32_t cell, int32_t gene, float value, sc_err *err)
{
    if (e->n_buf == e->cap_buf) {
        if (e->cap_buf == KEEP_ENTRIES) {
            SC_TRY(flush(e, err));
        } else {
            const size_t cap = e->cap_buf ? 2 * e->cap_buf : 1024;
            SC_TRY(sc_resize(&e->buf, cap, sizeof *e->buf, err));
            e->cap_buf = cap;
        }
    }
    SC_TRY(make_room(e, (int64_t)cell + 1, err));
    if (e->kind != SC_REAL)
        e->kind = sc_kind_scan(e->kind, &value, 1);
    e->buf[e->n_buf++] = (sc_entry){cell, gene, value};
    e->indptr[cell + 1]++;
    e->n_stored++;
    e->is_sorted = e->is_sorted && cell >= e->last_cell;
    e->last_cell = cell;
    return SC_OK;
}

/* Entry k in file order; they are asked for in order, once. */
static sc_status next_entry(sc_entries *e, sc_entry *out, sc_err *err)
{
    if (e->buf_pos == e->n_buf) {
        part p;
        SC_TRY(read_all(e->fd, &p, sizeof p, err));
        SC_TRY(read_all(e->fd, e->buf, p.n * (p.is_small ? sizeof(small) : sizeof *e->buf), err));
        if (p.is_small)
            grow(e->buf, p.n, p.cell0);
        e->n_buf = p.n;
        e->buf_pos = 0;
    }
    *out = e->buf[e->buf_pos++];
    return SC_OK;
}

/* By cell, in the order of the file within one. */
static sc_status sort_entries(sc_entries *e, sc_err *err)
{
    int64_t *at = NULL;
    sc_status st = sc_alloc(&e->genes, (size_t)e->n_stored, sizeof *e->genes, err);
    if (st == SC_OK)
        st = sc_alloc(&e->values, (size_t)e->n_stored, sizeof *e->values, err);
    if (st == SC_OK)
        st = sc_alloc(&at, (size_t)e->n_cells + 1, sizeof *at, err);
    if (st == SC_OK)
        memcpy(at, e->indptr, ((size_t)e->n_cells + 1) * sizeof *at);
    for (int64_t k = 0; st == SC_OK && k < e->n_stored; k++) {
        sc_entry x;
        st = next_entry(e, &x, err);
        if (st != SC_OK)
            break;
        const int64_t to = at[x.cell]++;
        e->genes[to] = x.gene;
        e->values[to] = x.value;
    }
    free(at);
    return st;
}

sc_status sc_entries_close(sc_entries *e, int64_t n_cells, int64_t n_genes, sc_err *err)
{
    e->n_cells = n_cells;
    e->n_genes = n_genes;
    SC_TRY(make_room(e, n_cells, err));
    for (int64_t i = 0; i < n_cells; i++)
        e->indptr[i + 1] += e->indptr[i];
    if (e->fd >= 0) {
        SC_TRY(flush(e, err));
        if (lseek(e->fd, 0, SEEK_SET) < 0)
            return sc_temp_fail(err);
    }
    return e->is_sorted ? SC_OK : sort_entries(e, err);
}

/* Sorts entries [k0, k1) by gene and adds up equal ones, from `to` on; gives the new end. Rows are
 * short and mostly sorted, or sorted the other way round. */
static int64_t close_row(sc_csr *m, int64_t k0, int64_t k1, int64_t to, sc_entry *tmp)
{
    int64_t n = k1 - k0;
    bool is_rising = true;
    for (int64_t k = k0 + 1; k < k1; k++)
        is_rising = is_rising && m->indices[k] > m->indices[k - 1];
    for (int64_t k = 0; k < n; k++)
        tmp[k] = (sc_entry){.gene = m->indices[k0 + k], .value = m->values[k0 + k], .cell = 0};
    if (!is_rising) {
        /* a merge sort from the bottom: stable, so that sums do not depend on the library */
        sc_entry *from = tmp, *other = tmp + n;
        for (int64_t width = 1; width < n; width *= 2) {
            for (int64_t lo = 0; lo < n; lo += 2 * width) {
                const int64_t mid = lo + width < n ? lo + width : n;
                const int64_t hi = lo + 2 * width < n ? lo + 2 * width : n;
                int64_t a = lo, b = mid;
                for (int64_t k = lo; k < hi; k++)
                    other[k] = a < mid && (b == hi || from[a].gene <= from[b].gene) ? from[a++]
                                                                                    : from[b++];
            }
            sc_entry *swap = from;
            from = other;
            other = swap;
        }
        tmp = from;
    }
    for (int64_t k = 0; k < n;) {
        const int32_t gene = tmp[k].gene;
        double sum = 0; /* a float loses counts above 2^24 */
        for (; k < n && tmp[k].gene == gene; k++)
            sum += (double)tmp[k].value;
        m->indices[to] = gene;
        m->values[to] = (float)sum;
        to += sum != 0;
    }
    return to;
}

static int64_t count_repeats(const sc_csr *m, int64_t k0, int64_t k1, int64_t *last_of_gene,
                             int64_t row)
{
    int64_t n = 0;
    for (int64_t k = k0; k < k1; k++) {
        n += last_of_gene[m->indices[k]] == row + 1;
        last_of_gene[m->indices[k]] = row + 1;
    }
    return n;
}

sc_status sc_entries_take(sc_entries *e, int64_t n, sc_csr *out, int64_t *n_summed, sc_err *err)
{
    const int64_t *indptr = e->indptr + e->n_taken;
    const int64_t nnz = indptr[n] - indptr[0];
    int64_t longest = 0, to = 0;
    sc_entry *tmp = NULL;
    int64_t *seen = NULL;
    for (int64_t i = 0; i < n; i++)
        if (indptr[i + 1] - indptr[i] > longest)
            longest = indptr[i + 1] - indptr[i];
    *out = (sc_csr){.n_rows = n, .n_cols = e->n_genes};
    sc_status st;
    SC_GOTO(st, sc_alloc(&out->indptr, (size_t)n + 1, sizeof *out->indptr, err), out);
    SC_GOTO(st, sc_alloc(&out->indices, (size_t)nnz, sizeof *out->indices, err), out);
    SC_GOTO(st, sc_alloc(&out->values, (size_t)nnz, sizeof *out->values, err), out);
    SC_GOTO(st, sc_alloc(&tmp, 2 * (size_t)longest, sizeof *tmp, err), out);
    SC_GOTO(st, sc_alloc(&seen, (size_t)e->n_genes, sizeof *seen, err), out);
    for (int64_t i = 0; i < n; i++) {
        const int64_t k0 = indptr[i] - indptr[0], k1 = indptr[i + 1] - indptr[0];
        for (int64_t k = k0; k < k1; k++) {
            sc_entry x = {0};
            if (e->genes)
                x = (sc_entry){0, e->genes[indptr[0] + k], e->values[indptr[0] + k]};
            else
                SC_GOTO(st, next_entry(e, &x, err), out);
            out->indices[k] = x.gene;
            out->values[k] = x.value;
        }
        *n_summed += count_repeats(out, k0, k1, seen, i);
        to = close_row(out, k0, k1, to, tmp);
        out->indptr[i + 1] = to;
    }
    e->n_taken += n;
out:
    free(tmp);
    free(seen);
    return st;
}

void sc_entries_free(sc_entries *e)
{
    if (e->fd >= 0)
        close(e->fd);
    free(e->indptr);
    free(e->buf);
    free(e->genes);
    free(e->values);
    *e = SC_ENTRIES_NEW;
}

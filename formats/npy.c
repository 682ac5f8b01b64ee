/*
 * NumPy's .npy, written only: one matrix of cells x columns, float32, row by row. The header has a
 * fixed length, so that the number of rows can be filled in at the end.
 */
#include "sc_format.h"

#include <inttypes.h>
#include <stdlib.h>

enum { HEADER = 128 };

typedef struct npy_opts {
    const char *matrix; /* NULL: X */
} npy_opts;

typedef struct npy_writer {
    const sc_header *h;
    const char *target;
    int matrix;
    int64_t n_rows;
    FILE *file;
    float *row;
} npy_writer;

static void discard(void *state)
{
    npy_writer *w = state;
    if (!w)
        return;
    if (w->file)
        fclose(w->file);
    free(w->row);
    free(w);
}

static sc_status put_header(npy_writer *w, sc_err *err)
{
    char head[HEADER + 1];
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00", 8);
    head[8] = HEADER - 10;
    head[9] = 0;
    const int n =
        snprintf(head + 10, HEADER - 10,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64 "), }",
                 w->n_rows, w->h->mats[w->matrix].n_cols);
    head[10 + n] = ' ';
    head[HEADER - 1] = '\n';
    if (fwrite(head, 1, HEADER, w->file) != HEADER)
        return sc_fail_errno(err, "%s", w->target);
    return SC_OK;
}

static sc_status create(void **state, const char *path, const char *target, const void *opts,
                        const sc_host *host, const sc_header *h, sc_err *err)
{
    (void)host;
    const npy_opts *o = opts;
    const char *name = o->matrix ? o->matrix : "X";
    const int matrix = sc_header_find(h, name);
    npy_writer *w;
    if (matrix < 0 || strncmp(name, "obsp/", 5) == 0 || strncmp(name, "varm/", 5) == 0)
        return sc_fail(err, SC_EDATA, "there is no matrix '%s' with a row for each cell%s", name,
                       sc_header_why(h, name));
    SC_TRY(sc_alloc(&w, 1, sizeof *w, err));
    *w = (npy_writer){.h = h, .target = target, .matrix = matrix};
    sc_status st = sc_alloc(&w->row, (size_t)h->mats[matrix].n_cols, sizeof *w->row, err);
    if (st == SC_OK && !(w->file = fopen(path, "wb")))
        st = sc_fail_errno(err, "%s", target);
    if (st == SC_OK)
        st = put_header(w, err);
    if (st == SC_OK)
        *state = w;
    else
        discard(w);
    return st;
}

static sc_status put(void *state, const sc_format_rows *r, sc_err *err)
{
    npy_writer *w = state;
    const size_t n_cols = (size_t)w->h->mats[w->matrix].n_cols;
    const sc_format_mat *m = &r->mats[w->matrix];
    for (int64_t i = 0; i < r->n_rows; i++) {
        const float *row = w->row;
        if (w->h->mats[w->matrix].is_sparse) {
            memset(w->row, 0, n_cols * sizeof *w->row);
            for (int64_t k = m->sparse.indptr[i]; k < m->sparse.indptr[i + 1]; k++)
                w->row[m->sparse.indices[k]] = m->sparse.values[k];
        } else {
            row = m->dense.values + (size_t)i * n_cols;
        }
        if (fwrite(row, sizeof *row, n_cols, w->file) != n_cols)
            return sc_fail_errno(err, "%s", w->target);
        w->n_rows++;
    }
    return SC_OK;
}

static sc_status finish(void *state, sc_err *err)
{
    npy_writer *w = state;
    if (fseek(w->file, 0, SEEK_SET) != 0)
        return sc_fail_errno(err, "%s", w->target);
    SC_TRY(put_header(w, err));
    if (fflush(w->file) != 0)
        return sc_fail_errno(err, "%s", w->target);
    return SC_OK;
}

static const sc_param write_params[] = {
    SC_STRING(npy_opts, matrix, "matrix", "NAME", "which one to write: X, layers/K, obsm/K"),
    SC_PARAM_END};

static const sc_format impl = {.size = sizeof impl,
                               .suffixes = "npy",
                               .create = create,
                               .put = put,
                               .finish = finish,
                               .discard = discard,
                               .write_params = write_params,
                               .write_opts_size = sizeof(npy_opts)};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {.abi = SC_PLUGIN_ABI,
                                   .size = sizeof sc_plugin_entry,
                                   .kind = SC_KIND_FORMAT,
                                   .name = "npy",
                                   .brief = "one matrix as a NumPy array, written only",
                                   .impl = &impl};

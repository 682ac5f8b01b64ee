/* Which matrix has the counts, and why none has. */
#include "sc_stream_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "X (lognorm), layers/counts (counts)" of what has a row a cell and a column a gene. */
static void list_matrices(const sc_header *h, bool counts_only, char *buf, size_t n)
{
    size_t used = 0;
    buf[0] = 0;
    for (int k = 0; k < h->n_mats; k++) {
        const sc_mat *m = &h->mats[k];
        if (strcmp(m->path, "X") != 0 && strncmp(m->path, "layers/", 7) != 0)
            continue;
        if (counts_only && m->kind != SC_COUNTS)
            continue;
        const int w = snprintf(buf + used, n - used, "%s%s (%s)", used ? ", " : "", m->path,
                               sc_matkind_name(m->kind));
        used += w > 0 ? (size_t)w : 0;
        if (used >= n)
            return;
    }
}

const char *sc_header_why(const sc_header *h, const char *path)
{
    const bool is_of_genes =
        strcmp(path, "X") == 0 || strncmp(path, "layers/", 7) == 0 || strncmp(path, "raw/", 4) == 0;
    return is_of_genes && sc_header_find(h, "X") < 0 &&
                   strstr(h->uns, "\"_scvi_adata_minify_type\"")
               ? "; the cells are minified, and have only what a model decodes"
               : "";
}

static sc_status named_counts(const sc_header *h, const char *layer, int *mat, sc_err *err)
{
    char list[512], path[512];
    (void)snprintf(path, sizeof path, "layers/%s", layer);
    int k = strcmp(layer, "X") == 0 ? sc_header_find(h, "X") : sc_header_find(h, path);
    if (k < 0 && strncmp(layer, "layers/", 7) == 0)
        k = sc_header_find(h, layer);
    list_matrices(h, false, list, sizeof list);
    if (k < 0 && !*list && *sc_header_why(h, path))
        return sc_fail(err, SC_EDATA, "there is no layer '%s'%s", layer, sc_header_why(h, path));
    if (k < 0)
        return sc_fail(err, SC_EDATA, "there is no layer '%s'; there are: %s", layer,
                       *list ? list : "none");
    if (h->mats[k].kind != SC_COUNTS && h->mats[k].kind != SC_COUNTS_FRACTIONAL)
        return sc_fail(err, SC_EDATA, "'%s' is %s, and counts are needed; there are: %s",
                       h->mats[k].path, sc_matkind_name(h->mats[k].kind), list);
    *mat = k;
    return SC_OK;
}

/* What to do where no matrix is counts. */
static const char *remedy(const sc_header *h)
{
    for (int k = 0; k < h->n_mats; k++)
        if (h->mats[k].kind == SC_COUNTS_FRACTIONAL &&
            (strcmp(h->mats[k].path, "X") == 0 || strncmp(h->mats[k].path, "layers/", 7) == 0))
            return "; --layer takes fractional ones as they are";
    const int raw = sc_header_find(h, "raw/X");
    if (raw >= 0 && h->mats[raw].kind == SC_COUNTS)
        return "; raw has some, which sc-read --use raw takes from the file";
    return "";
}

sc_status sc_header_counts(const sc_header *h, const char *layer, int *mat, char *note,
                           size_t note_len, sc_err *err)
{
    char list[512];
    int found = -1, n = 0;
    if (note_len)
        note[0] = 0;
    if (layer)
        return named_counts(h, layer, mat, err);
    const int x = sc_header_find(h, "X");
    if (x >= 0 && h->mats[x].kind == SC_COUNTS) {
        *mat = x;
        return SC_OK;
    }
    for (int k = 0; k < h->n_mats; k++)
        if (h->mats[k].kind == SC_COUNTS && strncmp(h->mats[k].path, "layers/", 7) == 0) {
            found = k;
            n++;
        }
    list_matrices(h, n > 1, list, sizeof list);
    if (n == 0)
        return *list ? sc_fail(err, SC_EDATA, "counts are needed, and there are only: %s%s", list,
                               remedy(h))
                     : sc_fail(err, SC_EDATA,
                               "counts are needed, and there is no matrix of cells by genes%s",
                               sc_header_why(h, "X"));
    if (n > 1)
        return sc_fail(err, SC_EDATA, "several layers are counts, --layer decides: %s", list);
    *mat = found;
    if (note_len)
        (void)snprintf(note, note_len, "takes the counts from '%s': X is %s", h->mats[found].path,
                       x < 0 ? "not there" : sc_matkind_name(h->mats[x].kind));
    return SC_OK;
}

/* The matrix that would be counts but for some of its values; NULL: there is none. */
static const sc_mat *nearly_counts(const sc_header *h, const char *layer)
{
    const sc_mat *best = NULL;
    for (int k = 0; k < h->n_mats; k++) {
        const sc_mat *m = &h->mats[k];
        const bool is_x = strcmp(m->path, "X") == 0, is_layer = strncmp(m->path, "layers/", 7) == 0;
        if ((!is_x && !is_layer) || (m->kind != SC_REAL && m->kind != SC_COUNTS_FRACTIONAL))
            continue;
        if (layer && strcmp(m->path, layer) != 0 &&
            (is_x || strcmp(m->path + strlen("layers/"), layer) != 0))
            continue;
        if (is_x || !best)
            best = m;
    }
    return best;
}

static bool is_count(float v)
{
    return v >= 0 && v < INFINITY && v == floorf(v);
}

/* Adds cell, gene and value of the first that is no count, from what is still to be read. */
static sc_status tell_value(sc_reader *in, const char *layer, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    const sc_mat *m = nearly_counts(h, layer);
    const size_t used = err ? strlen(err->msg) : 0;
    sc_block *b = NULL;
    while (m && err && sc_reader_next(in, &b, NULL) == SC_OK) {
        sc_csr *s = NULL;
        sc_dense *d = NULL;
        sc_table *obs = NULL;
        if (sc_block_obs(b, &obs, NULL) != SC_OK ||
            (m->is_sparse ? sc_block_sparse(b, m->path, &s, NULL)
                          : sc_block_dense(b, m->path, &d, NULL)) != SC_OK)
            break;
        const int64_t n = s ? s->indptr[obs->n_rows] : obs->n_rows * d->n_cols;
        const float *values = s ? s->values : d->values;
        int64_t k = 0, i = 0;
        while (k < n && is_count(values[k]))
            k++;
        if (k == n)
            continue;
        while (s && s->indptr[i + 1] <= k)
            i++;
        (void)snprintf(err->msg + used, sizeof err->msg - used, "; cell '%s' has %g of gene '%s'",
                       sc_strs_at(&obs->names, s ? i : k / d->n_cols), (double)values[k],
                       sc_strs_at(&h->var.names, s ? s->indices[k] : k % d->n_cols));
        break;
    }
    return SC_EDATA;
}

sc_status sc_reader_counts(sc_reader *in, const char *layer, int *mat, char *note, size_t note_len,
                           sc_err *err)
{
    const sc_status st = sc_header_counts(sc_reader_header(in), layer, mat, note, note_len, err);
    return st == SC_EDATA ? tell_value(in, layer, err) : st;
}

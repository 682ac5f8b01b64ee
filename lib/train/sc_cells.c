#include "sc_cells.h"

#include "sc_genes.h"
#include "sc_log_factorial.h"
#include "sc_numbers.h"
#include "sc_panels.h"
#include "sc_proteins.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct loader {
    sc_cells *c;
    const sc_keys *keys;
    const sc_header *h;
    const char *path;
    bool is_sparse;
    sc_genes genes; /* of a query */
    struct gene_count {
        int32_t gene;
        float count;
    } * row; /* of one cell: as many as the data have genes, as the next two */
    int32_t *index;
    float *value;
    sc_proteins proteins;
    sc_log_factorial factorials;
    bool lacks_labels;  /* a query without the column: no cell has a label */
    sc_numbers numbers; /* continuous covariates */
    int n_coders;
    int slot[SC_IN_MAX];
    sc_coder coders[SC_IN_MAX];
} loader;

static sc_status room(sc_cells *c, int64_t n_obs, sc_err *err)
{
    if (c->n_obs + n_obs + 1 > c->cap_obs) {
        c->cap_obs = (c->n_obs + n_obs + 1) * 3 / 2;
        SC_TRY(sc_resize(&c->totals, (size_t)c->cap_obs, sizeof *c->totals, err));
        SC_TRY(sc_resize(&c->log_factorial, (size_t)c->cap_obs, sizeof(double), err));
        if (c->n_cont_covs)
            SC_TRY(sc_resize(&c->cont_covs, (size_t)(c->cap_obs * c->n_cont_covs), sizeof(float),
                             err));
        if (c->dims.has_size_factor)
            SC_TRY(sc_resize(&c->size_factor, (size_t)c->cap_obs, sizeof(float), err));
        if (c->dims.n_proteins)
            SC_TRY(sc_resize(&c->proteins, (size_t)(c->cap_obs * c->dims.n_proteins), sizeof(float),
                             err));
    }
    return SC_OK;
}

static sc_status no_count(loader *l, sc_block *b, int64_t i, int64_t gene, float x, sc_err *err)
{
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    return sc_fail(err, SC_EDATA, "cell '%s', gene '%s': %g is not a count",
                   sc_strs_at(&obs->names, i), sc_strs_at(&l->c->var.names, gene), (double)x);
}

static int by_gene(const void *a, const void *b)
{
    return ((const struct gene_count *)a)->gene - ((const struct gene_count *)b)->gene;
}

/* n values of cell i; index NULL: of all genes. A query's are put in the order of the model. */
static sc_status add_row(loader *l, sc_block *b, int64_t i, int64_t n, const int32_t *index,
                         const float *x, sc_err *err)
{
    sc_cells *c = l->c;
    struct gene_count *row = l->row;
    int64_t n_row = 0, n_counts = 0;
    double total = 0;
    for (int64_t k = 0; k < n; k++) {
        const int32_t j = index ? index[k] : (int32_t)k,
                      gene = l->keys->known ? l->genes.to_model[j] : j;
        if (gene >= 0 && x[k] != 0)
            row[n_row++] = (struct gene_count){gene, x[k]};
    }
    if (n_row && l->keys->known && !l->genes.in_order)
        qsort(row, (size_t)n_row, sizeof *row, by_gene);
    for (int64_t k = 0; k < n_row; k++) {
        if (!(row[k].count >= 0) || isinf(row[k].count))
            return no_count(l, b, i, row[k].gene, row[k].count, err);
        l->index[n_counts] = row[k].gene;
        l->value[n_counts++] = row[k].count;
        total += (double)row[k].count;
    }
    c->totals[c->n_obs + i] = total;
    c->log_factorial[c->n_obs + i] = sc_log_factorial_sum(&l->factorials, n_counts, l->value);
    return sc_packed_add(c->counts, n_counts, l->index, l->value, err);
}

static sc_status add_counts(loader *l, sc_block *b, sc_err *err)
{
    sc_cells *c = l->c;
    const int64_t n = sc_block_n_rows(b);
    if (l->is_sparse) {
        sc_csr *m = NULL;
        SC_TRY(sc_block_sparse(b, l->path, &m, err));
        SC_TRY(room(c, n, err));
        for (int64_t i = 0; i < n; i++) {
            const int64_t k = m->indptr[i];
            SC_TRY(add_row(l, b, i, m->indptr[i + 1] - k, m->indices + k, m->values + k, err));
        }
        return SC_OK;
    }
    sc_dense *m = NULL;
    SC_TRY(sc_block_dense(b, l->path, &m, err));
    SC_TRY(room(c, n, err));
    for (int64_t i = 0; i < n; i++) {
        SC_TRY(add_row(l, b, i, m->n_cols, NULL, m->values + i * m->n_cols, err));
    }
    return SC_OK;
}

static sc_status add_block(loader *l, sc_block *b, sc_err *err)
{
    sc_cells *c = l->c;
    sc_table *obs = NULL;
    SC_TRY(add_counts(l, b, err));
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int64_t i = 0; i < obs->n_rows; i++) {
        const char *name = sc_strs_at(&obs->names, i);
        SC_TRY(sc_strs_push(&c->names, name, strlen(name), err));
    }
    for (int k = 0; k < l->n_coders; k++)
        SC_TRY(sc_coder_block(&l->coders[k], b, err));
    if (c->n_cont_covs)
        SC_TRY(sc_numbers_rows(&l->numbers, b, c->cont_covs + c->n_obs * c->n_cont_covs, err));
    if (c->dims.has_size_factor)
        SC_TRY(sc_numbers_block(b, l->keys->size_factor, 1, c->size_factor + c->n_obs, err));
    if (c->dims.n_proteins)
        SC_TRY(
            sc_proteins_block(&l->proteins, b, c->proteins + c->n_obs * c->dims.n_proteins, err));
    c->n_obs += obs->n_rows;
    return SC_OK;
}

static sc_status open_keys(loader *l, sc_err *err)
{
    const sc_keys *k = l->keys;
    sc_cells *c = l->c;
    const char *key[SC_IN_MAX] = {0};
    key[SC_IN_BATCH - SC_IN_BATCH] = k->batch;
    key[SC_IN_PANEL - SC_IN_BATCH] = k->proteins ? k->panel : NULL;
    key[SC_IN_LABELS - SC_IN_BATCH] = k->labels;
    for (int i = 0; i < k->n_cat_covs; i++) {
        if (SC_IN_CAT_COV_0 - SC_IN_BATCH + i >= SC_IN_MAX)
            return sc_fail(err, SC_EUSAGE, "more than %d categorical covariates",
                           SC_IN_MAX - SC_IN_CAT_COV_0 + SC_IN_BATCH);
        key[SC_IN_CAT_COV_0 - SC_IN_BATCH + i] = k->cat_covs[i];
    }
    for (int s = 0; s < SC_IN_MAX; s++) {
        if (!key[s])
            continue;
        sc_coder *coder = &l->coders[l->n_coders];
        const bool is_label = s == SC_IN_LABELS - SC_IN_BATCH;
        const bool knows_labels = is_label && k->known && k->known->cats[s].key;
        if (knows_labels && k->unlabeled && !sc_table_find(&l->h->obs, key[s])) {
            l->lacks_labels = true;
            continue;
        }
        SC_TRY(sc_coder_open(coder, l->h, key[s], knows_labels ? &k->known->cats[s].levels : NULL,
                             err));
        if (k->known && !is_label)
            SC_TRY(sc_coder_know(coder, &k->known->cats[s].levels, err));
        if (is_label)
            coder->if_missing = k->unlabeled;
        l->slot[l->n_coders++] = s;
    }
    for (int i = 0; i < k->n_cont_covs; i++)
        SC_TRY(sc_numbers_add(&l->numbers, l->h, k->cont_covs[i], err));
    if (k->size_factor)
        SC_TRY(sc_require_obs(l->h, k->size_factor, err));
    c->n_cont_covs = k->n_cont_covs;
    c->dims.has_size_factor = k->size_factor != NULL;
    return SC_OK;
}

/* A protein without a single count in a panel was not measured there, unless the data say it was.
 */
static sc_status find_missing_proteins(loader *l, sc_err *err)
{
    sc_cells *c = l->c;
    const sc_category *panels = &c->cats[l->keys->panel ? SC_IN_PANEL - SC_IN_BATCH : 0];
    const int64_t n = c->dims.n_proteins;
    const int32_t *panel = c->codes[SC_IN_PANEL - SC_IN_BATCH];
    bool *has_cells = NULL;
    if (!n)
        return SC_OK;
    SC_TRY(sc_alloc(&c->protein_missing, (size_t)(c->dims.n_panels * n), 1, err));
    memset(c->protein_missing, 1, (size_t)(c->dims.n_panels * n));
    SC_TRY(sc_alloc(&has_cells, (size_t)c->dims.n_panels, sizeof *has_cells, err));
    for (int64_t i = 0; i < c->n_obs; i++) {
        has_cells[panel[i]] = true;
        for (int64_t p = 0; p < n; p++)
            if (c->proteins[i * n + p] > 0)
                c->protein_missing[panel[i] * n + p] = 0;
    }
    for (int64_t b = 0; b < c->dims.n_panels; b++) {
        for (int64_t p = 0; p < n && !has_cells[b]; p++) /* nobody could have measured it */
            c->protein_missing[b * n + p] = 0;
    }
    free(has_cells);
    if (panels->key)
        SC_TRY(sc_panels_missing(l->h, l->keys->proteins, panels->key, &panels->levels,
                                 &c->protein_names, c->protein_missing, err));
    for (int64_t k = 0; k < c->dims.n_panels * n; k++)
        c->dims.n_proteins_missing += c->protein_missing[k];
    if (!c->dims.n_proteins_missing) {
        free(c->protein_missing);
        c->protein_missing = NULL;
    }
    return SC_OK;
}

static sc_status open_proteins(loader *l, sc_err *err)
{
    sc_cells *c = l->c;
    const sc_known *known = l->keys->known;
    if (!l->keys->proteins)
        return SC_OK;
    SC_TRY(sc_proteins_open(&l->proteins, l->h, l->keys->proteins, known ? known->proteins : NULL,
                            err));
    c->dims.n_proteins = l->proteins.n;
    (void)snprintf(c->protein_note, sizeof c->protein_note, "%s", l->proteins.note);
    return sc_strs_copy(&c->protein_names, &l->proteins.names, err);
}

static sc_status fill_labels(loader *l, sc_err *err)
{
    sc_cells *c = l->c;
    const int s = SC_IN_LABELS - SC_IN_BATCH;
    const sc_strs *levels = &l->keys->known->cats[s].levels;
    c->dims.n_labels = levels->n - 1;
    SC_TRY(sc_strs_copy(&c->cats[s].levels, levels, err));
    c->cats[s].key = strdup(l->keys->labels);
    SC_TRY(sc_alloc(&c->codes[s], (size_t)c->n_obs, sizeof **c->codes, err));
    for (int64_t i = 0; i < c->n_obs; i++)
        c->codes[s][i] = (int32_t)c->dims.n_labels;
    (void)snprintf(c->label_note, sizeof c->label_note,
                   "obs has no column '%s': every cell counts as '%s'", l->keys->labels,
                   l->keys->unlabeled);
    return SC_OK;
}

static sc_status close_keys(loader *l, sc_err *err)
{
    sc_cells *c = l->c;
    for (int k = 0; k < l->n_coders; k++) {
        const int s = l->slot[k];
        const bool has_unlabeled = s == SC_IN_LABELS - SC_IN_BATCH && l->keys->unlabeled;
        SC_TRY(has_unlabeled
                   ? sc_coder_finish_labels(&l->coders[k], l->keys->unlabeled, &c->cats[s], err)
                   : sc_coder_finish(&l->coders[k], &c->cats[s], err));
        c->codes[s] = l->coders[k].codes;
        l->coders[k].codes = NULL;
        const int64_t n = c->cats[s].levels.n;
        if (s == 0)
            c->dims.n_batch = n;
        else if (s == SC_IN_LABELS - SC_IN_BATCH)
            c->dims.n_labels = has_unlabeled ? n - 1 : n;
        else if (s == SC_IN_PANEL - SC_IN_BATCH)
            c->dims.n_panels = n;
        else
            c->dims.n_cats[s + SC_IN_BATCH - SC_IN_CAT_COV_0] = n;
    }
    if (l->lacks_labels)
        SC_TRY(fill_labels(l, err));
    if (!c->codes[0])
        SC_TRY(sc_alloc(&c->codes[0], (size_t)c->n_obs, sizeof **c->codes, err)); /* one batch */
    if (c->dims.n_proteins && !l->keys->panel) {
        int32_t **panel = &c->codes[SC_IN_PANEL - SC_IN_BATCH];
        SC_TRY(sc_alloc(panel, (size_t)c->n_obs, sizeof **panel, err));
        memcpy(*panel, c->codes[0], (size_t)c->n_obs * sizeof **panel);
    }
    if (!l->keys->panel)
        c->dims.n_panels = c->dims.n_batch;
    return find_missing_proteins(l, err);
}

/* Genes are those of the data, or of the model whose query they are. */
static sc_status open_genes(loader *l, sc_err *err)
{
    sc_cells *c = l->c;
    const sc_known *known = l->keys->known;
    SC_TRY(sc_table_copy(&c->var, known ? known->var : &l->h->var, err));
    c->dims.n_vars = c->n_vars = c->var.n_rows;
    const size_t most = (size_t)l->h->var.n_rows + 1;
    SC_TRY(sc_packed_new(&c->counts, c->n_vars, l->keys->memory, err));
    SC_TRY(sc_alloc(&l->row, most, sizeof *l->row, err));
    SC_TRY(sc_alloc(&l->index, most, sizeof *l->index, err));
    SC_TRY(sc_alloc(&l->value, most, sizeof *l->value, err));
    if (!known)
        return SC_OK;
    SC_TRY(sc_genes_match(&l->genes, &l->h->var, known->var, known->min_gene_overlap, err));
    (void)snprintf(c->gene_note, sizeof c->gene_note, "%s", l->genes.note);
    return SC_OK;
}

sc_status sc_cells_load(sc_cells *c, sc_reader *in, const sc_keys *keys, sc_err *err)
{
    memset(c, 0, sizeof *c);
    loader *l = NULL;
    SC_TRY(sc_alloc(&l, 1, sizeof *l, err));
    l->c = c;
    l->keys = keys;
    sc_log_factorial_init(&l->factorials);
    l->h = sc_reader_header(in);
    c->dims =
        (sc_dims){.n_batch = 1, .n_cat_covs = keys->n_cat_covs, .n_cont_covs = keys->n_cont_covs};
    int mat = -1;
    sc_block *b = NULL;
    sc_status st;
    SC_GOTO(st, sc_reader_counts(in, keys->layer, &mat, c->note, sizeof c->note, err), out);
    l->path = l->h->mats[mat].path;
    l->is_sparse = l->h->mats[mat].is_sparse;
    SC_GOTO(st, open_genes(l, err), out);
    SC_GOTO(st, sc_strs_copy(&c->records, &l->h->records, err), out);
    SC_GOTO(st, open_keys(l, err), out);
    SC_GOTO(st, open_proteins(l, err), out);
    SC_GOTO(st, room(c, 0, err), out);
    while ((st = sc_reader_next(in, &b, err)) == SC_OK)
        SC_GOTO(st, add_block(l, b, err), out);
    if (st == SC_END)
        st = sc_packed_end(c->counts, err) == SC_OK ? SC_END : err->status;
    if (st == SC_END)
        st = c->n_obs ? close_keys(l, err) : sc_fail(err, SC_EDATA, "there are no cells");
out:
    st = sc_err_name(err, st, sc_reader_name(in));
    free(l->row);
    free(l->index);
    free(l->value);
    sc_genes_free(&l->genes);
    sc_proteins_free(&l->proteins);
    sc_numbers_free(&l->numbers);
    for (int k = 0; k < l->n_coders; k++)
        sc_coder_close(&l->coders[k]);
    free(l);
    if (st != SC_OK)
        sc_cells_free(c);
    return st;
}

void sc_cells_free(sc_cells *c)
{
    sc_table_free(&c->var);
    sc_strs_free(&c->names);
    sc_strs_free(&c->records);
    sc_packed_free(c->counts);
    free(c->totals);
    free(c->log_factorial);
    free(c->cont_covs);
    free(c->size_factor);
    free(c->proteins);
    free(c->protein_missing);
    sc_strs_free(&c->protein_names);
    for (int i = 0; i < SC_IN_MAX; i++) {
        sc_category_free(&c->cats[i]);
        free(c->codes[i]);
    }
    memset(c, 0, sizeof *c);
}

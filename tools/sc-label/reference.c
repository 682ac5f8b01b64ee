/* Labels from cells of a reference that have some, in a representation that both have. */
#include "label.h"

#include "sc_gather.h"
#include "sc_space.h"
#include "sc_transfer.h"

#include <stdlib.h>
#include <string.h>

typedef struct transfer {
    const label_opts *o;
    sc_kernels const *kernels;
    sc_reader *ref;
    sc_pass twice; /* the cells to be labelled */
    char *path;    /* of the representation */
    sc_labelled known;
    sc_category labels; /* levels: the classes */
    sc_dense query;
    float *probs; /* query x classes */
    sc_label_rules rules;
    char key[200];
} transfer;

/* The reference is read twice: for the representation, and for the labels. */
static sc_status take_cells(transfer *t, sc_coder *codes, sc_err *err)
{
    sc_block *b = NULL;
    sc_status st;
    SC_TRY(sc_reader_keep(t->ref, err));
    SC_TRY(sc_gather_dense(&t->known.x, t->ref, t->path, err));
    SC_TRY(sc_reader_rewind(t->ref, err));
    while ((st = sc_reader_next(t->ref, &b, err)) == SC_OK)
        SC_TRY(sc_coder_block(codes, b, err));
    return st == SC_END ? SC_OK : st;
}

/* Cells without a label, or with the unknown one, have no say. */
static sc_status keep_labelled(transfer *t, const sc_coder *codes, sc_err *err)
{
    sc_dense *x = &t->known.x;
    const int64_t n_all = x->n_rows, d = x->n_cols, unknown = t->labels.levels.n - 1;
    SC_TRY(sc_alloc(&t->known.class, (size_t)n_all, sizeof *t->known.class, err));
    x->n_rows = 0;
    for (int64_t i = 0; i < n_all; i++) {
        if (codes->codes[i] == unknown)
            continue;
        t->known.class[x->n_rows] = codes->codes[i];
        memmove(x->values + x->n_rows++ * d, x->values + i * d, (size_t)d * sizeof *x->values);
    }
    if (x->n_rows == 0)
        return sc_fail(err, SC_EDATA, "%s: no cell has a label in obs column '%s'", t->o->reference,
                       t->o->label_key);
    return SC_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Classes by name; the unknown level, which stands last, goes. */
static sc_status sort_classes(transfer *t, sc_err *err)
{
    const int64_t n = t->known.n_classes = t->labels.levels.n - 1;
    const char **names = NULL;
    sc_strs sorted = {0};
    sc_status st;
    SC_GOTO(st, sc_alloc(&names, (size_t)n, sizeof *names, err), out);
    for (int64_t c = 0; c < n; c++)
        names[c] = sc_strs_at(&t->labels.levels, c);
    qsort(names, (size_t)n, sizeof *names, by_text);
    for (int64_t c = 0; c < n; c++)
        SC_GOTO(st, sc_strs_push(&sorted, names[c], strlen(names[c]), err), out);
    for (int64_t i = 0; i < t->known.x.n_rows; i++) {
        const char *name = sc_strs_at(&t->labels.levels, t->known.class[i]);
        const char **at = bsearch(&name, names, (size_t)n, sizeof *names, by_text);
        t->known.class[i] = (int32_t)(at - names);
    }
    sc_strs_free(&t->labels.levels);
    t->labels.levels = sorted;
    sorted = (sc_strs){0};
out:
    free(names);
    sc_strs_free(&sorted);
    return st;
}

static sc_status read_reference(transfer *t, sc_err *err)
{
    const label_opts *o = t->o;
    sc_coder codes = {0};
    int mat = -1;
    sc_status st;
    SC_TRY(sc_reader_open_path(&t->ref, o->reference, err));
    const sc_header *h = sc_reader_header(t->ref);
    st = sc_find_rep(h, o->use_rep, &mat, err);
    if (st != SC_OK)
        return sc_err_name(err, st, o->reference);
    t->path = strdup(h->mats[mat].path);
    if (!t->path)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    SC_GOTO(st, sc_coder_open(&codes, h, o->label_key, NULL, err), out);
    codes.if_missing = o->unknown;
    SC_GOTO(st, take_cells(t, &codes, err), out);
    SC_GOTO(st, sc_coder_finish_labels(&codes, o->unknown, &t->labels, err), out);
    SC_GOTO(st, keep_labelled(t, &codes, err), out);
    st = sort_classes(t, err);
out:
    sc_coder_close(&codes);
    return sc_err_name(err, st, o->reference);
}

static sc_status read_query(transfer *t, sc_err *err)
{
    const label_opts *o = t->o;
    const char *name = strncmp(t->path, "obsm/", 5) == 0 ? t->path + 5 : t->path;
    int mat;
    SC_TRY(sc_find_rep(sc_reader_header(t->twice.in), name, &mat, err));
    SC_TRY(sc_gather_dense(&t->query, t->twice.in, t->path, err));
    if (t->query.n_cols != t->known.x.n_cols)
        return sc_fail(err, SC_EDATA, "'%s' has %lld columns here and %lld in '%s'", t->path,
                       (long long)t->query.n_cols, (long long)t->known.x.n_cols, o->reference);
    if (!o->any_space &&
        !sc_space_may_be_one(sc_reader_header(t->twice.in), sc_reader_header(t->ref), name))
        return sc_fail(err, SC_EDATA,
                       "'%s' is of one model here and of another in '%s': embed the cells with the "
                       "model of the reference, or with what sc-surgery makes of it; --any-space "
                       "compares them all the same",
                       name, o->reference);
    return SC_OK;
}

static sc_status find_probs(transfer *t, sc_err *err)
{
    const label_opts *o = t->o;
    const uint64_t seed = (uint64_t)o->common.seed;
    int k = (int)o->n_neighbors;
    SC_TRY(
        sc_alloc(&t->probs, (size_t)(t->query.n_rows * t->known.n_classes), sizeof *t->probs, err));
    if (o->method == LABEL_FOREST)
        return sc_transfer_forest(t->probs, &t->known, &t->query, (int)o->n_trees, seed,
                                  t->twice.pool, err);
    if (o->method == LABEL_NETWORK)
        return sc_transfer_network(t->probs, &t->known, &t->query, seed, err);
    if (k > t->known.x.n_rows) {
        k = (int)t->known.x.n_rows;
        sc_cli_note(&label_tool, o, "the reference has only %d labelled cells: all are asked", k);
    }
    return sc_transfer_knn(t->probs, &t->known, &t->query, k, t->twice.pool, t->kernels, err);
}

static sc_status add(void *ctx, sc_block *b, sc_err *err)
{
    transfer *t = ctx;
    return sc_label_block(&t->rules, &t->labels.levels,
                          t->probs + sc_block_row0(b) * t->known.n_classes, NULL, b, err);
}

static sc_status label_all(transfer *t, sc_err *err)
{
    const label_opts *o = t->o;
    SC_TRY(sc_kernels_pick(o->over.isa, &t->kernels, err));
    SC_TRY(sc_twice_open(&t->twice, &label_tool, &o->common, err));
    SC_TRY(read_reference(t, err));
    const sc_status st = read_query(t, err);
    if (st != SC_OK)
        return sc_err_name(err, st, sc_reader_name(t->twice.in));
    SC_TRY(find_probs(t, err));
    (void)snprintf(t->key, sizeof t->key, "%s_pred", o->label_key);
    t->rules = (sc_label_rules){.key = o->key ? o->key : t->key,
                                .unknown = o->unknown,
                                .is_soft = o->soft,
                                .min_prob = o->min_prob,
                                .temperature = 1};
    SC_TRY(sc_label_header(&t->rules, &t->labels.levels, &t->twice.out, err));
    return sc_twice_write(&t->twice, add, t, err);
}

static sc_status check_options(const label_opts *o, sc_err *err)
{
    const sc_over_opts *v = &o->over;
    const char *other = o->calibrate              ? "--calibrate"
                        : o->calibrate_cells      ? "--calibrate-cells"
                        : o->conformal > 0        ? "--conformal"
                        : o->n_seeds != 50        ? "--n-seeds"
                        : v->layer                ? "--layer"
                        : v->batch_key            ? "--batch-key"
                        : v->labels_key           ? "--labels-key"
                        : v->size_factor_key      ? "--size-factor-key"
                        : v->min_gene_overlap > 0 ? "--min-gene-overlap"
                                                  : NULL;
    if (other || v->cat_covariates.n || v->cont_covariates.n)
        return sc_fail(err, SC_EUSAGE, "%s has no meaning with --reference",
                       other ? other : "a covariate");
    if (o->method != LABEL_KNN && o->n_neighbors != 50)
        return sc_fail(err, SC_EUSAGE, "--n-neighbors is for --method knn");
    if (o->method != LABEL_FOREST && o->n_trees != 100)
        return sc_fail(err, SC_EUSAGE, "--n-trees is for --method forest");
    if (strcmp(o->reference, "-") == 0 &&
        (!o->common.n_operands || strcmp(o->common.operands[0], "-") == 0))
        return sc_fail(err, SC_EUSAGE, "reference and cells can't both come from stdin");
    if (!o->label_key)
        return sc_fail(err, SC_EUSAGE, "--reference needs --label-key COLUMN of its labels");
    return o->common.n_operands > 1
               ? sc_fail(err, SC_EUSAGE, "--reference takes cells only, and no model")
               : SC_OK;
}

sc_status label_by_reference(const label_opts *o, sc_err *err)
{
    transfer t = {.o = o};
    sc_status st = check_options(o, err);
    if (st == SC_OK)
        st = label_all(&t, err);
    sc_pass_close(&t.twice);
    sc_category_free(&t.labels);
    sc_dense_free(&t.known.x);
    free(t.known.class);
    sc_dense_free(&t.query);
    free(t.probs);
    free(t.path);
    sc_reader_close(t.ref);
    return st;
}

/* sc-pca: principal components of cells, for those who compare. */
#include "sc_cli.h"
#include "sc_gather.h"
#include "sc_pca.h"
#include "sc_uns.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct pca_opts {
    sc_common common;
    int64_t n_comps;
    const char *layer, *mask;
    bool all_genes;
} pca_opts;

static const sc_param params[] = {
    {SC_PARAM_INT, "n-comps", offsetof(pca_opts, n_comps), 50, 1, 10000, "N",
     "components; at most the smaller of cells and genes, less 1", 'n'},
    SC_STRING(pca_opts, layer, "layer", "NAME", "matrix to take; default X"),
    SC_STRING(pca_opts, mask, "mask-var", "COLUMN",
              "boolean column of var: genes to take; default highly_variable if it is there"),
    SC_BOOL(pca_opts, all_genes, "all-genes", 0, "take all genes, whatever is marked"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-pca",
    .brief = "principal components of cells",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_OUTPUT | SC_TOOL_PG | SC_TOOL_THREADS,
    .params = params,
    .opts_size = sizeof(pca_opts),
    .example = "sc-norm --log1p in.scz | sc-hvg -n 2000 | sc-pca | sc-neighbors > graph.scz",
};

typedef struct job {
    pca_opts o;
    sc_pass t;
    const sc_mat *mat;   /* lent by the reader */
    const char *mask;    /* column that was taken, or NULL */
    int32_t *old_to_new; /* of genes; -1: not taken */
    int64_t n_taken;
    sc_csr x;
    sc_pca pca;
    sc_dense rep;
} job;

static sc_status choose_genes(job *j, const sc_table *var, sc_err *err)
{
    const pca_opts *o = &j->o;
    const sc_col *c = NULL;
    if (!o->all_genes) {
        c = sc_table_find(var, o->mask ? o->mask : "highly_variable");
        if (o->mask && (!c || c->type != SC_COL_BOOL))
            return sc_fail(err, SC_EDATA, "var has no boolean column '%s'", o->mask);
        if (c && c->type != SC_COL_BOOL)
            c = NULL;
    }
    j->mask = c ? c->name : NULL;
    SC_TRY(sc_alloc(&j->old_to_new, (size_t)var->n_rows, sizeof *j->old_to_new, err));
    for (int64_t g = 0; g < var->n_rows; g++) {
        const bool is_taken = !c || (!sc_col_is_missing(c, g) && c->v.b[g]);
        j->old_to_new[g] = is_taken ? (int32_t)j->n_taken++ : -1;
    }
    return SC_OK;
}

static sc_status choose_matrix(job *j, sc_err *err)
{
    const sc_header *h = sc_reader_header(j->t.in);
    const char *layer = j->o.layer ? j->o.layer : "X";
    char path[512];
    (void)snprintf(path, sizeof path, "%s%s", strcmp(layer, "X") == 0 ? "" : "layers/", layer);
    const int m = sc_header_find(h, path);
    if (m < 0)
        return sc_fail(err, SC_EDATA, "there is no matrix '%s'%s", path, sc_header_why(h, path));
    j->mat = &h->mats[m];
    if (j->mat->kind == SC_COUNTS || j->mat->kind == SC_COUNTS_FRACTIONAL)
        sc_cli_note(&tool, &j->o,
                    "'%s' is counts; components are of log data as a rule (sc-norm --log1p)", path);
    return SC_OK;
}

static sc_status make_components(job *j, sc_err *err)
{
    const int64_t side = j->x.n_rows < j->x.n_cols ? j->x.n_rows : j->x.n_cols;
    if (j->o.n_comps >= side && side > 1) {
        sc_cli_note(&tool, &j->o, "%lld cells and %lld genes have %lld components",
                    (long long)j->x.n_rows, (long long)j->x.n_cols, (long long)side - 1);
        j->o.n_comps = side - 1;
    }
    SC_TRY(sc_pca_fit(&j->pca, &j->x, (int)j->o.n_comps, j->t.pool, err));
    j->rep = (sc_dense){j->x.n_rows, j->o.n_comps, NULL};
    SC_TRY(sc_alloc(&j->rep.values, (size_t)(j->rep.n_rows * j->rep.n_cols), sizeof(float), err));
    sc_pca_project(&j->pca, &j->x, j->rep.values, j->t.pool);
    return SC_OK;
}

static sc_status add_loadings(job *j, sc_err *err)
{
    const int64_t n_vars = j->t.out.var.n_rows, k = j->pca.k;
    sc_mat *m;
    SC_TRY(sc_header_add(&j->t.out, "varm/PCs", SC_REAL, false, k, &m, err));
    m->varm = (sc_dense){n_vars, k, NULL};
    SC_TRY(sc_alloc(&m->varm.values, (size_t)(n_vars * k), sizeof(float), err));
    for (int64_t g = 0; g < n_vars; g++)
        for (int64_t c = 0; c < k && j->old_to_new[g] >= 0; c++)
            m->varm.values[g * k + c] =
                (float)j->pca.component[c * j->pca.n_cols + j->old_to_new[g]];
    return SC_OK;
}

static sc_status set_uns(job *j, sc_err *err)
{
    json_t *variance = json_array(), *ratio = json_array();
    int bad = !variance || !ratio;
    for (int c = 0; c < j->pca.k && !bad; c++)
        bad = json_array_append_new(variance, json_real(j->pca.variance[c])) ||
              json_array_append_new(ratio, json_real(j->pca.variance[c] / j->pca.total));
    json_t *uns = json_pack("{s:{s:b, s:s?}, s:o, s:o}", "params", "zero_center", 1, "mask_var",
                            j->mask, "variance", variance, "variance_ratio", ratio);
    char *text = uns && !bad ? json_dumps(uns, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    const sc_status st = text ? sc_uns_set(&j->t.out, "pca", text, err)
                              : sc_fail(err, SC_ENOMEM, "there is no memory for 'uns/pca'");
    free(text);
    json_decref(uns);
    return st;
}

static sc_status describe_output(job *j, sc_err *err)
{
    SC_TRY(sc_header_add(&j->t.out, "obsm/X_pca", SC_REAL, false, j->pca.k, NULL, err));
    SC_TRY(add_loadings(j, err));
    SC_TRY(set_uns(j, err));
    return SC_OK;
}

static sc_status add(void *ctx, sc_block *b, sc_err *err)
{
    const job *j = ctx;
    return sc_add_dense(b, "obsm/X_pca", &j->rep, err);
}

static sc_status run(job *j, sc_err *err)
{
    const sc_common *c = &j->o.common;
    if (j->o.mask && j->o.all_genes)
        return sc_fail(err, SC_EUSAGE, "--all-genes excludes --mask-var");
    SC_TRY(sc_twice_open(&j->t, &tool, c, err));
    SC_TRY(choose_matrix(j, err));
    SC_TRY(choose_genes(j, &sc_reader_header(j->t.in)->var, err));
    SC_TRY(sc_gather_columns(&j->x, j->t.in, j->mat->path, j->old_to_new, j->n_taken, err));
    SC_TRY(make_components(j, err));
    SC_TRY(describe_output(j, err));
    return sc_twice_write(&j->t, add, j, err);
}

int main(int argc, char **argv)
{
    job j = {0};
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &j.o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&j, &err);
    const int code = sc_pass_exit(&j.t, &tool, st, &err);
    sc_pca_free(&j.pca);
    sc_csr_free(&j.x);
    sc_dense_free(&j.rep);
    free(j.old_to_new);
    sc_cli_free(&j.o);
    return code;
}

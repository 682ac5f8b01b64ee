/* sc-smooth: the mean of what a cell's neighbors in space express, beside its own counts. */
#include "sc_category.h"
#include "sc_cli.h"
#include "sc_gather.h"
#include "sc_nearby.h"
#include "sc_numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct smooth_opts {
    sc_common common;
    int64_t k;
    const char *use_rep, *layer, *slice_key, *key;
    sc_param_list axes;
} smooth_opts;

static const sc_param params[] = {
    {SC_PARAM_INT, "n-neighbors", offsetof(smooth_opts, k), 8, 1, 10000, "N",
     "nearest cells that are averaged, the cell itself not among them", 'k'},
    SC_STRING(smooth_opts, use_rep, "use-rep", "NAME", "places, in obsm; default spatial"),
    SC_LIST(smooth_opts, axes, "axis", "COLUMN",
            "obs column of a coordinate, once for each axis, instead of --use-rep"),
    SC_STRING(smooth_opts, slice_key, "slice-key", "COLUMN",
              "obs column of the slices: neighbors are of the same one"),
    SC_STRING(smooth_opts, layer, "layer", "NAME",
              "matrix of counts; default X, or the only layer that is counts"),
    SC_STRING(smooth_opts, key, "key-added", "NAME", "name in obsm; default X_nearby"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-smooth",
    .brief = "the mean of a cell's neighbors in space",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_OUTPUT | SC_TOOL_PG | SC_TOOL_THREADS,
    .params = params,
    .opts_size = sizeof(smooth_opts),
    .example = "sc-smooth --axis x_coord --axis y_coord slice.scz > nearby.scz",
};

typedef struct job {
    smooth_opts o;
    sc_pass t;
    sc_numbers axes;
    sc_coder slices;
    sc_dense places;
    sc_csr counts;
    sc_nearby nearby;
    char key[512];
} job;

static sc_status open_axes(job *j, sc_err *err)
{
    const smooth_opts *o = &j->o;
    const sc_header *h = sc_reader_header(j->t.in);
    sc_strs names = {0};
    char rep[512];
    if (o->use_rep && o->axes.n)
        return sc_fail(err, SC_EUSAGE, "--use-rep and --axis both say where cells are");
    (void)snprintf(rep, sizeof rep, "obsm/%s", o->use_rep ? o->use_rep : "spatial");
    if (!o->axes.n && !o->use_rep && sc_header_find(h, rep) < 0)
        return sc_fail(err, SC_EDATA,
                       "there is no '%s'; say with --use-rep or --axis where cells "
                       "are",
                       rep);
    sc_status st = o->axes.n ? SC_OK : sc_numbers_expand(&names, h, rep, err);
    for (int i = 0; st == SC_OK && i < o->axes.n; i++)
        st = sc_numbers_add(&j->axes, h, o->axes.items[i], err);
    for (int64_t i = 0; st == SC_OK && i < names.n; i++)
        st = sc_numbers_add(&j->axes, h, sc_strs_at(&names, i), err);
    sc_strs_free(&names);
    return st;
}

static sc_status gather_places(job *j, sc_err *err)
{
    sc_block *b;
    sc_status st;
    int64_t cap = 0;
    j->places.n_cols = j->axes.n;
    if (j->o.slice_key)
        SC_TRY(sc_coder_open(&j->slices, sc_reader_header(j->t.in), j->o.slice_key, NULL, err));
    while ((st = sc_reader_next(j->t.in, &b, err)) == SC_OK) {
        sc_dense *p = &j->places;
        const int64_t n = sc_block_n_rows(b);
        if (p->n_rows + n > cap) {
            cap = (p->n_rows + n) * 2;
            SC_TRY(sc_resize(&p->values, (size_t)(cap * p->n_cols), sizeof(float), err));
        }
        SC_TRY(sc_numbers_rows(&j->axes, b, p->values + p->n_rows * p->n_cols, err));
        if (j->o.slice_key)
            SC_TRY(sc_coder_block(&j->slices, b, err));
        p->n_rows += n;
    }
    return st == SC_END ? sc_reader_rewind(j->t.in, err) : st;
}

static sc_status gather_counts(job *j, sc_err *err)
{
    const sc_header *h = sc_reader_header(j->t.in);
    int32_t *all = NULL;
    char note[512];
    int mat;
    SC_TRY(sc_reader_counts(j->t.in, j->o.layer, &mat, note, sizeof note, err));
    if (note[0])
        sc_cli_note(&tool, &j->o, "%s", note);
    SC_TRY(sc_alloc(&all, (size_t)h->var.n_rows, sizeof *all, err));
    for (int32_t g = 0; g < h->var.n_rows; g++)
        all[g] = g;
    const sc_status st =
        sc_gather_columns(&j->counts, j->t.in, h->mats[mat].path, all, h->var.n_rows, err);
    free(all);
    return st;
}

static sc_status describe_output(job *j, sc_err *err)
{
    sc_mat *m;
    SC_TRY(sc_header_add(&j->t.out, j->key, SC_REAL, false, -1, &m, err));
    return sc_strs_copy(&m->col_names, &j->t.out.var.names, err);
}

static sc_status add(void *ctx, sc_block *b, sc_err *err)
{
    const job *j = ctx;
    sc_dense rows = {sc_block_n_rows(b), j->counts.n_cols, NULL};
    SC_TRY(sc_alloc(&rows.values, (size_t)(rows.n_rows * rows.n_cols), sizeof(float), err));
    sc_nearby_mean(&j->nearby, &j->counts, sc_block_row0(b), rows.n_rows, rows.values);
    const sc_status st = sc_block_set_dense(b, j->key, &rows, err);
    sc_dense_free(&rows);
    return st;
}

static sc_status run(job *j, sc_err *err)
{
    const char *key = j->o.key ? j->o.key : "X_nearby";
    SC_TRY(sc_cli_check_key("key-added", key, err));
    (void)snprintf(j->key, sizeof j->key, "obsm/%s", key);
    SC_TRY(sc_twice_open(&j->t, &tool, &j->o.common, err));
    SC_TRY(open_axes(j, err));
    SC_TRY(gather_places(j, err));
    SC_TRY(gather_counts(j, err));
    SC_TRY(sc_nearby_find(&j->nearby, &j->places, j->o.slice_key ? j->slices.codes : NULL,
                          j->o.slice_key ? j->slices.levels.n : 1, (int)j->o.k, j->t.pool,
                          sc_kernels_get(NULL), err));
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
    sc_numbers_free(&j.axes);
    sc_coder_close(&j.slices);
    sc_dense_free(&j.places);
    sc_csr_free(&j.counts);
    sc_nearby_free(&j.nearby);
    sc_cli_free(&j.o);
    return code;
}

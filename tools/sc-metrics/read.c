#include "metrics.h"

#include "sc_gather.h"
#include "sc_groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static sc_status append_codes(grouping *to, const sc_groups *g, int64_t n, int64_t *room,
                              sc_err *err)
{
    if (to->codes.n + n > *room) {
        *room = 2 * (to->codes.n + n);
        SC_TRY(sc_resize(&to->code, (size_t)*room, sizeof *to->code, err));
    }
    if (n)
        memcpy(to->code + to->codes.n, g->code, (size_t)n * sizeof *g->code);
    to->codes.n += n;
    return SC_OK;
}

/* One pass over the stream. */
static sc_status read_column(grouping *to, sc_reader *in, const char *key, sc_err *err)
{
    sc_groups g = {0};
    sc_block *b;
    int64_t room = 0;
    sc_status st;
    if (!key)
        return SC_OK;
    SC_GOTO(st, sc_reader_rewind(in, err), out);
    SC_GOTO(st, sc_groups_open(&g, sc_reader_header(in), key, err), out);
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        SC_GOTO(st, sc_groups_block(&g, b, err), out);
        SC_GOTO(st, append_codes(to, &g, sc_block_n_rows(b), &room, err), out);
    }
    if (st == SC_END)
        st = SC_OK;
    to->codes.n_groups = (int)g.names.n;
    to->codes.code = to->code;
    if (st == SC_OK && g.names.n < 2)
        st = sc_fail(err, SC_EDATA, "obs column '%s' has %s value, and two or more are compared",
                     key, g.names.n == 1 ? "only one" : "no");
out:
    sc_groups_close(&g);
    return st;
}

static sc_status read_names(sc_strs *to, sc_reader *in, sc_err *err)
{
    sc_status st;
    sc_block *b;
    SC_TRY(sc_reader_rewind(in, err));
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        sc_table *obs;
        SC_TRY(sc_block_obs(b, &obs, err));
        for (int64_t i = 0; i < obs->n_rows; i++) {
            const char *name = sc_strs_at(&obs->names, i);
            SC_TRY(sc_strs_push(to, name, strlen(name), err));
        }
    }
    return st == SC_END ? SC_OK : st;
}

sc_status metrics_read(metrics *m, const metrics_opts *o, sc_reader *in, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    int rep, before = -1;
    SC_TRY(sc_find_rep(h, o->use_rep, &rep, err));
    if (o->before)
        SC_TRY(sc_find_rep(h, o->before, &before, err));
    SC_TRY(sc_reader_keep(in, err));
    SC_TRY(sc_gather_dense(&m->rep, in, h->mats[rep].path, err));
    if (before >= 0) {
        SC_TRY(sc_reader_rewind(in, err));
        SC_TRY(sc_gather_dense(&m->before, in, h->mats[before].path, err));
    }
    SC_TRY(read_column(&m->labels, in, o->labels_key, err));
    SC_TRY(read_column(&m->batches, in, o->batch_key, err));
    SC_TRY(read_column(&m->clusters, in, o->cluster_key, err));
    return o->per_cell ? read_names(&m->names, in, err) : SC_OK;
}

void metrics_print(const metrics *m, FILE *f)
{
    fputs("metric\tvalue\n", f);
    for (int k = 0; k < m->n; k++)
        fprintf(f, "%s\t%.9g\n", m->name[k], m->value[k]);
}

void metrics_print_cells(const metrics *m, FILE *f)
{
    const struct {
        const char *name;
        const double *value;
    } columns[] = {{"silhouette", m->silhouette},
                   {"lisi_batch", m->lisi_batch},
                   {"lisi_label", m->lisi_label},
                   {"kbet_chi2", m->chi2},
                   {"kbet_pvalue", m->p}};
    const size_t n_columns = sizeof columns / sizeof *columns;
    fputs("cell", f);
    for (size_t c = 0; c < n_columns; c++)
        if (columns[c].value)
            fprintf(f, "\t%s", columns[c].name);
    for (int64_t i = 0; i < m->names.n; i++) {
        fprintf(f, "\n%s", sc_strs_at(&m->names, i));
        for (size_t c = 0; c < n_columns; c++)
            if (columns[c].value)
                fprintf(f, "\t%.9g", columns[c].value[i]);
    }
    fputc('\n', f);
}

void metrics_free(metrics *m)
{
    sc_dense_free(&m->rep);
    sc_dense_free(&m->before);
    sc_strs_free(&m->names);
    free(m->labels.code);
    free(m->batches.code);
    free(m->clusters.code);
    free(m->silhouette);
    free(m->lisi_batch);
    free(m->lisi_label);
    free(m->chi2);
    free(m->p);
}

/* Seed labels from marker genes: one pass for the genes' values, one to write. */
#include "label.h"

#include "sc_label_seeds.h"
#include "sc_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct seeder {
    const label_opts *o;
    const char *key;
    sc_markers markers;
    sc_reader *in;
    int mat;
    int64_t *column; /* of each gene of the data: its marker, -1 */
    double *expr;    /* cells x markers */
    int32_t *labels;
    int64_t n, cap;
    sc_header header;
    sc_output to;
    sc_writer *out;
} seeder;

static sc_status find_genes(seeder *s, sc_err *err)
{
    const sc_strs *have = &sc_reader_header(s->in)->var.names;
    sc_names *names = NULL;
    SC_TRY(sc_alloc(&s->column, (size_t)have->n, sizeof *s->column, err));
    for (int64_t j = 0; j < have->n; j++)
        s->column[j] = -1;
    SC_TRY(sc_names_new(&names, have, err));
    sc_status st = SC_OK;
    for (int64_t g = 0; g < s->markers.genes.n && st == SC_OK; g++) {
        char near[256];
        const char *gene = sc_strs_at(&s->markers.genes, g);
        const int64_t at = sc_names_find(names, gene);
        sc_strs_near(have, gene, near, sizeof near);
        if (at >= 0)
            s->column[at] = g;
        else
            st = sc_fail(err, SC_EDATA, "the data have no marker gene '%s'%s%s", gene,
                         near[0] ? "; near: " : "", near);
    }
    sc_names_free(names);
    return st;
}

static void add_row(seeder *s, const sc_rows *x, int64_t i)
{
    double total = 0, *to = s->expr + s->n * s->markers.genes.n;
    memset(to, 0, (size_t)s->markers.genes.n * sizeof *to);
    for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++) {
        const int64_t g = s->column[sc_rows_col(x, i, k)];
        total += (double)x->values[k];
        if (g >= 0)
            to[g] = (double)x->values[k];
    }
    for (int64_t g = 0; g < s->markers.genes.n && total > 0; g++)
        to[g] = log1p(to[g] * 1e4 / total);
    s->n++;
}

static sc_status look(seeder *s, sc_err *err)
{
    const sc_header *h = sc_reader_header(s->in);
    const sc_mat *m = &h->mats[s->mat];
    sc_block *b = NULL;
    sc_status st;
    while ((st = sc_reader_next(s->in, &b, err)) == SC_OK) {
        sc_rows x;
        SC_TRY(sc_rows_of(b, m, &x, err));
        SC_TRY(sc_rows_check(&x, b, m, &h->var, "counts", err));
        if (s->n + x.n_rows > s->cap) {
            s->cap = 2 * (s->n + x.n_rows);
            SC_TRY(
                sc_resize(&s->expr, (size_t)(s->cap * s->markers.genes.n), sizeof *s->expr, err));
        }
        for (int64_t i = 0; i < x.n_rows; i++)
            add_row(s, &x, i);
    }
    SC_TRY(st == SC_END ? sc_reader_rewind(s->in, err) : st);
    SC_TRY(sc_alloc(&s->labels, (size_t)s->n, sizeof *s->labels, err));
    return sc_markers_seed(&s->markers, s->n, s->expr, s->o->n_seeds, s->labels, err);
}

static void say(const seeder *s)
{
    for (int64_t c = 0; c < s->markers.classes.n; c++) {
        int64_t n = 0;
        for (int64_t i = 0; i < s->n; i++)
            n += s->labels[i] == c;
        sc_cli_note(&label_tool, s->o, "%lld cells are labelled '%s'", (long long)n,
                    sc_strs_at(&s->markers.classes, c));
    }
}

static sc_status describe(seeder *s, sc_err *err)
{
    const sc_common *c = &s->o->common;
    const char *unknown = s->o->unknown;
    sc_col *col = NULL;
    SC_TRY(sc_header_copy(&s->header, sc_reader_header(s->in), err));
    SC_TRY(sc_table_add(&s->header.obs, s->key, SC_COL_CATEGORY, &col, err));
    SC_TRY(sc_strs_copy(&col->categories, &s->markers.classes, err));
    SC_TRY(sc_strs_push(&col->categories, unknown, strlen(unknown), err));
    for (int64_t k = 0; k < s->markers.classes.n; k++)
        if (strcmp(sc_strs_at(&s->markers.classes, k), unknown) == 0)
            return sc_fail(err, SC_EUSAGE, "'%s' is a class of '%s'; --unknown takes another",
                           unknown, s->o->seed_labels);
    return c->no_pg ? SC_OK : sc_header_record(&s->header, label_tool.name, c->argc, c->argv, err);
}

static sc_status write_all(seeder *s, sc_err *err)
{
    sc_block *b = NULL;
    sc_table *obs = NULL;
    sc_col *col = NULL;
    sc_status st;
    while ((st = sc_reader_next(s->in, &b, err)) == SC_OK) {
        const int64_t at = sc_block_row0(b);
        SC_TRY(sc_block_obs(b, &obs, err));
        SC_TRY(sc_table_add(obs, s->key, SC_COL_CATEGORY, &col, err));
        for (int64_t i = 0; i < obs->n_rows; i++)
            col->v.code[i] =
                s->labels[at + i] >= 0 ? s->labels[at + i] : (int32_t)s->markers.classes.n;
        sc_block_touch(b, NULL);
        SC_TRY(sc_writer_put(s->out, b, err));
    }
    return st == SC_END ? sc_writer_finish(s->out, err) : st;
}

/* Options that other ways to labels have. */
static sc_status check_options(const label_opts *o, sc_err *err)
{
    const char *other = o->soft              ? "--soft"
                        : o->min_prob > 0    ? "--min-prob"
                        : o->calibrate       ? "--calibrate"
                        : o->calibrate_cells ? "--calibrate-cells"
                        : o->label_key       ? "--label-key"
                        : o->conformal > 0   ? "--conformal"
                        : o->over.batch_key  ? "--batch-key"
                        : o->over.isa        ? "--isa"
                                             : NULL;
    if (other || o->over.cat_covariates.n || o->over.cont_covariates.n)
        return sc_fail(err, SC_EUSAGE, "%s has no meaning with --seed-labels",
                       other ? other : "a covariate");
    return o->common.n_operands > 1
               ? sc_fail(err, SC_EUSAGE, "--seed-labels takes cells only, and no model")
               : SC_OK;
}

sc_status label_seeds(const label_opts *o, sc_err *err)
{
    seeder s = {.o = o, .key = o->key ? o->key : "seed_label", .to = {.fd = -1}};
    char note[SC_ERR_MAX] = "";
    sc_status st;
    SC_TRY(check_options(o, err));
    SC_GOTO(st, sc_markers_read(&s.markers, o->seed_labels, err), out);
    SC_GOTO(st, sc_output_open(&s.to, o->common.output, true, err), out);
    SC_GOTO(st,
            sc_reader_open_path(&s.in, o->common.n_operands ? o->common.operands[0] : NULL, err),
            out);
    SC_GOTO(st, sc_reader_counts(s.in, o->over.layer, &s.mat, note, sizeof note, err), out);
    if (note[0])
        sc_cli_note(&label_tool, o, "%s", note);
    SC_GOTO(st, find_genes(&s, err), out);
    SC_GOTO(st, describe(&s, err), out);
    SC_GOTO(st, sc_reader_keep(s.in, err), out);
    SC_GOTO(st, look(&s, err), out);
    say(&s);
    SC_GOTO(st, sc_writer_open(&s.out, s.to.fd, s.to.name, &s.header, err), out);
    SC_GOTO(st, write_all(&s, err), out);
    st = sc_output_commit(&s.to, err);
out:
    if (s.in)
        (void)sc_err_name(err, st, sc_reader_name(s.in));
    sc_writer_close(s.out);
    sc_output_abandon(&s.to);
    sc_reader_close(s.in);
    sc_header_free(&s.header);
    sc_markers_free(&s.markers);
    free(s.column);
    free(s.expr);
    free(s.labels);
    return st;
}

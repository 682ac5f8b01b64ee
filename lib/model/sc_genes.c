#include "sc_genes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 12 };

/* What genes may be called: the names, then text columns of var. */
typedef struct keys {
    int n;
    const sc_strs *text[KEYS_MAX];
    const char *column[KEYS_MAX]; /* NULL: the names */
} keys;

static void find_keys(keys *k, const sc_table *var)
{
    k->n = 1;
    k->text[0] = &var->names;
    k->column[0] = NULL;
    for (int c = 0; c < var->n_cols && k->n < KEYS_MAX; c++) {
        const sc_col *col = &var->cols[c];
        if (col->type != SC_COL_STRING || col->v.str.n != var->n_rows)
            continue;
        k->text[k->n] = &col->v.str;
        k->column[k->n++] = col->name;
    }
}

/* Length of an Ensembl id without its version, "ENSG00000139618.19"; of other text, all of it. */
static size_t bare_length(const char *s)
{
    const size_t n = strlen(s);
    const char *dot = strrchr(s, '.');
    if (strncmp(s, "ENS", 3) != 0 || !dot || !dot[1] ||
        strspn(dot + 1, "0123456789") != strlen(dot + 1))
        return n;
    return (size_t)(dot - s);
}

static sc_status strip(sc_strs *to, const sc_strs *from, sc_err *err)
{
    for (int64_t i = 0; i < from->n; i++) {
        const char *s = sc_strs_at(from, i);
        SC_TRY(sc_strs_push(to, s, bare_length(s), err));
    }
    return SC_OK;
}

/* Genes of the model found among those of the data. An empty text is no name. */
static int64_t match(const sc_strs *data, const sc_names *model, int64_t n_model, bool *taken,
                     int32_t *to_model)
{
    int64_t n = 0;
    memset(taken, 0, (size_t)n_model * sizeof *taken);
    for (int64_t j = 0; j < data->n; j++) {
        const char *s = sc_strs_at(data, j);
        const int64_t at = *s ? sc_names_find(model, s) : -1;
        to_model[j] = -1;
        if (at < 0 || taken[at])
            continue;
        taken[at] = true;
        to_model[j] = (int32_t)at;
        n++;
    }
    return n;
}

typedef struct search {
    keys data, model;
    sc_genes *best;
    const char *data_column, *model_column; /* of the best */
    bool is_bare;
    bool *taken;
    int32_t *to_model;
} search;

static sc_status try_pair(search *s, int d, int m, bool bare, sc_err *err)
{
    sc_strs a = {0}, b = {0};
    sc_names *names = NULL;
    sc_status st = SC_OK;
    if (bare) {
        SC_GOTO(st, strip(&a, s->data.text[d], err), out);
        SC_GOTO(st, strip(&b, s->model.text[m], err), out);
    }
    const sc_strs *data = bare ? &a : s->data.text[d], *model = bare ? &b : s->model.text[m];
    SC_GOTO(st, sc_names_new(&names, model, err), out);
    const int64_t n = match(data, names, model->n, s->taken, s->to_model);
    if (n > s->best->n_matched) {
        int32_t *swap = s->best->to_model;
        s->best->to_model = s->to_model;
        s->to_model = swap;
        s->best->n_matched = n;
        s->data_column = s->data.column[d];
        s->model_column = s->model.column[m];
        s->is_bare = bare;
    }
out:
    sc_names_free(names);
    sc_strs_free(&a);
    sc_strs_free(&b);
    return st;
}

static sc_status try_all(search *s, sc_err *err)
{
    for (int bare = 0; bare < 2; bare++)
        for (int d = 0; d < s->data.n; d++)
            for (int m = 0; m < s->model.n; m++)
                if (s->best->n_matched < s->best->n_model)
                    SC_TRY(try_pair(s, d, m, bare, err));
    return SC_OK;
}

static void say_column(char *buf, size_t n, const char *column)
{
    (void)snprintf(buf, n, column ? "var column '%s'" : "the names", column);
}

static void say(search *s, const sc_table *model, bool *found)
{
    sc_genes *g = s->best;
    char data[96], in_model[96], missing[160] = "";
    const bool by_name = !s->data_column && !s->model_column && !s->is_bare;
    say_column(data, sizeof data, s->data_column);
    say_column(in_model, sizeof in_model, s->model_column);
    int64_t first = 0;
    memset(found, 0, (size_t)g->n_model * sizeof *found);
    for (int64_t j = 0; j < g->n_data; j++)
        if (g->to_model[j] >= 0)
            found[g->to_model[j]] = true;
    while (first < g->n_model && found[first])
        first++;
    if (first < g->n_model)
        (void)snprintf(missing, sizeof missing, "; the %lld others ('%s' is the first) count as 0",
                       (long long)(g->n_model - g->n_matched), sc_strs_at(&model->names, first));
    if (by_name && !missing[0])
        return;
    (void)snprintf(g->note, sizeof g->note,
                   "%lld of the model's %lld genes are in the data%s%s%s%s%s%s",
                   (long long)g->n_matched, (long long)g->n_model, by_name ? "" : ", matched by ",
                   by_name ? "" : data, by_name || !s->model_column ? "" : " and the model's ",
                   by_name || !s->model_column ? "" : in_model,
                   s->is_bare ? " without version suffixes" : "", missing);
}

static sc_status too_few(const search *s, const sc_table *model, const bool *found,
                         double min_overlap, sc_err *err)
{
    const sc_genes *g = s->best;
    int64_t first = 0;
    while (first < g->n_model - 1 && found[first])
        first++;
    char rule[96] = "";
    if (min_overlap < 1)
        (void)snprintf(rule, sizeof rule, ": fewer than a share of %g are there", min_overlap);
    return sc_fail(err, SC_EDATA,
                   "the data lack %lld of the model's %lld genes ('%s' is the first)%s",
                   (long long)(g->n_model - g->n_matched), (long long)g->n_model,
                   g->n_model ? sc_strs_at(&model->names, first) : "", rule);
}

static void see_order(sc_genes *g)
{
    int32_t last = -1;
    g->in_order = true;
    for (int64_t j = 0; j < g->n_data; j++) {
        if (g->to_model[j] < 0)
            continue;
        g->in_order = g->in_order && g->to_model[j] > last;
        last = g->to_model[j];
    }
}

sc_status sc_genes_match(sc_genes *m, const sc_table *data, const sc_table *model,
                         double min_overlap, sc_err *err)
{
    search s = {.best = m};
    sc_status st;
    *m = (sc_genes){.n_data = data->names.n, .n_model = model->names.n};
    find_keys(&s.data, data);
    find_keys(&s.model, model);
    SC_GOTO(st, sc_alloc(&m->to_model, (size_t)m->n_data, sizeof *m->to_model, err), out);
    SC_GOTO(st, sc_alloc(&s.to_model, (size_t)m->n_data, sizeof *s.to_model, err), out);
    SC_GOTO(st, sc_alloc(&s.taken, (size_t)m->n_model, sizeof *s.taken, err), out);
    for (int64_t j = 0; j < m->n_data; j++)
        m->to_model[j] = -1;
    SC_GOTO(st, try_all(&s, err), out);
    say(&s, model, s.taken);
    see_order(m);
    if (m->n_matched == 0 || (double)m->n_matched < min_overlap * (double)m->n_model)
        st = too_few(&s, model, s.taken, min_overlap, err);
out:
    free(s.to_model);
    free(s.taken);
    if (st != SC_OK)
        sc_genes_free(m);
    return st;
}

void sc_genes_free(sc_genes *m)
{
    free(m->to_model);
    m->to_model = NULL;
}

#include "sc_label_seeds.h"

#include "sc_tsv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static sc_status gene_index(sc_markers *m, const char *name, size_t len, int64_t *at, sc_err *err)
{
    for (*at = 0; *at < m->genes.n; (*at)++) {
        const char *g = sc_strs_at(&m->genes, *at);
        if (strlen(g) == len && memcmp(g, name, len) == 0)
            return SC_OK;
    }
    return sc_strs_push(&m->genes, name, len, err);
}

/* Each gene of a field, by index, to one's function. */
typedef sc_status (*each_gene)(sc_markers *m, int64_t class, int64_t gene, int8_t sign,
                               sc_err *err);

static sc_status split(sc_markers *m, const sc_col *col, int64_t class, int8_t sign, each_gene one,
                       sc_err *err)
{
    if (!col || sc_col_is_missing(col, class))
        return SC_OK;
    for (const char *s = sc_strs_at(&col->v.str, class); *s;) {
        const size_t len = strcspn(s, " ,");
        int64_t gene;
        if (len) {
            SC_TRY(gene_index(m, s, len, &gene, err));
            SC_TRY(one(m, class, gene, sign, err));
        }
        s += len + (s[len] != 0);
    }
    return SC_OK;
}

static sc_status count_gene(sc_markers *m, int64_t class, int64_t gene, int8_t sign, sc_err *err)
{
    (void)m, (void)class, (void)gene, (void)sign, (void)err;
    return SC_OK;
}

static sc_status mark_gene(sc_markers *m, int64_t class, int64_t gene, int8_t sign, sc_err *err)
{
    int8_t *s = &m->sign[class * m->genes.n + gene];
    if (*s == -sign)
        return sc_fail(err, SC_EFORMAT, "gene '%s' is both a positive and a negative one of '%s'",
                       sc_strs_at(&m->genes, gene), sc_strs_at(&m->classes, class));
    *s = sign;
    return SC_OK;
}

static sc_status has_genes(const sc_markers *m, sc_err *err)
{
    for (int64_t c = 0; c < m->classes.n; c++) {
        bool any = false;
        for (int64_t g = 0; g < m->genes.n; g++)
            any = any || m->sign[c * m->genes.n + g] != 0;
        if (!any)
            return sc_fail(err, SC_EFORMAT, "class '%s' has no marker genes",
                           sc_strs_at(&m->classes, c));
    }
    return m->classes.n ? SC_OK : sc_fail(err, SC_EFORMAT, "there are no classes");
}

sc_status sc_markers_read(sc_markers *m, const char *path, sc_err *err)
{
    sc_table t;
    memset(m, 0, sizeof *m);
    SC_TRY(sc_tsv_read(&t, path, err));
    const sc_col *pos = sc_table_find(&t, "positive"), *neg = sc_table_find(&t, "negative");
    sc_status st = SC_OK;
    if (!pos)
        st = sc_fail(err, SC_EFORMAT, "there is no column 'positive'");
    if (st == SC_OK)
        st = sc_strs_copy(&m->classes, &t.names, err);
    for (int pass = 0; pass < 2 && st == SC_OK; pass++) {
        for (int64_t c = 0; c < t.n_rows && st == SC_OK; c++) {
            st = split(m, pos, c, 1, pass ? mark_gene : count_gene, err);
            if (st == SC_OK)
                st = split(m, neg, c, -1, pass ? mark_gene : count_gene, err);
        }
        if (st == SC_OK && !pass)
            st = sc_alloc(&m->sign, (size_t)(m->classes.n * m->genes.n), 1, err);
    }
    if (st == SC_OK)
        st = has_genes(m, err);
    sc_table_free(&t);
    return st == SC_EFORMAT && !strstr(err->msg, path) ? sc_err_prefix(err, st, "%s", path) : st;
}

void sc_markers_free(sc_markers *m)
{
    sc_strs_free(&m->classes);
    sc_strs_free(&m->genes);
    free(m->sign);
    memset(m, 0, sizeof *m);
}

static void standardise(int64_t n, int64_t n_genes, double *x)
{
    for (int64_t g = 0; g < n_genes; g++) {
        double sum = 0, square = 0;
        for (int64_t i = 0; i < n; i++)
            sum += x[i * n_genes + g];
        const double mean = sum / (double)n;
        for (int64_t i = 0; i < n; i++)
            square += (x[i * n_genes + g] - mean) * (x[i * n_genes + g] - mean);
        const double sd = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
        for (int64_t i = 0; i < n; i++)
            x[i * n_genes + g] = (x[i * n_genes + g] - mean) / (sd > 0 ? sd : 1);
    }
}

typedef struct scored {
    double score;
    int64_t cell;
} scored;

static int best_first(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->cell > y->cell) - (x->cell < y->cell);
}

sc_status sc_markers_seed(const sc_markers *m, int64_t n, double *expr, int64_t n_each,
                          int32_t *labels, sc_err *err)
{
    const int64_t n_genes = m->genes.n;
    scored *s = NULL;
    SC_TRY(sc_alloc(&s, (size_t)n, sizeof *s, err));
    standardise(n, n_genes, expr);
    for (int64_t i = 0; i < n; i++)
        labels[i] = -1;
    for (int64_t c = 0; c < m->classes.n; c++) {
        for (int64_t i = 0; i < n; i++) {
            s[i] = (scored){0, i};
            for (int64_t g = 0; g < n_genes; g++)
                s[i].score += m->sign[c * n_genes + g] * expr[i * n_genes + g];
        }
        qsort(s, (size_t)n, sizeof *s, best_first);
        for (int64_t i = 0; i < n && i < n_each; i++)
            labels[s[i].cell] = (int32_t)c;
    }
    free(s);
    return SC_OK;
}

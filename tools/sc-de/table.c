/* The table, with the names of columns that scvi-tools gives them. */
#include "de.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool has_stats(const de *d)
{
    return d->o->all_stats && d->has_counts;
}

void de_print_head(const de *d)
{
    FILE *f = d->s.text;
    if (d->rules.is_change) {
        fputs("gene\tproba_de\tproba_not_de\tbayes_factor\tscale1\tscale2\tpseudocounts\tdelta\t"
              "lfc_mean\tlfc_median\tlfc_std\tlfc_min\tlfc_max",
              f);
        for (int k = 0; k < d->rules.n_levels; k++)
            fprintf(f,
                    "\tlfc_confidence_interval_%.5s_min"
                    "\tlfc_confidence_interval_%.5s_max",
                    d->o->cred_intervals.items[k], d->o->cred_intervals.items[k]);
    } else {
        fputs("gene\tproba_m1\tproba_m2\tbayes_factor\tscale1\tscale2", f);
    }
    if (has_stats(d))
        fputs("\traw_mean1\traw_mean2\tnon_zeros_proportion1\tnon_zeros_proportion2"
              "\traw_normalized_mean1\traw_normalized_mean2",
              f);
    if (d->rules.is_change)
        fprintf(f, "\tis_de_fdr_%g", d->o->fdr);
    if (!d->o->idx1)
        fputs("\tcomparison\tgroup1\tgroup2", f);
    fputc('\n', f);
}

static void put(FILE *f, double v)
{
    if (isnan(v)) /* missing, as for sc-view */
        fputc('\t', f);
    else
        fprintf(f, "\t%.9g", v);
}

static void print_name(const de *d, int64_t j)
{
    const sc_strs *genes = &sc_reader_header(d->s.in)->var.names;
    if (j < d->n_genes)
        fputs(sc_strs_at(genes, d->genes.kept[j]), d->s.text);
    else
        fprintf(d->s.text, "%s_protein", sc_strs_at(&d->s.net.proteins, j - d->n_genes));
}

static void print_result(const de *d, const sc_de_result *r, int64_t j)
{
    FILE *f = d->s.text;
    const double p = r->of[SC_DE_PROBA][j];
    put(f, p);
    put(f, 1 - p);
    for (int c = SC_DE_BAYES; c <= SC_DE_SCALE2; c++)
        put(f, r->of[c][j]);
    if (!d->rules.is_change)
        return;
    put(f, r->pseudocount);
    put(f, r->delta);
    for (int c = SC_DE_LFC_MEAN; c < SC_DE_INTERVALS + 2 * d->rules.n_levels; c++)
        put(f, r->of[c][j]);
}

static void print_stats(const de *d, const de_pair *p, int64_t j)
{
    FILE *f = d->s.text;
    const de_set *a = &d->sets[p->sets[0]], *b = &d->sets[p->sets[1]];
    put(f, a->raw_mean[j]);
    put(f, b->raw_mean[j]);
    put(f, a->non_zeros[j]);
    put(f, b->non_zeros[j]);
    put(f, j < d->n_genes ? a->normalized[j] : NAN); /* library sizes are those of genes */
    put(f, j < d->n_genes ? b->normalized[j] : NAN);
}

sc_status de_print(const de *d, const de_pair *p, const sc_de_result *r, sc_err *err)
{
    FILE *f = d->s.text;
    double *probas = NULL;
    SC_TRY(sc_alloc(&probas, (size_t)r->n_features, sizeof *probas, err));
    for (int64_t k = 0; k < r->n_features; k++)
        probas[k] = r->of[SC_DE_PROBA][r->order[k]];
    const int64_t n_called = sc_de_called(r->n_features, probas, d->o->fdr);
    free(probas);
    for (int64_t k = 0; k < r->n_features; k++) {
        const int64_t j = r->order[k];
        print_name(d, j);
        print_result(d, r, j);
        if (has_stats(d))
            print_stats(d, p, j);
        if (d->rules.is_change)
            fputs(k < n_called ? "\tTrue" : "\tFalse", f);
        if (p->names[0])
            fprintf(f, "\t%s vs %s\t%s\t%s", p->names[0], p->names[1], p->names[0], p->names[1]);
        fputc('\n', f);
    }
    return SC_OK;
}

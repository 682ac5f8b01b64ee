/* Bayesian differential expression between sets of cells. */
#include "sc-de/de.h"

#include <stdlib.h>
#include <string.h>

static const sc_param params[] = {
    SC_STRING(de_opts, groupby, "groupby", "COLUMN", "obs column whose values are the groups"),
    SC_LIST(de_opts, group1, "group1", "NAME", "a group to compare; default each, one by one"),
    SC_STRING(de_opts, group2, "group2", "NAME",
              "the group to compare with; default all cells that are not in the first"),
    SC_STRING(de_opts, idx1, "idx1", "CONDITION",
              "in place of groups, cells for which this holds: 'tech == v3 & n_counts > 1000'"),
    SC_STRING(de_opts, idx2, "idx2", "CONDITION", "compared with these; default all others"),
    SC_CHOICE(de_opts, mode, "mode", DE_MODE_AUTO, "auto|vanilla|change",
              "is it higher, or changed by delta; auto: vanilla, with proteins change"),
    SC_REAL(de_opts, delta, "delta", 0.25, 0, 100,
            "log2 fold change from which on expression has changed; 0: from the data"),
    SC_REAL(de_opts, pseudocounts, "pseudocounts", 0, 0, 1,
            "added before the logarithm; 0: from silent genes, with proteins 1e-5"),
    SC_CHOICE(de_opts, test_mode, "test-mode", 0, "three|two",
              "up and down on their own, of which the likelier counts, or together"),
    SC_REAL(de_opts, fdr, "fdr", 0.05, 0, 1, "expected share of false ones among those called"),
    SC_LIST(de_opts, cred_intervals, "cred-interval", "LEVEL",
            "add the shortest interval that holds this share of the fold changes; up to 8"),
    SC_INT(de_opts, n_samples_overall, "n-samples-overall", 5000, 2, 10000000,
           "draws of a cell and its expression for each set"),
    SC_BOOL(de_opts, batch_correction, "batch-correction", 0,
            "decode as if cells were of each batch in turn, and compare within batches"),
    SC_STRING(de_opts, batchid1, "batchid1", "B[,B]",
              "batches for the first set with --batch-correction; default all"),
    SC_STRING(de_opts, batchid2, "batchid2", "B[,B]", "the same for the second set"),
    SC_REAL(de_opts, protein_prior_count, "protein-prior-count", 0.1, 0, 1e6, "added to proteins"),
    SC_BOOL(de_opts, all_stats, "all-stats", 1, "add means and shares of the counts"),
    SC_SIZE(de_opts, memory, "memory", 1073741824,
            "for draws: as many comparisons as fit are made in one pass over the cells"),
    SC_OVER_PARAMS(de_opts, over),
    SC_PARAM_END};

const sc_tool de_tool = {
    .name = "sc-de",
    .brief = "Bayesian differential expression between groups of cells",
    .operands = "MODEL [IN]",
    .min_operands = 1,
    .max_operands = 2,
    .flags = SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT,
    .params = params,
    .opts_size = sizeof(de_opts),
    .example = "sc-de --groupby cell_type --mode change model.scm counts.scz > de.tsv",
    .screen = "groupby group1 group2 idx1 idx2 mode delta test-mode fdr cred-interval "
              "n-samples-overall batch-correction all-stats memory layer isa",
};

static sc_status check_opts(const de_opts *o, sc_err *err)
{
    if (!o->groupby == !o->idx1)
        return sc_fail(err, SC_EUSAGE,
                       o->groupby ? "--groupby and --idx1 exclude each other"
                                  : "which cells? --groupby COLUMN or --idx1 CONDITION");
    if (o->idx1 && (o->group1.n || o->group2))
        return sc_fail(err, SC_EUSAGE, "--group1 and --group2 are for --groupby");
    if (o->groupby && o->idx2)
        return sc_fail(err, SC_EUSAGE, "--idx2 is for --idx1");
    if (!o->batch_correction && (o->batchid1 || o->batchid2))
        return sc_fail(err, SC_EUSAGE, "--batchid1 and --batchid2 are for --batch-correction");
    return SC_OK;
}

static sc_status set_rules(de *d, sc_err *err)
{
    const de_opts *o = d->o;
    sc_de_rules *r = &d->rules;
    *r = (sc_de_rules){.is_change = o->mode == DE_MODE_CHANGE ||
                                    (o->mode == DE_MODE_AUTO && d->n_wanted > 1),
                       .is_two = o->test_mode == 1,
                       .delta = o->delta,
                       .pseudocount = o->pseudocounts > 0 ? o->pseudocounts
                                      : d->n_wanted > 1   ? 1e-5
                                                          : 0,
                       .n_levels = o->cred_intervals.n};
    const bool is_for_change = o->test_mode || o->delta != 0.25 || o->pseudocounts > 0 ||
                               o->cred_intervals.n || o->fdr != 0.05;
    if (!r->is_change && is_for_change)
        return sc_fail(err, SC_EUSAGE,
                       "--delta, --pseudocounts, --test-mode, --fdr and --cred-interval are for "
                       "--mode change");
    if (d->n_wanted == 1 && o->protein_prior_count != 0.1)
        return sc_fail(err, SC_EUSAGE, "--protein-prior-count is for models with proteins");
    if (r->n_levels > SC_DE_LEVELS)
        return sc_fail(err, SC_EUSAGE, "--cred-interval is given more than %d times", SC_DE_LEVELS);
    for (int k = 0; k < r->n_levels; k++) {
        char *end = NULL;
        const char *text = o->cred_intervals.items[k];
        r->levels[k] = strtod(text, &end);
        if (end == text || *end || !(r->levels[k] > 0 && r->levels[k] < 1))
            return sc_fail(err, SC_EUSAGE,
                           "option '--cred-interval' takes a number between 0 and 1, not '%s'",
                           text);
    }
    return SC_OK;
}

static int by_code(const void *x, const void *y)
{
    return *(const int32_t *)x - *(const int32_t *)y;
}

static bool share_a_batch(const sc_batch_list *a, const sc_batch_list *b)
{
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++)
            if (a->codes[i] == b->codes[k])
                return true;
    return false;
}

/* Both lists in the order of the codes: of the same batches, draw i of either set is of the same
 * one. */
static sc_status set_batches(de *d, sc_err *err)
{
    const de_opts *o = d->o;
    const char *names[2] = {o->batchid1, o->batchid2};
    const int32_t n_all = (int32_t)d->s.net.dims.n_batch;
    for (int side = 0; side < 2 && o->batch_correction; side++) {
        sc_batch_list *b = &d->batches[side];
        if (names[side]) {
            SC_TRY(sc_batch_list_parse(b, &d->s.net, names[side], err));
            qsort(b->codes, (size_t)b->n, sizeof *b->codes, by_code);
            continue;
        }
        if (!d->s.net.cats[0].key)
            return sc_fail(err, SC_EUSAGE, "the model was fitted without batches");
        SC_TRY(sc_alloc(&b->codes, (size_t)n_all, sizeof *b->codes, err));
        for (b->n = 0; b->n < n_all; b->n++)
            b->codes[b->n] = b->n;
    }
    const sc_batch_list *a = &d->batches[0], *b = &d->batches[1];
    const bool is_same =
        a->n == b->n &&
        (a->n == 0 || memcmp(a->codes, b->codes, (size_t)a->n * sizeof *a->codes) == 0);
    if (!is_same && share_a_batch(a, b))
        sc_cli_note(&de_tool, &o->common,
                    "the two sets share some of their batches: pairs are not of the same batch");
    return SC_OK;
}

static sc_status find_features(de *d, sc_err *err)
{
    const sc_net *net = &d->s.net;
    int32_t nodes[2];
    for (int k = 0; k < d->n_wanted; k++)
        nodes[k] = d->wanted[k].node;
    SC_TRY(sc_over_match(&d->s, nodes, d->n_wanted, err));
    SC_TRY(sc_over_genes(&d->s, &d->genes, &d->order, err));
    d->n_genes = d->genes.n_new;
    d->n_features = d->n_genes + (d->n_wanted > 1 ? d->wanted[1].n_cols : 0);
    SC_TRY(sc_alloc(&d->feature, (size_t)net->dims.n_vars, sizeof *d->feature, err));
    for (int64_t j = 0; j < net->dims.n_vars; j++)
        d->feature[j] = -1;
    for (int64_t j = 0; j < d->n_genes; j++)
        d->feature[d->order[j]] = (int32_t)j;
    d->has_counts = !sc_infer_is_stored(d->s.x);
    if (d->has_counts)
        return SC_OK;
    if (d->rules.is_change && d->rules.pseudocount <= 0)
        return sc_fail(err, SC_EUSAGE,
                       "the cells are minified: without counts the pseudocount can't be estimated; "
                       "--pseudocounts gives it");
    if (d->o->all_stats)
        sc_cli_note(&de_tool, &d->o->common,
                    "the cells are minified: the table has no columns of their counts");
    return SC_OK;
}

static sc_status compare(de *d, const de_pair *p, sc_err *err)
{
    sc_de_result r = {0};
    sc_de_draws draws[2];
    for (int side = 0; side < 2; side++) {
        const de_set *s = &d->sets[p->sets[side]];
        draws[side] = (sc_de_draws){s->n_draws, s->scale, s->mute};
    }
    sc_status st =
        sc_de_compare(&r, &d->rules, d->n_features, &draws[0], &draws[1], d->s.pool, err);
    if (st == SC_OK)
        st = de_print(d, p, &r, err);
    sc_de_free(&r);
    return st;
}

static sc_status compare_all(de *d, sc_err *err)
{
    int64_t of_batch;
    const double rows = (double)(de_n_draws(d, 0, &of_batch) + de_n_draws(d, 1, &of_batch));
    const double fit = (double)d->o->memory / (rows * (double)d->n_features * sizeof(float));
    const int at_once = fit < 1 ? 1 : fit > d->n_pairs ? d->n_pairs : (int)fit;
    de_print_head(d);
    for (int from = 0; from < d->n_pairs; from += at_once) {
        const int to = from + at_once < d->n_pairs ? from + at_once : d->n_pairs;
        SC_TRY(de_draw(d, from, to, err));
        for (int k = from; k < to; k++)
            SC_TRY(compare(d, &d->pairs[k], err));
        de_forget(d);
    }
    return SC_OK;
}

static sc_status open(de *d, sc_err *err)
{
    SC_TRY(check_opts(d->o, err));
    SC_TRY(sc_over_open(&d->s, &de_tool, &d->o->common, &d->o->over, false, err));
    SC_TRY(sc_wanted_find(&d->wanted[d->n_wanted++], &d->s.net, "px_scale", err));
    if (sc_graph_output(d->s.net.g, "protein_denoised") >= 0)
        SC_TRY(sc_wanted_find(&d->wanted[d->n_wanted++], &d->s.net, "protein_denoised", err));
    SC_TRY(set_rules(d, err));
    SC_TRY(set_batches(d, err));
    SC_TRY(find_features(d, err));
    return de_find_sets(d, err);
}

static void de_close(de *d)
{
    de_forget(d);
    for (int k = 0; k < d->n_sets; k++) {
        sc_condition_free(&d->sets[k].which);
        free(d->sets[k].name);
    }
    free(d->sets);
    free(d->pairs);
    free(d->batches[0].codes);
    free(d->batches[1].codes);
    sc_subset_free(&d->genes);
    free(d->order);
    free(d->feature);
    sc_strs_free(&d->levels);
    free(d->holds);
    free(d->todo);
    sc_over_close(&d->s);
}

int main(int argc, char **argv)
{
    de_opts o;
    sc_err err = {0};
    sc_status st = sc_cli_parse(&de_tool, &o, argc, argv, &err);
    if (st == SC_OK) {
        de d = {.o = &o};
        st = open(&d, &err);
        if (st == SC_OK)
            st = compare_all(&d, &err);
        if (st == SC_OK)
            st = sc_over_commit(&d.s, &err);
        sc_over_blame(&d.s, st, &err);
        de_close(&d);
    }
    const int code = sc_cli_exit(&de_tool, st, &err);
    sc_cli_free(&o);
    return code;
}

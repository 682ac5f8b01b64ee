/*
 * A plugin's mistakes are found when its graph is built: an error of the plugin and one sentence,
 * never a crash, even where the mistaken node is used further on.
 */
#include "tiny.h"

typedef struct mistake {
    sc_node (*make)(sc_graph *);
    const char *says; /* in the sentence */
} mistake;

static sc_node hidden(sc_graph *g)
{
    const sc_node x = sc_counts(g, SC_ROWS_ALL);
    return sc_linear(g, "h", &x, 1, 3, SC_BIAS);
}
static sc_node trained_row(sc_graph *g)
{
    return sc_weight(g, "row", 1, 3, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED);
}
static sc_node batch(sc_graph *g)
{
    return sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_ENCODER_SIDE);
}

static sc_node dense_counts(sc_graph *g)
{
    return sc_exp(g, sc_counts(g, SC_ROWS_ALL));
}
static sc_node nothing(sc_graph *g)
{
    return sc_linear(g, "n", &SC_NONE, 1, 3, 0);
}
static sc_node other_rows(sc_graph *g)
{
    return sc_add(g, hidden(g), sc_row_sum(g, sc_counts(g, SC_ROWS_LABELLED)));
}
static sc_node trained_prior(sc_graph *g)
{
    const sc_node h = hidden(g), row = trained_row(g);
    return sc_kl(g, sc_normal(h, sc_exp(g, h)), sc_normal(row, sc_exp(g, row)));
}
static sc_node class_as_count(sc_graph *g)
{
    const sc_node h = sc_exp(g, hidden(g));
    return sc_observe(g, "x", sc_nb(h, h), batch(g));
}
static sc_node count_as_class(sc_graph *g)
{
    return sc_log_prob(g, (sc_dist){.kind = SC_CATEGORICAL_LOGITS, .a = hidden(g)}, hidden(g));
}
static sc_node half_a_distribution(sc_graph *g)
{
    return sc_observe(g, "x", sc_zinb(hidden(g), trained_row(g), SC_NONE),
                      sc_counts(g, SC_ROWS_ALL));
}
static sc_node wrong_width(sc_graph *g)
{
    const sc_node h = sc_exp(g, hidden(g));
    return sc_observe(g, "x", sc_nb(h, h), sc_counts(g, SC_ROWS_ALL));
}
static sc_node wrong_category(sc_graph *g)
{
    return sc_gather(g, trained_row(g), sc_in(g, SC_ROWS_ALL, SC_IN_CAT_COV_0, SC_ENCODER_SIDE));
}
static sc_node two_shapes(sc_graph *g)
{
    const sc_node h = hidden(g);
    return sc_linear(g, "h", &h, 1, 3, SC_BIAS);
}
static sc_node too_wide_slice(sc_graph *g)
{
    return sc_slice(g, hidden(g), 2, 2);
}
static sc_node unstack_of_rows(sc_graph *g)
{
    return g->sv->unstack(g, hidden(g), 3);
}
static sc_node many_rows(sc_graph *g)
{
    const sc_node w = sc_weight(g, "w", 5, 3, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED);
    return sc_mul(g, w, trained_row(g));
}
static sc_node trained_counts(sc_graph *g)
{
    const sc_node x = sc_counts(g, SC_ROWS_ALL), h = sc_slice(g, hidden(g), 1, 1);
    return sc_log1p(g, sc_div(g, x, sc_exp(g, h)));
}
static sc_node counts_by_number(sc_graph *g)
{
    const sc_node n = sc_weight(g, "n", 1, 1, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED);
    return sc_row_sum(g, sc_mul(g, n, sc_counts(g, SC_ROWS_ALL)));
}
static sc_node keep_nothing(sc_graph *g)
{
    g->sv->keep(g, SC_NONE);
    return hidden(g);
}
static sc_node no_such_group(sc_graph *g)
{
    const sc_node h = sc_row_sum(g, hidden(g));
    g->sv->term(g, &(sc_term){.name = "lost", .group = 2}, h);
    return h;
}
static sc_node sampled_row(sc_graph *g)
{
    const sc_node row = trained_row(g);
    return sc_latent(g, "z", sc_normal(row, sc_exp(g, row)), sc_standard_normal());
}
static sc_node huge(sc_graph *g)
{
    return sc_weight(g, "huge", INT64_MAX, INT64_MAX, SC_IN_COUNTS, SC_INIT_ZERO, 0, 0);
}

static const mistake mistakes[] = {{dense_counts, "dense"},
                                   {nothing, "missing"},
                                   {other_rows, "don't go together"},
                                   {trained_prior, "don't go together"},
                                   {class_as_count, "kind"},
                                   {count_as_class, "kind"},
                                   {half_a_distribution, "kind"},
                                   {wrong_width, "don't go together"},
                                   {wrong_category, "gather"},
                                   {two_shapes, "two shapes"},
                                   {too_wide_slice, "slice"},
                                   {unstack_of_rows, "unstack"},
                                   {many_rows, "don't go together"},
                                   {trained_counts, "no gradient goes through counts"},
                                   {counts_by_number, "no gradient goes through counts"},
                                   {keep_nothing, "keep"},
                                   {no_such_group, "lost"},
                                   {sampled_row, "latent 'z'"},
                                   {huge, "huge"}};

static void build(sc_graph *g, const void *opts)
{
    const mistake *m = opts;
    const sc_node h = hidden(g), v = m->make(g);
    sc_minimize(g, "t", SC_TERM_OTHER, SC_WEIGHT_ONE, sc_row_sum(g, sc_exp(g, sc_add(g, h, v))));
    sc_result(g, "v", SC_OUT_LATENT, v, "what it gave");
}

static void each_mistake(void **state)
{
    (void)state;
    const sc_model model = {.size = sizeof model, .build = build};
    const sc_dims dims = tiny_dims();
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        sc_built *g = NULL;
        sc_err err = {0};
        const sc_status st = sc_graph_build(&g, &model, &mistakes[i], &dims, &err);
        if (st != SC_EPLUGIN || !strstr(err.msg, mistakes[i].says))
            fail_msg("mistake %zu (%s): %d, '%s'", i, mistakes[i].says, (int)st, err.msg);
        assert_null(g);
    }
}

static void no_term(sc_graph *g, const void *opts)
{
    (void)opts;
    (void)hidden(g);
}

static void nothing_to_minimise(void **state)
{
    (void)state;
    const sc_model model = {.size = sizeof model, .build = no_term};
    const sc_dims dims = tiny_dims();
    sc_built *g = NULL;
    sc_err err = {0};
    assert_int_equal(sc_graph_build(&g, &model, NULL, &dims, &err), SC_EPLUGIN);
    assert_non_null(strstr(err.msg, "term"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_mistake),
                                       cmocka_unit_test(nothing_to_minimise)};
    return cmocka_run_group_tests_name("mistakes of plugins", tests, NULL, NULL);
}

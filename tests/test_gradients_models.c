/*
 * Gradients of the shipped models against central differences, with draws and dropout on: as many
 * models as it takes for every two options of the plugin's table to meet at every two of their
 * values.
 */
#include "gradients.h"
#include "sc_plugin_host.h"

enum { MAX_OPTIONS = 40, MAX_VALUES = 20, MAX_TEXT = 24 };

typedef struct option {
    const char *name; /* NULL: whether there is a size factor, which is not the plugin's */
    int n;
    char value[MAX_VALUES][MAX_TEXT];
} option;

typedef struct table {
    int n;
    option options[MAX_OPTIONS];
    /* two options at two values have met */
    bool met[MAX_OPTIONS][MAX_VALUES][MAX_OPTIONS][MAX_VALUES];
} table;

static void add(option *o, const char *text, size_t len)
{
    assert_true(o->n < MAX_VALUES && len < MAX_TEXT);
    memcpy(o->value[o->n], text, len);
    o->value[o->n++][len] = 0;
}

/* Values that are worth a look: all of a choice; few where a number says a width. */
static void add_values(option *o, const sc_param *p)
{
    static const struct {
        const char *name, *values[2];
    } numbers[] = {{"n-hidden", {"5"}},
                   {"n-latent", {"3"}},
                   {"n-layers", {"1", "2"}},
                   {"n-layers-encoder", {"1", "2"}},
                   {"n-layers-decoder", {"1", "2"}},
                   {"dropout-rate-encoder", {"0", "0.3"}},
                   {"dropout-rate-decoder", {"0", "0.2"}},
                   {"scale-adversarial-loss", {"-1", "0.7"}},
                   {"embedding-dim", {"2"}},
                   {"dropout-rate", {"0", "0.3"}},
                   {"var-eps", {"1e-4", "0.01"}},
                   {"classifier-n-layers", {"0", "2"}},
                   {"classifier-n-hidden", {"-1", "4"}},
                   {"classifier-dropout-rate", {"-1", "0.2"}},
                   {"classification-ratio", {"0", "3"}},
                   {"n-hidden-z2-decoder", {"4"}},
                   {"n-hidden-x-decoder", {"5"}},
                   {"n-hidden-z2l-encoder", {"6"}},
                   {"n-hidden-classifier", {"3"}},
                   {"n-hidden-z1-encoder", {"4"}},
                   {"alpha", {"0.5"}},
                   {"epsilon", {"5e-3"}},
                   {"scale-factor", {"0", "0.1"}},
                   {"loss-cells", {"10"}}};
    const char *s;
    size_t len;
    if (p->type == SC_PARAM_CHOICE)
        for (int i = 0; (s = sc_param_choice_at(p, i, &len)); i++)
            add(o, s, len);
    else if (p->type == SC_PARAM_BOOL) {
        add(o, "true", 4);
        add(o, "false", 5);
    } else {
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            for (int k = 0; k < 2; k++)
                if (strcmp(numbers[i].name, p->name) == 0 && numbers[i].values[k])
                    add(o, numbers[i].values[k], strlen(numbers[i].values[k]));
    }
    if (o->n == 0)
        fail_msg("option '%s' has no values to test here", p->name);
}

static void read_table(table *t, const char *variant, bool takes_size_factor)
{
    sc_plugin_handle h;
    sc_err err = {0};
    assert_int_equal(sc_plugin_find(SC_KIND_MODEL, variant, &h, &err), SC_OK);
    for (const sc_param *p = h.plugin->params; p->name; p++) {
        assert_true(t->n < MAX_OPTIONS - 1);
        option *o = &t->options[t->n++];
        o->name = p->name; /* plugins stay mapped after the close */
        add_values(o, p);
    }
    sc_plugin_close(&h);
    if (takes_size_factor) {
        add(&t->options[t->n], "no", 2);
        add(&t->options[t->n++], "yes", 3);
    }
}

/* How many values of others, as far as they are chosen, meet value v of option i here first. */
static int n_new(const table *t, const int *chosen, int i, int v)
{
    int n = 0;
    for (int j = 0; j < t->n; j++)
        n += j != i && chosen[j] >= 0 && !t->met[i][v][j][chosen[j]];
    return n;
}

/* The first pair of values that has not met yet; false: all have. */
static bool first_pair(const table *t, int *chosen)
{
    for (int i = 0; i < t->n; i++)
        chosen[i] = -1;
    for (int i = 0; i < t->n; i++)
        for (int j = i + 1; j < t->n; j++)
            for (int v = 0; v < t->options[i].n; v++)
                for (int w = 0; w < t->options[j].n; w++)
                    if (!t->met[i][v][j][w]) {
                        chosen[i] = v;
                        chosen[j] = w;
                        return true;
                    }
    return false;
}

/* That pair, and for each other option the value that meets most. */
static bool next_model(table *t, int *chosen)
{
    if (!first_pair(t, chosen))
        return false;
    for (int i = 0; i < t->n; i++) {
        int best = 0;
        if (chosen[i] >= 0)
            continue;
        for (int v = 1; v < t->options[i].n; v++)
            if (n_new(t, chosen, i, v) > n_new(t, chosen, i, best))
                best = v;
        chosen[i] = best;
    }
    for (int i = 0; i < t->n; i++)
        for (int j = 0; j < t->n; j++)
            t->met[i][chosen[i]][j][chosen[j]] = true;
    return true;
}

static void check_model(const char *variant, const table *t, const int *chosen, unsigned streams)
{
    sc_dims dims = tiny_dims();
    sc_net net;
    char options[1024] = "", name[1200];
    size_t n = 0;
    for (int i = 0; i < t->n; i++) {
        const option *o = &t->options[i];
        if (!o->name)
            dims.has_size_factor = strcmp(o->value[chosen[i]], "yes") == 0;
        else
            n += (size_t)snprintf(options + n, sizeof options - n, "%s%s=%s", n ? "," : "", o->name,
                                  o->value[chosen[i]]);
        assert_true(n < sizeof options);
    }
    (void)snprintf(name, sizeof name, "%s %s, size factor %d", variant, options,
                   (int)dims.has_size_factor);
    tiny_net(&net, variant, options, &dims);
    for (int i = 0; i < net.g->n_weights; i++) /* away from the symmetric start */
        for (int64_t k = 0; k < net.g->weights[i].rows * net.g->weights[i].cols; k++)
            if (net.g->weights[i].kind == SC_W_BN_WEIGHT || net.g->weights[i].kind == SC_W_BN_BIAS)
                net.weights[net.g->weights[i].offset + k] += 0.05F * (float)(k % 5);
    check_streams(name, net.g, net.weights, streams, SC_DRAW_SAMPLE, true, 1);
    sc_net_free(&net);
}

static void check_pairs(const char *variant, bool takes_size_factor, unsigned streams)
{
    table *t = calloc(1, sizeof *t);
    int chosen[MAX_OPTIONS];
    assert_non_null(t);
    read_table(t, variant, takes_size_factor);
    while (next_model(t, chosen))
        check_model(variant, t, chosen, streams);
    free(t);
}

enum {
    ALL = 1 << SC_ROWS_ALL,
    LABELLED = 1 << SC_ROWS_LABELLED,
    UNLABELLED = 1 << SC_ROWS_UNLABELLED
};

static const char *const tested[] = {"scvi",    "ldvae",   "scanvi", "pyro-scanvi",
                                     "totalvi", "poisson", "spatial"};

static void every_model_of_the_build_is_tested_here(void **state)
{
    (void)state;
    sc_plugin_list list = {0};
    sc_err err = {0};
    assert_int_equal(sc_plugin_list_load(SC_KIND_MODEL, &list, &err), SC_OK);
    assert_true(list.n > 0);
    for (int i = 0; i < list.n; i++) {
        bool is_tested = !list.items[i].h.plugin;
        for (size_t k = 0; k < sizeof tested / sizeof *tested; k++)
            is_tested |= strcmp(list.items[i].name, tested[k]) == 0;
        if (!is_tested)
            fail_msg("gradients of model '%s' are not tested", list.items[i].name);
    }
    sc_plugin_list_free(&list);
}

static void scvi(void **state)
{
    (void)state;
    check_pairs("scvi", true, ALL);
}

static void ldvae(void **state)
{
    (void)state;
    check_pairs("ldvae", false, ALL);
}

static void scanvi(void **state)
{
    (void)state;
    check_pairs("scanvi", true, ALL | LABELLED);
}

/* Labelled minibatches of this one have a score function's gradient besides their loss's: they are
 * held to Pyro's in test_parity. */
static void pyro_scanvi(void **state)
{
    (void)state;
    check_pairs("pyro-scanvi", false, UNLABELLED);
}

static void totalvi(void **state)
{
    (void)state;
    check_pairs("totalvi", true, ALL);
}

static void poisson(void **state)
{
    (void)state;
    check_pairs("poisson", false, ALL);
}

static void spatial(void **state)
{
    (void)state;
    check_pairs("spatial", false, ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scvi),    cmocka_unit_test(ldvae),
        cmocka_unit_test(scanvi),  cmocka_unit_test(pyro_scanvi),
        cmocka_unit_test(totalvi), cmocka_unit_test(poisson),
        cmocka_unit_test(spatial), cmocka_unit_test(every_model_of_the_build_is_tested_here)};
    return cmocka_run_group_tests_name("gradients of models", tests, prepare, NULL);
}

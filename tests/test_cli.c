/* The parser, through its public header, with a tool that has a row of every type. */
#include "sc_cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct opts {
    sc_common common;
    bool subset, scale;
    int64_t n_top, memory;
    double target_sum;
    int flavor;
    const char *layer;
    sc_param_list drop;
} opts;

static const sc_param rows[] = {
    SC_BOOL(opts, subset, "subset", 0, "keep the variable genes only"),
    SC_BOOL(opts, scale, "scale", 1, "scale each gene"),
    {SC_PARAM_INT, "n-top", offsetof(opts, n_top), 2000, 1, 100000, "N", "how many genes", 'n'},
    SC_SIZE(opts, memory, "memory", 0, "memory to use"),
    SC_REAL(opts, target_sum, "target-sum", 0, 0, 1e9, "library size"),
    SC_CHOICE(opts, flavor, "flavor", 1, "seurat|seurat_v3|cell_ranger", "which method"),
    SC_STRING(opts, layer, "layer", "NAME", "which matrix"),
    SC_LIST(opts, drop, "drop", "COL", "a column to drop"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-try",
    .brief = "tries",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_THREADS | SC_TOOL_OUTPUT | SC_TOOL_SEED | SC_TOOL_PG | SC_TOOL_VERBOSE,
    .params = rows,
    .opts_size = sizeof(opts),
    .example = "sc-try in.scz",
};

enum { MAX_ARGS = 32 };

/* args is split at spaces; the words live as long as buf. */
static sc_status parse_with(opts *o, char *buf, const char *args, sc_cli_pick pick, sc_err *err)
{
    char *argv[MAX_ARGS + 1] = {(char[]){"sc-try"}};
    int argc = 1;
    (void)snprintf(buf, 256, "%s", args);
    for (char *word = strtok(buf, " "); word && argc < MAX_ARGS; word = strtok(NULL, " "))
        argv[argc++] = word;
    return pick ? sc_cli_parse_with(&tool, o, "layer", pick, o, argc, argv, err)
                : sc_cli_parse(&tool, o, argc, argv, err);
}

static void refuses(const char *args, const char *sentence)
{
    opts o;
    sc_err err = {0};
    char buf[256];
    assert_int_equal(parse_with(&o, buf, args, NULL, &err), SC_EUSAGE);
    assert_string_equal(err.msg, sentence);
    sc_cli_free(&o);
}

static void test_defaults(void **state)
{
    (void)state;
    opts o;
    sc_err err = {0};
    char buf[256];
    assert_int_equal(parse_with(&o, buf, "", NULL, &err), SC_OK);
    assert_false(o.subset);
    assert_true(o.scale);
    assert_int_equal(o.n_top, 2000);
    assert_int_equal(o.flavor, 1);
    assert_null(o.layer);
    assert_int_equal(o.drop.n, 0);
    assert_int_equal(o.common.n_operands, 0);
    assert_int_equal(o.common.n_threads, 0);
    sc_cli_free(&o);
}

static void test_forms(void **state)
{
    (void)state;
    opts o;
    sc_err err = {0};
    char buf[256];
    const char *args = "--subset --no-scale -n5 --target_sum=1e4 --flavor cell_ranger --drop a "
                       "--layer=counts --drop=b --memory 1.5G -@ 3 - -qv";
    assert_int_equal(parse_with(&o, buf, args, NULL, &err), SC_OK);
    assert_true(o.subset);
    assert_false(o.scale);
    assert_int_equal(o.n_top, 5);
    assert_true(o.target_sum == 1e4);
    assert_int_equal(o.flavor, 2);
    assert_string_equal(o.layer, "counts");
    assert_int_equal(o.drop.n, 2);
    assert_string_equal(o.drop.items[1], "b");
    assert_int_equal(o.memory, INT64_C(3) << 29);
    assert_int_equal(o.common.n_threads, 3);
    assert_string_equal(o.common.operands[0], "-");
    assert_true(o.common.quiet && o.common.verbose);
    sc_cli_free(&o);
}

static void test_the_last_one_counts(void **state)
{
    (void)state;
    opts o;
    sc_err err = {0};
    char buf[256];
    assert_int_equal(parse_with(&o, buf, "-n 1e3 --n-top 70 --no-subset --seed 7", NULL, &err),
                     SC_OK);
    assert_int_equal(o.n_top, 70);
    assert_int_equal(o.common.seed, 7);
    sc_cli_free(&o);
}

static void test_two_dashes_end_options(void **state)
{
    (void)state;
    opts o;
    sc_err err = {0};
    char buf[256];
    assert_int_equal(parse_with(&o, buf, "-- --subset", NULL, &err), SC_OK);
    assert_false(o.subset);
    assert_string_equal(o.common.operands[0], "--subset");
    sc_cli_free(&o);
}

static void test_refusals(void **state)
{
    (void)state;
    refuses("--subst", "unknown option '--subst'; did you mean '--subset'?");
    refuses("--xyzzyx=1", "unknown option '--xyzzyx'; --help lists those there are");
    refuses("--sub", "unknown option '--sub'; --help lists those there are");
    refuses("-z", "unknown option '-z'; --help lists those there are");
    refuses("--no-n-top", "unknown option '--no-n-top'; did you mean '--n-top'?");
    refuses("--n-top", "option '--n-top' needs a value");
    refuses("-n", "option '-n' needs a value");
    refuses("-n 0", "option '--n-top' takes a whole number from 1 to 100000, not '0'");
    refuses("-n 1.5", "option '--n-top' takes a whole number from 1 to 100000, not '1.5'");
    refuses("-n 99999999999999999999",
            "option '--n-top' takes a whole number from 1 to 100000, not '99999999999999999999'");
    refuses("--target-sum nan", "option '--target-sum' takes a number from 0 to 1000000000, not "
                                "'nan'");
    refuses("--flavor seura",
            "option '--flavor' takes one of seurat|seurat_v3|cell_ranger, not 'seura'");
    refuses("--memory 2X", "option '--memory' takes a size such as 512M or 2G, not '2X'");
    refuses("--seed -1", "option '--seed' takes a whole number of 0 or more, not '-1'");
    refuses("a b", "unexpected operand 'b': usage is 'sc-try [options] [IN]'");
}

typedef struct plugin_opts {
    int64_t n_latent;
} plugin_opts;

static const sc_param plugin_rows[] = {
    SC_INT(plugin_opts, n_latent, "n-latent", 10, 1, 500, "dimensions of the latent space"),
    SC_PARAM_END};

static sc_status pick(void *ctx, const char *value, sc_cli_extra *extra, sc_err *err)
{
    if (!value)
        return sc_fail(err, SC_EUSAGE, "no model");
    if (strcmp(value, "ldvae") != 0)
        return sc_fail(err, SC_EUSAGE, "unknown model '%s'", value);
    *extra = (sc_cli_extra){.title = "options of ldvae", .params = plugin_rows, .opts = ctx};
    return SC_OK;
}

static sc_status parse_picking(opts *o, plugin_opts *p, const char *a, const char *b, sc_err *err)
{
    char *argv[] = {(char[]){"sc-try"}, (char *)(uintptr_t)a, (char *)(uintptr_t)b,
                    (char[]){"--n-latent=4"}};
    p->n_latent = 0;
    return sc_cli_parse_with(&tool, o, "layer", pick, p, 4, argv, err);
}

static void test_a_plugins_table(void **state)
{
    (void)state;
    opts o;
    plugin_opts p;
    sc_err err = {0};
    char buf[256];
    assert_int_equal(parse_picking(&o, &p, "--layer", "ldvae", &err), SC_OK);
    assert_int_equal(p.n_latent, 4);
    sc_cli_free(&o);
    assert_int_equal(parse_picking(&o, &p, "--layer=ldvea", "-q", &err), SC_EUSAGE);
    assert_string_equal(err.msg, "unknown model 'ldvea'");
    sc_cli_free(&o);
    assert_int_equal(parse_with(&o, buf, "-n 3", pick, &err), SC_EUSAGE);
    assert_string_equal(err.msg, "no model");
    sc_cli_free(&o);
}

static void test_set_by_name(void **state)
{
    (void)state;
    plugin_opts p;
    sc_err err = {0};
    sc_params_default(plugin_rows, &p);
    assert_int_equal(p.n_latent, 10);
    assert_int_equal(sc_params_set(plugin_rows, &p, "n_latent", "32", &err), SC_OK);
    assert_int_equal(p.n_latent, 32);
    assert_int_equal(sc_params_set(plugin_rows, &p, "n_hidden", "32", &err), SC_EUSAGE);
    assert_string_equal(err.msg, "unknown option '--n_hidden'");
}

static sc_status pick_if_asked(void *ctx, const char *value, sc_cli_extra *extra, sc_err *err)
{
    (void)ctx;
    (void)value;
    return sc_fail(err, SC_EUSAGE, "%s", extra->is_asked ? "asked" : "not asked");
}

static void test_a_plugins_table_is_asked_for(void **state)
{
    static const struct {
        const char *args, *says;
    } cases[] = {{"in.scz", "not asked"},
                 {"--layer a -q in.scz", "not asked"},
                 {"-q -- --of-plugin", "not asked"},
                 {"--of-plugin 3", "asked"},
                 {"-q --of-plugin=3", "asked"},
                 {"--no-of-plugin", "asked"},
                 {"-x in.scz", "asked"},
                 {"-qx", "asked"}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        opts o;
        sc_err err = {0};
        char buf[256];
        assert_int_equal(parse_with(&o, buf, cases[k].args, pick_if_asked, &err), SC_EUSAGE);
        assert_string_equal(err.msg, cases[k].says);
        sc_cli_free(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_the_last_one_counts),
        cmocka_unit_test(test_two_dashes_end_options),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_plugins_table),
        cmocka_unit_test(test_a_plugins_table_is_asked_for),
        cmocka_unit_test(test_set_by_name),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}

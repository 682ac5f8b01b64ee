#include "sc_condition.h"
#include "sc_de.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DRAWS = 5, GENES = 3 };

/* Columns: first above second in 4 of 5 pairs; always twice; never different. */
static const float first[DRAWS * GENES] = {1, 4, 1, 2, 8, 1, 3, 2, 1, 4, 16, 1, 5, 2, 1};
static const float second[DRAWS * GENES] = {2, 2, 1, 1, 4, 1, 1, 1, 1, 1, 8, 1, 1, 1, 1};

static sc_de_result compare(const sc_de_rules *rules, const uint8_t *mute, int n_threads)
{
    sc_err err = {0};
    sc_pool *pool = NULL;
    sc_de_result r;
    const sc_de_draws a = {DRAWS, first, mute}, b = {DRAWS, second, mute};
    assert_int_equal(sc_pool_new(&pool, n_threads, &err), SC_OK);
    assert_int_equal(sc_de_compare(&r, rules, GENES, &a, &b, pool, &err), SC_OK);
    sc_pool_free(pool);
    return r;
}

static void near(double got, double want)
{
    assert_true(fabs(got - want) < 1e-6);
}

static void test_vanilla(void **state)
{
    (void)state;
    const sc_de_rules rules = {0};
    sc_de_result r = compare(&rules, NULL, 2);
    near(r.of[SC_DE_PROBA][0], 0.8);
    near(r.of[SC_DE_PROBA][1], 1);
    near(r.of[SC_DE_PROBA][2], 0);
    near(r.of[SC_DE_BAYES][0], log(0.8 + 1e-8) - log(0.2 + 1e-8));
    near(r.of[SC_DE_SCALE1][0], 3);
    near(r.of[SC_DE_SCALE2][1], 3.2);
    assert_true(r.order[0] == 1 && r.order[1] == 0 && r.order[2] == 2);
    assert_null(r.of[SC_DE_LFC_MEAN]);
    sc_de_free(&r);
}

static void test_change(void **state)
{
    (void)state;
    sc_de_rules rules = {
        .is_change = true, .delta = 0.9, .pseudocount = 1e-12, .n_levels = 1, .levels = {0.6}};
    sc_de_result r = compare(&rules, NULL, 3);
    /* lfc of the first: -1, 1, log2 3, 2, log2 5 */
    near(r.of[SC_DE_PROBA][0], 0.8);
    near(r.of[SC_DE_PROBA][1], 1);
    near(r.of[SC_DE_PROBA][2], 0);
    near(r.of[SC_DE_LFC_MEDIAN][0], log2(3));
    near(r.of[SC_DE_LFC_MEAN][0], (2 + log2(3) + log2(5)) / 5);
    near(r.of[SC_DE_LFC_MIN][0], -1);
    near(r.of[SC_DE_LFC_MAX][0], log2(5));
    near(r.of[SC_DE_LFC_STD][1], 0);
    near(r.of[SC_DE_INTERVALS][0], 1); /* three steps wide: from 1 or from -1 */
    near(r.of[SC_DE_INTERVALS + 1][0], log2(5));
    sc_de_free(&r);
    rules.is_two = true;
    r = compare(&rules, NULL, 1);
    near(r.of[SC_DE_PROBA][0], 1);
    sc_de_free(&r);
}

/* The 0.9 quantile of the silent genes' largest draws, over the number of genes. */
static void test_pseudocount(void **state)
{
    (void)state;
    static const uint8_t all[GENES] = {1, 1, 1}, none[GENES] = {0};
    const sc_de_rules rules = {.is_change = true, .delta = 1};
    sc_de_result r = compare(&rules, all, 1);
    near(r.pseudocount, (5 + 0.8 * (16 - 5)) / 3); /* of 1, 5, 16 at 1.8 */
    sc_de_free(&r);
    r = compare(&rules, none, 1);
    near(r.pseudocount, 1e-10);
    sc_de_free(&r);
}

static void test_called(void **state)
{
    (void)state;
    static const double p[] = {1, 0.99, 0.95, 0.9, 0.5};
    assert_int_equal(sc_de_called(5, p, 0.05), 4);
    assert_int_equal(sc_de_called(5, p, 0.01), 2);
    assert_int_equal(sc_de_called(5, p, 1), 5);
    static const double low[] = {0.5, 0.4};
    assert_int_equal(sc_de_called(2, low, 0.05), 0);
}

/* Three clumps at -2, 0 and 1: 0.6 times the mean of 2 and 1. */
static void test_delta(void **state)
{
    (void)state;
    double v[300], delta;
    sc_err err = {0};
    for (int i = 0; i < 300; i++)
        v[i] = (i % 3 == 0 ? -2 : i % 3 == 1 ? 0 : 1) + 0.01 * (i / 3 % 11 - 5);
    assert_int_equal(sc_de_delta(300, v, &delta, &err), SC_OK);
    assert_true(fabs(delta - 0.9) < 1e-3);
    memset(v, 0, sizeof v);
    assert_int_equal(sc_de_delta(300, v, &delta, &err), SC_OK);
    near(delta, 0.1);
    assert_int_equal(sc_de_delta(2, v, &delta, &err), SC_EDATA);
}

static void test_conditions(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_condition c;
    assert_int_equal(sc_condition_parse(&c, " a b =='x & y'& n>= 1e3 &\"k<\" != z ", &err), SC_OK);
    assert_int_equal(c.n, 3);
    assert_string_equal(c.all[0].column, "a b");
    assert_string_equal(c.all[0].value, "x & y");
    assert_int_equal(c.all[1].op, SC_GE);
    assert_true(c.all[1].number == 1000);
    assert_string_equal(c.all[2].column, "k<");
    assert_int_equal(c.all[2].op, SC_NE);
    assert_true(isnan(c.all[2].number));
    sc_condition_free(&c);
    static const char *const bad[] = {
        "", "a", "a = b", "== b", "a ==", "a == b &", "& a == b", "a<b<c", "a !b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const sc_status st = sc_condition_parse(&c, bad[i], &err);
        sc_condition_free(&c);
        assert_int_equal(st, SC_EUSAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vanilla),     cmocka_unit_test(test_change),
        cmocka_unit_test(test_pseudocount), cmocka_unit_test(test_called),
        cmocka_unit_test(test_delta),       cmocka_unit_test(test_conditions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

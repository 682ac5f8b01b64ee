/* The simulator: counts agree with the truth it tells, and depend on the options and the cell only.
 */
#include "sc_sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const sc_sim_opts opts = {.n_vars = 300,
                                 .n_types = 4,
                                 .n_batches = 3,
                                 .n_latent = 5,
                                 .depth = 900,
                                 .dispersion = 1.5,
                                 .separation = 1,
                                 .batch_effect = 0.4,
                                 .seed = 7};

/* Shares of the counts of one cell, from the truth alone and with libm. */
static void shares(const sc_sim *sim, const sc_sim_cells *c, int64_t i, double *share)
{
    const sc_sim_opts *o = &sim->opts;
    double sum = 0;
    for (int64_t j = 0; j < o->n_vars; j++) {
        double log_share = sim->base[j] + sim->shift[c->batch[i] * o->n_vars + j];
        if (sim->marker_of[j] == c->type[i])
            log_share += sim->marker[j];
        if (sim->factor[j] >= 0)
            log_share +=
                sim->loading[j] * (double)c->latent.values[i * o->n_latent + sim->factor[j]];
        share[j] = exp(log_share);
        sum += share[j];
    }
    for (int64_t j = 0; j < o->n_vars; j++)
        share[j] /= sum;
}

/* Means, variances and zeros are those of the negative binomial with the true parameters. The
 * bounds are five standard errors or more: the draws are fixed by the seed, so nothing flickers. */
static void test_moments(void **state)
{
    enum { N = 20000, VARS = 300 };
    static double share[VARS], sum[VARS], mean[VARS], square[VARS], var[VARS], spread[VARS];
    double zeros = 0, expected_zeros = 0;
    sc_sim *sim = NULL;
    sc_sim_cells c = {0};
    sc_err err;
    (void)state;
    assert_int_equal(sc_sim_new(&sim, &opts, &err), SC_OK);
    assert_int_equal(sc_sim_draw(sim, 0, N, &c, &err), SC_OK);
    for (int64_t i = 0; i < N; i++) {
        int64_t k = c.x.indptr[i];
        shares(sim, &c, i, share);
        for (int64_t j = 0; j < VARS; j++) {
            const bool is_stored = k < c.x.indptr[i + 1] && c.x.indices[k] == j;
            const double x = is_stored ? (double)c.x.values[k++] : 0;
            const double mu = c.library[i] * share[j], theta = sim->theta[j];
            assert_true(!is_stored || x >= 1);
            sum[j] += x;
            mean[j] += mu;
            square[j] += (x - mu) * (x - mu);
            const double v = mu + mu * mu / theta;
            var[j] += v;
            spread[j] += v * v * (2 + 6 / theta + 1 / v); /* variance of (x - mu)^2 */
            zeros += x == 0;
            expected_zeros += pow(1 + mu / theta, -theta);
        }
        assert_int_equal(k, c.x.indptr[i + 1]);
    }
    for (int64_t j = 0; j < VARS; j++) {
        assert_true(fabs(sum[j] - mean[j]) < 5 * sqrt(var[j]));
        assert_true(fabs(square[j] - var[j]) < 6 * sqrt(spread[j]));
    }
    assert_true(fabs(zeros / expected_zeros - 1) < 1e-3);
    sc_sim_cells_free(&c);
    sc_sim_free(sim);
}

static void test_a_cell_stands_alone(void **state)
{
    sc_sim *sim = NULL;
    sc_sim_cells many = {0}, one = {0};
    sc_err err;
    (void)state;
    assert_int_equal(sc_sim_new(&sim, &opts, &err), SC_OK);
    assert_int_equal(sc_sim_draw(sim, 100, 50, &many, &err), SC_OK);
    for (int64_t i = 49; i >= 0; i--) {
        assert_int_equal(sc_sim_draw(sim, 100 + i, 1, &one, &err), SC_OK);
        const int64_t from = many.x.indptr[i], n = many.x.indptr[i + 1] - from;
        assert_int_equal(one.x.indptr[1], n);
        assert_memory_equal(one.x.values, many.x.values + from, (size_t)n * sizeof(float));
        assert_memory_equal(one.x.indices, many.x.indices + from, (size_t)n * sizeof(int32_t));
        assert_memory_equal(one.latent.values, many.latent.values + i * opts.n_latent,
                            (size_t)opts.n_latent * sizeof(float));
        assert_int_equal(one.type[0], many.type[i]);
    }
    sc_sim_cells_free(&many);
    sc_sim_cells_free(&one);
    sc_sim_free(sim);
}

static void test_smallest(void **state)
{
    const sc_sim_opts tiny = {.n_vars = 1,
                              .n_types = 1,
                              .n_batches = 1,
                              .n_latent = 1,
                              .depth = 1e-3,
                              .dispersion = 1e-3};
    sc_sim *sim = NULL;
    sc_sim_cells c = {0};
    sc_err err;
    (void)state;
    assert_int_equal(sc_sim_new(&sim, &tiny, &err), SC_OK);
    assert_int_equal(sc_sim_draw(sim, 0, 5000, &c, &err), SC_OK);
    assert_int_equal(c.x.n_cols, 1);
    sc_sim_cells_free(&c);
    sc_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_moments),
                                       cmocka_unit_test(test_a_cell_stands_alone),
                                       cmocka_unit_test(test_smallest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

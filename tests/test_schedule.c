/* Early stopping and learning rates against schedules worked out by hand. */
#include "sc_schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static json_t *history_of(const char *column)
{
    return json_pack("{s:[s, s], s:[]}", "columns", "epoch", column, "rows");
}

/* Feeds values (negative: not measured) and takes down the rate of each epoch; the number of epochs
 * until it stops. */
static int play(const sc_schedule_opts *o, const char *column, const double *values, int n,
                double lr, double *rates)
{
    sc_schedule_state s;
    json_t *h = history_of(column);
    bool is_over = false;
    int e = 0;
    sc_schedule_start(&s, o);
    for (; e < n && !is_over; e++) {
        lr = sc_schedule_before(o, e, lr);
        rates[e] = lr;
        json_t *v = values[e] < 0 ? json_null() : json_real(values[e]);
        json_array_append_new(json_object_get(h, "rows"), json_pack("[i, o]", e, v));
        is_over = sc_schedule_after(&s, o, e, h, &lr);
    }
    json_decref(h);
    return e;
}

static void early_stopping_counts_checks_without_a_gain(void **state)
{
    (void)state;
    double rates[16];
    const double v[] = {9, 8, 8.5, 7.5, 7.6, 7.5, 7.4, 7.4, 7.4, 7.4};
    sc_schedule_opts o = {.early_stopping = true, .early_stopping_patience = 3};
    assert_int_equal(play(&o, "elbo_validation", v, 10, 1, rates), 10);
    o.early_stopping_patience = 2; /* 7.6 and 7.5 are no better than 7.5 */
    assert_int_equal(play(&o, "elbo_validation", v, 10, 1, rates), 6);
    o.early_stopping_min_delta = 0.5; /* 7.5 is no gain of more than 0.5 over 8 */
    assert_int_equal(play(&o, "elbo_validation", v, 10, 1, rates), 4);
    o.early_stopping_warmup_epochs = 3; /* the best is then 7.5 */
    assert_int_equal(play(&o, "elbo_validation", v, 10, 1, rates), 6);
    o = (sc_schedule_opts){.early_stopping = true,
                           .early_stopping_patience = 2,
                           .early_stopping_max = true,
                           .early_stopping_monitor = "validation_accuracy"};
    assert_int_equal(play(&o, "validation_accuracy", v, 10, 1, rates), 3);
    const double gaps[] = {9, -1, -1, -1, 8, -1, -1, -1, 8.5, -1};
    o = (sc_schedule_opts){.early_stopping = true, .early_stopping_patience = 1};
    assert_int_equal(play(&o, "elbo_validation", gaps, 10, 1, rates), 9);
}

static void the_rate_falls_on_a_plateau(void **state)
{
    (void)state;
    double rates[16];
    const double v[] = {9, 8, 8, 8, 8, 8, 8, 7, 7.9, 7.9};
    sc_schedule_opts o = {.reduce_lr_on_plateau = true, .lr_patience = 1, .lr_factor = 0.5};
    const double want[] = {1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25};
    assert_int_equal(play(&o, "elbo_validation", v, 10, 1, rates), 10);
    for (int i = 0; i < 10; i++)
        assert_true(rates[i] == want[i]);
    o.lr_min = 0.4;
    (void)play(&o, "elbo_validation", v, 10, 1, rates);
    assert_true(rates[9] == 0.4);
    o.lr_threshold = 1.5; /* neither 8 nor 7 is better than 9 by that much, but 7 is by 2 */
    (void)play(&o, "elbo_validation", v, 10, 1, rates);
    assert_true(rates[2] == 1 && rates[3] == 0.5 && rates[9] == 0.4);
}

static void milestones_multiply(void **state)
{
    (void)state;
    double rates[16];
    const double v[6] = {0};
    const sc_schedule_opts o = {.n_milestones = 2, .milestones = {2, 4}, .lr_gamma = 0.5};
    const double want[] = {8, 8, 4, 4, 2, 2};
    assert_int_equal(play(&o, "elbo_validation", v, 6, 8, rates), 6);
    for (int i = 0; i < 6; i++)
        assert_true(rates[i] == want[i]);
}

static void what_the_history_lacks_is_refused(void **state)
{
    (void)state;
    sc_err err = {0};
    json_t *h = history_of("elbo_validation");
    sc_schedule_opts o = {.early_stopping = true};
    assert_int_equal(sc_schedule_check(&o, h, &err), SC_OK);
    o.early_stopping_monitor = "validation_accuracy";
    assert_int_equal(sc_schedule_check(&o, h, &err), SC_EUSAGE);
    assert_string_equal(err.msg, "--early-stopping-monitor: there is no 'validation_accuracy' in "
                                 "the history of this model; there is elbo_validation");
    o = (sc_schedule_opts){.reduce_lr_on_plateau = true, .lr_scheduler_metric = "epoch"};
    assert_int_equal(sc_schedule_check(&o, h, &err), SC_EUSAGE);
    json_decref(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_stopping_counts_checks_without_a_gain),
        cmocka_unit_test(the_rate_falls_on_a_plateau),
        cmocka_unit_test(milestones_multiply),
        cmocka_unit_test(what_the_history_lacks_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

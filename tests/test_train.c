/*
 * What training takes from the row streams of a model in each step, and what weights start from.
 */
#include "sc_start.h"
#include "sc_train_int.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_OBS = 40, BATCH = 4 };

/* 40 cells; labels: 14 of class 0, 6 of class 1, 20 without. */
typedef struct semi {
    sc_net net;
    sc_built g;
    sc_gnode nodes[4];
    sc_cells cells;
    int32_t labels[N_OBS];
    sc_trainer t;
} semi;

static void open_semi(semi *s, sc_schedule schedule, bool with_all, int64_t n_samples_per_label)
{
    sc_err err = {0};
    memset(s, 0, sizeof *s);
    for (int i = 0; i < N_OBS; i++)
        s->labels[i] = i % 2 ? 2 : i % 20 < 14 ? 0 : 1;
    s->cells.n_obs = N_OBS;
    s->cells.dims.n_labels = 2;
    s->cells.codes[SC_IN_LABELS - SC_IN_BATCH] = s->labels;
    s->g.schedule = schedule;
    s->g.nodes = s->nodes;
    s->net.g = &s->g;
    for (int k = with_all ? 0 : 1; k < (with_all ? 2 : 3); k++) {
        s->nodes[k].stream = (sc_rowset)k;
        s->g.terms[s->g.n_terms++].node = k;
    }
    s->t = (sc_trainer){.net = &s->net,
                        .cells = &s->cells,
                        .o = {.batch_size = BATCH,
                              .train_size = -1,
                              .validation_size = -1,
                              .seed = 3,
                              .n_samples_per_label = n_samples_per_label}};
    assert_int_equal(sc_rows_open(&s->t, &err), SC_OK);
}

static int64_t row_at(const semi *s, int stream, const sc_draw_rows *d, int64_t i)
{
    return s->t.rows[stream].order[d->at[stream] + i];
}

static void labelled_and_other_cells_are_split_apart(void **state)
{
    (void)state;
    semi s;
    open_semi(&s, SC_STEP_JOINT, true, 0);
    assert_int_equal(s.t.n_train, 18 + 18);
    assert_int_equal(s.t.n_val, 2 + 2);
    assert_int_equal(s.t.rows[SC_ROWS_ALL].n_fit, 36);
    assert_int_equal(s.t.rows[SC_ROWS_LABELLED].n_fit, 18);
    assert_int_equal(s.t.rows[SC_ROWS_LABELLED].n_val, 2);
    for (int64_t i = 1; i < 18; i++) /* in the order of their labels */
        assert_true(s.labels[s.t.rows[SC_ROWS_LABELLED].fit[i]] >=
                    s.labels[s.t.rows[SC_ROWS_LABELLED].fit[i - 1]]);
    sc_rows_close(&s.t);
}

static void the_shorter_stream_begins_again_in_the_same_order(void **state)
{
    (void)state;
    semi s;
    sc_draw_rows d;
    int64_t first[5][BATCH], seen[N_OBS] = {0};
    open_semi(&s, SC_STEP_JOINT, true, 0);
    sc_rows_shuffle(&s.t, 0);
    assert_int_equal(sc_rows_steps(&s.t, false), 9);
    for (int64_t step = 0; step < 9; step++) {
        sc_rows_step(&s.t, step, false, &d);
        assert_int_equal(d.n[SC_ROWS_ALL], BATCH);
        assert_int_equal(d.n[SC_ROWS_LABELLED], step % 5 == 4 ? 2 : BATCH);
        assert_int_equal(d.round[SC_ROWS_LABELLED], step / 5);
        assert_int_equal(d.n[SC_ROWS_UNLABELLED], 0);
        for (int64_t i = 0; i < BATCH; i++)
            seen[row_at(&s, SC_ROWS_ALL, &d, i)]++;
        for (int64_t i = 0; i < d.n[SC_ROWS_LABELLED]; i++) {
            const int64_t row = row_at(&s, SC_ROWS_LABELLED, &d, i);
            assert_true(s.labels[row] < 2);
            if (step < 5)
                first[step][i] = row;
            else
                assert_int_equal(row, first[step - 5][i]);
        }
    }
    for (int64_t i = 0; i < s.t.rows[SC_ROWS_ALL].n_fit; i++)
        assert_int_equal(seen[s.t.rows[SC_ROWS_ALL].fit[i]], 1);
    assert_int_equal(sc_rows_steps(&s.t, true), 1);
    sc_rows_close(&s.t);
}

static void either_schedule_takes_each_minibatch_once_in_another_order_each_epoch(void **state)
{
    (void)state;
    semi s;
    sc_draw_rows d;
    int kinds[2][10];
    open_semi(&s, SC_STEP_EITHER, false, 0);
    for (int epoch = 0; epoch < 2; epoch++) {
        int64_t seen[N_OBS] = {0};
        sc_rows_shuffle(&s.t, epoch);
        assert_int_equal(sc_rows_steps(&s.t, false), 10);
        for (int64_t step = 0; step < 10; step++) {
            sc_rows_step(&s.t, step, false, &d);
            const int kind = d.n[SC_ROWS_LABELLED] ? SC_ROWS_LABELLED : SC_ROWS_UNLABELLED;
            assert_int_equal(d.n[SC_ROWS_LABELLED] + d.n[SC_ROWS_UNLABELLED], d.n[kind]);
            kinds[epoch][step] = kind;
            for (int64_t i = 0; i < d.n[kind]; i++) {
                seen[row_at(&s, kind, &d, i)]++;
                assert_int_equal(s.labels[row_at(&s, kind, &d, i)] < 2, kind == SC_ROWS_LABELLED);
            }
        }
        for (int k = SC_ROWS_LABELLED; k <= SC_ROWS_UNLABELLED; k++)
            for (int64_t i = 0; i < 18; i++)
                assert_int_equal(seen[s.t.rows[k].fit[i]], 1);
    }
    assert_memory_not_equal(kinds[0], kinds[1], sizeof kinds[0]);
    sc_rows_close(&s.t);
}

static void few_cells_of_each_label_are_drawn_anew_in_each_epoch(void **state)
{
    (void)state;
    semi s;
    int64_t first[4];
    open_semi(&s, SC_STEP_JOINT, true, 2);
    for (int epoch = 0; epoch < 2; epoch++) {
        const sc_rows *r = &s.t.rows[SC_ROWS_LABELLED];
        int n[2] = {0};
        sc_rows_shuffle(&s.t, epoch);
        assert_int_equal(r->n_order, 4);
        for (int i = 0; i < 4; i++)
            n[s.labels[r->order[i]]]++;
        assert_int_equal(n[0], 2);
        if (epoch == 0)
            memcpy(first, r->order, sizeof first);
        else
            assert_memory_not_equal(first, r->order, sizeof first);
    }
    sc_rows_close(&s.t);
}

/* sklearn.mixture.GaussianMixture(2).fit(np.log1p(x)): the same for random_state 0, 1 and 2 */
static void the_lower_of_two_normals_is_scikit_learns(void **state)
{
    (void)state;
    const double counts[] = {3, 5, 2, 8, 110, 74, 9, 4, 7, 491, 61, 17, 18, 138},
                 far[] = {0, 0, 1, 0, 2, 900, 1000, 1200};
    double x[14], mean = 0, sd = 0;
    for (int i = 0; i < 14; i++)
        x[i] = log1p(counts[i]);
    assert_true(sc_mixture_of_two(x, 14, &mean, &sd));
    assert_float_equal(mean, 2.022205873754052, 1e-9);
    assert_float_equal(sd, 0.5939647802009129, 1e-9);
    for (int i = 0; i < 8; i++)
        x[i] = log1p(far[i]);
    assert_true(sc_mixture_of_two(x, 8, &mean, &sd));
    assert_float_equal(mean, 0.3583518938456109, 1e-9);
    assert_float_equal(sd, 0.4572366073745852, 1e-9);
    for (int i = 0; i < 8; i++)
        x[i] = 1;
    assert_false(sc_mixture_of_two(x, 8, &mean, &sd));
    assert_false(sc_mixture_of_two(x, 1, &mean, &sd));
}

/* torch.optim.Adam([a, b], lr=1e-2, eps=0.01, weight_decay=0.1) in double, after
 * clip_grad_norm_([a, b], max_norm): three steps with the gradients below. A weight that does not
 * move has no part in the norm. */
static void gradients_are_clipped_by_their_norm_as_torch_clips_them(void **state)
{
    (void)state;
    static const double limits[] = {1e30, 1, 100};
    static const double expected[][3] = {
        {0.9759278702895873, -2.022132362377983, 0.4781173522933128},
        {0.9820907770043494, -2.01959798384944, 0.47758891389775454},
        {0.9759278702895873, -2.022132362377983, 0.4781173522933128}};
    static const sc_rates rates = {1e-2, 0.01, 0.1};
    static const float gradients[3][3] = {{3, 4, 12}, {-.3F, .4F, 0}, {5, 0, -.1F}};
    for (int i = 0; i < 3; i++) {
        sc_gweight weights[3] = {{.rows = 1, .cols = 2, .is_trained = true},
                                 {.rows = 1, .cols = 1, .offset = 2, .is_trained = true},
                                 {.rows = 1, .cols = 1, .offset = 3, .is_trained = true}};
        const sc_built g = {.weights = weights, .n_weights = 3, .n_params = 4};
        const bool moves[3] = {true, true, false};
        float w[4] = {1, -2, 0.5F, 7};
        sc_optimizer *o = NULL;
        sc_pool *pool = NULL;
        sc_err err = {0};
        assert_int_equal(sc_pool_new(&pool, 1, &err), SC_OK);
        assert_int_equal(sc_optimizer_new(&o, &g, &err), SC_OK);
        for (int k = 0; k < 3; k++) {
            float grad[4] = {gradients[k][0], gradients[k][1], gradients[k][2], 1e6F};
            sc_optimizer_clip(o, moves, grad, limits[i]);
            assert_true(sc_optimizer_step(o, moves, w, grad, &rates, pool, sc_kernels_get(NULL)));
            assert_true(grad[3] == 1e6F);
        }
        for (int k = 0; k < 3; k++)
            assert_float_equal(w[k], expected[i][k], 1e-6);
        assert_true(w[3] == 7);
        sc_optimizer_free(o);
        sc_pool_free(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labelled_and_other_cells_are_split_apart),
        cmocka_unit_test(the_shorter_stream_begins_again_in_the_same_order),
        cmocka_unit_test(either_schedule_takes_each_minibatch_once_in_another_order_each_epoch),
        cmocka_unit_test(few_cells_of_each_label_are_drawn_anew_in_each_epoch),
        cmocka_unit_test(the_lower_of_two_normals_is_scikit_learns),
        cmocka_unit_test(gradients_are_clipped_by_their_norm_as_torch_clips_them)};
    return cmocka_run_group_tests_name("training", tests, NULL, NULL);
}

#include "sc_entries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* The value that cell i and gene j get; 0 where there is none. */
static float value_of(int64_t i, int64_t j)
{
    return (float)((i * 7 + j * 13) % 5);
}

static void add(sc_entries *e, int64_t i, int64_t j)
{
    sc_err err;
    if (value_of(i, j) != 0)
        assert_int_equal(sc_entries_add(e, (int32_t)i, (int32_t)j, value_of(i, j), &err), SC_OK);
}

static void check_all(sc_entries *e, int64_t n_cells, int64_t n_genes)
{
    sc_err err;
    int64_t n_summed = 0;
    assert_int_equal(sc_entries_close(e, n_cells, n_genes, &err), SC_OK);
    assert_int_equal(e->kind, SC_COUNTS);
    for (int64_t i0 = 0; i0 < n_cells; i0 += 100) {
        sc_csr m;
        const int64_t n = n_cells - i0 < 100 ? n_cells - i0 : 100;
        assert_int_equal(sc_entries_take(e, n, &m, &n_summed, &err), SC_OK);
        for (int64_t i = 0; i < n; i++) {
            int64_t k = m.indptr[i];
            for (int64_t j = 0; j < n_genes; j++)
                if (k < m.indptr[i + 1] && m.indices[k] == j)
                    assert_true(m.values[k++] == value_of(i0 + i, j));
                else
                    assert_true(value_of(i0 + i, j) == 0);
            assert_int_equal(k, m.indptr[i + 1]);
        }
        sc_csr_free(&m);
    }
    assert_int_equal(n_summed, 0);
    sc_entries_free(e);
}

/* More than are kept in memory. */
enum { N_CELLS = 1500, N_GENES = 2000 };

static void test_sorted_spill(void **state)
{
    (void)state;
    sc_entries e = SC_ENTRIES_NEW;
    for (int64_t i = 0; i < N_CELLS; i++)
        for (int64_t j = 0; j < N_GENES; j++)
            add(&e, i, j);
    assert_true(e.is_sorted);
    check_all(&e, N_CELLS, N_GENES);
}

static void test_unsorted_spill(void **state)
{
    (void)state;
    sc_entries e = SC_ENTRIES_NEW;
    for (int64_t j = N_GENES; j-- > 0;)
        for (int64_t i = 0; i < N_CELLS; i++)
            add(&e, i, j);
    assert_false(e.is_sorted);
    check_all(&e, N_CELLS, N_GENES);
}

static void test_repeats_and_empty(void **state)
{
    (void)state;
    sc_err err;
    sc_csr m;
    int64_t n_summed = 0;
    sc_entries e = SC_ENTRIES_NEW;
    assert_int_equal(sc_entries_add(&e, 1, 2, 3, &err), SC_OK);
    assert_int_equal(sc_entries_add(&e, 1, 0, 1, &err), SC_OK);
    assert_int_equal(sc_entries_add(&e, 1, 2, 4, &err), SC_OK);
    assert_int_equal(sc_entries_add(&e, 1, 1, 0, &err), SC_OK);
    assert_int_equal(sc_entries_close(&e, 4, 3, &err), SC_OK);
    assert_int_equal(sc_entries_take(&e, 4, &m, &n_summed, &err), SC_OK);
    assert_int_equal(n_summed, 1);
    assert_int_equal(m.indptr[1], 0);
    assert_int_equal(m.indptr[4], 2);
    assert_int_equal(m.indices[0], 0);
    assert_int_equal(m.indices[1], 2);
    assert_true(m.values[1] == 7);
    sc_csr_free(&m);
    sc_entries_free(&e);
}

static void test_kinds(void **state)
{
    (void)state;
    sc_err err;
    sc_entries e = SC_ENTRIES_NEW;
    assert_int_equal(sc_entries_add(&e, 0, 0, 1.5F, &err), SC_OK);
    assert_int_equal(e.kind, SC_COUNTS_FRACTIONAL);
    assert_int_equal(sc_entries_add(&e, 0, 1, 2, &err), SC_OK);
    assert_int_equal(e.kind, SC_COUNTS_FRACTIONAL);
    assert_int_equal(sc_entries_add(&e, 0, 2, -1, &err), SC_OK);
    assert_int_equal(e.kind, SC_REAL);
    sc_entries_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted_spill),
        cmocka_unit_test(test_unsorted_spill),
        cmocka_unit_test(test_repeats_and_empty),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

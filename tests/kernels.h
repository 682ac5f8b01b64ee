/* For tests of the kernels: those of every instruction set that this CPU has, one after the other.
 */
#ifndef TESTS_KERNELS_H
#define TESTS_KERNELS_H

#include "sc_kernels.h"
#include "sc_philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const isas[] = {"avx512", "avx2", "base"};
enum { N_ISAS = 3 };

static inline float *random_floats(int64_t n, float low, float high, uint32_t site)
{
    float *x = malloc((size_t)n * sizeof *x + 1);
    sc_fill_uniform((sc_key){1, 2, 3, site}, n, x);
    for (int64_t i = 0; i < n; i++)
        x[i] = low + (high - low) * x[i];
    return x;
}
static inline void each_isa(void (*check)(const sc_kernels *k))
{
    for (int i = 0; i < N_ISAS; i++) {
        const sc_kernels *k = sc_kernels_get(isas[i]);
        if (k) {
            assert_string_equal(k->isa, isas[i]);
            check(k);
        }
    }
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        each_isa(check_##name);                                                                    \
    }

#endif

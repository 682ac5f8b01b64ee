/*
 * The plugin interface carries more than the models we ship: TOTALVI, written as a
 * plugin in tests/abi, gives the numbers of the references (../shared/parity) in double
 * and in float: values, losses, gradients, and the weights after three steps.
 */
#include "parity.h"
#include "tiny.h"

#define T double
#define S(name) name##_f64
#define TOLERANCE 1e-9
#define TOLERANCE_TERM 1e-9
#define TOLERANCE_GRAD 1e-6
#define TOLERANCE_AFTER 1e-6
#define TOLERANCE_AFTER_Z 1e-6
#include "parity.inc"

#include "abi_adversary.inc"

#undef T
#undef S
#undef TOLERANCE
#undef TOLERANCE_TERM
#undef TOLERANCE_GRAD
#undef TOLERANCE_AFTER
#undef TOLERANCE_AFTER_Z
#define T float
#define S(name) name##_f32
#define TOLERANCE 1e-5
#define TOLERANCE_TERM 1e-4
#define TOLERANCE_GRAD 1e-4
#define TOLERANCE_AFTER 1e-4
#define TOLERANCE_AFTER_Z 1e-4
#include "parity.inc"

static void check(const char *name)
{
    char dir[512];
    (void)snprintf(dir, sizeof dir, "%s/parity/%s", root(), name);
    if (access(dir, R_OK) != 0)
        skip();
    check_case_f64(dir);
    check_case_f32(dir);
}

static void totalvi_default(void **state)
{
    (void)state;
    check("totalvi_default");
}

static void totalvi_missing(void **state)
{
    (void)state;
    check("totalvi_missing");
}

static void totalvi_arches(void **state)
{
    (void)state;
    check("totalvi_arches");
}

static int find_plugins(void **state)
{
    (void)state;
    return tiny_find_plugins();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totalvi_default), cmocka_unit_test(totalvi_missing),
        cmocka_unit_test(totalvi_arches), cmocka_unit_test(totalvi_adversary)};
    return cmocka_run_group_tests_name("one interface for all models", tests, find_plugins, NULL);
}

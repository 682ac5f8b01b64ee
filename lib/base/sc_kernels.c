#include "sc_kernels.h"

#include <string.h>

extern const sc_kernels sc_kernels_avx512, sc_kernels_avx2, sc_kernels_base;

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

const sc_kernels *sc_kernels_get(const char *isa)
{
    static const struct {
        const sc_kernels *table;
        bool (*is_there)(void);
    } all[] = {{&sc_kernels_avx512, has_avx512}, {&sc_kernels_avx2, has_avx2}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if ((!isa || strcmp(isa, all[i].table->isa) == 0) && all[i].is_there())
            return all[i].table;
    return !isa || strcmp(isa, "base") == 0 ? &sc_kernels_base : NULL;
}

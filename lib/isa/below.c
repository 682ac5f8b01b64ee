#include "isa.h"

enum { STEP = 64 };

int SC_NAME(below)(int n, const float *x, float limit, int32_t *out)
{
    int count = 0, j = 0;
    for (; j + STEP <= n; j += STEP) {
        int any = 0; /* nearly always 0, and found with vectors */
        for (int k = 0; k < STEP; k++)
            any |= x[j + k] < limit;
        if (!any)
            continue;
        for (int k = 0; k < STEP; k++) {
            out[count] = j + k;
            count += x[j + k] < limit;
        }
    }
    for (; j < n; j++) {
        out[count] = j;
        count += x[j] < limit;
    }
    return count;
}

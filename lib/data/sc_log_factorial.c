#include "sc_log_factorial.h"

#include <math.h>

enum { SMALL = sizeof((sc_log_factorial *)0)->small / sizeof(double) };

static double log_factorial(double x)
{
    int sign;
    return lgamma_r(x + 1, &sign);
}

void sc_log_factorial_init(sc_log_factorial *f)
{
    for (int x = 0; x < SMALL; x++)
        f->small[x] = log_factorial(x);
}

double sc_log_factorial_sum(const sc_log_factorial *f, int64_t n, const float *x)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        const int i = x[k] < SMALL ? (int)x[k] : 0;
        sum += (float)i == x[k] ? f->small[i] : log_factorial((double)x[k]);
    }
    return sum;
}

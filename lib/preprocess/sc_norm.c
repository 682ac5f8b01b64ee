#include "sc_norm.h"

#include <stdlib.h>
#include <string.h>

void sc_norm_totals(const sc_rows *x, const uint8_t *skip, double *totals)
{
    for (int64_t i = 0; i < x->n_rows; i++) {
        double sum = 0; /* a float loses counts above 2^24 */
        for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++)
            if (!skip || !skip[sc_rows_col(x, i, k)])
                sum += (double)x->values[k];
        totals[i] = sum;
    }
}

void sc_norm_mark_high(const sc_rows *x, const double *totals, double max_fraction,
                       uint8_t *is_high)
{
    for (int64_t i = 0; i < x->n_rows; i++)
        for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++)
            if ((double)x->values[k] > max_fraction * totals[i])
                is_high[sc_rows_col(x, i, k)] = 1;
}

static int by_value(const void *pa, const void *pb)
{
    const double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

double sc_norm_median(int64_t n, double *totals)
{
    int64_t n_positive = 0;
    for (int64_t i = 0; i < n; i++)
        if (totals[i] > 0)
            totals[n_positive++] = totals[i];
    if (n_positive == 0)
        return 0;
    qsort(totals, (size_t)n_positive, sizeof *totals, by_value);
    const int64_t m = n_positive / 2;
    return n_positive % 2 ? totals[m] : (totals[m - 1] + totals[m]) / 2;
}

/* log(m 2^e) = e log 2 + 2 atanh(s), s = (m - 1) / (m + 1), with m in [sqrt(1/2), sqrt(2)): the
 * series ends below 1e-14 of its value. */
double sc_norm_log1p_of(double x)
{
    const double y = 1 + x, lost = x - (y - 1);
    uint64_t bits;
    memcpy(&bits, &y, sizeof bits);
    const uint64_t root_half = 0x3fe6a09e667f3bcdU;
    const int64_t e = (int64_t)(bits - root_half) >> 52;
    bits -= (uint64_t)e << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1) / (m + 1), z = s * s;
    const double tail =
        z * (1. / 3 +
             z * (1. / 5 +
                  z * (1. / 7 +
                       z * (1. / 9 + z * (1. / 11 + z * (1. / 13 + z * (1. / 15 + z / 17)))))));
    return (double)e * 0.69314718055994530942 + (2 * s * (1 + tail) + lost / y);
}

static float norm_value(float x, double factor, bool is_log)
{
    const float scaled = (float)((double)x * factor);
    return is_log ? (float)sc_norm_log1p_of((double)scaled) : scaled;
}

/* Most entries of a cell are a few small counts, over and over: each is worked out once a row. */
enum { N_KNOWN = 64 };

void sc_norm_rows(const sc_rows *x, const double *totals, double target, bool is_log)
{
    for (int64_t i = 0; i < x->n_rows; i++) {
        float known[N_KNOWN];
        uint64_t is_known = 0;
        /* an empty droplet stays empty, not NaN */
        const double factor = totals[i] > 0 ? target / totals[i] : 1;
        for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++) {
            const float v = x->values[k];
            const int n = v < N_KNOWN ? (int)v : -1;
            if (n < 0 || (float)n != v) {
                x->values[k] = norm_value(v, factor, is_log);
                continue;
            }
            if (!(is_known >> n & 1)) {
                known[n] = norm_value(v, factor, is_log);
                is_known |= (uint64_t)1 << n;
            }
            x->values[k] = known[n];
        }
    }
}

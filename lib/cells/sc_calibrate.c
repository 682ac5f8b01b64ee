#include "sc_calibrate.h"

#include "sc_label.h"

#include <math.h>
#include <stdlib.h>

/* Derivative by b = 1/T of the mean log-likelihood: E[log p of the truth] - E[mean log p under the
 * tempered probabilities]. It falls in b, since the likelihood is concave in it. */
static double slope(int64_t n, int64_t k, const float *probs, const int32_t *truth, double b)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *p = probs + i * k;
        const double top = fmax((double)p[sc_label_argmax(k, p)], 1e-37);
        double sum = 0, mean = 0;
        for (int64_t c = 0; c < k; c++) {
            const double l = log(fmax((double)p[c], 1e-37) / top), w = exp(b * l);
            sum += w;
            mean += w * l;
        }
        total += log(fmax((double)p[truth[i]], 1e-37) / top) - mean / sum;
    }
    return total;
}

double sc_temperature_fit(int64_t n, int64_t k, const float *probs, const int32_t *truth)
{
    double low = 1 / 20.0, high = 1 / 0.05; /* of 1/T */
    if (n == 0 || slope(n, k, probs, truth, low) <= 0)
        return n == 0 ? 1 : 1 / low;
    if (slope(n, k, probs, truth, high) >= 0)
        return 1 / high;
    for (int i = 0; i < 60 && high - low > 1e-9 * high; i++) {
        const double mid = sqrt(low * high);
        if (slope(n, k, probs, truth, mid) > 0)
            low = mid;
        else
            high = mid;
    }
    return 1 / sqrt(low * high);
}

double sc_calibration_error(int64_t n, int64_t k, const float *probs, const int32_t *truth,
                            int n_bins)
{
    double error = 0;
    for (int bin = 0; bin < n_bins; bin++) {
        double gap = 0; /* confidence - accuracy, summed over the bin */
        for (int64_t i = 0; i < n; i++) {
            const int64_t best = sc_label_argmax(k, probs + i * k);
            const double p = (double)probs[i * k + best];
            const int at = p >= 1 ? n_bins - 1 : (int)(p * n_bins);
            if (at == bin)
                gap += p - (best == truth[i] ? 1 : 0);
        }
        error += fabs(gap);
    }
    return n ? error / (double)n : 0;
}

static int falling(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

sc_status sc_conformal_floor(int64_t n, int64_t k, const float *probs, const int32_t *truth,
                             double coverage, double *floor, sc_err *err)
{
    float *p = NULL;
    *floor = 0;
    const int64_t need = (int64_t)ceil((double)(n + 1) * coverage - 1e-9);
    if (need > n || need < 1)
        return SC_OK;
    SC_TRY(sc_alloc(&p, (size_t)n, sizeof *p, err));
    for (int64_t i = 0; i < n; i++)
        p[i] = probs[i * k + truth[i]];
    qsort(p, (size_t)n, sizeof *p, falling);
    *floor = (double)p[need - 1];
    free(p);
    return SC_OK;
}

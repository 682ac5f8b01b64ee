#include "sc_draw.h"

#include <math.h>

double sc_draw_gamma(sc_rng *rng, double shape)
{
    if (!(shape > 0))
        return 0;
    if (shape < 1) /* u^(1/shape) by logs: it is often smaller than any double */
        return sc_draw_gamma(rng, shape + 1) * exp(log(1 - sc_rng_uniform(rng)) / shape);
    const double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = sc_rng_normal(rng), t = 1 + c * x, v = t * t * t;
        if (t <= 0)
            continue;
        const double u = 1 - sc_rng_uniform(rng);
        if (u < 1 - 0.0331 * x * x * x * x || log(u) < 0.5 * x * x + d * (1 - v + log(v)))
            return d * v;
    }
}

static double log_factorial(double k)
{
    int sign;
    return lgamma_r(k + 1, &sign);
}

static double poisson_by_products(sc_rng *rng, double mean)
{
    const double least = exp(-mean);
    double product = sc_rng_uniform(rng), k = 0;
    for (; product > least; k++)
        product *= sc_rng_uniform(rng);
    return k;
}

double sc_draw_poisson(sc_rng *rng, double mean)
{
    if (!(mean > 0))
        return 0;
    if (mean < 10)
        return poisson_by_products(rng, mean);
    const double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), quick = 0.9277 - 3.6224 / (b - 2);
    const double log_mean = log(mean);
    for (;;) {
        const double u = sc_rng_uniform(rng) - 0.5, v = 1 - sc_rng_uniform(rng);
        const double us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= quick)
            return k;
        if (!(k >= 0) || (us < 0.013 && v > us))
            continue;
        if (log(v * inverse_alpha / (a / (us * us) + b)) <= k * log_mean - mean - log_factorial(k))
            return k;
    }
}

static double negative_binomial(sc_rng *rng, double mean, double theta, double max_rate)
{
    return sc_draw_poisson(rng, fmin(sc_draw_gamma(rng, theta) * mean / theta, max_rate));
}

double sc_draw_dist(sc_rng *rng, sc_dist_kind kind, double a, double b, double c, double d,
                    double max_rate)
{
    switch (kind) {
    case SC_NB:
        return negative_binomial(rng, a, b, max_rate);
    case SC_ZINB:
        return sc_rng_uniform(rng) < 1 / (1 + exp(-c)) ? 0 : negative_binomial(rng, a, b, max_rate);
    case SC_NB_MIXTURE:
        return negative_binomial(rng, sc_rng_uniform(rng) < 1 / (1 + exp(-c)) ? a : d, b, max_rate);
    case SC_POISSON:
        return sc_draw_poisson(rng, fmin(a, max_rate));
    default:
        return a + (kind == SC_NORMAL_VAR ? sqrt(b) : b) * sc_rng_normal(rng);
    }
}

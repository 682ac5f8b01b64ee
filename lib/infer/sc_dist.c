#include "ops/dist.h"

#include <math.h>

/* x > 0 */
static double digamma(double x)
{
    double s = 0;
    for (; x < 10; x += 1) /* recurrence up to where the asymptotic series is exact to double */
        s -= 1 / x;
    const double r = 1 / x, t = r * r;
    return s + log(x) - 0.5 * r -
           t * (1. / 12 -
                t * (1. / 120 - t * (1. / 252 - t * (1. / 240 - t * (1. / 132 - t * (691. / 32760 -
                                                                                     t / 12))))));
}

static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}
static double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double lgamma_of(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

static sc_point nb(double x, double mu, double theta, double eps, double eps_total)
{
    const double total = theta + mu + eps_total, l = log(total);
    sc_point p = {0};
    p.logp = theta * (log(theta + eps) - l) + x * (log(mu + eps) - l);
    p.da = x / (mu + eps) - (x + theta) / total;
    p.db = log(theta + eps) - l + theta / (theta + eps) - (x + theta) / total;
    if (x > 0) {
        p.logp += lgamma_of(x + theta) - lgamma_of(theta) - lgamma_of(x + 1);
        p.db += digamma(x + theta) - digamma(theta);
    }
    return p;
}

static sc_point zinb(const sc_dist *d, double x, double mu, double theta, double logit)
{
    sc_point p = nb(x, mu, theta, d->eps, d->eps_total);
    const double s = softplus(-logit);
    if (x > 0) {
        p.logp -= logit + s;
        p.dc = sigmoid(-logit) - 1; /* d(-logit - softplus(-logit)) */
        return p;
    }
    const double t = p.logp - logit, w = sigmoid(t);
    p.logp = softplus(t) - s;
    p.da *= w;
    p.db *= w;
    p.dc = sigmoid(-logit) - w;
    return p;
}

static sc_point nb_mixture(const sc_dist *d, double x, double mu1, double theta, double logit,
                           double mu2)
{
    const sc_point a = nb(x, mu1, theta, d->eps, d->eps_total),
                   b = nb(x, mu2, theta, d->eps, d->eps_total);
    const double l1 = a.logp, l2 = b.logp - logit, top = fmax(l1, l2);
    const double lse = top + log(exp(l1 - top) + exp(l2 - top)), w1 = exp(l1 - lse),
                 w2 = exp(l2 - lse);
    return (sc_point){lse - softplus(-logit), w1 * a.da, w1 * a.db + w2 * b.db,
                      sigmoid(-logit) - w2, w2 * b.da};
}

sc_point sc_dist_point(const sc_dist *d, double x, double a, double b, double c, double dd)
{
    switch (d->kind) {
    case SC_NB:
        return nb(x, a, b, d->eps, d->eps_total);
    case SC_ZINB:
        return zinb(d, x, a, b, c);
    case SC_NB_MIXTURE:
        return nb_mixture(d, x, a, b, c, dd);
    case SC_POISSON:
        /* an empty cell's rate is 0, where x / a would be 0 / 0 */
        return x > 0 ? (sc_point){x * log(a) - lgamma_of(x + 1) - a, x / a - 1, 0, 0, 0}
                     : (sc_point){-a, -1, 0, 0, 0};
    default: {
        const double v = d->kind == SC_NORMAL_SD ? b * b : b, r = x - a;
        const double dv = 0.5 * (r * r / (v * v) - 1 / v);
        return (sc_point){-0.5 * (log(6.283185307179586477 * v) + r * r / v), r / v,
                          d->kind == SC_NORMAL_SD ? dv * 2 * b : dv, 0, 0};
    }
    }
}

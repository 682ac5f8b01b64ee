/*
 * What the two files of the simulator share: tables for drawing, and log and exp without libm,
 * whose bits change with the CPU.
 */
#ifndef SC_SIM_INT_H
#define SC_SIM_INT_H

#include "sc_philox.h"
#include "sc_sim.h"

#include <string.h>

#define SC_SIM_CUT 2.5 /* largest |e_i| */

/*
 * A negative binomial is a compound Poisson: Poisson(theta log(1 + mu / theta)) clusters of
 * logarithmic size. So a cell needs draws for the clusters it has and none for the genes it lacks.
 * One table for a type and batch proposes genes at a rate that no cell of median depth exceeds; the
 * cell then accepts at its own rate.
 */
typedef struct sc_sim_slot {
    float keep; /* alias method: take this gene if the uniform is below, else other */
    int32_t other;
    float mean; /* of the gene in a cell of median depth and e = 0 */
    float rate; /* of proposals */
} sc_sim_slot;

typedef struct sc_sim_table {
    sc_sim_slot *slots; /* n_vars */
    double rate;        /* sum over genes */
    double rest;        /* share of the counts that fall to genes without loading */
} sc_sim_table;

typedef struct sc_sim_log_entry {
    double inverse, log;
} sc_sim_log_entry;

struct sc_sim_tables {
    sc_sim_table *tables; /* n_types x n_batches */
    sc_sim_slot *slots;
    int64_t n_loaded;
    int32_t *loaded;   /* n_loaded genes that have a factor, rising */
    double *type_upto; /* n_types, cumulative weights; the last is 1 */
    sc_sim_log_entry logs[128];
};

enum { SC_SIM_SITE_GENE = 1, SC_SIM_SITE_TYPE, SC_SIM_SITE_BATCH, SC_SIM_SITE_CELL };

static inline sc_rng sc_sim_rng(const sc_sim *sim, int64_t i, uint32_t site)
{
    const sc_key key = {sim->opts.seed, (uint32_t)i, (uint32_t)((uint64_t)i >> 32), site};
    return sc_rng_new(key);
}

/* x normal and > 0; log(m 2^e) = e log 2 + 2 atanh((m - 1) / (m + 1)) */
static inline double sc_sim_log(double x)
{
    uint64_t bits;
    double m;
    memcpy(&bits, &x, sizeof bits);
    /* centred on 1: the mantissa lies in [0.707, 1.414) */
    const uint64_t up = bits + (0x3FF0000000000000u - 0x3FE6A09E667F3BCDu);
    const int e = (int)(up >> 52) - 1023;
    const uint64_t mantissa = bits - ((uint64_t)(int64_t)e << 52);
    memcpy(&m, &mantissa, sizeof m);
    const double s = (m - 1) / (m + 1), q = s * s, q2 = q * q;
    const double even = 1 + q2 * (1.0 / 5 + q2 * (1.0 / 9 + q2 * (1.0 / 13 + q2 * (1.0 / 17))));
    const double odd = 1.0 / 3 + q2 * (1.0 / 7 + q2 * (1.0 / 11 + q2 * (1.0 / 15)));
    return e * 0.693147180559945309417 + 2 * s * (even + q * odd);
}

/* The same in a third of the time, within 1e-14: table[k] has 1 / (1 + (k + 0.5) / 128) and its
 * -log, so that what is left is short enough for a few terms, and nothing is divided. */
static inline double sc_sim_log_by(const sc_sim_log_entry *table, double x)
{
    uint64_t bits;
    double m;
    memcpy(&bits, &x, sizeof bits);
    const int e = (int)(bits >> 52) - 1023;
    const sc_sim_log_entry *near = &table[(bits >> 45) & 127];
    bits = (bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000;
    memcpy(&m, &bits, sizeof m);
    const double r = m * near->inverse - 1;
    return e * 0.693147180559945309417 + near->log +
           r * (1 - r * (1.0 / 2 - r * (1.0 / 3 - r * (1.0 / 4 - r * (1.0 / 5)))));
}

/* |x| < 700; within 3e-10, relative */
static inline double sc_sim_exp(double x)
{
    const double turns = x * 1.44269504088896340736;
    const int k = (int)(turns < 0 ? turns - 0.5 : turns + 0.5);
    const double r = x - k * 0.693147180559945309417, r2 = r * r;
    const double even = 1 + r2 * (1.0 / 2 + r2 * (1.0 / 24 + r2 * (1.0 / 720 + r2 / 40320)));
    const double odd = 1 + r2 * (1.0 / 6 + r2 * (1.0 / 120 + r2 * (1.0 / 5040)));
    const uint64_t bits = (uint64_t)(k + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return (even + r * odd) * power;
}

#endif

#include "sc_sim_int.h"

#include <stdlib.h>

/* Log of a gene's mean over the median gene's, at these quantiles of the 2,000 most variable genes
 * (seurat_v3) of 10x Genomics' PBMC 1k v3. */
static const double quantile_at[] = {0, .01, .05, .10, .25, .50, .75, .90, .95, .99, 1};
static const double quantile_log[] = {-3.60, -3.24, -2.73, -2.54, -1.56, 0,
                                      1.14,  2.12,  2.79,  5.02,  6.87};

static double base_quantile(double u)
{
    int k = 1;
    while (u > quantile_at[k])
        k++;
    const double part = (u - quantile_at[k - 1]) / (quantile_at[k] - quantile_at[k - 1]);
    return quantile_log[k - 1] + part * (quantile_log[k] - quantile_log[k - 1]);
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Each gene takes a quantile of its own, so that few genes too have the whole range; no gene has
 * more than a twentieth of the counts, as the largest in blood has. */
static sc_status draw_base(sc_sim *sim, sc_err *err)
{
    const int64_t n = sim->opts.n_vars;
    int64_t *order = NULL;
    SC_TRY(sc_alloc(&order, (size_t)n, sizeof *order, err));
    for (int64_t j = 0; j < n; j++)
        order[j] = j;
    const sc_key key = {sim->opts.seed, 0, 0, 0};
    sc_shuffle(key, n, order);
    double sum = 0;
    for (int64_t j = 0; j < n; j++) {
        sim->base[j] = base_quantile(((double)order[j] + 0.5) / (double)n);
        sum += sc_sim_exp(sim->base[j]);
    }
    free(order);
    const double most = sc_sim_log(sum * 0.05);
    for (int64_t j = 0; j < n && n > 20; j++)
        sim->base[j] = clamp(sim->base[j], -10, most);
    return SC_OK;
}

static void draw_genes(sc_sim *sim)
{
    const sc_sim_opts *o = &sim->opts;
    /* a fifth of the genes mark a type, spread evenly over the types */
    const int64_t wanted = o->n_vars / 5 > o->n_types ? o->n_vars / 5 : o->n_types;
    int64_t n_marked = 0;
    for (int64_t j = 0; j < o->n_vars; j++) {
        sc_rng rng = sc_sim_rng(sim, j, SC_SIM_SITE_GENE);
        const double inverse = sc_rng_normal(&rng), mark = sc_rng_uniform(&rng);
        const double change = sc_rng_uniform(&rng), load = sc_rng_uniform(&rng);
        const double weight = sc_rng_normal(&rng);
        const uint64_t factor = sc_rng_below(&rng, (uint64_t)o->n_latent);

        sim->theta[j] = o->dispersion * sc_sim_exp(0.5 * inverse);
        sim->marker_of[j] = sim->factor[j] = -1;
        /* with equal chances for every set of `wanted` genes (selection sampling) */
        if (mark * (double)(o->n_vars - j) < (double)(wanted - n_marked)) {
            sim->marker_of[j] = (int32_t)(n_marked++ % o->n_types);
            sim->marker[j] = o->separation * (1.5 + 2 * change);
            sim->base[j] = clamp(sim->base[j] - 1, -4, 1); /* mostly silent elsewhere */
        }
        if (load < 0.25) {
            sim->factor[j] = (int32_t)factor;
            sim->loading[j] = clamp(0.5 * weight, -1, 1);
        }
    }
}

static void draw_types_batches(sc_sim *sim)
{
    const sc_sim_opts *o = &sim->opts;
    double sum = 0;
    for (int64_t t = 0; t < o->n_types; t++) {
        sc_rng rng = sc_sim_rng(sim, t, SC_SIM_SITE_TYPE);
        for (int64_t d = 0; d < o->n_latent; d++)
            sim->centre[t * o->n_latent + d] =
                o->separation * 1.5 * clamp(sc_rng_normal(&rng), -2, 2);
        sum += 1 / (1 + 0.35 * (double)t);
        sim->tables->type_upto[t] = sum;
    }
    for (int64_t t = 0; t < o->n_types; t++)
        sim->tables->type_upto[t] /= sum;
    for (int64_t b = 0; b < o->n_batches; b++) {
        sc_rng rng = sc_sim_rng(sim, b, SC_SIM_SITE_BATCH);
        const double effect = o->n_batches > 1 ? o->batch_effect : 0;
        sim->scale[b] = sc_sim_exp(effect * clamp(sc_rng_normal(&rng), -3, 3));
        for (int64_t j = 0; j < o->n_vars; j++)
            sim->shift[b * o->n_vars + j] = effect * clamp(sc_rng_normal(&rng), -3, 3);
    }
}

/* Fills keep and other from rate: the alias method of Walker, built as Vose does. work: n_vars. */
static void build_alias(sc_sim_slot *slots, int64_t n, double sum, double *left, int32_t *work)
{
    int64_t n_small = 0, n_large = n;
    for (int64_t j = 0; j < n; j++) {
        left[j] = (double)slots[j].rate * (double)n / sum;
        slots[j].keep = 1;
        slots[j].other = (int32_t)j;
        if (left[j] < 1)
            work[n_small++] = (int32_t)j;
        else
            work[--n_large] = (int32_t)j;
    }
    while (n_small > 0 && n_large < n) {
        const int32_t small = work[--n_small], large = work[n_large];
        slots[small].keep = (float)left[small];
        slots[small].other = large;
        left[large] -= 1 - left[small];
        if (left[large] < 1) {
            n_large++;
            work[n_small++] = large;
        }
    }
}

static void build_table(const sc_sim *sim, int64_t t, int64_t b, sc_sim_table *table, double *share,
                        int32_t *work)
{
    const sc_sim_opts *o = &sim->opts;
    double sum = 0;
    for (int64_t j = 0; j < o->n_vars; j++) {
        double log_share = sim->base[j] + sim->shift[b * o->n_vars + j];
        if (sim->marker_of[j] == t)
            log_share += sim->marker[j];
        if (sim->factor[j] >= 0)
            log_share += sim->loading[j] * sim->centre[t * o->n_latent + sim->factor[j]];
        share[j] = sc_sim_exp(log_share);
        sum += share[j];
    }
    table->rate = table->rest = 0;
    for (int64_t j = 0; j < o->n_vars; j++) {
        sc_sim_slot *slot = &table->slots[j];
        const double size = sim->loading[j] < 0 ? -sim->loading[j] : sim->loading[j];
        const double most = o->depth * share[j] / sum * sc_sim_exp(size * SC_SIM_CUT);
        slot->mean = (float)(o->depth * share[j] / sum);
        /* a little more, for what rounding to float took */
        slot->rate = (float)(sim->theta[j] * sc_sim_log(1 + most / sim->theta[j]) * (1 + 1e-6));
        table->rate += (double)slot->rate;
        if (sim->factor[j] < 0)
            table->rest += share[j] / sum;
    }
    build_alias(table->slots, o->n_vars, table->rate, share, work);
}

static sc_status build_tables(sc_sim *sim, sc_err *err)
{
    const sc_sim_opts *o = &sim->opts;
    struct sc_sim_tables *tables = sim->tables;
    double *share = NULL;
    int32_t *work = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&share, (size_t)o->n_vars, sizeof *share, err), out);
    SC_GOTO(st, sc_alloc(&work, (size_t)o->n_vars, sizeof *work, err), out);
    for (int64_t k = 0; k < o->n_types * o->n_batches; k++) {
        tables->tables[k].slots = tables->slots + k * o->n_vars;
        build_table(sim, k / o->n_batches, k % o->n_batches, &tables->tables[k], share, work);
    }
    for (int k = 0; k < 128; k++) {
        tables->logs[k].inverse = 1 / (1 + (k + 0.5) / 128);
        tables->logs[k].log = -sc_sim_log(tables->logs[k].inverse);
    }
    for (int64_t j = 0; j < o->n_vars; j++)
        if (sim->factor[j] >= 0)
            tables->loaded[tables->n_loaded++] = (int32_t)j;
out:
    free(share);
    free(work);
    return st;
}

static sc_status make_room(sc_sim *sim, sc_err *err)
{
    const sc_sim_opts *o = &sim->opts;
    const size_t n = (size_t)o->n_vars, n_types = (size_t)o->n_types;
    const size_t n_batches = (size_t)o->n_batches, n_tables = n_types * n_batches;
    SC_TRY(sc_alloc(&sim->tables, 1, sizeof *sim->tables, err));
    SC_TRY(sc_alloc(&sim->base, n, sizeof *sim->base, err));
    SC_TRY(sc_alloc(&sim->theta, n, sizeof *sim->theta, err));
    SC_TRY(sc_alloc(&sim->marker_of, n, sizeof *sim->marker_of, err));
    SC_TRY(sc_alloc(&sim->marker, n, sizeof *sim->marker, err));
    SC_TRY(sc_alloc(&sim->factor, n, sizeof *sim->factor, err));
    SC_TRY(sc_alloc(&sim->loading, n, sizeof *sim->loading, err));
    SC_TRY(sc_alloc(&sim->centre, n_types * (size_t)o->n_latent, sizeof *sim->centre, err));
    SC_TRY(sc_alloc(&sim->shift, n_batches * n, sizeof *sim->shift, err));
    SC_TRY(sc_alloc(&sim->scale, n_batches, sizeof *sim->scale, err));
    struct sc_sim_tables *tables = sim->tables;
    SC_TRY(sc_alloc(&tables->tables, n_tables, sizeof *tables->tables, err));
    SC_TRY(sc_alloc(&tables->slots, n_tables * n, sizeof *tables->slots, err));
    SC_TRY(sc_alloc(&tables->loaded, n, sizeof *tables->loaded, err));
    return sc_alloc(&tables->type_upto, n_types, sizeof *tables->type_upto, err);
}

sc_status sc_sim_new(sc_sim **out, const sc_sim_opts *opts, sc_err *err)
{
    sc_sim *sim = NULL;
    *out = NULL;
    SC_TRY(sc_alloc(&sim, 1, sizeof *sim, err));
    sim->opts = *opts;
    sc_status st = make_room(sim, err);
    if (st == SC_OK)
        st = draw_base(sim, err);
    if (st == SC_OK) {
        draw_genes(sim);
        draw_types_batches(sim);
        st = build_tables(sim, err);
    }
    if (st != SC_OK) {
        sc_sim_free(sim);
        return st;
    }
    *out = sim;
    return SC_OK;
}

void sc_sim_free(sc_sim *sim)
{
    if (!sim)
        return;
    if (sim->tables) {
        free(sim->tables->tables);
        free(sim->tables->slots);
        free(sim->tables->loaded);
        free(sim->tables->type_upto);
    }
    free(sim->tables);
    free(sim->base);
    free(sim->theta);
    free(sim->marker_of);
    free(sim->marker);
    free(sim->factor);
    free(sim->loading);
    free(sim->centre);
    free(sim->shift);
    free(sim->scale);
    free(sim);
}

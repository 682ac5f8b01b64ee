#include "sc_sim_int.h"

#include <math.h>
#include <stdlib.h>

typedef struct scratch {
    uint32_t *count; /* n_vars, zero between cells */
    uint64_t *seen;  /* a bit a gene, likewise */
    float *change;   /* n_vars: exp(loading . e); 1 without loading */
} scratch;

/* log k!, by Stirling's series from 10 on */
static double log_factorial(const sc_sim_log_entry *logs, double k)
{
    static const double small[] = {0,
                                   0,
                                   0.69314718055994531,
                                   1.79175946922805500,
                                   3.17805383034794562,
                                   4.78749174278204599,
                                   6.57925121201010099,
                                   8.52516136106541430,
                                   10.60460290274525023,
                                   12.80182748008146961};
    if (k < 10)
        return small[(int)k];
    const double x = k + 1, inverse = 1 / (x * x);
    return (x - 0.5) * sc_sim_log_by(logs, x) - x + 0.91893853320467274 +
           (1.0 / 12 - inverse * (1.0 / 360 - inverse * (1.0 / 1260))) / x;
}

/* Hormann 1993, "The transformed rejection method for generating Poisson random variables"; by
 * products of uniforms below a mean of 10, where its hat is no longer proven. */
static int64_t draw_poisson(const sc_sim_log_entry *logs, sc_rng *rng, double mean)
{
    if (mean < 10) {
        const double floor_of = sc_sim_exp(-mean);
        double product = sc_rng_uniform(rng);
        int64_t k = 0;
        for (; product > floor_of; k++)
            product *= sc_rng_uniform(rng);
        return k;
    }
    const double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
    const double log_mean = sc_sim_log_by(logs, mean);
    for (;;) {
        const double u = sc_rng_uniform(rng) - 0.5, v = 1 - sc_rng_uniform(rng);
        const double us = 0.5 - (u < 0 ? -u : u);
        if (us < 1e-9)
            continue; /* the far tail; k would not fit */
        const double k = floor((2 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= v_r)
            return (int64_t)k;
        if (k < 0 || (us < 0.013 && v > us))
            continue;
        if (sc_sim_log_by(logs, v * inverse_alpha / (a / (us * us) + b)) <=
            k * log_mean - mean - log_factorial(logs, k))
            return (int64_t)k;
    }
}

/* Size of a cluster that is not 1: Kemp 1981, "Efficient generation of logarithmically distributed
 * pseudo-random variables". v is a uniform below p, h is -log(1 - p). */
static uint32_t draw_logarithmic(const sc_sim_log_entry *logs, sc_rng *rng, double v, double h)
{
    const double q = 1 - sc_sim_exp(-h * sc_rng_uniform(rng));
    if (v > q)
        return 1;
    if (v > q * q)
        return 2;
    return (uint32_t)(1 + sc_sim_log_by(logs, v) / sc_sim_log_by(logs, q));
}

static double uniform_of(uint32_t u)
{
    return (double)u * 0x1p-32;
}

/* Adds the counts of one cell. scale: of its means over those in the table. */
static void draw_counts(const sc_sim *sim, const sc_sim_table *table, double scale, sc_rng *rng,
                        scratch *w)
{
    const sc_sim_log_entry *logs = sim->tables->logs;
    const double reach = scale > 1 ? scale : 1;
    const uint64_t n_vars = (uint64_t)sim->opts.n_vars;
    const int64_t n_proposals = draw_poisson(logs, rng, reach * table->rate);
    for (int64_t k = 0; k < n_proposals; k++) {
        const uint64_t spread = sc_rng_u32(rng) * n_vars; /* gene above, uniform below */
        int64_t j = (int64_t)(spread >> 32);
        if (uniform_of((uint32_t)spread) >= (double)table->slots[j].keep)
            j = table->slots[j].other;
        const sc_sim_slot *slot = &table->slots[j];
        const double theta = sim->theta[j];
        const double mean = scale * (double)slot->mean * (double)w->change[j];
        const double bar = uniform_of(sc_rng_u32(rng)) * reach * (double)slot->rate;
        double h = -1;
        /* the rate is theta h, h = log(1 + mean / theta); mean - mean^2 / (2 theta) <= theta h <=
         * mean mostly decides without the log */
        if (bar >= mean)
            continue;
        if (bar * 2 * theta >= mean * (2 * theta - mean)) {
            h = sc_sim_log_by(logs, 1 + mean / theta);
            if (bar >= theta * h)
                continue;
        }
        const double v = 1 - sc_rng_uniform(rng);
        if (v * (mean + theta) >= mean) {
            w->count[j]++;
        } else {
            if (h < 0)
                h = sc_sim_log_by(logs, 1 + mean / theta);
            w->count[j] += draw_logarithmic(logs, rng, v, h);
        }
        w->seen[j >> 6] |= (uint64_t)1 << (j & 63);
    }
}

static sc_status room_for_row(sc_sim_cells *cells, int64_t n_stored, int64_t n_vars, sc_err *err)
{
    if (cells->room_stored - n_stored >= n_vars)
        return SC_OK;
    const int64_t room = 2 * n_stored + n_vars;
    SC_TRY(sc_resize(&cells->x.indices, (size_t)room, sizeof *cells->x.indices, err));
    SC_TRY(sc_resize(&cells->x.values, (size_t)room, sizeof *cells->x.values, err));
    cells->room_stored = room;
    return SC_OK;
}

/* Moves the cell's counts from scratch to a row. */
static void gather_row(scratch *w, int64_t n_vars, sc_csr *x, int64_t row)
{
    int64_t at = x->indptr[row];
    for (int64_t word = 0; word <= (n_vars - 1) >> 6; word++) {
        uint64_t bits = w->seen[word];
        w->seen[word] = 0;
        for (; bits; bits &= bits - 1) {
            const int64_t j = (word << 6) + __builtin_ctzll(bits);
            x->indices[at] = (int32_t)j;
            x->values[at++] = (float)w->count[j];
            w->count[j] = 0;
        }
    }
    x->indptr[row + 1] = at;
}

static void draw_cell(const sc_sim *sim, int64_t cell, int64_t row, sc_sim_cells *cells)
{
    const sc_sim_opts *o = &sim->opts;
    const struct sc_sim_tables *tables = sim->tables;
    scratch *w = cells->scratch;
    sc_rng rng = sc_sim_rng(sim, cell, SC_SIM_SITE_CELL);

    const double u = sc_rng_uniform(&rng);
    int64_t t = 0;
    while (t < o->n_types - 1 && u >= tables->type_upto[t])
        t++;
    const int64_t b = (int64_t)sc_rng_below(&rng, (uint64_t)o->n_batches);
    const double library = o->depth * sim->scale[b] * sc_sim_exp(0.45 * sc_rng_normal(&rng));
    cells->type[row] = (int32_t)t;
    cells->batch[row] = (int32_t)b;
    cells->library[row] = library;

    float *latent = cells->latent.values + row * o->n_latent;
    for (int64_t d = 0; d < o->n_latent; d++) {
        double e;
        do
            e = sc_rng_normal(&rng);
        while (e < -SC_SIM_CUT || e > SC_SIM_CUT);
        latent[d] = (float)e;
    }
    const sc_sim_table *table = &tables->tables[t * o->n_batches + b];
    double sum = table->rest * o->depth;
    for (int64_t k = 0; k < tables->n_loaded; k++) {
        const int32_t j = tables->loaded[k];
        const double change = sc_sim_exp(sim->loading[j] * (double)latent[sim->factor[j]]);
        w->change[j] = (float)change;
        sum += (double)table->slots[j].mean * change;
    }
    draw_counts(sim, table, library / sum, &rng, w);
    for (int64_t d = 0; d < o->n_latent; d++)
        latent[d] += (float)sim->centre[t * o->n_latent + d];
}

static sc_status make_scratch(const sc_sim *sim, sc_sim_cells *cells, sc_err *err)
{
    const size_t n = (size_t)sim->opts.n_vars;
    scratch *w = NULL;
    SC_TRY(sc_alloc(&w, 1, sizeof *w, err));
    cells->scratch = w;
    SC_TRY(sc_alloc(&w->count, n, sizeof *w->count, err));
    SC_TRY(sc_alloc(&w->seen, n / 64 + 1, sizeof *w->seen, err));
    SC_TRY(sc_alloc(&w->change, n, sizeof *w->change, err));
    for (size_t j = 0; j < n; j++)
        w->change[j] = 1;
    return SC_OK;
}

static sc_status make_rows(const sc_sim *sim, sc_sim_cells *cells, int64_t n, sc_err *err)
{
    const size_t rows = (size_t)n, n_latent = (size_t)sim->opts.n_latent;
    if (!cells->x.indptr)
        cells->room_stored = 0;
    if (n <= cells->room_rows && cells->x.indptr && cells->latent.values)
        return SC_OK;
    SC_TRY(sc_resize(&cells->x.indptr, rows + 1, sizeof *cells->x.indptr, err));
    SC_TRY(sc_resize(&cells->type, rows, sizeof *cells->type, err));
    SC_TRY(sc_resize(&cells->batch, rows, sizeof *cells->batch, err));
    SC_TRY(sc_resize(&cells->library, rows, sizeof *cells->library, err));
    SC_TRY(sc_resize(&cells->latent.values, rows * n_latent, sizeof(float), err));
    cells->room_rows = n;
    return SC_OK;
}

sc_status sc_sim_draw(const sc_sim *sim, int64_t first, int64_t n, sc_sim_cells *cells, sc_err *err)
{
    if (!cells->scratch)
        SC_TRY(make_scratch(sim, cells, err));
    SC_TRY(make_rows(sim, cells, n, err));
    cells->x.n_rows = cells->latent.n_rows = n;
    cells->x.n_cols = sim->opts.n_vars;
    cells->latent.n_cols = sim->opts.n_latent;
    cells->x.indptr[0] = 0;
    for (int64_t row = 0; row < n; row++) {
        SC_TRY(room_for_row(cells, cells->x.indptr[row], sim->opts.n_vars, err));
        draw_cell(sim, first + row, row, cells);
        gather_row(cells->scratch, sim->opts.n_vars, &cells->x, row);
    }
    return SC_OK;
}

void sc_sim_cells_free(sc_sim_cells *cells)
{
    scratch *w = cells->scratch;
    if (w) {
        free(w->count);
        free(w->seen);
        free(w->change);
    }
    free(w);
    sc_csr_free(&cells->x);
    sc_dense_free(&cells->latent);
    free(cells->type);
    free(cells->batch);
    free(cells->library);
    *cells = (sc_sim_cells){0};
}

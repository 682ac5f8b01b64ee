#include "sc_eigen.h"
#include "sc_philox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 2048, SWEEPS = 60, PASSES = 3 };
/* Of a squared length. Below a half, what the basis lacks in orthogonality would grow from vector to
 * vector, by as much as is taken away against what is left: exponentially. */
static const double least_left = 0.5;

/* Rotates rows and columns p and q of a so that a_pq vanishes, and rows p and q of v with them. */
static void rotate(double *a, double *v, int m, int p, int q)
{
    const double apq = a[p * m + q], theta = (a[q * m + q] - a[p * m + p]) / (2 * apq);
    const double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    const double c = 1 / sqrt(t * t + 1), s = t * c;
    a[p * m + p] -= t * apq;
    a[q * m + q] += t * apq;
    a[p * m + q] = a[q * m + p] = 0;
    for (int r = 0; r < m; r++) {
        if (r != p && r != q) {
            const double x = a[p * m + r], y = a[q * m + r];
            a[p * m + r] = a[r * m + p] = c * x - s * y;
            a[q * m + r] = a[r * m + q] = s * x + c * y;
        }
        const double x = v[p * m + r], y = v[q * m + r];
        v[p * m + r] = c * x - s * y;
        v[q * m + r] = s * x + c * y;
    }
}

static void swap_rows(double *v, int64_t n, int64_t i, int64_t j)
{
    for (int64_t k = 0; k < n; k++) {
        const double t = v[i * n + k];
        v[i * n + k] = v[j * n + k];
        v[j * n + k] = t;
    }
}

sc_status sc_eigen_small(double *a, int m, double *value, double *vector, sc_err *err)
{
    double all = 0;
    memset(vector, 0, (size_t)m * (size_t)m * sizeof *vector);
    for (int i = 0; i < m; i++)
        vector[i * m + i] = 1;
    for (int k = 0; k < m * m; k++)
        all += a[k] * a[k];
    if (!isfinite(all))
        return sc_fail(err, SC_EDATA, "a matrix to be decomposed has values that are not finite");
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double off = 0;
        for (int p = 0; p < m; p++)
            for (int q = p + 1; q < m; q++)
                off += a[p * m + q] * a[p * m + q];
        if (off <= 1e-32 * all)
            break;
        for (int p = 0; p < m; p++)
            for (int q = p + 1; q < m; q++)
                if (fabs(a[p * m + q]) > 1e-18 * sqrt(all))
                    rotate(a, vector, m, p, q);
    }
    for (int i = 0; i < m; i++)
        value[i] = a[i * m + i];
    for (int i = 0; i < m; i++) {
        int best = i;
        for (int j = i + 1; j < m; j++)
            best = value[j] > value[best] ? j : best;
        const double t = value[i];
        value[i] = value[best];
        value[best] = t;
        if (best != i)
            swap_rows(vector, m, i, best);
    }
    return SC_OK;
}

typedef struct lanczos {
    int64_t n, n_chunks;
    int m, n_kept;   /* vectors of the basis; of them, from before the last restart */
    double *basis;   /* (m + 1) x n */
    double *t;       /* m x m: the operator in the basis */
    double *partial; /* n_chunks x (m + 1): sums of the chunks */
    double *coef;    /* m + 1 */
    double *value, *vector, *work;
    double beta; /* length of what the last product had outside the basis */
    sc_pool *pool;
    int j; /* vectors that the step is about; the next one stands at j */
} lanczos;

static int64_t chunk_end(const lanczos *z, int64_t chunk)
{
    return (chunk + 1) * CHUNK < z->n ? (chunk + 1) * CHUNK : z->n;
}

/* Of each chunk: products of the vector at j with those before it and with itself. */
static void dot_chunk(void *ctx, int64_t chunk, int tid)
{
    lanczos *z = ctx;
    const int64_t end = chunk_end(z, chunk);
    const double *w = z->basis + z->j * z->n;
    (void)tid;
    for (int i = 0; i <= z->j; i++) {
        const double *v = z->basis + i * z->n;
        double sum[4] = {0};
        int64_t k = chunk * CHUNK;
        for (; k + 4 <= end; k += 4)
            for (int u = 0; u < 4; u++)
                sum[u] += v[k + u] * w[k + u];
        for (; k < end; k++)
            sum[0] += v[k] * w[k];
        z->partial[chunk * (z->m + 1) + i] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
}

static void subtract_chunk(void *ctx, int64_t chunk, int tid)
{
    lanczos *z = ctx;
    const int64_t end = chunk_end(z, chunk);
    double *w = z->basis + z->j * z->n;
    (void)tid;
    for (int i = 0; i < z->j; i++) {
        const double *v = z->basis + i * z->n, c = z->coef[i];
        for (int64_t k = chunk * CHUNK; k < end; k++)
            w[k] -= c * v[k];
    }
}

static void products(lanczos *z)
{
    sc_pool_for(z->pool, z->n_chunks, dot_chunk, z);
    for (int i = 0; i <= z->j; i++) {
        z->coef[i] = 0;
        for (int64_t c = 0; c < z->n_chunks; c++)
            z->coef[i] += z->partial[c * (z->m + 1) + i];
    }
}

static void random_vector(double *v, int64_t n, uint64_t number)
{
    sc_rng rng = sc_rng_new((sc_key){number, 0, 0, 0x65696765});
    for (int64_t k = 0; k < n; k++)
        v[k] = sc_rng_uniform(&rng) - 0.5;
}

/*
 * Takes from the vector at j its parts along those before it; those of the first vectors are added
 * to row, if there is one. Returns the length that is left. Where little of it is left, digits were
 * lost, and it is done again.
 */
static double orthogonalize(lanczos *z, double *row)
{
    double after = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        products(z);
        const double before = z->coef[z->j];
        after = before;
        for (int i = 0; i < z->j; i++) {
            after -= z->coef[i] * z->coef[i];
            if (row)
                row[i] += z->coef[i];
        }
        sc_pool_for(z->pool, z->n_chunks, subtract_chunk, z);
        if (after > least_left * before)
            break;
    }
    return after > 0 ? sqrt(after) : 0;
}

static void scale(double *v, int64_t n, double by)
{
    for (int64_t k = 0; k < n; k++)
        v[k] *= by;
}

/* Puts a random vector of length 1 at j that is orthogonal to those before it. */
static void fresh_vector(lanczos *z, uint64_t number)
{
    double *v = z->basis + z->j * z->n;
    random_vector(v, z->n, number);
    const double length = orthogonalize(z, NULL);
    scale(v, z->n, length > 0 ? 1 / length : 0);
}

/* Fills the basis from n_kept on. */
static void extend(lanczos *z, sc_operator op, void *ctx, sc_eigen *out)
{
    const int64_t n = z->n;
    for (int j = z->n_kept; j < z->m; j++) {
        double *w = z->basis + (j + 1) * n, *row = z->t + j * z->m, before = 0;
        op(ctx, z->basis + j * n, w);
        out->n_products++;
        z->j = j + 1;
        memset(z->work, 0, ((size_t)z->m + 1) * sizeof *z->work);
        z->beta = orthogonalize(z, z->work);
        for (int i = 0; i <= j; i++) {
            row[i] = z->t[i * z->m + j] = z->work[i];
            before += z->work[i] * z->work[i];
        }
        if (z->beta > 1e-14 * sqrt(before + z->beta * z->beta)) {
            scale(w, n, 1 / z->beta);
        } else { /* the basis holds all that the operator can reach from it */
            z->beta = 0;
            if (j + 1 < n)
                fresh_vector(z, (uint64_t)out->n_products);
        }
    }
}

typedef struct turning {
    lanczos *z;
    int n_new;
} turning;

/* The first n_new Ritz vectors in place of the basis, column by column. */
static void turn_chunk(void *ctx, int64_t chunk, int tid)
{
    const turning *t = ctx;
    const lanczos *z = t->z;
    double *room = z->partial + chunk * (z->m + 1); /* a chunk's own */
    (void)tid;
    for (int64_t k = chunk * CHUNK; k < chunk_end(z, chunk); k++) {
        for (int i = 0; i < z->m; i++)
            room[i] = z->basis[i * z->n + k];
        for (int i = 0; i < t->n_new; i++) {
            double sum = 0;
            for (int j = 0; j < z->m; j++)
                sum += z->vector[i * z->m + j] * room[j];
            z->basis[i * z->n + k] = sum;
        }
    }
}

static void turn_basis(lanczos *z, int n_new)
{
    turning t = {z, n_new};
    sc_pool_for(z->pool, z->n_chunks, turn_chunk, &t);
}

static void restart(lanczos *z, int n_kept)
{
    turn_basis(z, n_kept);
    memcpy(z->basis + n_kept * z->n, z->basis + z->m * z->n, (size_t)z->n * sizeof *z->basis);
    memset(z->t, 0, (size_t)z->m * (size_t)z->m * sizeof *z->t);
    for (int i = 0; i < n_kept; i++)
        z->t[i * z->m + i] = z->value[i];
    z->n_kept = n_kept;
}

static sc_status solve(lanczos *z, int k, sc_operator op, void *ctx, double tolerance,
                       int max_products, sc_eigen *out, sc_err *err)
{
    z->j = 0;
    fresh_vector(z, 0);
    for (;;) {
        extend(z, op, ctx, out);
        memcpy(z->work, z->t, (size_t)z->m * (size_t)z->m * sizeof *z->work);
        SC_TRY(sc_eigen_small(z->work, z->m, z->value, z->vector, err));
        double largest = 0;
        for (int i = 0; i < z->m; i++)
            largest = fmax(largest, fabs(z->value[i]));
        out->residual = 0;
        for (int i = 0; i < k; i++)
            out->residual = fmax(out->residual, fabs(z->beta * z->vector[i * z->m + z->m - 1]));
        out->residual = largest > 0 ? out->residual / largest : 0;
        if (out->residual <= tolerance || out->n_products >= max_products || z->m >= z->n)
            return SC_OK;
        restart(z, k + (z->m - k) / 2);
    }
}

static void set_sign(double *v, int64_t n)
{
    int64_t largest = 0;
    for (int64_t k = 1; k < n; k++)
        largest = fabs(v[k]) > fabs(v[largest]) ? k : largest;
    if (v[largest] < 0)
        scale(v, n, -1);
}

static sc_status allocate(lanczos *z, sc_err *err)
{
    const size_t m = (size_t)z->m, n = (size_t)z->n;
    SC_TRY(sc_alloc(&z->basis, (m + 1) * n, sizeof *z->basis, err));
    SC_TRY(sc_alloc(&z->t, m * m, sizeof *z->t, err));
    SC_TRY(sc_alloc(&z->partial, (size_t)z->n_chunks * (m + 1), sizeof *z->partial, err));
    SC_TRY(sc_alloc(&z->coef, m + 1, sizeof *z->coef, err));
    SC_TRY(sc_alloc(&z->value, m, sizeof *z->value, err));
    SC_TRY(sc_alloc(&z->vector, m * m, sizeof *z->vector, err));
    return sc_alloc(&z->work, m * m + 1, sizeof *z->work, err);
}

sc_status sc_eigen_top(sc_eigen *out, int64_t n, int k, sc_operator op, void *ctx, double tolerance,
                       int max_products, sc_pool *pool, sc_err *err)
{
    /* many vectors crowd together, and a larger basis tells them apart sooner */
    const int64_t want = k > 8 ? 4 * (int64_t)k + 40 : 2 * (int64_t)k + 24;
    lanczos z = {
        .n = n, .m = (int)(want < n ? want : n), .n_chunks = (n + CHUNK - 1) / CHUNK, .pool = pool};
    sc_status st;
    *out = (sc_eigen){.n = n, .k = k};
    SC_GOTO(st, sc_alloc(&out->value, (size_t)k, sizeof *out->value, err), out);
    SC_GOTO(st, sc_alloc(&out->vector, (size_t)k * (size_t)n, sizeof *out->vector, err), out);
    SC_GOTO(st, allocate(&z, err), out);
    SC_GOTO(st, solve(&z, k, op, ctx, tolerance, max_products, out, err), out);
    turn_basis(&z, k);
    memcpy(out->value, z.value, (size_t)k * sizeof *out->value);
    memcpy(out->vector, z.basis, (size_t)k * (size_t)n * sizeof *out->vector);
    for (int i = 0; i < k; i++)
        set_sign(out->vector + i * n, n);
out:
    free(z.basis);
    free(z.t);
    free(z.partial);
    free(z.coef);
    free(z.value);
    free(z.vector);
    free(z.work);
    return st;
}

void sc_eigen_free(sc_eigen *e)
{
    free(e->value);
    free(e->vector);
    *e = (sc_eigen){0};
}

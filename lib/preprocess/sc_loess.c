#include "sc_loess.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct point {
    double x, y;
    int64_t i;
} point;

typedef struct vertex {
    double x, value, slope;
} vertex;

/* Sorted positions first..last (inclusive) between two vertices. */
typedef struct cell {
    int64_t first, last;
    double left, right;
} cell;

static int by_x(const void *pa, const void *pb)
{
    const point *a = pa, *b = pb;
    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    return (a->i > b->i) - (a->i < b->i);
}

static int by_vertex(const void *pa, const void *pb)
{
    const double a = ((const vertex *)pa)->x, b = ((const vertex *)pb)->x;
    return (a > b) - (a < b);
}

/* Where a cell is cut: its middle, moved outwards in turns past points that equal their right
 * neighbour. */
static int64_t cut_position(const point *p, const cell *c)
{
    const int64_t middle = (c->first + c->last + 2) / 2 - 1; /* as if counted from 1 */
    int64_t m = middle, o = 0;
    while (m + o < c->last && m + o >= c->first) {
        if (p[m + o].x != p[m + o + 1].x)
            return m + o;
        o = -o;
        if (o >= 0)
            o++;
    }
    return m;
}

/* Vertices of the tree into v (room for n + 2), ascending; returns how many. `stack` has room for
 * n + 2 cells. */
static int64_t grow_tree(const point *p, int64_t n, int64_t capacity, cell *stack, vertex *v)
{
    const double lo = p[0].x, hi = p[n - 1].x;
    const double range = fmax(hi - lo, 1e-10 * fmax(fabs(lo), fabs(hi)) + 1e-30);
    int64_t n_vertices = 2, depth = 1;

    v[0].x = lo - 0.005 * range;
    v[1].x = hi + 0.005 * range;
    stack[0] = (cell){0, n - 1, v[0].x, v[1].x};
    while (depth > 0) {
        const cell c = stack[--depth];
        if (c.last - c.first + 1 <= capacity || c.right - c.left <= 0)
            continue;
        const int64_t m = cut_position(p, &c);
        const double at = p[m].x;
        if (at == c.left || at == c.right)
            continue;
        v[n_vertices++].x = at;
        stack[depth++] = (cell){c.first, m, c.left, at};
        stack[depth++] = (cell){m + 1, c.last, at, c.right};
    }
    qsort(v, (size_t)n_vertices, sizeof *v, by_vertex);
    return n_vertices;
}

/* One-sided Jacobi: on return the columns of a are U S, those of v the right singular vectors. */
static void jacobi_svd(double a[3][3], double v[3][3])
{
    for (int sweep = 0; sweep < 60; sweep++) {
        bool is_done = true;
        for (int p = 0; p < 2; p++) {
            for (int q = p + 1; q < 3; q++) {
                double app = 0, aqq = 0, apq = 0;
                for (int r = 0; r < 3; r++) {
                    app += a[r][p] * a[r][p];
                    aqq += a[r][q] * a[r][q];
                    apq += a[r][p] * a[r][q];
                }
                if (fabs(apq) <= 1e-17 * sqrt(app * aqq) || apq == 0)
                    continue;
                is_done = false;
                const double tau = (aqq - app) / (2 * apq);
                const double t = copysign(1, tau) / (fabs(tau) + sqrt(1 + tau * tau));
                const double c = 1 / sqrt(1 + t * t), s = c * t;
                for (int r = 0; r < 3; r++) {
                    const double ap = a[r][p], vp = v[r][p];
                    a[r][p] = c * ap - s * a[r][q];
                    a[r][q] = s * ap + c * a[r][q];
                    v[r][p] = c * vp - s * v[r][q];
                    v[r][q] = s * vp + c * v[r][q];
                }
            }
        }
        if (is_done)
            return;
    }
}

/* beta: the minimum-norm solution of r beta = b, singular values that are mere rounding taken as
 * zero. */
static void solve_small(double r[3][3], const double b[3], double beta[3])
{
    double v[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, square[3], largest = 0;
    jacobi_svd(r, v);
    for (int j = 0; j < 3; j++) {
        square[j] = r[0][j] * r[0][j] + r[1][j] * r[1][j] + r[2][j] * r[2][j];
        largest = fmax(largest, sqrt(square[j]));
    }
    beta[0] = beta[1] = beta[2] = 0;
    for (int j = 0; j < 3; j++) {
        if (sqrt(square[j]) <= 100 * DBL_EPSILON * largest)
            continue;
        const double z = (r[0][j] * b[0] + r[1][j] * b[1] + r[2][j] * b[2]) / square[j];
        for (int k = 0; k < 3; k++)
            beta[k] += v[k][j] * z;
    }
}

/*
 * Least squares with m rows of four columns, the last of them the right hand side: columns to unit
 * norm, Householder QR, then the 3 x 3 rest.
 */
static void least_squares(int64_t m, double (*a)[4], double beta[3])
{
    double norm[3] = {0, 0, 0}, r[3][3] = {{0}}, b[3] = {0, 0, 0};
    for (int j = 0; j < 3; j++) {
        for (int64_t i = 0; i < m; i++)
            norm[j] += a[i][j] * a[i][j];
        norm[j] = norm[j] > 0 ? sqrt(norm[j]) : 1;
        for (int64_t i = 0; i < m; i++)
            a[i][j] /= norm[j];
    }
    for (int j = 0; j < 3 && j < m; j++) {
        double len = 0;
        for (int64_t i = j; i < m; i++)
            len += a[i][j] * a[i][j];
        len = sqrt(len);
        if (len > 0) {
            const double alpha = a[j][j] > 0 ? -len : len;
            a[j][j] -= alpha; /* the column now holds the reflector */
            const double half = len * len + len * fabs(a[j][j] + alpha);
            for (int k = j + 1; k < 4; k++) {
                double dot = 0;
                for (int64_t i = j; i < m; i++)
                    dot += a[i][j] * a[i][k];
                dot /= half;
                for (int64_t i = j; i < m; i++)
                    a[i][k] -= dot * a[i][j];
            }
            r[j][j] = alpha;
        }
        for (int k = j + 1; k < 3; k++)
            r[j][k] = a[j][k];
        b[j] = a[j][3];
    }
    solve_small(r, b, beta);
    for (int j = 0; j < 3; j++)
        beta[j] /= norm[j];
}

/* The weighted quadratic at one vertex, from the q points nearest to it. */
static sc_status fit_vertex(const point *p, int64_t n, int64_t q, double (*rows)[4], vertex *at,
                            sc_err *err)
{
    int64_t first = 0; /* the q nearest of sorted points stand together */
    while (first + q < n && p[first + q].x - at->x < at->x - p[first].x)
        first++;
    const double left = p[first].x - at->x, right = p[first + q - 1].x - at->x;
    const double h2 = fmax(left * left, right * right);
    if (!(h2 > 0))
        return sc_fail(err, SC_EDATA,
                       "%" PRId64 " points of a local regression lie at the same x, %g", q, at->x);
    const double h = sqrt(h2);
    for (int64_t i = 0; i < q; i++) {
        const double d = p[first + i].x - at->x, u = fabs(d) / h, c = 1 - u * u * u;
        const double w = c > 0 ? sqrt(c * c * c) : 0;
        rows[i][0] = w;
        rows[i][1] = w * d;
        rows[i][2] = w * d * d;
        rows[i][3] = w * p[first + i].y;
    }
    double beta[3];
    least_squares(q, rows, beta);
    at->value = beta[0];
    at->slope = beta[1];
    return SC_OK;
}

static double blend(const vertex *a, const vertex *b, double x)
{
    const double width = b->x - a->x, t = (x - a->x) / width, s = 1 - t;
    return s * s * (1 + 2 * t) * a->value + t * t * (3 - 2 * t) * b->value +
           width * (t * s * s * a->slope - t * t * s * b->slope);
}

sc_status sc_loess(int64_t n, const double *x, const double *y, double span, double *yhat,
                   sc_err *err)
{
    const double wanted = floor((double)n * span + 1e-5);
    const int64_t q = wanted > (double)n ? n : (int64_t)wanted;
    const double room = floor((double)n * (span * 0.2));
    point *p = NULL;
    cell *stack = NULL;
    vertex *v = NULL;
    double(*rows)[4] = NULL;
    sc_status st;

    if (q < 3)
        return sc_fail(err, SC_EDATA,
                       "a span of %g leaves %" PRId64 " of %" PRId64
                       " points for a local regression, which "
                       "takes at least 3",
                       span, q, n);
    SC_GOTO(st, sc_alloc(&p, (size_t)n, sizeof *p, err), out);
    SC_GOTO(st, sc_alloc(&stack, (size_t)n + 2, sizeof *stack, err), out);
    SC_GOTO(st, sc_alloc(&v, (size_t)n + 2, sizeof *v, err), out);
    SC_GOTO(st, sc_alloc(&rows, (size_t)q, sizeof *rows, err), out);

    for (int64_t i = 0; i < n; i++)
        p[i] = (point){x[i], y[i], i};
    qsort(p, (size_t)n, sizeof *p, by_x);
    const int64_t capacity = room > (double)n ? n : (int64_t)room;
    const int64_t n_vertices = grow_tree(p, n, capacity, stack, v);
    for (int64_t k = 0; k < n_vertices; k++)
        SC_GOTO(st, fit_vertex(p, n, q, rows, &v[k], err), out);
    for (int64_t i = 0, k = 0; i < n; i++) {
        while (k + 2 < n_vertices && p[i].x > v[k + 1].x)
            k++;
        yhat[p[i].i] = blend(&v[k], &v[k + 1], p[i].x);
    }
out:
    free(rows);
    free(v);
    free(stack);
    free(p);
    return st;
}

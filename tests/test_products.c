/* Products, dense and sparse, and Adam, against double; and that a row knows nothing of its
 * neighbours. */
#include "kernels.h"

typedef void product(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                     float *c, int ldc, bool add);

/* form 0 nn, 1 nt, 2 tn; C has guards around it */
static void check_product(product *f, int form, int m, int n, int k, bool add, float *row0)
{
    const int lda = (form == 2 ? m : k) + 3, ldb = (form == 1 ? k : n) + 2, ldc = n + 5;
    float *a = random_floats((int64_t)lda * (form == 2 ? k : m) + 1, -1, 1, 5);
    float *b = random_floats((int64_t)ldb * (form == 1 ? n : k) + 1, -1, 1, 6);
    float *c = random_floats((int64_t)ldc * m + 1, -1, 1, 7);
    float *old = random_floats((int64_t)ldc * m + 1, -1, 1, 7);
    f(m, n, k, a, lda, b, ldb, c, ldc, add);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < ldc; j++) {
            double want = (double)old[i * ldc + j], size = fabs(want);
            if (j < n) {
                if (!add)
                    want = size = 0;
                for (int t = 0; t < k; t++) {
                    const double p = (double)(form == 2 ? a[t * lda + i] : a[i * lda + t]) *
                                     (double)(form == 1 ? b[j * ldb + t] : b[t * ldb + j]);
                    want += p;
                    size += fabs(p);
                }
                if (fabs((double)c[i * ldc + j] - want) > 1e-6 * size)
                    fail_msg("form %d, %d x %d x %d, element %d %d is %g, not %g", form, m, n, k, i,
                             j, (double)c[i * ldc + j], want);
            } else {
                assert_true(c[i * ldc + j] == old[i * ldc + j]);
            }
        }
    if (row0)
        memcpy(row0, c, (size_t)n * sizeof *c);
    free(a);
    free(b);
    free(c);
    free(old);
}

static void check_gemm(const sc_kernels *k)
{
    product *const forms[] = {k->gemm_nn, k->gemm_nt, k->gemm_tn};
    static const int sizes[][3] = {{1, 1, 1},    {8, 48, 128}, {9, 49, 129}, {7, 47, 127},
                                   {3, 10, 300}, {33, 97, 20}, {128, 20, 5}, {16, 24, 256},
                                   {5, 6, 0},    {0, 4, 4},    {4, 0, 4},    {20, 12, 131}};
    for (int form = 0; form < 3; form++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int add = 0; add < 2; add++)
                check_product(forms[form], form, sizes[i][0], sizes[i][1], sizes[i][2], add, NULL);
}

/* a row of C alone, and among others at any place, in any of the three forms, by its bits */
static void check_gemm_rows(const sc_kernels *k)
{
    enum { M = 37, N = 61, K = 200 };
    float *a = random_floats(M * K, -1, 1, 8), *b = random_floats(K * N, -1, 1, 9);
    float *at = malloc(M * K * sizeof *at), *bt = malloc(K * N * sizeof *bt);
    float *c = malloc(M * N * sizeof *c), *d = malloc(M * N * sizeof *d), row[N];
    float *e = malloc(M * N * sizeof *e);
    for (int t = 0; t < K; t++) {
        for (int i = 0; i < M; i++)
            at[t * M + i] = a[i * K + t];
        for (int j = 0; j < N; j++)
            bt[j * K + t] = b[t * N + j];
    }
    k->gemm_nn(M, N, K, a, K, b, N, c, N, false);
    k->gemm_nt(M, N, K, a, K, bt, K, d, N, false);
    assert_memory_equal(c, d, M * N * sizeof *c);
    for (int i = 0; i < M * N; i++)
        d[i] = row[i % N] = (float)(i % N);
    k->gemm_nn(M, N, K, a, K, b, N, d, N, true);
    k->gemm_nn_from(M, N, K, a, K, b, N, e, N, row);
    assert_memory_equal(e, d, M * N * sizeof *c);
    k->gemm_tn(M, N, K, at, M, b, N, d, N, false);
    assert_memory_equal(c, d, M * N * sizeof *c);
    for (int i = 0; i < M; i++) {
        k->gemm_nn(1, N, K, a + i * K, K, b, N, row, N, false);
        assert_memory_equal(row, c + i * N, sizeof row);
        k->gemm_nn(M - i, N, K, a + i * K, K, b, N, d, N, false);
        assert_memory_equal(d, c + i * N, (size_t)(M - i) * N * sizeof *d);
        for (int n = 1; n < 20; n++) { /* and a column among fewer columns */
            k->gemm_nt(M - i, n, K, a + i * K, K, bt + i * K, K, d, n, false);
            assert_true(d[0] == c[i * N + i]);
        }
    }
    free(a);
    free(b);
    free(at);
    free(bt);
    free(c);
    free(d);
    free(e);
}

static double thin_error(const sc_thin_products *t, const float *q0)
{
    double worst = 0;
    for (int j = 0; j < t->n; j++)
        for (int i = 0; i < t->m; i++) {
            double want = 0;
            for (int r = 0; r < t->rows; r++)
                want += (double)t->a[r * t->lda + i] * (double)t->y[r * t->ldy + j];
            worst = fmax(worst, fabs(want - (double)t->p[i * SC_THIN_COLUMNS + j]));
        }
    for (int r = 0; r < t->rows; r++)
        for (int i = 0; i < t->d; i++) {
            double want = t->add ? (double)q0[r * t->d + i] : 0;
            for (int j = 0; j < t->n; j++)
                want += (double)t->y[r * t->ldy + j] * (double)t->b[i * t->ldb + j];
            worst = fmax(worst, fabs(want - (double)t->q[r * t->d + i]));
        }
    return worst;
}

/* Both products of a thin layer; whole chunks of rows and columns or not, one part or more. */
static void check_thin(const sc_kernels *k)
{
    enum { ROWS = 37, LD = SC_THIN_COLUMNS + 3 };
    static const int sizes[][4] = {{32, 128, 11, 10}, {37, 80, 11, 10}, {1, 1, 1, 1},
                                   {2, 33, 49, 48},   {17, 128, 0, 13}, {16, 96, 25, 0},
                                   {5, 31, 7, 12}};
    float *y = random_floats(ROWS * LD, -1, 1, 20), *a = random_floats(ROWS * 50, -1, 1, 21);
    float *b = random_floats(SC_THIN_D * LD, -1, 1, 22);
    float *p = random_floats((SC_THIN_D + 1) * SC_THIN_COLUMNS, -1, 1, 23);
    float *q0 = random_floats(ROWS * SC_THIN_D + 1, -1, 1, 24);
    float *q = malloc((ROWS * SC_THIN_D + 1) * sizeof *q), row[SC_THIN_D];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int add = 0; add < 2; add++) {
            const int *s = sizes[i], nq = s[0] * s[3];
            sc_thin_products t = {s[0], s[1], s[2], s[3], y, LD, a, 50, p, b, LD, q, add};
            memcpy(q, q0, (ROWS * SC_THIN_D + 1) * sizeof *q);
            k->thin_products(&t);
            assert_true(thin_error(&t, q0) < 2e-5);
            assert_true(q[nq] == q0[nq]);
            for (int r = 0; r < s[0] && s[3]; r++) { /* alone, it is the same */
                memcpy(row, q0 + r * s[3], (size_t)s[3] * sizeof *row);
                t = (sc_thin_products){1, s[1], 0, s[3], y + r * LD, LD, NULL,
                                       0, NULL, b, LD,   row,        add};
                k->thin_products(&t);
                assert_memory_equal(row, q + r * s[3], (size_t)s[3] * sizeof *row);
            }
        }
    free(y);
    free(a);
    free(b);
    free(p);
    free(q0);
    free(q);
}

/* Rows of some of 8 entries: the bits of sparse_sum. */
static void check_rows_of_counts(const sc_kernels *k, int n, const int32_t *index,
                                 const float *value, const float *w)
{
    enum { N_ROWS = 5 };
    static const int32_t first[N_ROWS] = {0, 3, 3, 2, 0}, end[N_ROWS] = {3, 8, 3, 4, 8};
    const size_t bytes = (size_t)n * sizeof(float);
    float *sums = malloc(N_ROWS * bytes + 1), *sum = malloc(bytes + 1);
    k->sparse_sums(N_ROWS, first, end, index, value, w, sums, n);
    for (int i = 0; i < N_ROWS; i++) {
        k->sparse_sum(end[i] - first[i], index + first[i], value + first[i], w, n, sum, n);
        assert_memory_equal(sum, sums + i * n, bytes);
    }
    free(sums);
    free(sum);
}

static void check_linear(const sc_kernels *k)
{
    enum { N = 203, ROWS = 51 };
    float *w = random_floats(ROWS * N, -1, 1, 10), *y = random_floats(N, -1, 1, 11);
    float *z = random_floats(N, -1, 1, 11);
    static const int32_t index[] = {0, 3, 4, 17, 30, 31, 48, 49};
    static const float value[] = {1, 2, 0.5f, 3, -1, 4, 0.25f, 7};

    for (int n = 0; n <= N; n += n < 20 ? 1 : 61) {
        memcpy(y, z, N * sizeof *y);
        k->sparse_row(8, index, value, w, N, y, n);
        for (int j = 0; j < N; j++) {
            double want = (double)z[j];
            for (int e = 0; e < 8 && j < n; e++)
                want += (double)value[e] * (double)w[index[e] * N + j];
            assert_true(fabs((double)y[j] - want) < 1e-5);
        }
        memcpy(y, z, N * sizeof *y);
        for (int e = 0; e < 8; e++)
            k->axpy(n, value[e], w + index[e] * N, y);
        float *sum = malloc(N * sizeof *sum);
        memcpy(sum, z, N * sizeof *sum);
        k->sparse_row(8, index, value, w, N, sum, n);
        assert_memory_equal(sum, y, N * sizeof *sum);
        k->sparse_sum(8, index, value, w, N, sum, n); /* whatever was there */
        memset(y, 0, N * sizeof *y);
        k->sparse_row(8, index, value, w, N, y, n);
        assert_memory_equal(sum, y, (size_t)n * sizeof *sum);
        assert_true(n == N || sum[n] == z[n]);
        free(sum);
        check_rows_of_counts(k, n, index, value, w);

        float dots[ROWS], dot;
        k->dot_rows(ROWS - 1, n, w, N, w + N, N, dots);
        for (int i = 0; i < ROWS - 1; i++) {
            double want = 0;
            for (int j = 0; j < n; j++)
                want += (double)w[i * N + j] * (double)w[(i + 1) * N + j];
            assert_true(fabs((double)dots[i] - want) < 1e-5);
            k->dot_rows(1, n, w + i * N, N, w + (i + 1) * N, N, &dot);
            assert_true(dot == dots[i]);
        }
    }
    free(w);
    free(y);
    free(z);
}
/* Rows apart give the bits that one run gives; what lies between them stays; a NaN is told. */
static void check_adam_rows(const sc_kernels *k, float *g)
{
    enum { ROWS = 3, COLS = 15, LD = 20 };
    const sc_adam_args a = {1e-3f, 0.9f, 0.999f, 0.01f, 1e-6f, 0.1f, 0.03f};
    float one[3][ROWS * COLS], apart[3][ROWS * LD];
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < ROWS * LD; i++) {
            apart[s][i] = 0.5f;
            one[s][i % (ROWS * COLS)] = 0.5f;
        }
    assert_true(k->adam(1, ROWS * COLS, one[0], one[1], one[2], 0, g, 0, &a));
    assert_true(k->adam(ROWS, COLS, apart[0], apart[1], apart[2], LD, g, COLS, &a));
    for (int s = 0; s < 3; s++)
        for (int r = 0; r < ROWS; r++) {
            assert_memory_equal(apart[s] + r * LD, one[s] + r * COLS, COLS * sizeof(float));
            assert_true(apart[s][r * LD + COLS] == 0.5f);
        }
    for (int i = 0; i < ROWS * COLS; i += 11) {
        const float was = g[i];
        g[i] = i % 2 ? NAN : INFINITY;
        assert_false(k->adam(ROWS, COLS, apart[0], apart[1], apart[2], LD, g, COLS, &a));
        g[i] = was;
    }
}

static void check_adam(const sc_kernels *k)
{
    enum { N = 45 };
    float p[N], m[N] = {0}, v[N] = {0}, g[N];
    double rp[N], rm[N] = {0}, rv[N] = {0};
    for (int i = 0; i < N; i++)
        rp[i] = (double)(p[i] = (float)i / 7 - 3);
    for (int t = 1; t <= 20; t++) {
        const double c1 = 1 - pow(0.9, t), c2 = sqrt(1 - pow(0.999, t));
        const sc_adam_args a = {1e-3f, 0.9f, 0.999f, 0.01f, 1e-6f, (float)c1, (float)c2};
        for (int i = 0; i < N; i++) {
            g[i] = (float)sin(i + 3 * t);
            const double gi = (double)g[i] + 1e-6 * rp[i];
            rm[i] = 0.9 * rm[i] + 0.1 * gi;
            rv[i] = 0.999 * rv[i] + 0.001 * gi * gi;
            rp[i] -= 1e-3 * (rm[i] / c1) / (sqrt(rv[i]) / c2 + 0.01);
        }
        assert_true(k->adam(1, N, p, m, v, N, g, N, &a));
    }
    for (int i = 0; i < N; i++)
        assert_true(fabs((double)p[i] - rp[i]) < 2e-6 && fabs((double)m[i] - rm[i]) < 1e-6 &&
                    fabs((double)v[i] - rv[i]) < 1e-6);
    check_adam_rows(k, g);
}
TEST(gemm)
TEST(gemm_rows)
TEST(thin)
TEST(linear)
TEST(adam)

enum { CELLS = 9, GENES = 5, WIDEST = 203 };

/* p, m and v of a layer */
static void start_layer(float *const to[3], uint32_t seed)
{
    for (uint32_t s = 0; s < 3; s++) {
        float *x = random_floats(GENES * WIDEST, s == 2 ? 0 : -1, 1, seed + s);
        memcpy(to[s], x, GENES * WIDEST * sizeof *x);
        free(x);
    }
}

/* Genes of one or two layers of n columns: the bits of sparse_sum and adam. */
static void check_genes(const sc_kernels *k, int n, int n_layers)
{
    static const int32_t ptr[] = {0, 3, 3, 4, 4 + CELLS, 6 + CELLS},
                         row[] = {0, 4, 8, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 7};
    static const float value[] = {1, 2, 3, 0.5F, 1, 1, 4, 1, 2, 1, 1, 9, 1, 6, 0.25F};
    static float want[2][3][GENES * WIDEST], got[2][3][GENES * WIDEST], g[WIDEST];
    const sc_adam_args a[2] = {{1e-3F, 0.9F, 0.999F, 0.01F, 1e-6F, 0.1F, 0.03F},
                               {1e-2F, 0.9F, 0.999F, 1e-8F, 0, 0.3F, 0.1F}};
    float *dy[2];
    sc_gene_layer layers[2];
    for (int l = 0; l < 2; l++) {
        dy[l] = random_floats(CELLS * WIDEST, -1, 1, 80 + (uint32_t)l);
        start_layer((float *const[]){want[l][0], want[l][1], want[l][2]}, 90 + 3 * (uint32_t)l);
        memcpy(got[l], want[l], sizeof want[l]);
        layers[l] = (sc_gene_layer){dy[l], got[l][0], got[l][1], got[l][2], &a[l]};
        for (int j = 0; j < GENES && l < n_layers; j++) {
            k->sparse_sum(ptr[j + 1] - ptr[j], row + ptr[j], value + ptr[j], dy[l], n, g, n);
            assert_true(k->adam(1, n, want[l][0] + j * n, want[l][1] + j * n, want[l][2] + j * n, n,
                                g, n, &a[l]));
        }
    }
    assert_true(k->descend_genes(GENES, ptr, row, value, n, n_layers, layers));
    assert_memory_equal(want, got, sizeof want);
    dy[n_layers - 1][3 * n + n - 1] = NAN; /* cell 3 has counts of two genes */
    assert_false(k->descend_genes(GENES, ptr, row, value, n, n_layers, layers));
    free(dy[0]);
    free(dy[1]);
}

static void check_descent(const sc_kernels *k)
{
    for (int n = 1; n <= WIDEST; n += n < 20 ? 1 : 61)
        for (int n_layers = 1; n_layers <= 2; n_layers++)
            check_genes(k, n, n_layers);
}
TEST(descent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm), cmocka_unit_test(test_gemm_rows),
        cmocka_unit_test(test_thin), cmocka_unit_test(test_linear),
        cmocka_unit_test(test_adam), cmocka_unit_test(test_descent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "isa.h"
#include "vmath.h"

/* One loop and one body for whole vectors and the tail, so that a value gives the same bits in
 * either. */
#define MAP(name, f, fill)                                                                         \
    void SC_NAME(name)(int64_t n, const float *x, float *y)                                        \
    {                                                                                              \
        for (int64_t i = 0; i < n; i += W) {                                                       \
            const bool is_whole = n - i >= W;                                                      \
            const vf r = f(is_whole ? v_load(x + i) : v_load_part(x + i, n - i, fill));            \
            if (is_whole)                                                                          \
                v_store(y + i, r);                                                                 \
            else                                                                                   \
                v_store_part(y + i, n - i, r);                                                     \
        }                                                                                          \
    }

MAP(exp, v_exp, 0)
MAP(log, v_log, 1)
MAP(log1p, v_log1p, 0)
MAP(sigmoid, v_sigmoid, 0)
MAP(softplus, v_softplus, 0)

void SC_NAME(lgamma_diff)(int64_t n, const float *x, const float *theta, float *y, float *dy)
{
    for (int64_t i = 0; i < n; i += W) {
        const bool is_whole = n - i >= W;
        const vf vx = is_whole ? v_load(x + i) : v_load_part(x + i, n - i, 0);
        const vf vt = is_whole ? v_load(theta + i) : v_load_part(theta + i, n - i, 1);
        vf d;
        const vf r = v_lgamma_diff(vx, vt, &d);
        if (is_whole) {
            v_store(y + i, r);
            if (dy)
                v_store(dy + i, d);
        } else {
            v_store_part(y + i, n - i, r);
            if (dy)
                v_store_part(dy + i, n - i, d);
        }
    }
}

void SC_NAME(softmax)(int64_t n, const float *x, float *y)
{
    vf top = v_set(-INFINITY), sum = v_set(0);
    for (int64_t i = 0; i < n; i += W)
        top = v_max(n - i >= W ? v_load(x + i) : v_load_part(x + i, n - i, -INFINITY), top);
    float max = -INFINITY;
    for (int i = 0; i < W; i++)
        max = top[i] > max ? top[i] : max;

    for (int64_t i = 0; i < n; i += W) {
        const bool is_whole = n - i >= W;
        const vf e = v_exp((is_whole ? v_load(x + i) : v_load_part(x + i, n - i, -INFINITY)) - max);
        sum = sum + e;
        if (is_whole)
            v_store(y + i, e);
        else
            v_store_part(y + i, n - i, e);
    }
    const float inverse = (float)(1 / v_sum(sum));
    for (int64_t i = 0; i < n; i++)
        y[i] *= inverse;
}

void SC_NAME(softmax_grad)(int64_t n, const float *y, const float *dy, float *dx)
{
    vf dots[2] = {v_set(0), v_set(0)};
    for (int64_t i = 0; i < n; i += W) {
        const bool is_whole = n - i >= W;
        const vf a = is_whole ? v_load(y + i) : v_load_part(y + i, n - i, 0);
        const vf b = is_whole ? v_load(dy + i) : v_load_part(dy + i, n - i, 0);
        dots[i / W % 2] = v_fma(a, b, dots[i / W % 2]);
    }
    const float dot = (float)(v_sum(dots[0]) + v_sum(dots[1]));
    int64_t i = 0;
    for (; i + W <= n; i += W)
        v_store(dx + i, v_fma(v_load(y + i), v_load(dy + i) - dot, v_load(dx + i)));
    for (; i < n; i++)
        dx[i] = s_fma(y[i], dy[i] - dot, dx[i]);
}

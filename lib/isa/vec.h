/*
 * Vectors of SC_ISA_WIDTH floats in the compiler's own extension, and the few operations that it
 * has no operator for. Only for the files of this folder.
 */
#ifndef SC_ISA_VEC_H
#define SC_ISA_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { W = SC_ISA_WIDTH };

typedef float vf __attribute__((vector_size(4 * SC_ISA_WIDTH)));
typedef int32_t vi __attribute__((vector_size(4 * SC_ISA_WIDTH)));
typedef uint32_t vu __attribute__((vector_size(4 * SC_ISA_WIDTH))); /* for sums that wrap */
typedef double vd __attribute__((vector_size(4 * SC_ISA_WIDTH)));   /* half as many lanes */

static inline vf v_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void v_store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

/* The first n (< W) floats, the rest filled. */
static inline vf v_load_part(const float *p, int64_t n, float fill)
{
    float tmp[W];
    for (int i = 0; i < W; i++)
        tmp[i] = i < n ? p[i] : fill;
    return v_load(tmp);
}

static inline void v_store_part(float *p, int64_t n, vf v)
{
    float tmp[W];
    v_store(tmp, v);
    for (int i = 0; i < n && i < W; i++)
        p[i] = tmp[i];
}

static inline vf v_set(float x)
{
#if SC_ISA_WIDTH == 16
    return (vf)_mm512_set1_ps(x);
#elif SC_ISA_WIDTH == 8
    return (vf)_mm256_set1_ps(x);
#else
    return (vf){x, x, x, x};
#endif
}

static inline vi v_bits(vf v)
{
    return (vi)v;
}

static inline vf v_floats(vi v)
{
    return (vf)v;
}

/* a where the mask (a comparison's result) is set, else b */
static inline vf v_select(vi mask, vf a, vf b)
{
#if SC_ISA_WIDTH == 16
    return (vf)_mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)mask), (__m512)b, (__m512)a);
#else
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
#endif
}

static inline int v_any(vi mask)
{
#if SC_ISA_WIDTH == 16
    return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif SC_ISA_WIDTH == 8
    return _mm256_movemask_ps((__m256)mask) != 0;
#else
    return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
#endif
}

/* a b + c, fused wherever the instruction set can */
static inline vf v_fma(vf a, vf b, vf c)
{
#if SC_ISA_WIDTH == 16
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif SC_ISA_WIDTH == 8
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* The same bits as one lane of v_fma. */
static inline float s_fma(float a, float b, float c)
{
#if SC_ISA_WIDTH >= 8
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

static inline vf v_sqrt(vf a)
{
#if SC_ISA_WIDTH == 16
    return (vf)_mm512_sqrt_ps((__m512)a);
#elif SC_ISA_WIDTH == 8
    return (vf)_mm256_sqrt_ps((__m256)a);
#else
    return (vf){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])};
#endif
}

static inline vf v_max(vf a, vf b) /* b where either is NaN */
{
#if SC_ISA_WIDTH == 16
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif SC_ISA_WIDTH == 8
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return v_select(a > b, a, b);
#endif
}

static inline vf v_min(vf a, vf b) /* b where either is NaN */
{
#if SC_ISA_WIDTH == 16
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif SC_ISA_WIDTH == 8
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return v_select(a < b, a, b);
#endif
}

static inline vf v_abs(vf a)
{
    return v_floats(v_bits(a) & 0x7fffffff);
}

/* Lanes summed in double, from the first to the last. */
static inline double v_sum(vf a)
{
    float tmp[W];
    double sum = 0;
    v_store(tmp, a);
    for (int i = 0; i < W; i++)
        sum += (double)tmp[i];
    return sum;
}

/* sum += a, lane by lane in double; the lower half of a goes to sum[0] */
static inline void v_add_double(vd sum[2], vf a)
{
    typedef float half __attribute__((vector_size(2 * SC_ISA_WIDTH)));
    half h[2];
    memcpy(h, &a, sizeof a);
    sum[0] = sum[0] + __builtin_convertvector(h[0], vd);
    sum[1] = sum[1] + __builtin_convertvector(h[1], vd);
}

#endif

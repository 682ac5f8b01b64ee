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

#if SC_ISA_WIDTH == 8
/* -1 in the first n lanes, 0 in the others */
static inline __m256i v_first(int64_t n)
{
    static const int32_t lanes[2 * W] = {-1, -1, -1, -1, -1, -1, -1, -1};
    const int64_t skip = n < 0 ? W : n > W ? 0 : W - n;
    return _mm256_loadu_si256((const __m256i *)(const void *)(lanes + skip));
}
#elif SC_ISA_WIDTH == 16
static inline __mmask16 v_first(int64_t n)
{
    return (__mmask16)(n < 0 ? 0 : n < W ? (1U << n) - 1 : 0xffffU);
}
#endif

/* The first n of W floats, and `fill` for the others; memory behind them is left alone. */
static inline vf v_load_part(const float *p, int64_t n, float fill)
{
#if SC_ISA_WIDTH == 16
    return (vf)_mm512_mask_loadu_ps(_mm512_set1_ps(fill), v_first(n), p);
#elif SC_ISA_WIDTH == 8
    const __m256i lanes = v_first(n);
    return (vf)_mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, lanes),
                                _mm256_castsi256_ps(lanes));
#else
    float tmp[W];
    for (int i = 0; i < W; i++)
        tmp[i] = i < n ? p[i] : fill;
    return v_load(tmp);
#endif
}

static inline void v_store_part(float *p, int64_t n, vf v)
{
#if SC_ISA_WIDTH == 16
    _mm512_mask_storeu_ps(p, v_first(n), (__m512)v);
#elif SC_ISA_WIDTH == 8
    _mm256_maskstore_ps(p, v_first(n), (__m256)v);
#else
    float tmp[W];
    v_store(tmp, v);
    for (int i = 0; i < n && i < W; i++)
        p[i] = tmp[i];
#endif
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

/* In a register: GCC would read what two operations take from memory twice. */
static inline vf v_keep(vf v)
{
#if defined(__x86_64__)
    __asm__("" : "+v"(v));
#endif
    return v;
}

static inline vi v_bits(vf v)
{
    return (vi)v;
}

static inline vf v_floats(vi v)
{
    return (vf)v;
}

#if SC_ISA_WIDTH == 16
typedef __mmask16 vm; /* one bit a lane */
#define V_COMPARE(a, b, op, flag) _mm512_cmp_ps_mask((__m512)(a), (__m512)(b), flag)
#else
typedef vi vm; /* all bits of a lane, or none */
#define V_COMPARE(a, b, op, flag) ((a)op(b))
#endif

static inline vm v_lt(vf a, vf b)
{
    return V_COMPARE(a, b, <, _CMP_LT_OQ);
}

static inline vm v_eq(vf a, vf b)
{
    return V_COMPARE(a, b, ==, _CMP_EQ_OQ);
}

static inline vm v_not_ge(vf a, vf b) /* a < b, or one of them is NaN */
{
#if SC_ISA_WIDTH == 16
    return V_COMPARE(a, b, , _CMP_NGE_UQ);
#else
    return ~(a >= b);
#endif
}

/* a where the mask is set, else b */
static inline vf v_select(vm mask, vf a, vf b)
{
#if SC_ISA_WIDTH == 16
    return (vf)_mm512_mask_blend_ps(mask, (__m512)b, (__m512)a);
#elif SC_ISA_WIDTH == 8
    return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask);
#else
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
#endif
}

static inline int v_any(vm mask)
{
#if SC_ISA_WIDTH == 16
    return mask != 0;
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

/* 1 / a within 1 ulp, for a and result normal. A division keeps one of AVX-512's two ports for 10
 * cycles; nobody else's is as slow. */
static inline vf v_inverse(vf a)
{
#if SC_ISA_WIDTH == 16
    const vf y = (vf)_mm512_rcp14_ps((__m512)a);
    return v_fma(v_fma(-a, y, v_set(1)), y, y);
#else
    return 1.0f / a;
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
    return v_select(v_lt(b, a), a, b);
#endif
}

static inline vf v_min(vf a, vf b) /* b where either is NaN */
{
#if SC_ISA_WIDTH == 16
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif SC_ISA_WIDTH == 8
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return v_select(v_lt(a, b), a, b);
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
#if SC_ISA_WIDTH == 16
    sum[0] = sum[0] + (vd)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)a));
    sum[1] = sum[1] + (vd)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)a, 1));
#elif SC_ISA_WIDTH == 8
    sum[0] = sum[0] + (vd)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)a));
    sum[1] = sum[1] + (vd)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)a, 1));
#else
    sum[0] = sum[0] + (vd){(double)a[0], (double)a[1]};
    sum[1] = sum[1] + (vd){(double)a[2], (double)a[3]};
#endif
}

/* p[index[i]] in lane i */
static inline vf v_gather(const float *p, const int32_t *index)
{
#if SC_ISA_WIDTH == 16
    /* into a register that nobody has: GCC would have each gather wait for the one before it */
    const __m512 none = _mm512_setzero_ps();
    __mmask16 all = 0xffff;
    __asm__("" : "+Yk"(all)); /* a constant would let it leave the zeros out */
    return (vf)_mm512_mask_i32gather_ps(none, all, _mm512_loadu_si512(index), p, 4);
#else
    float tmp[W];
    for (int i = 0; i < W; i++)
        tmp[i] = p[index[i]];
    return v_load(tmp);
#endif
}

/* p[index[i]] = v in the first n lanes; no index comes twice */
static inline void v_scatter(float *p, const int32_t *index, int64_t n, vf v)
{
#if SC_ISA_WIDTH == 16
    _mm512_mask_i32scatter_ps(p, v_first(n), _mm512_loadu_si512(index), (__m512)v, 4);
#else
    for (int i = 0; i < W && i < n; i++)
        p[index[i]] = v[i];
#endif
}

/* p[index[i]] += s v in the first n lanes; no index comes twice */
static inline void v_scatter_add(float *p, const int32_t *index, int64_t n, vf s, vf v)
{
    v_scatter(p, index, n, v_fma(s, v, v_gather(p, index)));
}

/* The lanes whose bit is set. */
static inline vm v_lanes(uint32_t bits)
{
#if SC_ISA_WIDTH == 16
    return (vm)bits;
#else
    vu at;
    for (int i = 0; i < W; i++)
        at[i] = 1U << i;
    return (vm)((at & bits) != 0);
#endif
}

/* The words of W whose lane is set, one behind the other from `to` on, where W find room; returns
 * how many. */
static inline int v_pack(const void *from, vm lanes, void *to)
{
#if SC_ISA_WIDTH == 16
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(lanes, _mm512_loadu_si512(from)));
    return __builtin_popcount(lanes);
#else
    const int32_t *word = from;
    int32_t *out = to;
    int n = 0;
    for (int i = 0; i < W; i++) {
        out[n] = word[i];
        n -= lanes[i];
    }
    return n;
#endif
}

#endif

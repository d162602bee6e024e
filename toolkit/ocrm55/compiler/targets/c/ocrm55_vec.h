/* Vectors of four floats, once for Helium and once in portable C (GCC and clang vector extensions).
 *
 * The generated operators are written against these functions alone, so that the same source runs on the target and
 * in the host's unit tests. Both halves round alike but for multiply-accumulates, which Helium fuses. */
#ifndef OCRM55_VEC_H
#define OCRM55_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define OCRM55_INLINE static inline __attribute__((always_inline, unused))

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)

#include <arm_mve.h>

typedef float32x4_t f32x4;

OCRM55_INLINE f32x4 f32x4_load(const float *p) { return vld1q_f32(p); }
OCRM55_INLINE void f32x4_store(float *p, f32x4 v) { vst1q_f32(p, v); }
OCRM55_INLINE f32x4 f32x4_set(float s) { return vdupq_n_f32(s); }
OCRM55_INLINE f32x4 f32x4_fma_n(f32x4 sum, f32x4 v, float s) { return vfmaq_n_f32(sum, v, s); }
OCRM55_INLINE f32x4 f32x4_fma(f32x4 sum, f32x4 a, f32x4 b) { return vfmaq_f32(sum, a, b); }
OCRM55_INLINE f32x4 f32x4_min(f32x4 a, f32x4 b) { return vminnmq_f32(a, b); }
OCRM55_INLINE f32x4 f32x4_max(f32x4 a, f32x4 b) { return vmaxnmq_f32(a, b); }
OCRM55_INLINE float f32x4_max_of(f32x4 v) { return vmaxnmvq_f32(-INFINITY, v); }

/* p[0], p[stride], p[2 * stride], p[3 * stride] */
OCRM55_INLINE f32x4 f32x4_load_stride(const float *p, uint32_t stride) {
    return vldrwq_gather_shifted_offset_f32(p, vmulq_n_u32(vidupq_n_u32(0, 1), stride));
}

/* The first n of four values; the other lanes are zero and their addresses are not touched. */
OCRM55_INLINE f32x4 f32x4_load_first(const float *p, uint32_t n) { return vldrwq_z_f32(p, vctp32q(n)); }
OCRM55_INLINE void f32x4_store_first(float *p, f32x4 v, uint32_t n) { vstrwq_p_f32(p, v, vctp32q(n)); }

/* Adds shift * 2^23 to the bits of v: the exponent grows by the integer in the low bits of `shift`. */
OCRM55_INLINE f32x4 f32x4_scale_by_power(f32x4 v, f32x4 shift) {
    const int32x4_t bits = vshlq_n_s32(vreinterpretq_s32_f32(shift), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(v), bits));
}

#else

typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t ocrm55_i32x4 __attribute__((vector_size(16)));

OCRM55_INLINE f32x4 f32x4_load(const float *p) {
    f32x4 v;
    memcpy(&v, p, sizeof v);
    return v;
}
OCRM55_INLINE void f32x4_store(float *p, f32x4 v) { memcpy(p, &v, sizeof v); }
OCRM55_INLINE f32x4 f32x4_set(float s) { return (f32x4){s, s, s, s}; }
OCRM55_INLINE f32x4 f32x4_fma_n(f32x4 sum, f32x4 v, float s) { return sum + v * s; }
OCRM55_INLINE f32x4 f32x4_fma(f32x4 sum, f32x4 a, f32x4 b) { return sum + a * b; }
OCRM55_INLINE f32x4 f32x4_select(ocrm55_i32x4 mask, f32x4 a, f32x4 b) {
    return (f32x4)((mask & (ocrm55_i32x4)a) | (~mask & (ocrm55_i32x4)b));
}
OCRM55_INLINE f32x4 f32x4_min(f32x4 a, f32x4 b) { return f32x4_select((ocrm55_i32x4)(a < b), a, b); }
OCRM55_INLINE f32x4 f32x4_max(f32x4 a, f32x4 b) { return f32x4_select((ocrm55_i32x4)(a > b), a, b); }
OCRM55_INLINE float f32x4_max_of(f32x4 v) { return fmaxf(fmaxf(v[0], v[1]), fmaxf(v[2], v[3])); }

/* p[0], p[stride], p[2 * stride], p[3 * stride] */
OCRM55_INLINE f32x4 f32x4_load_stride(const float *p, uint32_t stride) {
    return (f32x4){p[0], p[stride], p[2 * stride], p[3 * stride]};
}

/* The first n of four values; the other lanes are zero and their addresses are not touched. */
OCRM55_INLINE f32x4 f32x4_load_first(const float *p, uint32_t n) {
    f32x4 v = {0.0f, 0.0f, 0.0f, 0.0f};
    memcpy(&v, p, n * sizeof *p);
    return v;
}
OCRM55_INLINE void f32x4_store_first(float *p, f32x4 v, uint32_t n) { memcpy(p, &v, n * sizeof *p); }

/* Adds shift * 2^23 to the bits of v: the exponent grows by the integer in the low bits of `shift`. */
OCRM55_INLINE f32x4 f32x4_scale_by_power(f32x4 v, f32x4 shift) {
    typedef uint32_t u32x4 __attribute__((vector_size(16)));
    return (f32x4)((u32x4)v + ((u32x4)shift << 23));
}

#endif

/* *first = p[0], *second = p[1]: one instruction, which GCC does not find by itself for floats. */
#if defined(__ARM_FEATURE_MVE) && !defined(__clang__)
OCRM55_INLINE void f32_load_pair(const float *p, float *first, float *second) {
    typedef uint64_t pair __attribute__((may_alias, aligned(4)));
    uint32_t low, high;
    __asm__("ldrd %0, %1, %2" : "=r"(low), "=r"(high) : "m"(*(const pair *)p));
    memcpy(first, &low, sizeof low);
    memcpy(second, &high, sizeof high);
}
#else
OCRM55_INLINE void f32_load_pair(const float *p, float *first, float *second) {
    *first = p[0];
    *second = p[1];
}
#endif

OCRM55_INLINE int32_t ocrm55_min_int32(int32_t a, int32_t b) { return a < b ? a : b; }
OCRM55_INLINE int32_t ocrm55_max_int32(int32_t a, int32_t b) { return a > b ? a : b; }
OCRM55_INLINE int64_t ocrm55_min_int64(int64_t a, int64_t b) { return a < b ? a : b; }
OCRM55_INLINE int64_t ocrm55_max_int64(int64_t a, int64_t b) { return a > b ? a : b; }

/* Division and remainder that round down; b is positive. */
OCRM55_INLINE int32_t ocrm55_floordiv_int32(int32_t a, int32_t b) { return a / b - (a % b < 0); }
OCRM55_INLINE int32_t ocrm55_floormod_int32(int32_t a, int32_t b) { return a % b + (a % b < 0 ? b : 0); }
OCRM55_INLINE int64_t ocrm55_floordiv_int64(int64_t a, int64_t b) { return a / b - (a % b < 0); }
OCRM55_INLINE int64_t ocrm55_floormod_int64(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }

OCRM55_INLINE float f32x4_sum(f32x4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

/* e^x within 2 units in the last place for -87.33 <= x <= 88.02; arguments beyond are taken as the nearest of these.
 * x = n ln 2 + r with |r| <= ln 2 / 2; e^r by the polynomial of Cephes' expf, 2^n by adding n to the exponent. Adding
 * 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits. */
OCRM55_INLINE f32x4 f32x4_exp(f32x4 x) {
    x = f32x4_min(f32x4_max(x, f32x4_set(-87.33f)), f32x4_set(88.02f));
    const f32x4 magic = f32x4_set(12582912.0f);
    const f32x4 shifted = f32x4_fma_n(magic, x, 1.44269504088896341f);
    const f32x4 n = shifted - magic;
    const f32x4 r = f32x4_fma_n(f32x4_fma_n(x, n, -0.693359375f), n, 2.12194440e-4f);
    f32x4 p = f32x4_set(1.9875691500e-4f);
    p = f32x4_fma(f32x4_set(1.3981999507e-3f), p, r);
    p = f32x4_fma(f32x4_set(8.3334519073e-3f), p, r);
    p = f32x4_fma(f32x4_set(4.1665795894e-2f), p, r);
    p = f32x4_fma(f32x4_set(1.6666665459e-1f), p, r);
    p = f32x4_fma(f32x4_set(5.0000001201e-1f), p, r);
    p = f32x4_fma(r, p, r * r) + f32x4_set(1.0f);
    return f32x4_scale_by_power(p, shifted);
}

OCRM55_INLINE float f32_exp(float x) { return f32x4_exp(f32x4_set(x))[0]; }

OCRM55_INLINE float ocrm55_sigmoid(float x) { return 1.0f / (1.0f + f32_exp(-x)); }
OCRM55_INLINE float ocrm55_rsqrt(float x) { return 1.0f / sqrtf(x); }

/* Helium has no division of vectors: the lanes are scalar registers, divided one by one. */
OCRM55_INLINE f32x4 f32x4_divide(f32x4 a, f32x4 b) {
    f32x4 quotient = a;
    for (int lane = 0; lane < 4; ++lane) {
        quotient[lane] = a[lane] / b[lane];
    }
    return quotient;
}

OCRM55_INLINE f32x4 f32x4_relu(f32x4 x) { return f32x4_max(x, f32x4_set(0.0f)); }

/* clip(alpha x + beta, 0, 1) */
OCRM55_INLINE f32x4 f32x4_hard_sigmoid(f32x4 x, float alpha, float beta) {
    return f32x4_min(f32x4_relu(f32x4_fma_n(f32x4_set(beta), x, alpha)), f32x4_set(1.0f));
}

/* x clip(x + 3, 0, 6) / 6 */
OCRM55_INLINE f32x4 f32x4_hard_swish(f32x4 x) {
    const f32x4 gate = f32x4_min(f32x4_relu(x + f32x4_set(3.0f)), f32x4_set(6.0f));
    return x * (gate * f32x4_set(1.0f / 6.0f));
}

OCRM55_INLINE f32x4 f32x4_sigmoid(f32x4 x) {
    const f32x4 one = f32x4_set(1.0f);
    return f32x4_divide(one, one + f32x4_exp(-x));
}

OCRM55_INLINE f32x4 f32x4_swish(f32x4 x) { return f32x4_divide(x, f32x4_set(1.0f) + f32x4_exp(-x)); }

#endif

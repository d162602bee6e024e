/* Whether there is Helium, and what kernels share for it: rounding and narrowing. Internal. */
#ifndef OCRM55_HELIUM_H
#define OCRM55_HELIUM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)
#define OCRM55_HELIUM 1
#include <arm_mve.h>
#else
#define OCRM55_HELIUM 0
#endif

/* A product and a sum are two roundings here, on every machine, whatever the command line says. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

/* Around inner loops, for llvm-mca: `ocrm55 bench kernels` compiles to assembly with these on. */
#ifdef OCRM55_MARK_LOOPS
#define MARK_BEGIN(name) "@ LLVM-MCA-BEGIN " name "\n"
#define MARK_END(name) "@ LLVM-MCA-END " name "\n"
#define MARK(text) __asm volatile(text ::: "memory")
#else
#define MARK_BEGIN(name)
#define MARK_END(name)
#define MARK(text) (void)0
#endif

#if OCRM55_HELIUM

/* 2 x 4 int32 -> 8 int16, saturated: lanes a0 b0 a1 b1 a2 b2 a3 b3. In place: with the intrinsic gcc first copies a
 * register of which nothing survives. */
static inline int16x8_t narrow32(int32x4_t a, int32x4_t b)
{
    int16x8_t both = vreinterpretq_s16_s32(a);
    __asm("vqmovnb.s32 %q0, %q0" : "+w"(both));
    return vqmovntq_s32(both, b);
}

static inline int8x16_t narrow16(int16x8_t a, int16x8_t b)
{
    int8x16_t both = vreinterpretq_s8_s16(a);
    __asm("vqmovnb.s16 %q0, %q0" : "+w"(both));
    return vqmovntq_s16(both, b);
}

/* 16 int8 as two vectors of int16, those at even places and those at odd ones, less the zero point. */
static inline int16x8_t even_bytes(int8x16_t x, int32_t zero) { return vsubq_n_s16(vmovlbq_s8(x), (int16_t)zero); }
static inline int16x8_t odd_bytes(int8x16_t x, int32_t zero) { return vsubq_n_s16(vmovltq_s8(x), (int16_t)zero); }

/* rint(v) + zero, saturated to int16: bottom and top lanes in turn, the order in which vmullb and vmullt take int16 apart. */
static inline int16x8_t round8(float32x4_t bottom, float32x4_t top, int32_t zero)
{
    return vqaddq_n_s16(narrow32(vcvtnq_s32_f32(bottom), vcvtnq_s32_f32(top)), (int16_t)zero);
}

/* 4 or 8 elements from or to memory: all of them, or (whole = false) those that `some` says. The compiler drops the other
 * half of each, where `whole` is known: loops run over whole vectors, then once over the rest. */
static inline float32x4_t load_f32(const float *x, bool whole, mve_pred16_t some)
{
    return whole ? vldrwq_f32(x) : vldrwq_z_f32(x, some);
}
static inline int32x4_t load_s8_s32(const int8_t *x, bool whole, mve_pred16_t some)
{
    return whole ? vldrbq_s32(x) : vldrbq_z_s32(x, some);
}
static inline int16x8_t load_s8_s16(const int8_t *x, bool whole, mve_pred16_t some)
{
    return whole ? vldrbq_s16(x) : vldrbq_z_s16(x, some);
}
static inline void store_f32(float *y, float32x4_t v, bool whole, mve_pred16_t some)
{
    whole ? vstrwq_f32(y, v) : vstrwq_p_f32(y, v, some);
}
static inline void store_s32_s8(int8_t *y, int32x4_t v, bool whole, mve_pred16_t some)
{
    whole ? vstrbq_s32(y, v) : vstrbq_p_s32(y, v, some);
}
static inline float32x4_t add_f32(float32x4_t sum, float32x4_t v, bool whole, mve_pred16_t some)
{
    return whole ? vaddq_f32(sum, v) : vaddq_m_f32(sum, sum, v, some);
}

/* (0 + 1) + (2 + 3) */
static inline float total(float32x4_t parts)
{
    return (vgetq_lane_f32(parts, 0) + vgetq_lane_f32(parts, 1)) + (vgetq_lane_f32(parts, 2) + vgetq_lane_f32(parts, 3));
}

/* clamp(rint(v) + zero) to int8 in 32-bit lanes; rint saturates to int16 on the way, as everywhere. */
static inline int32x4_t quantized4(float32x4_t v, int32_t zero)
{
    int32x4_t q = vcvtnq_s32_f32(v);
    q = vaddq_n_s32(vminq_s32(vmaxq_s32(q, vdupq_n_s32(-32768)), vdupq_n_s32(32767)), zero);
    return vminq_s32(vmaxq_s32(q, vdupq_n_s32(-128)), vdupq_n_s32(127));
}

/* BODY(i, whole, some) for every 4 of `count` elements. */
#define FOR_EACH_4(count, BODY)                             \
    do {                                                    \
        int32_t i_ = 0;                                     \
        for (; i_ <= (count)-4; i_ += 4) {                  \
            BODY(i_, true, 0);                              \
        }                                                   \
        if (i_ < (count)) {                                 \
            BODY(i_, false, vctp32q((uint32_t)((count)-i_))); \
        }                                                   \
    } while (0)

#endif

/* Copy some bytes to any place; return the place behind them. It is inline, because most copies are too small for a call,
 * and because the small C libraries copy byte by byte. */
static inline int8_t *copy_bytes(int8_t *to, const int8_t *from, int32_t bytes)
{
#if OCRM55_HELIUM
    int8_t *end = to + bytes;
    for (; bytes > 0; bytes -= 16, to += 16, from += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)bytes);
        vstrbq_p_s8(to, vldrbq_z_s8(from, some), some);
    }
    return end;
#else
    memcpy(to, from, (size_t)bytes);
    return to + bytes;
#endif
}

/* clamp(rint(v) + zero, -128, 127), saturating to int16 on the way, as the vectors do. */
int8_t ocrm55_quantized(float v, int32_t zero);

#endif

/* From int32 sums to int8: scale, activation, zero point, limits. See enum ocrm55_activation for what is computed.
 *
 * Lanes are the 4 pixels of a tile, so a channel's scale is one scalar. Four channels make 16 outputs: narrowing with
 * vqmovnb/vqmovnt interleaves them so that each 32-bit lane holds one pixel's 4 channels, and one scatter stores all. */

#include "tile.h"

#include <math.h>
#include <string.h>

#if OCRM55_HELIUM

/* lane * scale, with the scale in a core register: vmul has that form, but gcc fetches a float through s registers. */
static inline float32x4_t times(int32x4_t sums, uint32_t scale)
{
    float32x4_t product = vcvtq_f32_s32(sums);
    __asm("vmul.f32 %q0, %q0, %1" : "+w"(product) : "r"(scale));
    return product;
}

/* 2 x 4 int32 -> 8 int16, saturated: lanes a0 b0 a1 b1 a2 b2 a3 b3. In place: with the intrinsic gcc first copies a register
 * of which nothing survives. */
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

/* Every address moves on by 4, then takes its lane. (gcc 12 refuses its own vstrwq_scatter_base_wb on this core.) */
static inline void scatter_next(uint32x4_t *to, int32x4_t lanes)
{
    __asm volatile("vstrw.32 %q1, [%q0, #4]!" : "+w"(*to) : "w"(lanes) : "memory");
}

static inline float32x4_t hard_swish(float32x4_t v, float32x4_t zero, float32x4_t six, float gain)
{
    const float32x4_t gate = vminnmq_f32(vmaxnmq_f32(vaddq_n_f32(v, 3.0f), zero), six);
    return vmulq_n_f32(vmulq_f32(v, gate), gain);
}

/* The next 16 sums and 4 scales: v[channel] = (float)sums * scale. In one piece because gcc neither keeps a float in a core
 * register nor puts both pointers to post-increment here; the order keeps dependent instructions apart. 14 instructions. */
static inline void load_scaled(const int32_t **acc, const uint32_t **scale, float32x4_t v[4])
{
    float32x4_t v0, v1, v2, v3;
    uint32_t s0, s1, s2, s3;
    __asm("ldrd %[s0], %[s1], [%[scale]], #8\n"
          "vldrw.u32 %q[v0], [%[acc]], #16\n"
          "ldrd %[s2], %[s3], [%[scale]], #8\n"
          "vcvt.f32.s32 %q[v0], %q[v0]\n"
          "vldrw.u32 %q[v1], [%[acc]], #16\n"
          "vcvt.f32.s32 %q[v1], %q[v1]\n"
          "vldrw.u32 %q[v2], [%[acc]], #16\n"
          "vmul.f32 %q[v0], %q[v0], %[s0]\n"
          "vcvt.f32.s32 %q[v2], %q[v2]\n"
          "vldrw.u32 %q[v3], [%[acc]], #16\n"
          "vmul.f32 %q[v1], %q[v1], %[s1]\n"
          "vcvt.f32.s32 %q[v3], %q[v3]\n"
          "vmul.f32 %q[v2], %q[v2], %[s2]\n"
          "vmul.f32 %q[v3], %q[v3], %[s3]\n"
          : [v0] "=&w"(v0), [v1] "=&w"(v1), [v2] "=&w"(v2), [v3] "=&w"(v3), [s0] "=&r"(s0), [s1] "=&r"(s1),
            [s2] "=&r"(s2), [s3] "=&r"(s3), [acc] "+r"(*acc), [scale] "+r"(*scale)
          :
          : "memory");
    v[0] = v0, v[1] = v1, v[2] = v2, v[3] = v3;
}

/* 4 channels x 4 pixels: y = c0..c3 of pixel 0, of pixel 1, .. */
static inline int8x16_t quad(const struct ocrm55_epilogue *e, enum ocrm55_activation activation, const int32_t **acc,
                             const uint32_t **scale)
{
    float32x4_t v[4];
    load_scaled(acc, scale, v);
    if (activation == OCRM55_HARD_SWISH) {
        const float32x4_t zero = vdupq_n_f32(0.0f), six = vdupq_n_f32(6.0f);
        v[0] = hard_swish(v[0], zero, six, e->gain);
        v[1] = hard_swish(v[1], zero, six, e->gain);
        v[2] = hard_swish(v[2], zero, six, e->gain);
        v[3] = hard_swish(v[3], zero, six, e->gain);
    }
    int16x8_t even = narrow32(vcvtnq_s32_f32(v[0]), vcvtnq_s32_f32(v[2])); /* c0 c2 of each pixel */
    int16x8_t odd = narrow32(vcvtnq_s32_f32(v[1]), vcvtnq_s32_f32(v[3]));  /* c1 c3 */
    if (activation == OCRM55_TABLE16) {
        const uint16x8_t shift = vreinterpretq_u16_s16(vdupq_n_s16((int16_t)-e->table_shift));
        const uint16x8_t index_even = vshlq_u16(vreinterpretq_u16_s16(even), vreinterpretq_s16_u16(shift));
        const uint16x8_t index_odd = vshlq_u16(vreinterpretq_u16_s16(odd), vreinterpretq_s16_u16(shift));
        even = vldrbq_gather_offset_s16(e->table, index_even);
        odd = vldrbq_gather_offset_s16(e->table, index_odd);
        return vmovntq_s16(vreinterpretq_s8_s16(even), odd);
    }
    even = vqaddq_n_s16(even, (int16_t)e->zero_point);
    odd = vqaddq_n_s16(odd, (int16_t)e->zero_point);
    const int8x16_t y = narrow16(even, odd);
    if (activation == OCRM55_TABLE8) {
        return vldrbq_gather_offset_s8(e->table, vreinterpretq_u8_s8(y));
    }
    return vminq_s8(vmaxq_s8(y, vdupq_n_s8(e->low)), vdupq_n_s8(e->high));
}

static inline __attribute__((always_inline)) void store_int8(const struct ocrm55_epilogue *epilogue,
                                                             enum ocrm55_activation activation, const uint32_t *scale,
                                                             const int32_t *acc, int32_t channels, int32_t pixels,
                                                             int8_t *y, int32_t stride)
{
    const struct ocrm55_epilogue e = *epilogue;
    if ((((uintptr_t)y | (uintptr_t)stride | (uintptr_t)channels) & 3u) == 0) {
        /* Pixels beyond the last are copies of it (the callers give them the same row) and go to the same place. */
        uint32x4_t to = vidupq_n_u32(0, 1);
        to = vminq_u32(to, vdupq_n_u32((uint32_t)pixels - 1));
        to = vmlaq_n_u32(vdupq_n_u32((uint32_t)(uintptr_t)y), to, (uint32_t)stride);
        to = vsubq_n_u32(to, 4);
        for (int32_t left = channels >> 2; left > 0; left--) {
            scatter_next(&to, vreinterpretq_s32_s8(quad(&e, activation, &acc, &scale)));
        }
        return;
    }
    for (; channels > 0; channels -= 4, y += 4) {
        int8_t part[16];
        vst1q_s8(part, quad(&e, activation, &acc, &scale));
        for (int32_t pixel = 0; pixel < pixels; pixel++) {
            memcpy(y + pixel * stride, part + 4 * pixel, channels < 4 ? (size_t)channels : 4u);
        }
    }
}

static void store_real(const uint32_t *scale, const int32_t *acc, int32_t channels, int32_t pixels, float *y,
                       int32_t stride)
{
    uint32x4_t to = vminq_u32(vidupq_n_u32(0, 1), vdupq_n_u32((uint32_t)pixels - 1));
    to = vmlaq_n_u32(vdupq_n_u32((uint32_t)(uintptr_t)y - 4u), to, 4u * (uint32_t)stride);
    for (; channels > 0; channels--, acc += 4) {
        scatter_next(&to, vreinterpretq_s32_f32(times(vldrwq_s32(acc), *scale++)));
    }
}

void tile_store(const struct ocrm55_epilogue *epilogue, const float *scale, const int32_t *acc, int32_t channels,
                int32_t pixels, void *y, int32_t stride)
{
    const uint32_t *bits = (const uint32_t *)(const void *)scale;
    switch (epilogue->activation) {
    case OCRM55_CLAMP:
        store_int8(epilogue, OCRM55_CLAMP, bits, acc, channels, pixels, y, stride);
        break;
    case OCRM55_HARD_SWISH:
        store_int8(epilogue, OCRM55_HARD_SWISH, bits, acc, channels, pixels, y, stride);
        break;
    case OCRM55_TABLE8:
        store_int8(epilogue, OCRM55_TABLE8, bits, acc, channels, pixels, y, stride);
        break;
    case OCRM55_TABLE16:
        store_int8(epilogue, OCRM55_TABLE16, bits, acc, channels, pixels, y, stride);
        break;
    default:
        store_real(bits, acc, channels, pixels, y, stride);
        break;
    }
}

/* v[i] = (float)(next 4 sums + bias) * scale, 16 instructions for 16 sums. */
static inline void load_channel(const int32_t **acc, int32_t bias, uint32_t scale, float32x4_t v[4])
{
    float32x4_t v0, v1, v2, v3;
    __asm("vldrw.u32 %q[v0], [%[acc]], #16\n"
          "vadd.i32 %q[v0], %q[v0], %[bias]\n"
          "vldrw.u32 %q[v1], [%[acc]], #16\n"
          "vcvt.f32.s32 %q[v0], %q[v0]\n"
          "vadd.i32 %q[v1], %q[v1], %[bias]\n"
          "vldrw.u32 %q[v2], [%[acc]], #16\n"
          "vcvt.f32.s32 %q[v1], %q[v1]\n"
          "vadd.i32 %q[v2], %q[v2], %[bias]\n"
          "vldrw.u32 %q[v3], [%[acc]], #16\n"
          "vcvt.f32.s32 %q[v2], %q[v2]\n"
          "vadd.i32 %q[v3], %q[v3], %[bias]\n"
          "vmul.f32 %q[v0], %q[v0], %[scale]\n"
          "vcvt.f32.s32 %q[v3], %q[v3]\n"
          "vmul.f32 %q[v1], %q[v1], %[scale]\n"
          "vmul.f32 %q[v2], %q[v2], %[scale]\n"
          "vmul.f32 %q[v3], %q[v3], %[scale]\n"
          : [v0] "=&w"(v0), [v1] "=&w"(v1), [v2] "=&w"(v2), [v3] "=&w"(v3), [acc] "+r"(*acc)
          : [bias] "r"(bias), [scale] "r"(scale)
          : "memory");
    v[0] = v0, v[1] = v1, v[2] = v2, v[3] = v3;
}

/* 8 outputs of one channel, in the lower halves of their lanes. */
static inline int16x8_t finish8(const struct ocrm55_epilogue *e, enum ocrm55_activation activation, float32x4_t a,
                                float32x4_t b)
{
    if (activation == OCRM55_HARD_SWISH) {
        const float32x4_t zero = vdupq_n_f32(0.0f), six = vdupq_n_f32(6.0f);
        a = hard_swish(a, zero, six, e->gain);
        b = hard_swish(b, zero, six, e->gain);
    }
    int16x8_t both = narrow32(vcvtnq_s32_f32(a), vcvtnq_s32_f32(b));
    if (activation == OCRM55_TABLE16) {
        const uint16x8_t index = vshlq_u16(vreinterpretq_u16_s16(both), vdupq_n_s16((int16_t)-e->table_shift));
        return vldrbq_gather_offset_s16(e->table, index);
    }
    both = vqaddq_n_s16(both, (int16_t)e->zero_point);
    if (activation == OCRM55_TABLE8) {
        both = vminq_s16(vmaxq_s16(both, vdupq_n_s16(-128)), vdupq_n_s16(127));
        return vldrbq_gather_offset_s16(e->table, vreinterpretq_u16_s16(vandq_s16(both, vdupq_n_s16(255))));
    }
    return vminq_s16(vmaxq_s16(both, vdupq_n_s16(e->low)), vdupq_n_s16(e->high));
}

static inline __attribute__((always_inline)) void store_channel(const struct ocrm55_epilogue *epilogue,
                                                                enum ocrm55_activation activation, int32_t bias,
                                                                float scale, const int32_t *acc, int32_t pixels,
                                                                int8_t *y, int32_t stride)
{
    const struct ocrm55_epilogue e = *epilogue;
    uint32_t scale_bits;
    memcpy(&scale_bits, &scale, sizeof scale_bits);
    /* Narrowing two vectors of 4 sums leaves pixels in this order: 0 4 1 5 2 6 3 7. */
    const uint16x8_t number = vidupq_n_u16(0, 1);
    const uint16x8_t pixel = vorrq_u16(vshrq_n_u16(number, 1), vshlq_n_u16(vandq_u16(number, vdupq_n_u16(1)), 2));
    const uint16x8_t to = vmulq_n_u16(pixel, (uint16_t)stride);
    float32x4_t v[4];
    int8_t *next = y + 8 * stride;
    for (int32_t left = pixels >> 4; left > 0; left--) {
        load_channel(&acc, bias, scale_bits, v);
        vstrbq_scatter_offset_s16(y, to, finish8(&e, activation, v[0], v[1]));
        vstrbq_scatter_offset_s16(next, to, finish8(&e, activation, v[2], v[3]));
        y += 16 * stride;
        next += 16 * stride;
    }
    const int32_t rest = pixels & 15;
    if (rest > 0) {
        load_channel(&acc, bias, scale_bits, v);
        const int16x8_t order = vreinterpretq_s16_u16(pixel);
        vstrbq_scatter_offset_p_s16(y, to, finish8(&e, activation, v[0], v[1]), vcmpltq_n_s16(order, (int16_t)rest));
        vstrbq_scatter_offset_p_s16(next, to, finish8(&e, activation, v[2], v[3]),
                                    vcmpltq_n_s16(order, (int16_t)(rest - 8)));
    }
}

void tile_store_channel(const struct ocrm55_epilogue *e, int32_t bias, float scale, const int32_t *acc, int32_t pixels,
                        int8_t *y, int32_t stride)
{
    switch (e->activation) {
    case OCRM55_CLAMP:
        store_channel(e, OCRM55_CLAMP, bias, scale, acc, pixels, y, stride);
        break;
    case OCRM55_HARD_SWISH:
        store_channel(e, OCRM55_HARD_SWISH, bias, scale, acc, pixels, y, stride);
        break;
    case OCRM55_TABLE8:
        store_channel(e, OCRM55_TABLE8, bias, scale, acc, pixels, y, stride);
        break;
    default:
        store_channel(e, OCRM55_TABLE16, bias, scale, acc, pixels, y, stride);
        break;
    }
}

#else

void tile_store_channel(const struct ocrm55_epilogue *epilogue, int32_t bias, float scale, const int32_t *acc,
                        int32_t pixels, int8_t *y, int32_t stride)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        y[pixel * stride] = tile_requantize(epilogue, scale, acc[pixel] + bias);
    }
}

void tile_store(const struct ocrm55_epilogue *epilogue, const float *scale, const int32_t *acc, int32_t channels,
                int32_t pixels, void *y, int32_t stride)
{
    for (int32_t channel = 0; channel < channels; channel++) {
        for (int32_t pixel = 0; pixel < pixels; pixel++) {
            const int32_t sum = acc[4 * channel + pixel];
            if (epilogue->activation == OCRM55_REAL) {
                ((float *)y)[pixel * stride + channel] = (float)sum * scale[channel];
            } else {
                ((int8_t *)y)[pixel * stride + channel] = tile_requantize(epilogue, scale[channel], sum);
            }
        }
    }
}

#endif

static int32_t clamp(int32_t value, int32_t low, int32_t high) { return value < low ? low : value > high ? high : value; }

/* rint(v) + zero point, saturated to int16 on the way, as the Helium path does it. */
static int32_t rounded16(float v)
{
    const float bounded = v < -32768.0f ? -32768.0f : v > 32767.0f ? 32767.0f : v;
    return (int32_t)rintf(bounded);
}

int8_t tile_requantize(const struct ocrm55_epilogue *e, float scale, int32_t sum)
{
    float v = (float)sum * scale;
    if (e->activation == OCRM55_TABLE16) {
        return e->table[(uint16_t)rounded16(v) >> e->table_shift];
    }
    if (e->activation == OCRM55_TABLE8) {
        return e->table[(uint8_t)clamp(rounded16(v) + e->zero_point, -128, 127)];
    }
    if (e->activation == OCRM55_HARD_SWISH) {
        const float shifted = v + 3.0f;
        const float gate = fminf(fmaxf(shifted, 0.0f), 6.0f);
        v = (v * gate) * e->gain;
    }
    return (int8_t)clamp(rounded16(v) + e->zero_point, e->low, e->high);
}

enum ocrm55_status tile_check(const struct ocrm55_epilogue *e, const void *y)
{
    const bool table = e->activation == OCRM55_TABLE8 || e->activation == OCRM55_TABLE16;
    if (!e->scale || (table && !e->table)) {
        return OCRM55_NULL;
    }
    if (((uintptr_t)e->scale & 3u) != 0 || (e->activation == OCRM55_REAL && ((uintptr_t)y & 3u) != 0)) {
        return OCRM55_ALIGNMENT;
    }
    if (e->activation > OCRM55_REAL || e->zero_point < -128 || e->zero_point > 127) {
        return OCRM55_RANGE;
    }
    if (e->activation == OCRM55_TABLE16 && (e->table_shift < 1 || e->table_shift > 12)) {
        return OCRM55_RANGE;
    }
    return e->activation <= OCRM55_HARD_SWISH && e->low > e->high ? OCRM55_RANGE : OCRM55_OK;
}

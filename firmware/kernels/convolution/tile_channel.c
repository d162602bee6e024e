/* Sums of one channel or two to their outputs, and the same for single sums in portable C. */

#include "tile_epilogue.h"

#include <math.h>
#include <string.h>

#if OCRM55_HELIUM

/* v[i] = (float)(next 4 sums + bias) * scale, for 8 sums. */
static inline void load_8(const int32_t **acc, int32_t bias, uint32_t scale, float32x4_t v[2])
{
    v[0] = times(vaddq_n_s32(vldrwq_s32(*acc), bias), scale);
    v[1] = times(vaddq_n_s32(vldrwq_s32(*acc + 4), bias), scale);
    *acc += 8;
}

static inline float32x4_t hard_swish(float32x4_t v, float32x4_t zero, float32x4_t six, uint32_t gain)
{
    const int32x4_t gate = vmaxq_s32(vreinterpretq_s32_f32(vaddq_n_f32(v, 3.0f)), vreinterpretq_s32_f32(zero));
    float32x4_t product = vmulq_f32(v, vreinterpretq_f32_s32(vminq_s32(gate, vreinterpretq_s32_f32(six))));
    __asm("vmul.f32 %q0, %q0, %1" : "+w"(product) : "r"(gain));
    return product;
}

/* What outputs of a channel need, in core registers. */
struct channel {
    const int32_t *acc;
    int32_t bias;
    uint32_t scale, gain;
};

static inline struct channel of_channel(const struct ocrm55_epilogue *e, enum ocrm55_activation activation,
                                        int32_t channel, int32_t bias, const int32_t *acc)
{
    struct channel made = {acc, bias, 0, 0};
    memcpy(&made.scale, &e->scale[channel], sizeof made.scale);
    if (activation == OCRM55_HARD_SWISH) {
        memcpy(&made.gain, &e->gain[channel], sizeof made.gain);
    }
    return made;
}

/* 8 outputs of two channels each through hard-swish, in one piece and in an order that ocrm55's model of the pipeline likes
 * (docs/cycles.md). The gate is limited as an integer, as in quad_hard_swish. */
static inline void hard_swish_pair(struct channel *first, struct channel *second, int32_t zero_point, int8_t *y,
                                   uint16x8_t to)
{
    const float32x4_t zero = vdupq_n_f32(0.0f), six = vdupq_n_f32(6.0f);
    float32x4_t a, b, c, d, f;
    __asm volatile("vldrw.u32 %q[a], [%[acc_a]], #16\n"
                   "vadd.i32 %q[a], %q[a], %[bias_a]\n"
                   "vcvt.f32.s32 %q[a], %q[a]\n"
                   "vldrw.u32 %q[c], [%[acc_b]], #16\n"
                   "vmul.f32 %q[a], %q[a], %[scale_a]\n"
                   "vadd.i32 %q[c], %q[c], %[bias_b]\n"
                   "vadd.f32 %q[f], %q[a], %[three]\n"
                   "vldrw.u32 %q[b], [%[acc_a]], #16\n"
                   "vcvt.f32.s32 %q[c], %q[c]\n"
                   "vadd.i32 %q[b], %q[b], %[bias_a]\n"
                   "vcvt.f32.s32 %q[b], %q[b]\n"
                   "vmax.s32 %q[f], %q[f], %q[zero]\n"
                   "vmul.f32 %q[b], %q[b], %[scale_a]\n"
                   "vmin.s32 %q[f], %q[f], %q[six]\n"
                   "vmul.f32 %q[a], %q[a], %q[f]\n"
                   "vadd.f32 %q[f], %q[b], %[three]\n"
                   "vmul.f32 %q[a], %q[a], %[gain_a]\n"
                   "vmax.s32 %q[f], %q[f], %q[zero]\n"
                   "vcvtn.s32.f32 %q[a], %q[a]\n"
                   "vmin.s32 %q[f], %q[f], %q[six]\n"
                   "vmul.f32 %q[c], %q[c], %[scale_b]\n"
                   "vldrw.u32 %q[d], [%[acc_b]], #16\n"
                   "vmul.f32 %q[b], %q[b], %q[f]\n"
                   "vqmovnb.s32 %q[a], %q[a]\n"
                   "vadd.f32 %q[f], %q[c], %[three]\n"
                   "vadd.i32 %q[d], %q[d], %[bias_b]\n"
                   "vcvt.f32.s32 %q[d], %q[d]\n"
                   "vmul.f32 %q[b], %q[b], %[gain_a]\n"
                   "vmax.s32 %q[f], %q[f], %q[zero]\n"
                   "vcvtn.s32.f32 %q[b], %q[b]\n"
                   "vmin.s32 %q[f], %q[f], %q[six]\n"
                   "vmul.f32 %q[d], %q[d], %[scale_b]\n"
                   "vqmovnt.s32 %q[a], %q[b]\n"
                   "vmul.f32 %q[c], %q[c], %q[f]\n"
                   "vadd.f32 %q[f], %q[d], %[three]\n"
                   "vqadd.s16 %q[a], %q[a], %[zero_point]\n"
                   "vmul.f32 %q[c], %q[c], %[gain_b]\n"
                   "vmax.s32 %q[f], %q[f], %q[zero]\n"
                   "vcvtn.s32.f32 %q[c], %q[c]\n"
                   "vmin.s32 %q[f], %q[f], %q[six]\n"
                   "vmul.f32 %q[f], %q[d], %q[f]\n"
                   "vqmovnb.s32 %q[c], %q[c]\n"
                   "vmul.f32 %q[f], %q[f], %[gain_b]\n"
                   "vqmovnb.s16 %q[a], %q[a]\n"
                   "vcvtn.s32.f32 %q[f], %q[f]\n"
                   "vqmovnt.s32 %q[c], %q[f]\n"
                   "vqadd.s16 %q[c], %q[c], %[zero_point]\n"
                   "vqmovnt.s16 %q[a], %q[c]\n"
                   "vstrh.16 %q[a], [%[y], %q[to]]\n"
                   : [a] "=&w"(a), [b] "=&w"(b), [c] "=&w"(c), [d] "=&w"(d), [f] "=&w"(f), [acc_a] "+r"(first->acc),
                     [acc_b] "+r"(second->acc)
                   : [zero] "w"(zero), [six] "w"(six), [to] "w"(to), [three] "r"(0x40400000), [bias_a] "r"(first->bias),
                     [scale_a] "r"(first->scale), [gain_a] "r"(first->gain), [bias_b] "r"(second->bias),
                     [scale_b] "r"(second->scale), [gain_b] "r"(second->gain), [zero_point] "r"(zero_point), [y] "r"(y)
                   : "memory");
}

/* 8 outputs of one channel, in the lower halves of their lanes. `special`: with limits narrower than int8. */
static inline int16x8_t finish8(const struct ocrm55_epilogue *e, enum ocrm55_activation activation, bool special,
                                uint32_t gain, float32x4_t a, float32x4_t b)
{
    if (activation == OCRM55_HARD_SWISH) {
        const float32x4_t zero = vdupq_n_f32(0.0f), six = vdupq_n_f32(6.0f);
        a = hard_swish(a, zero, six, gain);
        b = hard_swish(b, zero, six, gain);
    }
    int16x8_t both = narrow32(vcvtnq_s32_f32(a), vcvtnq_s32_f32(b));
    if (activation == OCRM55_TABLE16) {
        const uint16x8_t index = vshlq_u16(vreinterpretq_u16_s16(both), vdupq_n_s16((int16_t)-e->table_shift));
        return vldrbq_gather_offset_s16(e->table, index);
    }
    both = vqaddq_n_s16(both, (int16_t)e->zero_point);
    if (!special) {
        __asm("vqmovnb.s16 %q0, %q0" : "+w"(both));
    }
    return special ? vminq_s16(vmaxq_s16(both, vdupq_n_s16(e->low)), vdupq_n_s16(e->high)) : both;
}

/* Narrowing two vectors of 4 sums leaves pixels in this order: 0 4 1 5 2 6 3 7. */
static inline uint16x8_t pixel_order(void)
{
    const uint16x8_t number = vidupq_n_u16(0, 1);
    return vorrq_u16(vshrq_n_u16(number, 1), vshlq_n_u16(vandq_u16(number, vdupq_n_u16(1)), 2));
}

static inline int16x8_t next_8(const struct ocrm55_epilogue *e, enum ocrm55_activation activation, bool special,
                               struct channel *channel)
{
    float32x4_t v[2];
    load_8(&channel->acc, channel->bias, channel->scale, v);
    return finish8(e, activation, special, channel->gain, v[0], v[1]);
}

/* A channel byte by byte: where two do not make a halfword of y. */
static inline __attribute__((always_inline)) void store_channel(const struct ocrm55_epilogue *epilogue,
                                                                enum ocrm55_activation activation, int32_t channel,
                                                                int32_t bias, const int32_t *acc, int32_t pixels,
                                                                int8_t *y, int32_t stride)
{
    struct ocrm55_epilogue e = *epilogue;
    struct channel from = of_channel(&e, activation, channel, bias, acc);
    if (activation == OCRM55_TABLE16) {
        e.table += channel * e.table_stride;
    }
    const uint16x8_t pixel = pixel_order(), to = vmulq_n_u16(pixel, (uint16_t)stride);
    for (int32_t left = pixels; left > 0; left -= 8, y += 8 * stride) {
        const mve_pred16_t some = vcmpltq_n_s16(vreinterpretq_s16_u16(pixel), (int16_t)(left < 8 ? left : 8));
        vstrbq_scatter_offset_p_s16(y, to, next_8(&e, activation, true, &from), some);
    }
}

/* Two channels beside each other: a pixel's are a halfword, of which 8 are scattered as fast as 8 bytes. */
static inline __attribute__((always_inline)) void store_pair(const struct ocrm55_epilogue *epilogue,
                                                             enum ocrm55_activation activation, bool special,
                                                             int32_t channel, const int32_t bias[2],
                                                             const int32_t *const acc[2], int32_t pixels, int8_t *y,
                                                             int32_t stride)
{
    const struct ocrm55_epilogue e = *epilogue;
    struct ocrm55_epilogue first = e, second = e; /* with the table of their channel */
    struct channel a = of_channel(&e, activation, channel, bias[0], acc[0]);
    struct channel b = of_channel(&e, activation, channel + 1, bias[1], acc[1]);
    if (activation == OCRM55_TABLE16) {
        first.table += channel * e.table_stride;
        second.table += (channel + 1) * e.table_stride;
    }
    const uint16x8_t pixel = pixel_order(), to = vmulq_n_u16(pixel, (uint16_t)stride);
    for (int32_t left = pixels >> 3; left > 0; left--, y += 8 * stride) {
        MARK_ACTIVATION(BEGIN, "channel_store", activation, special);
        if (activation == OCRM55_HARD_SWISH && !special) {
            hard_swish_pair(&a, &b, e.zero_point, y, to);
        } else {
            const int16x8_t low = next_8(&first, activation, special, &a);
            const int16x8_t high = next_8(&second, activation, special, &b);
            const int8x16_t both = vmovntq_s16(vreinterpretq_s8_s16(low), high);
            vstrhq_scatter_offset_s16((int16_t *)(void *)y, to, vreinterpretq_s16_s8(both));
        }
        MARK_ACTIVATION(END, "channel_store", activation, special);
    }
    if ((pixels & 7) != 0) {
        const int16x8_t low = next_8(&first, activation, special, &a);
        const int16x8_t high = next_8(&second, activation, special, &b);
        const int8x16_t both = vmovntq_s16(vreinterpretq_s8_s16(low), high);
        const mve_pred16_t some = vcmpltq_n_s16(vreinterpretq_s16_u16(pixel), (int16_t)(pixels & 7));
        vstrhq_scatter_offset_p_s16((int16_t *)(void *)y, to, vreinterpretq_s16_s8(both), some);
    }
}

static void store_one(const struct ocrm55_epilogue *e, int32_t channel, int32_t bias, const int32_t *acc, int32_t pixels,
                      int8_t *y, int32_t stride)
{
    switch (e->activation) {
    case OCRM55_CLAMP:
        store_channel(e, OCRM55_CLAMP, channel, bias, acc, pixels, y, stride);
        break;
    case OCRM55_HARD_SWISH:
        store_channel(e, OCRM55_HARD_SWISH, channel, bias, acc, pixels, y, stride);
        break;
    default:
        store_channel(e, OCRM55_TABLE16, channel, bias, acc, pixels, y, stride);
        break;
    }
}

static void store_two(const struct ocrm55_epilogue *e, int32_t channel, const int32_t bias[2],
                      const int32_t *const acc[2], int32_t pixels, int8_t *y, int32_t stride)
{
    const bool special = tile_special(e);
    switch (e->activation) {
    case OCRM55_CLAMP:
        special ? store_pair(e, OCRM55_CLAMP, true, channel, bias, acc, pixels, y, stride)
                : store_pair(e, OCRM55_CLAMP, false, channel, bias, acc, pixels, y, stride);
        break;
    case OCRM55_HARD_SWISH:
        special ? store_pair(e, OCRM55_HARD_SWISH, true, channel, bias, acc, pixels, y, stride)
                : store_pair(e, OCRM55_HARD_SWISH, false, channel, bias, acc, pixels, y, stride);
        break;
    default:
        store_pair(e, OCRM55_TABLE16, false, channel, bias, acc, pixels, y, stride);
        break;
    }
}

void ocrm55_tile_store_channels(const struct ocrm55_epilogue *e, int32_t channel, int32_t channels, const int32_t *bias,
                                const int32_t *const acc[2], int32_t pixels, int8_t *y, int32_t stride)
{
    if (channels == 2 && (((uintptr_t)y | (uintptr_t)stride) & 1u) == 0) {
        store_two(e, channel, bias, acc, pixels, y, stride);
        return;
    }
    for (int32_t i = 0; i < channels; i++) {
        store_one(e, channel + i, bias[i], acc[i], pixels, y + i, stride);
    }
}

#else

void ocrm55_tile_store_channels(const struct ocrm55_epilogue *epilogue, int32_t channel, int32_t channels,
                                const int32_t *bias, const int32_t *const acc[2], int32_t pixels, int8_t *y,
                                int32_t stride)
{
    for (int32_t i = 0; i < channels; i++) {
        for (int32_t pixel = 0; pixel < pixels; pixel++) {
            y[pixel * stride + i] = ocrm55_tile_requantize(epilogue, channel + i, acc[i][pixel] + bias[i]);
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

int8_t ocrm55_tile_requantize(const struct ocrm55_epilogue *e, int32_t channel, int32_t sum)
{
    float v = (float)sum * e->scale[channel];
    if (e->activation == OCRM55_TABLE16) {
        return e->table[channel * e->table_stride + ((uint16_t)rounded16(v) >> e->table_shift)];
    }
    if (e->activation == OCRM55_HARD_SWISH) {
        const float shifted = v + 3.0f;
        const float gate = fminf(fmaxf(shifted, 0.0f), 6.0f);
        v = (v * gate) * e->gain[channel];
    }
    return (int8_t)clamp(rounded16(v) + e->zero_point, e->low, e->high);
}

enum ocrm55_status ocrm55_tile_check(const struct ocrm55_epilogue *e, const void *y)
{
    const bool table = e->activation == OCRM55_TABLE16;
    if (!e->scale || (table && !e->table) || (e->activation == OCRM55_HARD_SWISH && !e->gain)) {
        return OCRM55_NULL;
    }
    if (((uintptr_t)e->scale & 3u) != 0 || (e->activation == OCRM55_REAL && ((uintptr_t)y & 3u) != 0)) {
        return OCRM55_ALIGNMENT;
    }
    if (e->activation > OCRM55_REAL || e->zero_point < -128 || e->zero_point > 127) {
        return OCRM55_RANGE;
    }
    if (e->activation == OCRM55_TABLE16) {
        const bool fits = e->table_stride >= 65536 >> e->table_shift && e->table_stride <= 16384;
        if (e->table_shift < 1 || e->table_shift > 12 || (e->table_stride != 0 && !fits)) {
            return OCRM55_RANGE;
        }
    }
    return e->activation <= OCRM55_HARD_SWISH && e->low > e->high ? OCRM55_RANGE : OCRM55_OK;
}

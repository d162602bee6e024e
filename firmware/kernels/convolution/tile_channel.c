/* Sums of one channel to its outputs, and the same for single sums in portable C. */

#include "tile_epilogue.h"

#include <math.h>
#include <string.h>

#if OCRM55_HELIUM

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

static inline float32x4_t hard_swish(float32x4_t v, float32x4_t zero, float32x4_t six, uint32_t gain)
{
    const int32x4_t gate = vmaxq_s32(vreinterpretq_s32_f32(vaddq_n_f32(v, 3.0f)), vreinterpretq_s32_f32(zero));
    float32x4_t product = vmulq_f32(v, vreinterpretq_f32_s32(vminq_s32(gate, vreinterpretq_s32_f32(six))));
    __asm("vmul.f32 %q0, %q0, %1" : "+w"(product) : "r"(gain));
    return product;
}

/* 16 outputs of one channel through hard-swish, in one piece and in an order that ocrm55's model of the pipeline likes: 72
 * cycles of 50 instructions (docs/cycles.md). The gate is limited as an integer, as in quad_hard_swish. */
static inline void hard_swish_16(const int32_t **acc, int32_t bias, uint32_t scale, uint32_t gain, int32_t zero_point,
                                 int8_t *y, int8_t *next, uint16x8_t to)
{
    const float32x4_t zero = vdupq_n_f32(0.0f), six = vdupq_n_f32(6.0f);
    float32x4_t a, b, c, d, f;
    __asm volatile("vldrw.u32 %q[a], [%[acc]], #16\n"
                   "vadd.i32 %q[a], %q[a], %[bias]\n"
                   "vldrw.u32 %q[b], [%[acc]], #16\n"
                   "vcvt.f32.s32 %q[a], %q[a]\n"
                   "vldrw.u32 %q[c], [%[acc]], #16\n"
                   "vmul.f32 %q[a], %q[a], %[scale]\n"
                   "vadd.i32 %q[b], %q[b], %[bias]\n"
                   "vadd.f32 %q[f], %q[a], %[three]\n"
                   "vldrw.u32 %q[d], [%[acc]], #16\n"
                   "vcvt.f32.s32 %q[b], %q[b]\n"
                   "vmax.s32 %q[f], %q[f], %q[zero]\n"
                   "vmul.f32 %q[b], %q[b], %[scale]\n"
                   "vmin.s32 %q[f], %q[f], %q[six]\n"
                   "vmul.f32 %q[a], %q[a], %q[f]\n"
                   "vadd.i32 %q[c], %q[c], %[bias]\n"
                   "vadd.f32 %q[f], %q[b], %[three]\n"
                   "vadd.i32 %q[d], %q[d], %[bias]\n"
                   "vmul.f32 %q[a], %q[a], %[gain]\n"
                   "vmax.s32 %q[f], %q[f], %q[zero]\n"
                   "vcvtn.s32.f32 %q[a], %q[a]\n"
                   "vmin.s32 %q[f], %q[f], %q[six]\n"
                   "vmul.f32 %q[b], %q[b], %q[f]\n"
                   "vqmovnb.s32 %q[a], %q[a]\n"
                   "vmul.f32 %q[b], %q[b], %[gain]\n"
                   "vcvtn.s32.f32 %q[b], %q[b]\n"
                   "vcvt.f32.s32 %q[d], %q[d]\n"
                   "vqmovnt.s32 %q[a], %q[b]\n"
                   "vcvt.f32.s32 %q[c], %q[c]\n"
                   "vqadd.s16 %q[a], %q[a], %[zero_point]\n"
                   "vmul.f32 %q[d], %q[d], %[scale]\n"
                   "vqmovnb.s16 %q[a], %q[a]\n"
                   "vmul.f32 %q[c], %q[c], %[scale]\n"
                   "vstrb.16 %q[a], [%[y], %q[to]]\n"
                   "vadd.f32 %q[a], %q[c], %[three]\n"
                   "vmax.s32 %q[a], %q[a], %q[zero]\n"
                   "vmin.s32 %q[a], %q[a], %q[six]\n"
                   "vmul.f32 %q[c], %q[c], %q[a]\n"
                   "vadd.f32 %q[a], %q[d], %[three]\n"
                   "vmul.f32 %q[c], %q[c], %[gain]\n"
                   "vmax.s32 %q[a], %q[a], %q[zero]\n"
                   "vcvtn.s32.f32 %q[c], %q[c]\n"
                   "vmin.s32 %q[a], %q[a], %q[six]\n"
                   "vmul.f32 %q[a], %q[d], %q[a]\n"
                   "vmul.f32 %q[a], %q[a], %[gain]\n"
                   "vqmovnb.s32 %q[c], %q[c]\n"
                   "vcvtn.s32.f32 %q[a], %q[a]\n"
                   "vqmovnt.s32 %q[c], %q[a]\n"
                   "vqadd.s16 %q[c], %q[c], %[zero_point]\n"
                   "vqmovnb.s16 %q[c], %q[c]\n"
                   "vstrb.16 %q[c], [%[next], %q[to]]\n"
                   : [a] "=&w"(a), [b] "=&w"(b), [c] "=&w"(c), [d] "=&w"(d), [f] "=&w"(f), [acc] "+r"(*acc)
                   : [zero] "w"(zero), [six] "w"(six), [to] "w"(to), [three] "r"(0x40400000), [bias] "r"(bias),
                     [scale] "r"(scale), [gain] "r"(gain), [zero_point] "r"(zero_point), [y] "r"(y), [next] "r"(next)
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

static inline __attribute__((always_inline)) void store_channel(const struct ocrm55_epilogue *epilogue,
                                                                enum ocrm55_activation activation, bool special,
                                                                int32_t channel, int32_t bias, const int32_t *acc,
                                                                int32_t pixels, int8_t *y, int32_t stride)
{
    struct ocrm55_epilogue e = *epilogue;
    uint32_t scale, gain = 0;
    memcpy(&scale, &e.scale[channel], sizeof scale);
    if (activation == OCRM55_HARD_SWISH) {
        memcpy(&gain, &e.gain[channel], sizeof gain);
    }
    if (activation == OCRM55_TABLE16) {
        e.table += channel * e.table_stride;
    }
    /* Narrowing two vectors of 4 sums leaves pixels in this order: 0 4 1 5 2 6 3 7. */
    const uint16x8_t number = vidupq_n_u16(0, 1);
    const uint16x8_t pixel = vorrq_u16(vshrq_n_u16(number, 1), vshlq_n_u16(vandq_u16(number, vdupq_n_u16(1)), 2));
    const uint16x8_t to = vmulq_n_u16(pixel, (uint16_t)stride);
    float32x4_t v[4];
    int8_t *next = y + 8 * stride;
    for (int32_t left = pixels >> 4; left > 0; left--) {
        MARK_ACTIVATION(BEGIN, "channel_store", activation, special);
        if (activation == OCRM55_HARD_SWISH && !special) {
            hard_swish_16(&acc, bias, scale, gain, e.zero_point, y, next, to);
        } else {
            load_channel(&acc, bias, scale, v);
            vstrbq_scatter_offset_s16(y, to, finish8(&e, activation, special, gain, v[0], v[1]));
            vstrbq_scatter_offset_s16(next, to, finish8(&e, activation, special, gain, v[2], v[3]));
        }
        y += 16 * stride;
        next += 16 * stride;
        MARK_ACTIVATION(END, "channel_store", activation, special);
    }
    const int32_t rest = pixels & 15;
    if (rest > 0) {
        load_channel(&acc, bias, scale, v);
        const int16x8_t order = vreinterpretq_s16_u16(pixel);
        const int16x8_t first = finish8(&e, activation, special, gain, v[0], v[1]);
        const int16x8_t second = finish8(&e, activation, special, gain, v[2], v[3]);
        vstrbq_scatter_offset_p_s16(y, to, first, vcmpltq_n_s16(order, (int16_t)rest));
        vstrbq_scatter_offset_p_s16(next, to, second, vcmpltq_n_s16(order, (int16_t)(rest - 8)));
    }
}

void ocrm55_tile_store_channel(const struct ocrm55_epilogue *e, int32_t channel, int32_t bias, const int32_t *acc,
                        int32_t pixels, int8_t *y, int32_t stride)
{
    const bool special = tile_special(e);
    switch (e->activation) {
    case OCRM55_CLAMP:
        special ? store_channel(e, OCRM55_CLAMP, true, channel, bias, acc, pixels, y, stride)
                : store_channel(e, OCRM55_CLAMP, false, channel, bias, acc, pixels, y, stride);
        break;
    case OCRM55_HARD_SWISH:
        special ? store_channel(e, OCRM55_HARD_SWISH, true, channel, bias, acc, pixels, y, stride)
                : store_channel(e, OCRM55_HARD_SWISH, false, channel, bias, acc, pixels, y, stride);
        break;
    default:
        store_channel(e, OCRM55_TABLE16, false, channel, bias, acc, pixels, y, stride);
        break;
    }
}

#else

void ocrm55_tile_store_channel(const struct ocrm55_epilogue *epilogue, int32_t channel, int32_t bias, const int32_t *acc,
                        int32_t pixels, int8_t *y, int32_t stride)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        y[pixel * stride] = ocrm55_tile_requantize(epilogue, channel, acc[pixel] + bias);
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

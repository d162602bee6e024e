/* Residual additions: see ocrm55_kernels.h. */

#include <stdbool.h>

#include "helium.h"
#include "ocrm55_kernels.h"

#if OCRM55_HELIUM

/* 8 elements, or (whole = false) those that `some` says. */
static inline __attribute__((always_inline)) void sum8(const struct ocrm55_add *l, const int8_t *a, const int8_t *b,
                                                       int8_t *y, bool whole, mve_pred16_t some)
{
    const int16x8_t p = whole ? vldrbq_s16(a) : vldrbq_z_s16(a, some), q = whole ? vldrbq_s16(b) : vldrbq_z_s16(b, some);
    const int16x8_t gain_a = vdupq_n_s16((int16_t)l->gain_a), gain_b = vdupq_n_s16((int16_t)l->gain_b);
    const int32x4_t even = vaddq_s32(vmullbq_int_s16(p, gain_a), vmullbq_int_s16(q, gain_b));
    const int32x4_t odd = vaddq_s32(vmulltq_int_s16(p, gain_a), vmulltq_int_s16(q, gain_b));
    int16x8_t sum = narrow32(vrshlq_n_s32(vaddq_n_s32(even, l->offset), -l->shift),
                             vrshlq_n_s32(vaddq_n_s32(odd, l->offset), -l->shift));
    __asm("vqmovnb.s16 %q0, %q0" : "+w"(sum)); /* the low byte of each lane, which is stored */
    if (whole) {
        vstrbq_s16(y, sum);
    } else {
        vstrbq_p_s16(y, sum, some);
    }
}

#endif

static inline void sum_of(const struct ocrm55_add *layer, const int8_t *a, const int8_t *b, int8_t *y, int32_t count)
{
    const struct ocrm55_add l = *layer;
#if OCRM55_HELIUM
    int32_t i = 0;
    for (; i + 8 <= count; i += 8, a += 8, b += 8, y += 8) {
        sum8(&l, a, b, y, true, 0);
    }
    if (i < count) {
        sum8(&l, a, b, y, false, vctp16q((uint32_t)(count - i)));
    }
#else
    for (int32_t i = 0; i < count; i++) {
        const int32_t sum = a[i] * l.gain_a + b[i] * l.gain_b + l.offset;
        const int32_t rounded = (sum + (1 << (l.shift - 1))) >> l.shift;
        y[i] = (int8_t)(rounded < -128 ? -128 : rounded > 127 ? 127 : rounded);
    }
#endif
}

void ocrm55_add_s8(const struct ocrm55_add *layer, const int8_t *a, const int8_t *b, int8_t *y)
{
    sum_of(layer, a, b, y, layer->count);
}

#if OCRM55_HELIUM

/* All channels of two pixels of a and y that share a pixel of b: what that adds is computed once. channels: whole vectors
 * of 8. */
static inline void two_pixels(const struct ocrm55_add *layer, const int8_t *a, const int8_t *b, int8_t *y, int32_t channels)
{
    const struct ocrm55_add l = *layer;
    const int16x8_t gain_a = vdupq_n_s16((int16_t)l.gain_a), gain_b = vdupq_n_s16((int16_t)l.gain_b);
    const int8_t *const second_a = a + channels;
    int8_t *const second_y = y + channels;
    for (int32_t i = 0; i < channels; i += 8) {
        const int16x8_t q = vldrbq_s16(b + i), p = vldrbq_s16(a + i), r = vldrbq_s16(second_a + i);
        const int32x4_t even = vaddq_n_s32(vmullbq_int_s16(q, gain_b), l.offset);
        const int32x4_t odd = vaddq_n_s32(vmulltq_int_s16(q, gain_b), l.offset);
        int16x8_t one = narrow32(vrshlq_n_s32(vaddq_s32(vmullbq_int_s16(p, gain_a), even), -l.shift),
                                 vrshlq_n_s32(vaddq_s32(vmulltq_int_s16(p, gain_a), odd), -l.shift));
        int16x8_t two = narrow32(vrshlq_n_s32(vaddq_s32(vmullbq_int_s16(r, gain_a), even), -l.shift),
                                 vrshlq_n_s32(vaddq_s32(vmulltq_int_s16(r, gain_a), odd), -l.shift));
        __asm("vqmovnb.s16 %q0, %q0" : "+w"(one)); /* as in sum8 */
        __asm("vqmovnb.s16 %q0, %q0" : "+w"(two));
        vstrbq_s16(y + i, one);
        vstrbq_s16(second_y + i, two);
    }
}

#endif

void ocrm55_add_upsampled_s8(const struct ocrm55_add_upsampled *layer, const int8_t *a, const int8_t *b, int8_t *y)
{
    const int32_t channels = layer->channels, columns = layer->columns, low_width = layer->width / columns;
    for (int32_t row = 0; row < layer->height; row++) {
        const int8_t *low = b + row / layer->rows * low_width * channels;
        for (int32_t column = 0; column < low_width; column++, low += channels) {
            int32_t left = columns;
#if OCRM55_HELIUM
            for (; left > 1 && channels % 8 == 0; left -= 2, a += 2 * channels, y += 2 * channels) {
                two_pixels(&layer->add, a, low, y, channels);
            }
#endif
            for (; left > 0; left--, a += channels, y += channels) {
                sum_of(&layer->add, a, low, y, channels);
            }
        }
    }
}

enum ocrm55_status ocrm55_add_s8_check(const struct ocrm55_add *l, const int8_t *a, const int8_t *b, const int8_t *y)
{
    if (!l || !a || !b || !y) {
        return OCRM55_NULL;
    }
    if (l->count < 1) {
        return OCRM55_SHAPE;
    }
    const int32_t most = 1 << 30; /* the products take less than 2^24 beside it */
    if (l->gain_a < -INT16_MAX || l->gain_a > INT16_MAX || l->gain_b < -INT16_MAX || l->gain_b > INT16_MAX) {
        return OCRM55_RANGE;
    }
    return l->shift < 1 || l->shift > 24 || l->offset < -most || l->offset > most ? OCRM55_RANGE : OCRM55_OK;
}

enum ocrm55_status ocrm55_add_upsampled_s8_check(const struct ocrm55_add_upsampled *l, const int8_t *a, const int8_t *b,
                                                 const int8_t *y)
{
    if (!l || l->channels < 1 || l->rows < 1 || l->columns < 1) {
        return l ? OCRM55_SHAPE : OCRM55_NULL;
    }
    if (l->height < 1 || l->width < 1 || l->height % l->rows || l->width % l->columns) {
        return OCRM55_SHAPE;
    }
    struct ocrm55_add one = l->add;
    one.count = l->channels;
    return ocrm55_add_s8_check(&one, a, b, y);
}

void ocrm55_add_f32(const float *a, const float *b, float *y, int32_t count)
{
#if OCRM55_HELIUM
    for (; count > 0; count -= 4, a += 4, b += 4, y += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)count);
        vstrwq_p_f32(y, vaddq_f32(vldrwq_z_f32(a, some), vldrwq_z_f32(b, some)), some);
    }
#else
    for (int32_t i = 0; i < count; i++) {
        y[i] = a[i] + b[i];
    }
#endif
}

/* Residual additions: see ocrm55_kernels.h. */

#include "helium.h"
#include "ocrm55_kernels.h"

#if OCRM55_HELIUM

/* 8 of a and b, taken apart into bottom and top lanes: ((a * step_a) + (b * step_b)) * gain, rounded. */
static inline int16x8_t sum8(const struct ocrm55_add *l, int16x8_t a, int16x8_t b)
{
    const float32x4_t bottom = vaddq_f32(vmulq_n_f32(vcvtq_f32_s32(vmovlbq_s16(a)), l->step_a),
                                         vmulq_n_f32(vcvtq_f32_s32(vmovlbq_s16(b)), l->step_b));
    const float32x4_t top = vaddq_f32(vmulq_n_f32(vcvtq_f32_s32(vmovltq_s16(a)), l->step_a),
                                      vmulq_n_f32(vcvtq_f32_s32(vmovltq_s16(b)), l->step_b));
    return round8(vmulq_n_f32(bottom, l->gain_y), vmulq_n_f32(top, l->gain_y), l->zero_y);
}

#endif

static inline void sum_of(const struct ocrm55_add *layer, const int8_t *a, const int8_t *b, int8_t *y, int32_t count)
{
    const struct ocrm55_add l = *layer;
#if OCRM55_HELIUM
    for (int32_t left = count; left > 0; left -= 16, a += 16, b += 16, y += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)left);
        const int8x16_t p = vldrbq_z_s8(a, some), q = vldrbq_z_s8(b, some);
        const int16x8_t even = sum8(&l, even_bytes(p, l.zero_a), even_bytes(q, l.zero_b));
        const int16x8_t odd = sum8(&l, odd_bytes(p, l.zero_a), odd_bytes(q, l.zero_b));
        vstrbq_p_s8(y, narrow16(even, odd), some);
    }
#else
    for (int32_t i = 0; i < count; i++) {
        const float u = (float)(a[i] - l.zero_a) * l.step_a, v = (float)(b[i] - l.zero_b) * l.step_b;
        const float sum = u + v;
        y[i] = ocrm55_quantized(sum * l.gain_y, l.zero_y);
    }
#endif
}

void ocrm55_add_s8(const struct ocrm55_add *layer, const int8_t *a, const int8_t *b, int8_t *y)
{
    sum_of(layer, a, b, y, layer->count);
}

void ocrm55_add_upsampled_s8(const struct ocrm55_add_upsampled *layer, const int8_t *a, const int8_t *b, int8_t *y)
{
    const int32_t channels = layer->channels, columns = layer->columns, low_width = layer->width / columns;
    for (int32_t row = 0; row < layer->height; row++) {
        const int8_t *low = b + row / layer->rows * low_width * channels;
        for (int32_t column = 0; column < low_width; column++, low += channels) {
            for (int32_t again = 0; again < columns; again++, a += channels, y += channels) {
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
    const int32_t zeros[] = {l->zero_a, l->zero_b, l->zero_y};
    for (int i = 0; i < 3; i++) {
        if (zeros[i] < -128 || zeros[i] > 127) {
            return OCRM55_RANGE;
        }
    }
    return OCRM55_OK;
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

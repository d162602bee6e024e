/* float32 to int8 and back: see ocrm55_kernels.h. */

#include <math.h>

#include "helium.h"
#include "ocrm55_kernels.h"

int8_t ocrm55_quantized(float v, int32_t zero)
{
    const float bounded = v < -32768.0f ? -32768.0f : v > 32767.0f ? 32767.0f : v;
    const int32_t y = (int32_t)rintf(bounded) + zero;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

void ocrm55_quantize_s8(const float *x, float gain, int32_t zero_point, int8_t *y, int32_t count)
{
#if OCRM55_HELIUM
#define QUANTIZE(i, whole, some) \
    store_s32_s8(y + (i), quantized4(vmulq_n_f32(load_f32(x + (i), whole, some), gain), zero_point), whole, some)
    FOR_EACH_4(count, QUANTIZE);
#else
    for (int32_t i = 0; i < count; i++) {
        y[i] = ocrm55_quantized(x[i] * gain, zero_point);
    }
#endif
}

void ocrm55_dequantize_s8(const int8_t *x, float step, int32_t zero_point, float *y, int32_t count)
{
#if OCRM55_HELIUM
#define DEQUANTIZE(i, whole, some)                                                                          \
    const float32x4_t v = vcvtq_f32_s32(vsubq_n_s32(load_s8_s32(x + (i), whole, some), zero_point));        \
    store_f32(y + (i), vmulq_n_f32(v, step), whole, some)
    FOR_EACH_4(count, DEQUANTIZE);
#else
    for (int32_t i = 0; i < count; i++) {
        y[i] = (float)(x[i] - zero_point) * step;
    }
#endif
}

void ocrm55_dequantize_channels_s8(const int8_t *x, const float *steps, int32_t channels, int32_t zero_point, float *y,
                                   int32_t count)
{
    for (const int8_t *end = x + count; x < end; x += channels, y += channels) {
#if OCRM55_HELIUM
#define DEQUANTIZE_CHANNELS(i, whole, some)                                                                 \
    const float32x4_t v = vcvtq_f32_s32(vsubq_n_s32(load_s8_s32(x + (i), whole, some), zero_point));        \
    store_f32(y + (i), vmulq_f32(v, load_f32(steps + (i), whole, some)), whole, some)
        FOR_EACH_4(channels, DEQUANTIZE_CHANNELS);
#else
        for (int32_t c = 0; c < channels; c++) {
            y[c] = (float)(x[c] - zero_point) * steps[c];
        }
#endif
    }
}

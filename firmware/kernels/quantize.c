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
    const int32x4_t low = vdupq_n_s32(-32768), high = vdupq_n_s32(32767); /* as the way through int16 saturates */
    for (; count > 0; count -= 4, x += 4, y += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)count);
        int32x4_t q = vcvtnq_s32_f32(vmulq_n_f32(vldrwq_z_f32(x, some), gain));
        q = vaddq_n_s32(vminq_s32(vmaxq_s32(q, low), high), zero_point);
        q = vminq_s32(vmaxq_s32(q, vdupq_n_s32(-128)), vdupq_n_s32(127));
        vstrbq_p_s32(y, q, some);
    }
#else
    for (int32_t i = 0; i < count; i++) {
        y[i] = ocrm55_quantized(x[i] * gain, zero_point);
    }
#endif
}

void ocrm55_dequantize_s8(const int8_t *x, float step, int32_t zero_point, float *y, int32_t count)
{
#if OCRM55_HELIUM
    for (; count > 0; count -= 4, x += 4, y += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)count);
        const float32x4_t v = vcvtq_f32_s32(vsubq_n_s32(vldrbq_z_s32(x, some), zero_point));
        vstrwq_p_f32(y, vmulq_n_f32(v, step), some);
    }
#else
    for (int32_t i = 0; i < count; i++) {
        y[i] = (float)(x[i] - zero_point) * step;
    }
#endif
}

/* Layer norm over rows: see ocrm55_kernels.h, which spells out every operation. */

#include "helium.h"
#include "ocrm55_kernels.h"

#include <math.h>

size_t ocrm55_layer_norm_workspace_bytes(const struct ocrm55_layer_norm *layer)
{
    return (size_t)((layer->count + 3) / 4 * 4) * sizeof(float);
}

#if OCRM55_HELIUM

static inline float total(float32x4_t parts)
{
    return (vgetq_lane_f32(parts, 0) + vgetq_lane_f32(parts, 1)) + (vgetq_lane_f32(parts, 2) + vgetq_lane_f32(parts, 3));
}

/* v = the row's values; returns their sum. */
static float values_s8(const struct ocrm55_layer_norm *l, const int8_t *x, float *v)
{
    float32x4_t sum = vdupq_n_f32(0.0f);
    for (int32_t i = 0; i < l->count; i += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)(l->count - i));
        const int32x4_t q = vsubq_n_s32(vldrbq_z_s32(x + i, some), l->zero_x);
        const float32x4_t value = vmulq_n_f32(vcvtq_f32_s32(q), l->step_x);
        sum = vaddq_m_f32(sum, sum, value, some);
        vstrwq_p_f32(v + i, value, some);
    }
    return total(sum);
}

static float values_f32(const struct ocrm55_layer_norm *l, const float *x)
{
    float32x4_t sum = vdupq_n_f32(0.0f);
    for (int32_t i = 0; i < l->count; i += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)(l->count - i));
        sum = vaddq_f32(sum, vldrwq_z_f32(x + i, some));
    }
    return total(sum);
}

/* d = v - mean; returns the sum of its squares. d may be v. */
static float deviations(const struct ocrm55_layer_norm *l, const float *v, float mean, float *d)
{
    float32x4_t sum = vdupq_n_f32(0.0f);
    for (int32_t i = 0; i < l->count; i += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)(l->count - i));
        const float32x4_t value = vsubq_n_f32(vldrwq_z_f32(v + i, some), mean);
        sum = vaddq_m_f32(sum, sum, vmulq_f32(value, value), some);
        vstrwq_p_f32(d + i, value, some);
    }
    return total(sum);
}

static inline float32x4_t normal(const struct ocrm55_layer_norm *l, const float *d, float r, int32_t i, mve_pred16_t some)
{
    const float32x4_t scaled = vmulq_f32(vmulq_n_f32(vldrwq_z_f32(d + i, some), r), vldrwq_z_f32(l->gamma + i, some));
    return vaddq_f32(scaled, vldrwq_z_f32(l->beta + i, some));
}

static void results_f32(const struct ocrm55_layer_norm *l, const float *d, float r, float *y)
{
    for (int32_t i = 0; i < l->count; i += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)(l->count - i));
        vstrwq_p_f32(y + i, normal(l, d, r, i, some), some);
    }
}

static void results_s8(const struct ocrm55_layer_norm *l, const float *d, float r, int8_t *y)
{
    const int32x4_t low = vdupq_n_s32(-128), high = vdupq_n_s32(127);
    for (int32_t i = 0; i < l->count; i += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)(l->count - i));
        int32x4_t q = vcvtnq_s32_f32(vmulq_n_f32(normal(l, d, r, i, some), l->gain_y));
        q = vminq_s32(vmaxq_s32(q, vdupq_n_s32(-32768)), vdupq_n_s32(32767));
        q = vaddq_n_s32(q, l->zero_y);
        vstrbq_p_s32(y + i, vminq_s32(vmaxq_s32(q, low), high), some);
    }
}

#else

static float values_s8(const struct ocrm55_layer_norm *l, const int8_t *x, float *v)
{
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int32_t i = 0; i < l->count; i++) {
        v[i] = (float)(x[i] - l->zero_x) * l->step_x;
        sum[i % 4] += v[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static float values_f32(const struct ocrm55_layer_norm *l, const float *x)
{
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int32_t i = 0; i < l->count; i++) {
        sum[i % 4] += x[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static float deviations(const struct ocrm55_layer_norm *l, const float *v, float mean, float *d)
{
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int32_t i = 0; i < l->count; i++) {
        d[i] = v[i] - mean;
        const float square = d[i] * d[i];
        sum[i % 4] += square;
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static float normal(const struct ocrm55_layer_norm *l, const float *d, float r, int32_t i)
{
    const float unit = d[i] * r;
    const float scaled = unit * l->gamma[i];
    return scaled + l->beta[i];
}

static void results_f32(const struct ocrm55_layer_norm *l, const float *d, float r, float *y)
{
    for (int32_t i = 0; i < l->count; i++) {
        y[i] = normal(l, d, r, i);
    }
}

static void results_s8(const struct ocrm55_layer_norm *l, const float *d, float r, int8_t *y)
{
    for (int32_t i = 0; i < l->count; i++) {
        y[i] = ocrm55_quantized(normal(l, d, r, i) * l->gain_y, l->zero_y);
    }
}

#endif

/* The factor r of the row whose values v sum up to `sum`; leaves the deviations in d. */
static float normalise(const struct ocrm55_layer_norm *l, const float *v, float sum, float *d)
{
    const float inverse = 1.0f / (float)l->count;
    const float variance = deviations(l, v, sum * inverse, d) * inverse;
    const float guarded = variance + l->epsilon;
    return 1.0f / sqrtf(guarded);
}

void ocrm55_layer_norm_s8_s8(const struct ocrm55_layer_norm *layer, const int8_t *x, int8_t *y, float *workspace)
{
    for (int32_t row = 0; row < layer->rows; row++, x += layer->count, y += layer->count) {
        const float sum = values_s8(layer, x, workspace);
        results_s8(layer, workspace, normalise(layer, workspace, sum, workspace), y);
    }
}

void ocrm55_layer_norm_f32_s8(const struct ocrm55_layer_norm *layer, const float *x, int8_t *y, float *workspace)
{
    for (int32_t row = 0; row < layer->rows; row++, x += layer->count, y += layer->count) {
        results_s8(layer, workspace, normalise(layer, x, values_f32(layer, x), workspace), y);
    }
}

void ocrm55_layer_norm_f32_f32(const struct ocrm55_layer_norm *layer, const float *x, float *y, float *workspace)
{
    for (int32_t row = 0; row < layer->rows; row++, x += layer->count, y += layer->count) {
        results_f32(layer, workspace, normalise(layer, x, values_f32(layer, x), workspace), y);
    }
}

enum ocrm55_status ocrm55_layer_norm_check(const struct ocrm55_layer_norm *l, const void *x, const void *y)
{
    if (!l || !x || !y || !l->gamma || !l->beta) {
        return OCRM55_NULL;
    }
    if (l->rows < 1 || l->count < 1) {
        return OCRM55_SHAPE;
    }
    if ((((uintptr_t)l->gamma | (uintptr_t)l->beta) & 3u) != 0) {
        return OCRM55_ALIGNMENT;
    }
    if (l->zero_x < -128 || l->zero_x > 127 || l->zero_y < -128 || l->zero_y > 127) {
        return OCRM55_RANGE;
    }
    return OCRM55_OK;
}

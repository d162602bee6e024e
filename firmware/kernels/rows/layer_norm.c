/* Layer norm over rows: see ocrm55_kernels.h, which spells out every operation. */

#include "helium.h"
#include "ocrm55_kernels.h"

#include <math.h>

size_t ocrm55_layer_norm_workspace_bytes(const struct ocrm55_layer_norm *layer)
{
    return (size_t)((layer->count + 3) / 4 * 4) * sizeof(float);
}

#if OCRM55_HELIUM

/* The sum of a row. */
static float values_f32(const struct ocrm55_layer_norm *l, const float *x)
{
    float32x4_t sum = vdupq_n_f32(0.0f);
#define SUM(i, whole, some) sum = vaddq_f32(sum, load_f32(x + (i), whole, some))
    FOR_EACH_4(l->count, SUM);
    return total(sum);
}

/* d = v - mean; returns the sum of its squares. d may be v. */
static float deviations(const struct ocrm55_layer_norm *l, const float *v, float mean, float *d)
{
    float32x4_t sum = vdupq_n_f32(0.0f);
#define DEVIATIONS(i, whole, some)                                                  \
    const float32x4_t value = vsubq_n_f32(load_f32(v + (i), whole, some), mean);    \
    sum = add_f32(sum, vmulq_f32(value, value), whole, some);                       \
    store_f32(d + (i), value, whole, some)
    FOR_EACH_4(l->count, DEVIATIONS);
    return total(sum);
}

static inline float32x4_t normal(const struct ocrm55_layer_norm *l, const float *d, float r, int32_t i, bool whole,
                                 mve_pred16_t some)
{
    const float32x4_t unit = vmulq_n_f32(load_f32(d + i, whole, some), r);
    return vaddq_f32(vmulq_f32(unit, load_f32(l->gamma + i, whole, some)), load_f32(l->beta + i, whole, some));
}

static void results_f32(const struct ocrm55_layer_norm *l, const float *d, float r, float *y)
{
#define RESULTS_F32(i, whole, some) store_f32(y + (i), normal(l, d, r, i, whole, some), whole, some)
    FOR_EACH_4(l->count, RESULTS_F32);
}

static void results_s8(const struct ocrm55_layer_norm *l, const float *d, float r, int8_t *y)
{
    const float gain = l->gain_y;
    const int32_t zero = l->zero_y;
#define RESULTS_S8(i, whole, some)                                                                 \
    const float32x4_t w = vmulq_n_f32(normal(l, d, r, i, whole, some), gain);                      \
    store_s32_s8(y + (i), quantized4(w, zero), whole, some)
    FOR_EACH_4(l->count, RESULTS_S8);
}

#else

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
    if (l->zero_y < -128 || l->zero_y > 127) {
        return OCRM55_RANGE;
    }
    return OCRM55_OK;
}

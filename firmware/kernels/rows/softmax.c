/* Softmax over rows, of int8 by a table of powers, of float by a polynomial: see ocrm55_kernels.h.
 *
 * exp(t) for t <= 0: t is cut off at -64 (no denormal number can come out, which Helium would flush to zero and others would
 * not); n = rint(t * log2 e); r = t - n * ln 2, in two parts; the polynomial of Cephes' expf for exp(r); n into the exponent.
 * Every operation is one rounding, in the order written in power_of. */

#include "helium.h"
#include "ocrm55_kernels.h"

#include <math.h>
#include <string.h>

#define LEAST -64.0f
#define LOG2_E 1.44269504088896341f
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define P0 1.9875691500e-4f
#define P1 1.3981999507e-3f
#define P2 8.3334519073e-3f
#define P3 4.1665795894e-2f
#define P4 1.6666665459e-1f
#define P5 5.0000001201e-1f

size_t ocrm55_softmax_workspace_bytes(int32_t count) { return (size_t)((count + 3) / 4 * 4) * sizeof(float); }

#if OCRM55_HELIUM

static inline float32x4_t power_of(float32x4_t t)
{
    t = vmaxnmq_f32(t, vdupq_n_f32(LEAST));
    const int32x4_t n = vcvtnq_s32_f32(vmulq_n_f32(t, LOG2_E));
    const float32x4_t whole = vcvtq_f32_s32(n);
    const float32x4_t r = vsubq_f32(vsubq_f32(t, vmulq_n_f32(whole, LN2_HIGH)), vmulq_n_f32(whole, LN2_LOW));
    float32x4_t p = vaddq_n_f32(vmulq_n_f32(r, P0), P1);
    p = vaddq_n_f32(vmulq_f32(p, r), P2);
    p = vaddq_n_f32(vmulq_f32(p, r), P3);
    p = vaddq_n_f32(vmulq_f32(p, r), P4);
    p = vaddq_n_f32(vmulq_f32(p, r), P5);
    p = vaddq_n_f32(vaddq_f32(vmulq_f32(p, vmulq_f32(r, r)), r), 1.0f);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), vshlq_n_s32(n, 23)));
}

static float powers_s8(const float *powers, const int8_t *x, int32_t count, float *e)
{
    int8_t most = -128;
    for (int32_t i = 0; i < count; i += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)(count - i));
        most = vmaxvq_p_s8(most, vldrbq_z_s8(x + i, some), some);
    }
    float32x4_t sum = vdupq_n_f32(0.0f);
    const int32x4_t top = vdupq_n_s32(most);
#define POWERS_S8(i, whole, some)                                                                      \
    const uint32x4_t below = vreinterpretq_u32_s32(vsubq_s32(top, load_s8_s32(x + (i), whole, some))); \
    const float32x4_t p = (whole) ? vldrwq_gather_shifted_offset_f32(powers, below)                    \
                                  : vldrwq_gather_shifted_offset_z_f32(powers, below, some);           \
    sum = vaddq_f32(sum, p); /* lanes beyond the row hold 0 */                                         \
    store_f32(e + (i), p, whole, some)
    FOR_EACH_4(count, POWERS_S8);
    return total(sum);
}

static float powers_f32(const float *x, int32_t count, float *e)
{
    float most = -INFINITY;
    for (int32_t i = 0; i < count; i += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)(count - i));
        most = vmaxnmvq_p_f32(most, vldrwq_z_f32(x + i, some), some);
    }
    float32x4_t sum = vdupq_n_f32(0.0f);
#define POWERS_F32(i, whole, some)                                                         \
    const float32x4_t p = power_of(vsubq_n_f32(load_f32(x + (i), whole, some), most));     \
    sum = add_f32(sum, p, whole, some);                                                    \
    store_f32(e + (i), p, whole, some)
    FOR_EACH_4(count, POWERS_F32);
    return total(sum);
}

static void shares_f32(float *y, int32_t count, float sum)
{
    const float inverse = 1.0f / sum;
#define SHARES_F32(i, whole, some) \
    store_f32(y + (i), vmulq_n_f32(load_f32(y + (i), whole, some), inverse), whole, some)
    FOR_EACH_4(count, SHARES_F32);
}

static void shares_s8(const float *e, int8_t *y, int32_t count, float sum)
{
    const float inverse = 1.0f / sum;
#define SHARES_S8(i, whole, some)                                                                            \
    const float32x4_t p = vmulq_n_f32(load_f32(e + (i), whole, some), inverse);                              \
    const int32x4_t q = vsubq_n_s32(vcvtnq_s32_f32(vmulq_n_f32(p, 256.0f)), 128); /* 0 to 256, less 128 */   \
    store_s32_s8(y + (i), vminq_s32(q, vdupq_n_s32(127)), whole, some)
    FOR_EACH_4(count, SHARES_S8);
}

#else

static float power_of(float t)
{
    t = t < LEAST ? LEAST : t;
    const float whole = rintf(t * LOG2_E);
    const float high = whole * LN2_HIGH, low = whole * LN2_LOW;
    const float r = (t - high) - low;
    float p = r * P0;
    p = p + P1;
    p = p * r;
    p = p + P2;
    p = p * r;
    p = p + P3;
    p = p * r;
    p = p + P4;
    p = p * r;
    p = p + P5;
    const float square = r * r;
    p = p * square;
    p = p + r;
    p = p + 1.0f;
    int32_t bits;
    memcpy(&bits, &p, sizeof bits);
    bits += (int32_t)whole * (1 << 23);
    memcpy(&p, &bits, sizeof p);
    return p;
}

static float powers_s8(const float *powers, const int8_t *x, int32_t count, float *e)
{
    int32_t most = -128;
    for (int32_t i = 0; i < count; i++) {
        most = x[i] > most ? x[i] : most;
    }
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int32_t i = 0; i < count; i++) {
        e[i] = powers[most - x[i]];
        sum[i % 4] += e[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static float powers_f32(const float *x, int32_t count, float *e)
{
    float most = x[0];
    for (int32_t i = 0; i < count; i++) {
        most = x[i] > most ? x[i] : most;
    }
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int32_t i = 0; i < count; i++) {
        e[i] = power_of(x[i] - most);
        sum[i % 4] += e[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void shares_f32(float *y, int32_t count, float sum)
{
    const float inverse = 1.0f / sum;
    for (int32_t i = 0; i < count; i++) {
        y[i] = y[i] * inverse;
    }
}

static void shares_s8(const float *e, int8_t *y, int32_t count, float sum)
{
    const float inverse = 1.0f / sum;
    for (int32_t i = 0; i < count; i++) {
        const float p = e[i] * inverse;
        y[i] = ocrm55_quantized(p * 256.0f, -128);
    }
}

#endif

void ocrm55_softmax_s8_s8(const float *powers, const int8_t *x, int8_t *y, int32_t rows, int32_t count, float *workspace)
{
    for (; rows > 0; rows--, x += count, y += count) {
        shares_s8(workspace, y, count, powers_s8(powers, x, count, workspace));
    }
}

void ocrm55_softmax_f32_s8(const float *x, int8_t *y, int32_t rows, int32_t count, float *workspace)
{
    for (; rows > 0; rows--, x += count, y += count) {
        shares_s8(workspace, y, count, powers_f32(x, count, workspace));
    }
}

/* e of an element that stands for `times` of its like; returns the row's sum with all of them. */
static float repeat(float *e, int32_t place, float times, float sum)
{
    const float once = e[place];
    e[place] = once * times;
    const float others = e[place] - once;
    return sum + others;
}

void ocrm55_softmax_repeated_s8_s8(const float *powers, const int8_t *x, int8_t *y, int32_t rows, int32_t count, int32_t place,
                                   float times, float *workspace)
{
    for (; rows > 0; rows--, x += count, y += count) {
        const float sum = powers_s8(powers, x, count, workspace);
        shares_s8(workspace, y, count, repeat(workspace, place, times, sum));
    }
}

void ocrm55_softmax_repeated_f32_s8(const float *x, int8_t *y, int32_t rows, int32_t count, int32_t place, float times,
                                    float *workspace)
{
    for (; rows > 0; rows--, x += count, y += count) {
        const float sum = powers_f32(x, count, workspace);
        shares_s8(workspace, y, count, repeat(workspace, place, times, sum));
    }
}

void ocrm55_softmax_f32_f32(const float *x, float *y, int32_t rows, int32_t count)
{
    for (; rows > 0; rows--, x += count, y += count) {
        shares_f32(y, count, powers_f32(x, count, y));
    }
}

/* Means over windows, of 2x2 pixels or of a whole image: see ocrm55_kernels.h. */

#include <stdbool.h>

#include "helium.h"
#include "ocrm55_kernels.h"

#if OCRM55_HELIUM

#define SAFE_SUMS 255 /* of int8 that fit into int16: 255 * 128 < 32768 */

/* One window, 8 channels: sums in int16 for as long as they fit, then in int32. */
static inline __attribute__((always_inline)) void window(const struct ocrm55_average_pool *l, const int8_t *x, int8_t *y,
                                                         int32_t zeros, bool whole, mve_pred16_t some)
{
    int16x8_t part = vdupq_n_s16(0);
    int32x4_t bottom = vdupq_n_s32(zeros), top = bottom;
    int32_t room = SAFE_SUMS;
    for (int32_t row = l->kernel_height; row > 0; row--, x += l->width * l->channels) {
        const int8_t *from = x;
        int32_t left = l->kernel_width;
        while (left > room) {
            for (; room > 0; room--, left--, from += l->channels) {
                part = vaddq_s16(part, load_s8_s16(from, whole, some));
            }
            bottom = vaddq_s32(bottom, vmovlbq_s16(part));
            top = vaddq_s32(top, vmovltq_s16(part));
            part = vdupq_n_s16(0);
            room = SAFE_SUMS;
        }
        room -= left;
        for (; left > 0; left--) {
            MARK(MARK_BEGIN("average_pool"));
            part = vaddq_s16(part, load_s8_s16(from, whole, some));
            from += l->channels;
            MARK(MARK_END("average_pool"));
        }
    }
    bottom = vaddq_s32(bottom, vmovlbq_s16(part));
    top = vaddq_s32(top, vmovltq_s16(part));
    const float32x4_t v = vmulq_n_f32(vcvtq_f32_s32(bottom), l->gain), w = vmulq_n_f32(vcvtq_f32_s32(top), l->gain);
    const int16x8_t mean = round8(v, w, l->zero_y);
    const int16x8_t y8 = vminq_s16(vmaxq_s16(mean, vdupq_n_s16(-128)), vdupq_n_s16(127));
    whole ? vstrbq_s16(y, y8) : vstrbq_p_s16(y, y8, some);
}

#endif

void ocrm55_average_pool_s8(const struct ocrm55_average_pool *layer, const int8_t *x, int8_t *y)
{
    const struct ocrm55_average_pool l = *layer;
    const int32_t zeros = -l.kernel_height * l.kernel_width * l.zero_x;
    for (int32_t row = 0; row < l.height_out; row++) {
        for (int32_t column = 0; column < l.width_out; column++, y += l.y_stride) {
            const int8_t *from = x + (row * l.stride_y * l.width + column * l.stride_x) * l.channels;
#if OCRM55_HELIUM
            int32_t channel = 0;
            for (; channel <= l.channels - 8; channel += 8) {
                window(&l, from + channel, y + channel, zeros, true, 0);
            }
            if (channel < l.channels) {
                window(&l, from + channel, y + channel, zeros, false, vctp16q((uint32_t)(l.channels - channel)));
            }
#else
            for (int32_t channel = 0; channel < l.channels; channel++) {
                int32_t sum = zeros;
                for (int32_t i = 0; i < l.kernel_height * l.kernel_width; i++) {
                    sum += from[(i / l.kernel_width * l.width + i % l.kernel_width) * l.channels + channel];
                }
                y[channel] = ocrm55_quantized((float)sum * l.gain, l.zero_y);
            }
#endif
        }
    }
}

enum ocrm55_status ocrm55_average_pool_s8_check(const struct ocrm55_average_pool *l, const int8_t *x, const int8_t *y)
{
    if (!l || !x || !y) {
        return OCRM55_NULL;
    }
    if (l->channels < 1 || l->height_out < 1 || l->width_out < 1 || l->kernel_height < 1 || l->kernel_width < 1 ||
        l->stride_y < 1 || l->stride_x < 1 || l->y_stride < l->channels ||
        (l->height_out - 1) * l->stride_y + l->kernel_height > l->height ||
        (l->width_out - 1) * l->stride_x + l->kernel_width > l->width) {
        return OCRM55_SHAPE;
    }
    if (l->kernel_height > 65536 / l->kernel_width) {
        return OCRM55_LIMIT;
    }
    const bool known = l->zero_x >= -128 && l->zero_x <= 127 && l->zero_y >= -128 && l->zero_y <= 127;
    return known ? OCRM55_OK : OCRM55_RANGE;
}

/* Means over windows, of 2x2 pixels or of a whole image: see ocrm55_kernels.h. */

#include <stdbool.h>

#include "helium.h"
#include "ocrm55_kernels.h"

#if OCRM55_HELIUM

#define SAFE_SUMS 255 /* of int8 that fit into int16: 255 * 128 < 32768 */

/* Sums of a window of `columns` columns over 8 channels, from `zeros` on: in int16 for as long as they fit, then in int32.
 * The even channels' to *evens, the odd ones' to *odds. */
static inline __attribute__((always_inline)) void add_up(const struct ocrm55_average_pool *l, const int8_t *x, int32_t columns,
                                                         int32_t zeros, int32x4_t *evens, int32x4_t *odds, bool whole,
                                                         mve_pred16_t some)
{
    int16x8_t part = vdupq_n_s16(0);
    int32x4_t bottom = vdupq_n_s32(zeros), top = bottom;
    int32_t room = SAFE_SUMS;
    for (int32_t row = l->kernel_height; row > 0; row--, x += l->width * l->channels) {
        const int8_t *from = x;
        int32_t left = columns;
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
    *evens = vaddq_s32(bottom, vmovlbq_s16(part));
    *odds = vaddq_s32(top, vmovltq_s16(part));
}

static inline __attribute__((always_inline)) void store_means(const struct ocrm55_average_pool *l, int32x4_t bottom,
                                                              int32x4_t top, int8_t *y, bool whole, mve_pred16_t some)
{
    const float32x4_t v = vmulq_n_f32(vcvtq_f32_s32(bottom), l->gain), w = vmulq_n_f32(vcvtq_f32_s32(top), l->gain);
    const int16x8_t mean = round8(v, w, l->zero_y);
    const int16x8_t y8 = vminq_s16(vmaxq_s16(mean, vdupq_n_s16(-128)), vdupq_n_s16(127));
    whole ? vstrbq_s16(y, y8) : vstrbq_p_s16(y, y8, some);
}

/* One window, 8 channels. */
static inline __attribute__((always_inline)) void window(const struct ocrm55_average_pool *l, const int8_t *x, int8_t *y,
                                                         int32_t zeros, bool whole, mve_pred16_t some)
{
    int32x4_t bottom, top;
    add_up(l, x, l->kernel_width, zeros, &bottom, &top, whole, some);
    store_means(l, bottom, top, y, whole, some);
}

/* The window, and some of its columns `more` times more. */
static inline void repeated_window(const struct ocrm55_average_pool *l, const int8_t *x, int8_t *y, int32_t zeros,
                                   int32_t first, int32_t count, int32_t more, mve_pred16_t some)
{
    int32x4_t bottom, top, bottom_again, top_again;
    add_up(l, x, l->kernel_width, zeros, &bottom, &top, false, some);
    add_up(l, x + first * l->channels, count, -l->kernel_height * count * l->zero_x, &bottom_again, &top_again, false, some);
    bottom = vmlaq_n_s32(bottom, bottom_again, more);
    top = vmlaq_n_s32(top, top_again, more);
    store_means(l, bottom, top, y, false, some);
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

void ocrm55_average_pool_repeated_s8(const struct ocrm55_average_pool *layer, const int8_t *x, int8_t *y, int32_t first,
                                     int32_t count, int32_t more)
{
    const struct ocrm55_average_pool l = *layer;
    const int32_t zeros = -l.kernel_height * l.kernel_width * l.zero_x;
#if OCRM55_HELIUM
    for (int32_t channel = 0; channel < l.channels; channel += 8) {
        const mve_pred16_t some = vctp16q((uint32_t)(l.channels - channel));
        repeated_window(&l, x + channel, y + channel, zeros, first, count, more, some);
    }
#else
    for (int32_t channel = 0; channel < l.channels; channel++) {
        int32_t sum = zeros;
        for (int32_t i = 0; i < l.kernel_height * l.kernel_width; i++) {
            const int32_t column = i % l.kernel_width;
            const int32_t times = column >= first && column < first + count ? 1 + more : 1;
            sum += times * x[(i / l.kernel_width * l.width + column) * l.channels + channel];
        }
        sum -= more * l.kernel_height * count * l.zero_x;
        y[channel] = ocrm55_quantized((float)sum * l.gain, l.zero_y);
    }
#endif
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

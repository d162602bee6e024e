/* Maxima over windows: see ocrm55_kernels.h. */

#include "helium.h"
#include "ocrm55_kernels.h"

struct window {
    const int8_t *from;
    int32_t rows, columns, pitch; /* pitch: from row to row, in elements */
};

#if OCRM55_HELIUM

/* 16 channels of one window, or those that `some` says. */
static inline int8x16_t maxima(const struct window *w, int32_t channels, int32_t channel, mve_pred16_t some)
{
    int8x16_t most = vdupq_n_s8(-128);
    const int8_t *row = w->from + channel;
    for (int32_t y = w->rows; y > 0; y--, row += w->pitch) {
        const int8_t *from = row;
        for (int32_t x = w->columns; x > 0; x--, from += channels) {
            most = vmaxq_s8(most, vldrbq_z_s8(from, some));
        }
    }
    return most;
}

#endif

static void maximum(const struct window *w, int32_t channels, int8_t *y)
{
#if OCRM55_HELIUM
    for (int32_t channel = 0; channel < channels; channel += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)(channels - channel));
        vstrbq_p_s8(y + channel, maxima(w, channels, channel, some), some);
    }
#else
    for (int32_t channel = 0; channel < channels; channel++) {
        int8_t most = -128;
        for (int32_t i = 0; i < w->rows * w->columns; i++) {
            const int8_t value = w->from[i / w->columns * w->pitch + i % w->columns * channels + channel];
            most = value > most ? value : most;
        }
        y[channel] = most;
    }
#endif
}

/* Where a window begins and how long it is within `extent` elements: *first, and the length. */
static int32_t within(int32_t start, int32_t kernel, int32_t extent, int32_t *first)
{
    const int32_t end = start + kernel < extent ? start + kernel : extent;
    *first = start > 0 ? start : 0;
    return end - *first;
}

void ocrm55_max_pool_s8(const struct ocrm55_max_pool *layer, const int8_t *x, int8_t *y)
{
    const struct ocrm55_max_pool l = *layer;
    struct window w = {.pitch = l.width * l.channels};
    for (int32_t row = 0; row < l.height_out; row++) {
        int32_t top, left;
        w.rows = within(row * l.stride_y - l.pad_top, l.kernel_height, l.height, &top);
        for (int32_t column = 0; column < l.width_out; column++, y += l.channels) {
            w.columns = within(column * l.stride_x - l.pad_left, l.kernel_width, l.width, &left);
            w.from = x + (top * l.width + left) * l.channels;
            maximum(&w, l.channels, y);
        }
    }
}

/* Whether every window along one axis lies on the image with at least one element. */
static bool on_image(int32_t extent, int32_t out, int32_t kernel, int32_t stride, int32_t pad)
{
    return extent >= 1 && out >= 1 && kernel >= 1 && stride >= 1 && pad >= 0 && pad < kernel &&
           (out - 1) * stride - pad < extent;
}

enum ocrm55_status ocrm55_max_pool_s8_check(const struct ocrm55_max_pool *l, const int8_t *x, const int8_t *y)
{
    if (!l || !x || !y) {
        return OCRM55_NULL;
    }
    const bool fits = l->channels >= 1 &&
                      on_image(l->height, l->height_out, l->kernel_height, l->stride_y, l->pad_top) &&
                      on_image(l->width, l->width_out, l->kernel_width, l->stride_x, l->pad_left);
    return fits ? OCRM55_OK : OCRM55_SHAPE;
}

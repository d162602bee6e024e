/* A table look-up a byte: see ocrm55_kernels.h. */

#include "helium.h"
#include "ocrm55_kernels.h"

void ocrm55_lookup_s8(const int8_t *table, const void *x, int8_t *y, int32_t count)
{
    const uint8_t *index = x;
#if OCRM55_HELIUM
    for (; count >= 32; count -= 32, index += 32, y += 32) {
        const int8x16_t a = vldrbq_gather_offset_s8(table, vldrbq_u8(index));
        const int8x16_t b = vldrbq_gather_offset_s8(table, vldrbq_u8(index + 16));
        vstrbq_s8(y, a);
        vstrbq_s8(y + 16, b);
    }
    for (; count > 0; count -= 16, index += 16, y += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)count);
        vstrbq_p_s8(y, vldrbq_gather_offset_s8(table, vldrbq_z_u8(index, some)), some);
    }
#else
    for (int32_t i = 0; i < count; i++) {
        y[i] = table[index[i]];
    }
#endif
}

/* Channel by channel, as long as 16 pixels lie within the 8 bits of a gather's offsets. */
void ocrm55_lookup_channels_s8(const int8_t (*tables)[256], const uint8_t *x, int8_t *y, int32_t pixels, int32_t channels)
{
#if OCRM55_HELIUM
    if (channels <= UINT8_MAX / 15) {
        const uint8x16_t places = vmulq_n_u8(vidupq_n_u8(0, 1), (uint8_t)channels);
        for (int32_t channel = 0; channel < channels; channel++) {
            const uint8_t *from = x + channel;
            int8_t *to = y + channel;
            for (int32_t left = pixels; left > 0; left -= 16, from += 16 * channels, to += 16 * channels) {
                const mve_pred16_t some = vctp8q((uint32_t)left);
                const uint8x16_t index = vldrbq_gather_offset_z_u8(from, places, some);
                vstrbq_scatter_offset_p_s8(to, places, vldrbq_gather_offset_s8(tables[channel], index), some);
            }
        }
        return;
    }
#endif
    for (int32_t i = 0; i < pixels * channels; i++) {
        y[i] = tables[i % channels][x[i]];
    }
}

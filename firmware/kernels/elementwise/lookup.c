/* One table look-up a byte: see ocrm55_kernels.h. */

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

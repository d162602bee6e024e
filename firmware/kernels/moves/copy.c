/* Copies of bytes: see ocrm55_kernels.h. */

#include <string.h>

#include "helium.h"
#include "ocrm55_kernels.h"

#if OCRM55_HELIUM
/* 64 bytes, all read before the first is written. */
static inline void copy_64(const int8_t *from, int8_t *to)
{
    const int8x16_t a = vldrbq_s8(from), b = vldrbq_s8(from + 16);
    const int8x16_t c = vldrbq_s8(from + 32), d = vldrbq_s8(from + 48);
    vstrbq_s8(to, a);
    vstrbq_s8(to + 16, b);
    vstrbq_s8(to + 32, c);
    vstrbq_s8(to + 48, d);
}
#endif

void ocrm55_copy_rows_s8(const int8_t *x, int32_t x_stride, int8_t *y, int32_t y_stride, int32_t rows, int32_t count)
{
    for (; rows > 0; rows--, x += x_stride, y += y_stride) {
#if OCRM55_HELIUM
        const int8_t *from = x;
        int8_t *to = y;
        int32_t left = count;
        for (; left >= 64; left -= 64, from += 64, to += 64) {
            copy_64(from, to);
        }
        for (; left > 0; left -= 16, from += 16, to += 16) {
            const mve_pred16_t some = vctp8q((uint32_t)left);
            vstrbq_p_s8(to, vldrbq_z_s8(from, some), some);
        }
#else
        memcpy(y, x, (size_t)count);
#endif
    }
}

/* Copy bytes to the same place or to one behind it, the last first. */
static void move_up(const int8_t *x, int8_t *y, int32_t count)
{
#if OCRM55_HELIUM
    const int32_t odd = count % 16;
    if (odd) {
        const mve_pred16_t some = vctp8q((uint32_t)odd);
        vstrbq_p_s8(y + count - odd, vldrbq_z_s8(x + count - odd, some), some);
    }
    const int8_t *from = x + count - odd;
    int8_t *to = y + count - odd;
    while (from - x >= 64) {
        from -= 64;
        to -= 64;
        copy_64(from, to);
    }
    while (from > x) {
        from -= 16;
        to -= 16;
        vstrbq_s8(to, vldrbq_s8(from));
    }
#else
    memmove(y, x, (size_t)count);
#endif
}

void ocrm55_extend_columns_s8(const int8_t *x, int8_t *y, int32_t height, int32_t width, int32_t channels, int32_t more,
                              const int8_t *beyond)
{
    if (more == 0 && y == x) {
        return;
    }
    const int32_t count = width * channels;
    for (int32_t row = height; row-- > 0;) { /* the last first: if y is x, y then lies over rows that have moved */
        int8_t *const to = y + row * (count + more * channels);
        if (to != x + row * count) {
            move_up(x + row * count, to, count);
        }
        const int8_t *const column = beyond ? beyond + row * channels : to + count - channels;
        ocrm55_copy_rows_s8(column, 0, to + count, channels, more, channels);
    }
}

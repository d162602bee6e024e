/* Pixels of a frame, whatever its format. Internal. */
#ifndef OCRM55_PAGE_FRAME_H
#define OCRM55_PAGE_FRAME_H

#include <stdint.h>

#include "ocrm55_page.h"

static inline int32_t frame_pixel_bytes(enum ocrm55_format format)
{
    return format == OCRM55_GRAY8 ? 1 : format == OCRM55_RGB565 ? 2 : 3;
}

/* Bytes of a pixel to blue, green and red; of a grey one, all three are the same. */
static inline void frame_colours(const uint8_t *pixel, enum ocrm55_format format, int32_t bgr[3])
{
    if (format == OCRM55_GRAY8) {
        bgr[0] = pixel[0];
    } else if (format == OCRM55_RGB565) {
        const int32_t red = pixel[1] >> 3, green = (pixel[1] & 7) << 3 | pixel[0] >> 5, blue = pixel[0] & 31;
        bgr[0] = blue << 3 | blue >> 2;
        bgr[1] = green << 2 | green >> 4;
        bgr[2] = red << 3 | red >> 2;
    } else {
        bgr[0] = pixel[format == OCRM55_BGR888 ? 0 : 2];
        bgr[1] = pixel[1];
        bgr[2] = pixel[format == OCRM55_BGR888 ? 2 : 0];
    }
}

/* Between four pixels, fx and fy 256ths from the upper left one. */
static inline uint8_t frame_between(int32_t a, int32_t b, int32_t c, int32_t d, int32_t fx, int32_t fy)
{
    const int32_t top = a * 256 + (b - a) * fx, bottom = c * 256 + (d - c) * fx;
    return (uint8_t)((top * 256 + (bottom - top) * fy + 32768) >> 16);
}

/* The same for whole pixels of a format, which the compiler knows: three bytes. */
static inline void frame_mix(const uint8_t *upper, const uint8_t *lower, int32_t left, int32_t right, int32_t fx,
                             int32_t fy, enum ocrm55_format format, uint8_t *bgr)
{
    int32_t a[3], b[3], c[3], d[3];
    frame_colours(upper + left, format, a);
    frame_colours(upper + right, format, b);
    frame_colours(lower + left, format, c);
    frame_colours(lower + right, format, d);
    bgr[0] = frame_between(a[0], b[0], c[0], d[0], fx, fy);
    if (format == OCRM55_GRAY8) {
        bgr[1] = bgr[2] = bgr[0];
    } else {
        bgr[1] = frame_between(a[1], b[1], c[1], d[1], fx, fy);
        bgr[2] = frame_between(a[2], b[2], c[2], d[2], fx, fy);
    }
}

#endif

#include "sample.h"

#include "fixed.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define PAGE_HELIUM 1
#include <arm_mve.h>
#else
#define PAGE_HELIUM 0
#endif

/* Each format has a loop of its own, for which the compiler must know it. */
#define INLINE static inline __attribute__((always_inline))

static inline int32_t pixel_bytes(enum ocrm55_format format)
{
    return format == OCRM55_GRAY8 ? 1 : format == OCRM55_RGB565 ? 2 : 3;
}

/* Where in a pixel's bytes blue, green or red is. */
static inline int32_t byte_of(enum ocrm55_format format, int32_t colour)
{
    return format == OCRM55_RGB888 ? 2 - colour : colour;
}

#if PAGE_HELIUM

/* Of four pixels at once: the places of their four neighbours, and how far they lie from the upper left one. */
struct four {
    uint32x4_t upper_left, upper_right, lower_left, lower_right;
    int32x4_t fx, fy;
};

INLINE int32x4_t within(int32x4_t value, int32_t high)
{
    return vminq_s32(vmaxq_s32(value, vdupq_n_s32(0)), vdupq_n_s32(high));
}

INLINE struct four four_at(int32x4_t x, int32x4_t y, int32_t right, int32_t bottom, int32_t bytes, int32_t stride)
{
    const int32x4_t column = vshrq_n_s32(x, 16), row = vshrq_n_s32(y, 16);
    const int32x4_t left_bytes = vmulq_n_s32(within(column, right), bytes);
    const int32x4_t right_bytes = vmulq_n_s32(within(vaddq_n_s32(column, 1), right), bytes);
    const int32x4_t upper_bytes = vmulq_n_s32(within(row, bottom), stride);
    const int32x4_t lower_bytes = vmulq_n_s32(within(vaddq_n_s32(row, 1), bottom), stride);
    return (struct four){
        vreinterpretq_u32_s32(vaddq_s32(upper_bytes, left_bytes)),
        vreinterpretq_u32_s32(vaddq_s32(upper_bytes, right_bytes)),
        vreinterpretq_u32_s32(vaddq_s32(lower_bytes, left_bytes)),
        vreinterpretq_u32_s32(vaddq_s32(lower_bytes, right_bytes)),
        vandq_s32(vshrq_n_s32(x, 8), vdupq_n_s32(255)),
        vandq_s32(vshrq_n_s32(y, 8), vdupq_n_s32(255)),
    };
}

INLINE int32x4_t bytes_at(const uint8_t *base, uint32x4_t places, mve_pred16_t some)
{
    return vreinterpretq_s32_u32(vldrbq_gather_offset_z_u32(base, places, some));
}

/* One colour of four pixels. Five or six bits become eight. */
INLINE int32x4_t colour_at(const uint8_t *pixels, uint32x4_t places, enum ocrm55_format format, int32_t colour,
                           mve_pred16_t some)
{
    if (format != OCRM55_RGB565) {
        return bytes_at(pixels + byte_of(format, colour), places, some);
    }
    const int32x4_t low = bytes_at(pixels, places, some), high = bytes_at(pixels + 1, places, some);
    if (colour == 0) {
        const int32x4_t blue = vandq_s32(low, vdupq_n_s32(31));
        return vorrq_s32(vshlq_n_s32(blue, 3), vshrq_n_s32(blue, 2));
    }
    if (colour == 2) {
        return vorrq_s32(vandq_s32(high, vdupq_n_s32(248)), vshrq_n_s32(high, 5));
    }
    const int32x4_t upper = vandq_s32(high, vdupq_n_s32(7)), lower = vshrq_n_s32(low, 5);
    const int32x4_t green = vorrq_s32(vshlq_n_s32(upper, 3), lower);
    return vorrq_s32(vshlq_n_s32(green, 2), vshrq_n_s32(green, 4));
}

INLINE int32x4_t between(int32x4_t a, int32x4_t b, int32x4_t part)
{
    return vaddq_s32(vshlq_n_s32(a, 8), vmulq_s32(vsubq_s32(b, a), part));
}

INLINE uint32x4_t mixed(const uint8_t *pixels, const struct four *at, enum ocrm55_format format, int32_t colour,
                        mve_pred16_t some)
{
    const int32x4_t top = between(colour_at(pixels, at->upper_left, format, colour, some),
                                  colour_at(pixels, at->upper_right, format, colour, some), at->fx);
    const int32x4_t bottom = between(colour_at(pixels, at->lower_left, format, colour, some),
                                     colour_at(pixels, at->lower_right, format, colour, some), at->fx);
    return vreinterpretq_u32_s32(vrshrq_n_s32(between(top, bottom, at->fy), 16));
}

INLINE void sample(const struct ocrm55_frame *frame, struct page_path path, int32_t count, enum ocrm55_format format,
                   uint8_t *bgr)
{
    const uint8_t *const pixels = frame->pixels;
    const int32_t right = frame->width - 1, bottom = frame->height - 1, stride = frame->stride;
    const uint32x4_t thirds = vmulq_n_u32(vidupq_n_u32(0, 1), 3);
    const int32x4_t lanes = vreinterpretq_s32_u32(vidupq_n_u32(0, 1));
    int32x4_t x = vaddq_n_s32(vmulq_n_s32(lanes, path.step_x), path.x);
    int32x4_t y = vaddq_n_s32(vmulq_n_s32(lanes, path.step_y), path.y);
    const int32_t four_x = (int32_t)((uint32_t)path.step_x * 4u), four_y = (int32_t)((uint32_t)path.step_y * 4u);
    for (; count > 0; count -= 4, bgr += 12) {
        const mve_pred16_t some = vctp32q((uint32_t)count);
        const struct four at = four_at(x, y, right, bottom, pixel_bytes(format), stride);
        const uint32x4_t blue = mixed(pixels, &at, format, 0, some);
        const uint32x4_t green = format == OCRM55_GRAY8 ? blue : mixed(pixels, &at, format, 1, some);
        const uint32x4_t red = format == OCRM55_GRAY8 ? blue : mixed(pixels, &at, format, 2, some);
        vstrbq_scatter_offset_p_u32(bgr, thirds, blue, some);
        vstrbq_scatter_offset_p_u32(bgr + 1, thirds, green, some);
        vstrbq_scatter_offset_p_u32(bgr + 2, thirds, red, some);
        x = vaddq_n_s32(x, four_x);
        y = vaddq_n_s32(y, four_y);
    }
}

#else

INLINE int32_t colour_at(const uint8_t *pixel, enum ocrm55_format format, int32_t colour)
{
    if (format != OCRM55_RGB565) {
        return pixel[byte_of(format, colour)];
    }
    const int32_t word = pixel[0] | pixel[1] << 8;
    if (colour == 1) {
        return (word >> 5 & 63) << 2 | (word >> 9 & 3);
    }
    const int32_t value = word >> (colour == 0 ? 0 : 11) & 31;
    return value << 3 | value >> 2;
}

static inline int32_t between(int32_t a, int32_t b, int32_t part) { return a * 256 + (b - a) * part; }

INLINE void sample(const struct ocrm55_frame *frame, struct page_path path, int32_t count,
                          enum ocrm55_format format, uint8_t *bgr)
{
    const int32_t bytes = pixel_bytes(format), width = frame->width - 1, height = frame->height - 1;
    for (int32_t i = 0; i < count; i++, bgr += 3) {
        const int32_t x = path.x + i * path.step_x, y = path.y + i * path.step_y;
        const int32_t left = clamp(x >> 16, 0, width) * bytes, right = clamp((x >> 16) + 1, 0, width) * bytes;
        const uint8_t *const upper = frame->pixels + (size_t)clamp(y >> 16, 0, height) * (size_t)frame->stride;
        const uint8_t *const lower = frame->pixels + (size_t)clamp((y >> 16) + 1, 0, height) * (size_t)frame->stride;
        const int32_t fx = x >> 8 & 255, fy = y >> 8 & 255;
        for (int32_t colour = 0; colour < 3; colour++) {
            if (colour == 0 || format != OCRM55_GRAY8) {
                const int32_t top = between(colour_at(upper + left, format, colour),
                                            colour_at(upper + right, format, colour), fx);
                const int32_t bottom = between(colour_at(lower + left, format, colour),
                                               colour_at(lower + right, format, colour), fx);
                bgr[colour] = (uint8_t)((between(top, bottom, fy) + 32768) >> 16);
            } else {
                bgr[colour] = bgr[0];
            }
        }
    }
}

#endif

void ocrm55_page_sample(const struct ocrm55_frame *frame, struct page_path path, int32_t count, uint8_t *bgr)
{
    switch (frame->format) {
    case OCRM55_GRAY8:
        sample(frame, path, count, OCRM55_GRAY8, bgr);
        break;
    case OCRM55_RGB565:
        sample(frame, path, count, OCRM55_RGB565, bgr);
        break;
    case OCRM55_RGB888:
        sample(frame, path, count, OCRM55_RGB888, bgr);
        break;
    default:
        sample(frame, path, count, OCRM55_BGR888, bgr);
        break;
    }
}

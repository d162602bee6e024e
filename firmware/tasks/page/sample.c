#include "sample.h"

#include <stdbool.h>

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
    return format == OCRM55_GRAY8 ? 1 : format == OCRM55_RGB565 || format == OCRM55_YUYV ? 2 : 3;
}

/* Where in a pixel's bytes blue, green or red is. */
static inline int32_t byte_of(enum ocrm55_format format, int32_t colour)
{
    return format == OCRM55_RGB888 ? 2 - colour : colour;
}

/* YUV to colours by BT.601, as OpenCV computes it: in 2^-20, Y from 16. */
enum { YUV_SHIFT = 20, OF_Y = 1220542, U_TO_BLUE = 2116026, U_TO_GREEN = -409993, V_TO_GREEN = -852492, V_TO_RED = 1673527 };

#if PAGE_HELIUM

/* Of four pixels at once: how far the upper left neighbour's byte lies from the first pixel, and the right and the lower
 * one from that. Clamped to the frame, so that all four lanes may be read, needed or not. */
struct four {
    int32x4_t place, right, down;
};

INLINE int32x4_t within(int32x4_t value, int32_t high)
{
    return vminq_s32(vmaxq_s32(value, vdupq_n_s32(0)), vdupq_n_s32(high));
}

INLINE struct four four_at(int32x4_t x, int32x4_t y, const struct ocrm55_frame *frame, int32_t bytes)
{
    const int32x4_t column = vshrq_n_s32(x, 16), row = vshrq_n_s32(y, 16);
    const int32x4_t left = within(column, frame->width - 1), upper = within(row, frame->height - 1);
    const int32x4_t next = within(vaddq_n_s32(column, 1), frame->width - 1);
    const int32x4_t lower = within(vaddq_n_s32(row, 1), frame->height - 1);
    return (struct four){
        vmlaq_n_s32(vmulq_n_s32(left, bytes), upper, frame->stride),
        vmulq_n_s32(vsubq_s32(next, left), bytes),
        vmulq_n_s32(vsubq_s32(lower, upper), frame->stride),
    };
}

/* The same where all neighbours are in the frame: only the place is needed. */
INLINE struct four four_inside(int32x4_t x, int32x4_t y, const struct ocrm55_frame *frame, int32_t bytes)
{
    const int32x4_t left = vmulq_n_s32(vshrq_n_s32(x, 16), bytes), none = vdupq_n_s32(0);
    return (struct four){vmlaq_n_s32(left, vshrq_n_s32(y, 16), frame->stride), none, none};
}

INLINE int32x4_t byte_at(const uint8_t *base, int32x4_t places)
{
    return vreinterpretq_s32_u32(vldrbq_gather_offset_u32(base, vreinterpretq_u32_s32(places)));
}

/* One colour of four pixels. Five or six bits become eight. */
INLINE int32x4_t colour_at(const uint8_t *pixels, int32x4_t places, enum ocrm55_format format, int32_t colour)
{
    if (format != OCRM55_RGB565) {
        return byte_at(pixels + byte_of(format, colour), places);
    }
    const int32x4_t low = byte_at(pixels, places), high = byte_at(pixels + 1, places);
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

/* Four pixels in YUYV. Two pixels share U and V, and begin at whole four bytes from the frame's first. */
struct colours {
    int32x4_t of[3]; /* blue, green, red */
};

INLINE struct colours yuyv_at(const uint8_t *pixels, int32x4_t places)
{
    const int32x4_t pair = vbicq_s32(places, vdupq_n_s32(3)), most = vdupq_n_s32(255), none = vdupq_n_s32(0);
    const int32x4_t above = vmaxq_s32(vsubq_s32(byte_at(pixels, places), vdupq_n_s32(16)), none);
    const int32x4_t y = vmlaq_n_s32(vdupq_n_s32(1 << (YUV_SHIFT - 1)), above, OF_Y);
    const int32x4_t u = vsubq_s32(byte_at(pixels + 1, pair), vdupq_n_s32(128));
    const int32x4_t v = vsubq_s32(byte_at(pixels + 3, pair), vdupq_n_s32(128));
    const int32x4_t all[3] = {
        vmlaq_n_s32(y, u, U_TO_BLUE), vmlaq_n_s32(vmlaq_n_s32(y, u, U_TO_GREEN), v, V_TO_GREEN), vmlaq_n_s32(y, v, V_TO_RED)};
    struct colours colours;
    for (int i = 0; i < 3; i++) {
        colours.of[i] = vminq_s32(vmaxq_s32(vshrq_n_s32(all[i], YUV_SHIFT), none), most);
    }
    return colours;
}

/* The fraction of places, in 256ths. */
INLINE int32x4_t part_of(int32x4_t place)
{
    return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(vshlq_n_s32(place, 16)), 24));
}

INLINE int32x4_t sum(int32x4_t sum, int32x4_t value, int32x4_t weight)
{
    return vaddq_s32(sum, vmulq_s32(value, weight));
}

/* How much each neighbour of four pixels counts, in 1/65536. */
struct weights {
    int32x4_t upper_left, upper_right, lower_left, lower_right;
};

INLINE struct weights weights_at(int32x4_t x, int32x4_t y)
{
    const int32x4_t fx = part_of(x), fy = part_of(y), right = vshlq_n_s32(fx, 8);
    const int32x4_t both = vmulq_s32(fx, fy), below = vsubq_s32(vshlq_n_s32(fy, 8), both);
    return (struct weights){vsubq_s32(vsubq_s32(vdupq_n_s32(65536), right), below), vsubq_s32(right, both), below, both};
}

/* One colour of four pixels. inside: their neighbours all are in the frame, so that bases reach them. */
INLINE uint32x4_t mixed(const struct ocrm55_frame *frame, const struct four *at, const struct weights *weights,
                        enum ocrm55_format format, bool inside, int32_t colour)
{
    const uint8_t *const base = frame->pixels;
    const int32_t right = inside ? pixel_bytes(format) : 0, down = inside ? frame->stride : 0;
    const int32x4_t lower = inside ? at->place : vaddq_s32(at->place, at->down);
    const int32x4_t upper_right = inside ? at->place : vaddq_s32(at->place, at->right);
    const int32x4_t lower_right = inside ? at->place : vaddq_s32(lower, at->right);
    int32x4_t all = vmulq_s32(colour_at(base, at->place, format, colour), weights->upper_left);
    all = sum(all, colour_at(base + right, upper_right, format, colour), weights->upper_right);
    all = sum(all, colour_at(base + down, lower, format, colour), weights->lower_left);
    all = sum(all, colour_at(base + down + right, lower_right, format, colour), weights->lower_right);
    return vreinterpretq_u32_s32(vrshrq_n_s32(all, 16));
}

/* All colours of four pixels in YUYV. */
INLINE struct colours mixed_yuyv(const struct ocrm55_frame *frame, const struct four *at, const struct weights *weights,
                                 bool inside)
{
    const int32x4_t right = inside ? vdupq_n_s32(2) : at->right, down = inside ? vdupq_n_s32(frame->stride) : at->down;
    const int32x4_t lower = vaddq_s32(at->place, down);
    const struct colours a = yuyv_at(frame->pixels, at->place);
    const struct colours b = yuyv_at(frame->pixels, vaddq_s32(at->place, right));
    const struct colours c = yuyv_at(frame->pixels, lower), d = yuyv_at(frame->pixels, vaddq_s32(lower, right));
    struct colours mixed;
    for (int i = 0; i < 3; i++) {
        int32x4_t all = vmulq_s32(a.of[i], weights->upper_left);
        all = sum(all, b.of[i], weights->upper_right);
        all = sum(all, c.of[i], weights->lower_left);
        all = sum(all, d.of[i], weights->lower_right);
        mixed.of[i] = vrshrq_n_s32(all, 16);
    }
    return mixed;
}

INLINE void sample_yuyv(const struct ocrm55_frame *frame, int32x4_t x, int32x4_t y, bool inside, mve_pred16_t some,
                        uint8_t *bgr)
{
    const uint32x4_t thirds = vmulq_n_u32(vidupq_n_u32(0, 1), 3);
    const struct weights weights = weights_at(x, y);
    const struct four at = inside ? four_inside(x, y, frame, 2) : four_at(x, y, frame, 2);
    const struct colours mixed = mixed_yuyv(frame, &at, &weights, inside);
    for (int i = 0; i < 3; i++) {
        vstrbq_scatter_offset_p_u32(bgr + i, thirds, vreinterpretq_u32_s32(mixed.of[i]), some);
    }
}

/* Whether `count` places from `place` on have both neighbours among 0 .. high. */
static bool stays_within(int32_t place, int32_t step, int32_t count, int32_t high)
{
    const int64_t end = place + (int64_t)step * (count - 1), most = (int64_t)high * 65536;
    return place >= 0 && place < most && end >= 0 && end < most;
}

INLINE void sample_path(const struct ocrm55_frame *frame, struct page_path path, int32_t count,
                        enum ocrm55_format format, bool inside, uint8_t *bgr)
{
    const int32_t bytes = pixel_bytes(format);
    const uint32x4_t thirds = vmulq_n_u32(vidupq_n_u32(0, 1), 3);
    const int32x4_t lanes = vreinterpretq_s32_u32(vidupq_n_u32(0, 1));
    int32x4_t x = vmlaq_n_s32(vdupq_n_s32(path.x), lanes, path.step_x);
    int32x4_t y = vmlaq_n_s32(vdupq_n_s32(path.y), lanes, path.step_y);
    const int32_t four_x = (int32_t)((uint32_t)path.step_x * 4u), four_y = (int32_t)((uint32_t)path.step_y * 4u);
    for (; count > 0; count -= 4, bgr += 12) {
        const mve_pred16_t some = vctp32q((uint32_t)count);
        if (format == OCRM55_YUYV) {
            sample_yuyv(frame, x, y, inside, some, bgr);
            x = vaddq_n_s32(x, four_x);
            y = vaddq_n_s32(y, four_y);
            continue;
        }
        const struct weights weights = weights_at(x, y);
        const struct four at = inside ? four_inside(x, y, frame, bytes) : four_at(x, y, frame, bytes);
        const uint32x4_t blue = mixed(frame, &at, &weights, format, inside, 0);
        const uint32x4_t green = format == OCRM55_GRAY8 ? blue : mixed(frame, &at, &weights, format, inside, 1);
        vstrbq_scatter_offset_p_u32(bgr, thirds, blue, some);
        vstrbq_scatter_offset_p_u32(bgr + 1, thirds, green, some);
        const uint32x4_t red = format == OCRM55_GRAY8 ? blue : mixed(frame, &at, &weights, format, inside, 2);
        vstrbq_scatter_offset_p_u32(bgr + 2, thirds, red, some);
        x = vaddq_n_s32(x, four_x);
        y = vaddq_n_s32(y, four_y);
    }
}

/* Most of a frame's lines have no neighbour beyond its border: their places need no clamp. */
INLINE void sample(const struct ocrm55_frame *frame, struct page_path path, int32_t count, enum ocrm55_format format,
                   uint8_t *bgr)
{
    const int32_t all = (count + 3) / 4 * 4; /* lanes behind the last pixel are read too */
    if (stays_within(path.x, path.step_x, all, frame->width - 1) &&
        stays_within(path.y, path.step_y, all, frame->height - 1)) {
        sample_path(frame, path, count, format, true, bgr);
    } else {
        sample_path(frame, path, count, format, false, bgr);
    }
}

#else

/* Two pixels in YUYV share U and V. */
static inline int32_t yuyv_at(const uint8_t *row, int32_t place, int32_t colour)
{
    const uint8_t *const pair = row + (place & ~3);
    const int32_t above = row[place] - 16, u = pair[1] - 128, v = pair[3] - 128;
    const int32_t y = (above > 0 ? above : 0) * OF_Y + (1 << (YUV_SHIFT - 1));
    const int32_t value = y + (colour == 0 ? U_TO_BLUE * u : colour == 1 ? U_TO_GREEN * u + V_TO_GREEN * v : V_TO_RED * v);
    return clamp(value >> YUV_SHIFT, 0, 255);
}

INLINE int32_t colour_at(const uint8_t *row, int32_t place, enum ocrm55_format format, int32_t colour)
{
    const uint8_t *const pixel = row + place;
    if (format == OCRM55_YUYV) {
        return yuyv_at(row, place, colour);
    }
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
                const int32_t top = between(colour_at(upper, left, format, colour),
                                            colour_at(upper, right, format, colour), fx);
                const int32_t bottom = between(colour_at(lower, left, format, colour),
                                               colour_at(lower, right, format, colour), fx);
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
    case OCRM55_YUYV:
        sample(frame, path, count, OCRM55_YUYV, bgr);
        break;
    default:
        sample(frame, path, count, OCRM55_BGR888, bgr);
        break;
    }
}

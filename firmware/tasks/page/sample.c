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

/* One colour of four pixels. */
INLINE uint32x4_t mixed(const uint8_t *base, const struct four *at, const struct weights *weights,
                        enum ocrm55_format format, int32_t colour)
{
    const int32x4_t lower = vaddq_s32(at->place, at->down);
    int32x4_t all = vmulq_s32(colour_at(base, at->place, format, colour), weights->upper_left);
    all = sum(all, colour_at(base, vaddq_s32(at->place, at->right), format, colour), weights->upper_right);
    all = sum(all, colour_at(base, lower, format, colour), weights->lower_left);
    all = sum(all, colour_at(base, vaddq_s32(lower, at->right), format, colour), weights->lower_right);
    return vreinterpretq_u32_s32(vrshrq_n_s32(all, 16));
}

/* All colours of four pixels in YUYV. */
INLINE struct colours mixed_yuyv(const struct ocrm55_frame *frame, const struct four *at, const struct weights *weights)
{
    const int32x4_t lower = vaddq_s32(at->place, at->down);
    const struct colours a = yuyv_at(frame->pixels, at->place);
    const struct colours b = yuyv_at(frame->pixels, vaddq_s32(at->place, at->right));
    const struct colours c = yuyv_at(frame->pixels, lower), d = yuyv_at(frame->pixels, vaddq_s32(lower, at->right));
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

INLINE void sample_yuyv(const struct ocrm55_frame *frame, int32x4_t x, int32x4_t y, mve_pred16_t some, uint8_t *bgr)
{
    const uint32x4_t thirds = vmulq_n_u32(vidupq_n_u32(0, 1), 3);
    const struct weights weights = weights_at(x, y);
    const struct four at = four_at(x, y, frame, 2);
    const struct colours mixed = mixed_yuyv(frame, &at, &weights);
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
                        enum ocrm55_format format, uint8_t *bgr)
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
            sample_yuyv(frame, x, y, some, bgr);
            x = vaddq_n_s32(x, four_x);
            y = vaddq_n_s32(y, four_y);
            continue;
        }
        const struct weights weights = weights_at(x, y);
        const struct four at = four_at(x, y, frame, bytes);
        const uint32x4_t blue = mixed(frame->pixels, &at, &weights, format, 0);
        const uint32x4_t green = format == OCRM55_GRAY8 ? blue : mixed(frame->pixels, &at, &weights, format, 1);
        vstrbq_scatter_offset_p_u32(bgr, thirds, blue, some);
        vstrbq_scatter_offset_p_u32(bgr + 1, thirds, green, some);
        const uint32x4_t red = format == OCRM55_GRAY8 ? blue : mixed(frame->pixels, &at, &weights, format, 2);
        vstrbq_scatter_offset_p_u32(bgr + 2, thirds, red, some);
        x = vaddq_n_s32(x, four_x);
        y = vaddq_n_s32(y, four_y);
    }
}

/* Eight pixels at once in halves of 16 bits, where their neighbours lie close enough for such offsets. */
INLINE uint16x8_t byte_near(const uint8_t *base, uint16x8_t offsets) { return vldrbq_gather_offset_u16(base, offsets); }

/* As colour_at. */
INLINE uint16x8_t colour_near(const uint8_t *base, uint16x8_t offsets, enum ocrm55_format format, int32_t colour)
{
    if (format != OCRM55_RGB565) {
        return byte_near(base + byte_of(format, colour), offsets);
    }
    const uint16x8_t word = vorrq_u16(byte_near(base, offsets), vshlq_n_u16(byte_near(base + 1, offsets), 8));
    if (colour == 1) {
        const uint16x8_t green = vandq_u16(vshrq_n_u16(word, 5), vdupq_n_u16(63));
        return vorrq_u16(vshlq_n_u16(green, 2), vshrq_n_u16(green, 4));
    }
    const uint16x8_t value = colour == 0 ? vandq_u16(word, vdupq_n_u16(31)) : vshrq_n_u16(word, 11);
    return vorrq_u16(vshlq_n_u16(value, 3), vshrq_n_u16(value, 2));
}

/* How much left, right, upper and lower neighbours count, in 1/256. */
struct shares {
    uint16x8_t left, right, upper, lower;
};

INLINE uint16x8_t across(uint16x8_t left, uint16x8_t right, const struct shares *shares)
{
    return vaddq_u16(vmulq_u16(left, shares->left), vmulq_u16(right, shares->right));
}

INLINE uint16x8_t mixed_near(const uint8_t *base, uint16x8_t offsets, int32_t stride, const struct shares *shares,
                             enum ocrm55_format format, int32_t colour)
{
    const uint8_t *const right = base + pixel_bytes(format), *const below = base + stride;
    const uint16x8_t upper = across(colour_near(base, offsets, format, colour),
                                    colour_near(right, offsets, format, colour), shares);
    const uint16x8_t lower = across(colour_near(below, offsets, format, colour),
                                    colour_near(right + stride, offsets, format, colour), shares);
    const uint32x4_t even = vaddq_u32(vmullbq_int_u16(upper, shares->upper), vmullbq_int_u16(lower, shares->lower));
    const uint32x4_t odd = vaddq_u32(vmulltq_int_u16(upper, shares->upper), vmulltq_int_u16(lower, shares->lower));
    return vrshrntq_n_u32(vrshrnbq_n_u32(upper, even, 16), odd, 16);
}

/* Places of pixels 0, 2, 4 and 6 and of pixels 1, 3, 5 and 7. */
struct places {
    int32x4_t even, odd;
};

INLINE struct places places_from(int32_t first, int32_t step)
{
    const int32x4_t even = vmlaq_n_s32(vdupq_n_s32(first), vreinterpretq_s32_u32(vidupq_n_u32(0, 2)), step);
    return (struct places){even, vaddq_n_s32(even, step)};
}

/* In 1/256 from `first`, a whole number of pixels at most 255 before them: what is cut off above is none. */
INLINE uint16x8_t from(int32_t first, const struct places *places)
{
    const int16x8_t even = vshrnbq_n_s32(vdupq_n_s16(0), places->even, 8);
    const uint16x8_t all = vreinterpretq_u16_s16(vshrntq_n_s32(even, places->odd, 8));
    return vsubq_n_u16(all, (uint16_t)((uint32_t)first << 8));
}

INLINE void advance(struct places *places, int32_t by)
{
    places->even = vaddq_n_s32(places->even, by);
    places->odd = vaddq_n_s32(places->odd, by);
}

INLINE void sample_near(const struct ocrm55_frame *frame, struct page_path path, int32_t count,
                        enum ocrm55_format format, uint8_t *bgr)
{
    const int32_t bytes = pixel_bytes(format), stride = frame->stride;
    const int32_t low_x = least(0, 7 * path.step_x), low_y = least(0, 7 * path.step_y);
    const uint16x8_t thirds = vmulq_n_u16(vidupq_n_u16(0, 1), 3), one = vdupq_n_u16(256);
    struct places xs = places_from(path.x, path.step_x), ys = places_from(path.y, path.step_y);
    for (; count > 0; count -= 8, bgr += 24) {
        const mve_pred16_t some = vctp16q((uint32_t)count);
        const int32_t left = (path.x + low_x) >> 16, upper = (path.y + low_y) >> 16;
        const uint16x8_t x = from(left, &xs), y = from(upper, &ys);
        struct shares shares;
        shares.right = vandq_u16(x, vdupq_n_u16(255));
        shares.lower = vandq_u16(y, vdupq_n_u16(255));
        shares.left = vsubq_u16(one, shares.right);
        shares.upper = vsubq_u16(one, shares.lower);
        const uint16x8_t offsets = vmlaq_n_u16(vmulq_n_u16(vshrq_n_u16(x, 8), (uint16_t)bytes), vshrq_n_u16(y, 8),
                                               (uint16_t)stride);
        const uint8_t *const base = frame->pixels + upper * stride + left * bytes;
        const uint16x8_t blue = mixed_near(base, offsets, stride, &shares, format, 0);
        vstrbq_scatter_offset_p_u16(bgr, thirds, blue, some);
        const uint16x8_t green =
            format == OCRM55_GRAY8 ? blue : mixed_near(base, offsets, stride, &shares, format, 1);
        vstrbq_scatter_offset_p_u16(bgr + 1, thirds, green, some);
        const uint16x8_t red = format == OCRM55_GRAY8 ? blue : mixed_near(base, offsets, stride, &shares, format, 2);
        vstrbq_scatter_offset_p_u16(bgr + 2, thirds, red, some);
        path.x += 8 * path.step_x;
        path.y += 8 * path.step_y;
        advance(&xs, 8 * path.step_x);
        advance(&ys, 8 * path.step_y);
    }
}

/* How many whole pixels eight places span at most. */
static int64_t span_of(int32_t step)
{
    const int64_t all = 7 * (int64_t)step;
    return step == 0 ? 0 : (all < 0 ? -all : all) / 65536 + 1;
}

/* Whether the offsets among eight pixels have 16 bits. */
static bool is_near(const struct ocrm55_frame *frame, struct page_path path, int32_t bytes)
{
    const int64_t columns = span_of(path.step_x), rows = span_of(path.step_y);
    return columns < 256 && rows < 256 && columns * bytes + rows * frame->stride < 65536;
}

static bool is_inside(const struct ocrm55_frame *frame, struct page_path path, int32_t count)
{
    return count > 0 && stays_within(path.x, path.step_x, count, frame->width - 1) &&
           stays_within(path.y, path.step_y, count, frame->height - 1);
}

/* Most of a frame's lines have no neighbour beyond its border, or have one at their end only: the others need no clamp.
 * Lanes behind the last pixel are read too. */
INLINE void sample(const struct ocrm55_frame *frame, struct page_path path, int32_t count, enum ocrm55_format format,
                   uint8_t *bgr)
{
    const int32_t some = count / 8 * 8;
    int32_t inside = 0;
    if (format != OCRM55_YUYV && is_near(frame, path, pixel_bytes(format))) {
        inside = is_inside(frame, path, (count + 7) / 8 * 8) ? count : is_inside(frame, path, some) ? some : 0;
    }
    if (inside > 0) {
        sample_near(frame, path, inside, format, bgr);
    }
    if (inside < count) {
        path.x += inside * path.step_x;
        path.y += inside * path.step_y;
        sample_path(frame, path, count - inside, format, bgr + 3 * inside);
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

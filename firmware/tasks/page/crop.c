/* Straight crops of boxes from the frame. */
#include <stdbool.h>

#include "fixed.h"
#include "frame.h"

/* Places of the frame in 1/65536 pixel: the first one of a row of the crop, and from each to the next. */
struct path {
    int32_t x, y, step_x, step_y;
};

static uint64_t length(struct ocrm55_point a, struct ocrm55_point b)
{
    const int64_t x = (int64_t)b.x - a.x, y = (int64_t)b.y - a.y;
    return square_root((uint64_t)(x * x + y * y));
}

int32_t ocrm55_page_columns(const struct ocrm55_box *box, int32_t height)
{
    const struct ocrm55_point *const c = box->corners;
    const uint64_t along = length(c[0], c[1]) + length(c[3], c[2]), down = length(c[0], c[3]) + length(c[1], c[2]);
    if (down == 0) {
        return 1;
    }
    const uint64_t columns = (along * (uint64_t)height + down - 1) / down;
    return columns < 1 ? 1 : columns > INT32_MAX / 4 ? INT32_MAX / 4 : (int32_t)columns;
}

/* part / whole of the way between two places in 1/256, in 1/65536. */
static int64_t between(int32_t from, int32_t to, int64_t part, int64_t whole)
{
    return (int64_t)from * 256 + floor_div(((int64_t)to - from) * 256 * part, whole);
}

/* The middles of a row's pixels: from the left side of the box to its right side. */
static void follow(int64_t left, int64_t right, int32_t whole, int32_t first, int32_t *place, int32_t *step)
{
    *place = (int32_t)(left + floor_div((right - left) * (2 * (int64_t)first + 1), 2 * (int64_t)whole));
    *step = whole > 1 ? (int32_t)floor_div(right - left, whole) : 0;
}

static struct path row_path(const struct ocrm55_box *box, int32_t whole, int32_t first, int32_t row, int32_t height)
{
    const struct ocrm55_point *const c = box->corners;
    const int64_t part = 2 * (int64_t)row + 1, parts = 2 * (int64_t)height;
    struct path path;
    const int64_t left_x = between(c[0].x, c[3].x, part, parts), right_x = between(c[1].x, c[2].x, part, parts);
    const int64_t left_y = between(c[0].y, c[3].y, part, parts), right_y = between(c[1].y, c[2].y, part, parts);
    follow(left_x, right_x, whole, first, &path.x, &path.step_x);
    follow(left_y, right_y, whole, first, &path.y, &path.step_y);
    return path;
}

/* Whether all four neighbours of a row's pixels are in the frame: those of both ends are. */
static bool inside(const struct ocrm55_frame *frame, const struct path *path, int32_t width)
{
    const int64_t end_x = path->x + (int64_t)path->step_x * (width - 1);
    const int64_t end_y = path->y + (int64_t)path->step_y * (width - 1);
    const int32_t right = (frame->width - 1) * 65536, bottom = (frame->height - 1) * 65536;
    return path->x >= 0 && path->x < right && end_x >= 0 && end_x < right && path->y >= 0 && path->y < bottom &&
           end_y >= 0 && end_y < bottom;
}

static inline void crop_row(const struct ocrm55_frame *frame, struct path path, int32_t width,
                            enum ocrm55_format format, uint8_t *bgr)
{
    const int32_t bytes = frame_pixel_bytes(format), right = frame->width - 1, bottom = frame->height - 1;
    if (inside(frame, &path, width)) {
        for (int32_t i = 0; i < width; i++, path.x += path.step_x, path.y += path.step_y, bgr += 3) {
            const uint8_t *const upper =
                frame->pixels + (size_t)(path.y >> 16) * (size_t)frame->stride + (size_t)((path.x >> 16) * bytes);
            frame_mix(upper, upper + frame->stride, 0, bytes, path.x >> 8 & 255, path.y >> 8 & 255, format, bgr);
        }
        return;
    }
    for (int32_t i = 0; i < width; i++, path.x += path.step_x, path.y += path.step_y, bgr += 3) {
        const int32_t x = path.x >> 16, y = path.y >> 16;
        const uint8_t *const upper = frame->pixels + (size_t)clamp(y, 0, bottom) * (size_t)frame->stride;
        const uint8_t *const lower = frame->pixels + (size_t)clamp(y + 1, 0, bottom) * (size_t)frame->stride;
        frame_mix(upper, lower, clamp(x, 0, right) * bytes, clamp(x + 1, 0, right) * bytes, path.x >> 8 & 255,
                  path.y >> 8 & 255, format, bgr);
    }
}

void ocrm55_page_crop(const struct ocrm55_frame *frame, const struct ocrm55_box *box, int32_t whole, int32_t first,
                      int32_t width, int32_t height, uint8_t *bgr)
{
    for (int32_t row = 0; row < height; row++, bgr += 3 * width) {
        const struct path path = row_path(box, whole, first, row, height);
        switch (frame->format) {
        case OCRM55_GRAY8:
            crop_row(frame, path, width, OCRM55_GRAY8, bgr);
            break;
        case OCRM55_RGB565:
            crop_row(frame, path, width, OCRM55_RGB565, bgr);
            break;
        case OCRM55_RGB888:
            crop_row(frame, path, width, OCRM55_RGB888, bgr);
            break;
        default:
            crop_row(frame, path, width, OCRM55_BGR888, bgr);
            break;
        }
    }
}

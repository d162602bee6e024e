/* Straight crops of boxes from the frame. */
#include "fixed.h"
#include "ocrm55_frame.h"
#include "sample.h"

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

static struct page_path row_path(const struct ocrm55_box *box, int32_t whole, int32_t first, int32_t row,
                                 int32_t height)
{
    const struct ocrm55_point *const c = box->corners;
    const int64_t part = 2 * (int64_t)row + 1, parts = 2 * (int64_t)height;
    struct page_path path;
    const int64_t left_x = between(c[0].x, c[3].x, part, parts), right_x = between(c[1].x, c[2].x, part, parts);
    const int64_t left_y = between(c[0].y, c[3].y, part, parts), right_y = between(c[1].y, c[2].y, part, parts);
    follow(left_x, right_x, whole, first, &path.x, &path.step_x);
    follow(left_y, right_y, whole, first, &path.y, &path.step_y);
    return path;
}

void ocrm55_page_crop(const struct ocrm55_frame *frame, const struct ocrm55_box *box, int32_t whole, int32_t first,
                      int32_t width, int32_t height, uint8_t *bgr)
{
    for (int32_t row = 0; row < height; row++, bgr += 3 * width) {
        ocrm55_page_sample(frame, row_path(box, whole, first, row, height), width, bgr);
    }
}

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

/* The most parts of a length for which 32 bits hold what is divided: the processor divides no more at once. */
#define FEW 16384

/* value * part / whole towards minus infinity; 0 <= part <= 2 * whole. */
static int64_t share_of(int64_t value, int64_t part, int64_t whole)
{
    if (whole > FEW || value > INT32_MAX || value < INT32_MIN) {
        return floor_div(value * part, whole);
    }
    const int32_t times = floor_div32((int32_t)value, (int32_t)whole);
    const int32_t rest = (int32_t)value - times * (int32_t)whole;
    return times * part + rest * (int32_t)part / (int32_t)whole;
}

/* The middle of row `row` between two places in 1/256, in 1/65536. */
static int64_t between(int32_t from, int32_t to, int32_t row, int32_t height)
{
    return (int64_t)from * 256 + share_of(((int64_t)to - from) * 128, 2 * (int64_t)row + 1, height);
}

/* The middles of a row's pixels: from the left side of the box to its right side. */
static void follow(int64_t left, int64_t right, int32_t whole, int32_t first, int32_t *place, int32_t *step)
{
    *place = (int32_t)(left + share_of(right - left, 2 * (int64_t)first + 1, 2 * (int64_t)whole));
    *step = whole > 1 ? (int32_t)share_of(right - left, 1, whole) : 0;
}

static struct page_path row_path(const struct ocrm55_box *box, int32_t whole, int32_t first, int32_t row,
                                 int32_t height)
{
    const struct ocrm55_point *const c = box->corners;
    struct page_path path;
    const int64_t left_x = between(c[0].x, c[3].x, row, height), right_x = between(c[1].x, c[2].x, row, height);
    const int64_t left_y = between(c[0].y, c[3].y, row, height), right_y = between(c[1].y, c[2].y, row, height);
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

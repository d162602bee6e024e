/* From a detector's map to boxes in the frame: DB's rules, in whole numbers. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "components.h"
#include "fixed.h"
#include "ocrm55_page.h"
#include "order.h"
#include "rectangle.h"

/* A place in the map, in 1/4096, to the frame's: middles of pixels lie half a pixel from their edges. */
static int32_t in_frame(int64_t place, int32_t step)
{
    const int64_t far = (int64_t)OCRM55_PAGE_FRAME_SIDE * OCRM55_PAGE_UNIT;
    const int64_t scaled = floor_div((place + 2048) * step, (int64_t)1 << 20) - OCRM55_PAGE_UNIT / 2;
    return (int32_t)(scaled < -far ? -far : scaled > far ? far : scaled);
}

/* The corner at which the text starts: the quarters by which the rectangle's vector, turned clockwise, points right. */
static int32_t first_corner(int32_t x, int32_t y)
{
    for (int32_t turns = 0; turns < 3; turns++) {
        if (x > 0 && size_of(y) <= x) {
            return turns;
        }
        const int32_t other = x;
        x = -y;
        y = other;
    }
    return 3;
}

/* A rectangle widened by `grow` on each side, as a box. A box that is half again as high as wide is read downwards. */
static void place(const struct page_rectangle *rectangle, const struct page_lengths *lengths, int64_t grow,
                  int32_t step, struct ocrm55_box *box)
{
    static const int8_t signs[4][2] = {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}};
    int64_t corners[4][2];
    ocrm55_page_corners(rectangle, corners);
    const int64_t ux = floor_div(((int64_t)rectangle->x * ((int64_t)1 << 34)), lengths->root);
    const int64_t uy = floor_div(((int64_t)rectangle->y * ((int64_t)1 << 34)), lengths->root);
    int32_t start = first_corner(rectangle->x, rectangle->y);
    const int64_t width = (start % 2 == 0 ? lengths->width : lengths->height) + 2 * grow;
    const int64_t height = (start % 2 == 0 ? lengths->height : lengths->width) + 2 * grow;
    box->turned = 0;
    if (2 * height >= 3 * width) {
        box->turned = 1;
        start++;
    }
    for (int32_t i = 0; i < 4; i++) {
        const int32_t k = (start + i) % 4;
        const int64_t x = floor_div(grow * (signs[k][0] * ux - signs[k][1] * uy), 65536);
        const int64_t y = floor_div(grow * (signs[k][0] * uy + signs[k][1] * ux), 65536);
        box->corners[i].x = in_frame(corners[k][0] + x, step);
        box->corners[i].y = in_frame(corners[k][1] + y, step);
    }
}

/* DB's box of a component, or false where its rules discard it. */
static bool box_of(const struct page_map *map, const struct page_run *runs, int32_t first, struct page_pixel *hull,
                   const struct ocrm55_page_options *options, int32_t step, struct ocrm55_box *box)
{
    const struct page_rectangle rectangle =
        ocrm55_page_least_rectangle(hull, ocrm55_page_hull(runs, first, hull, map->height));
    const struct page_lengths lengths = ocrm55_page_lengths_of(&rectangle);
    const int64_t shorter = lengths.width < lengths.height ? lengths.width : lengths.height;
    if (shorter < (int64_t)options->least_side * 4096) {
        return false;
    }
    box->score = ocrm55_page_mean(map, &rectangle, lengths.root);
    if (box->score < options->least_score) {
        return false;
    }
    const int64_t sides = lengths.width + lengths.height;
    const int64_t grow = sides != 0 ? lengths.width * lengths.height / sides * options->unclip / 512 : 0;
    const int64_t side = shorter + 2 * grow;
    /* as high as that in the map, and more than three pixels of the frame */
    if (side < ((int64_t)options->least_side + 2) * 4096 || side * step <= (int64_t)3 << 28) {
        return false;
    }
    place(&rectangle, &lengths, grow, step, box);
    return true;
}

enum ocrm55_page_outcome ocrm55_page_boxes(const int8_t *map, int32_t width, int32_t height,
                                           const struct ocrm55_frame *frame, const struct ocrm55_page_options *options,
                                           void *scratch, size_t scratch_bytes, struct ocrm55_box *boxes, uint32_t room,
                                           uint32_t *count)
{
    if (map == NULL || options == NULL || scratch == NULL || count == NULL || (boxes == NULL && room != 0)) {
        return OCRM55_PAGE_NO_POINTER;
    }
    *count = 0;
    const enum ocrm55_page_outcome outcome = ocrm55_page_check(frame, NULL);
    if (outcome != OCRM55_PAGE_OK) {
        return outcome;
    }
    if (width < 1 || width > OCRM55_PAGE_MAP_SIDE || height < 1 || height > OCRM55_PAGE_MAP_SIDE) {
        return OCRM55_PAGE_NETWORK;
    }
    const size_t fixed = OCRM55_PAGE_FIND_BYTES((size_t)width, (size_t)height, 0u);
    if ((uintptr_t)scratch % OCRM55_PAGE_ALIGN != 0 || scratch_bytes < fixed) {
        return OCRM55_PAGE_SCRATCH;
    }
    const struct ocrm55_page_rows scaled = ocrm55_page_scaled(frame, options, width, height);
    const struct page_map seen = {map, scaled.used_width, scaled.used_height, width};
    struct page_pixel *const hull = scratch;
    struct page_run *const runs = (struct page_run *)(void *)(hull + 2 * height);
    const size_t held = (scratch_bytes - fixed) / sizeof *runs;
    const int32_t run_room = held < PAGE_MOST_RUNS ? (int32_t)held : PAGE_MOST_RUNS;
    const int32_t found = ocrm55_page_components(&seen, options->threshold, runs, run_room);
    if (found < 0) {
        return OCRM55_PAGE_CROWDED;
    }
    enum ocrm55_page_outcome result = OCRM55_PAGE_OK;
    for (int32_t i = 0; i < found && result == OCRM55_PAGE_OK; i++) {
        struct ocrm55_box box;
        memset(&box, 0, sizeof box);
        if (runs[i].parent != i || !box_of(&seen, runs, i, hull, options, scaled.step, &box)) {
            continue;
        }
        if (*count == room) {
            result = OCRM55_PAGE_MORE;
        } else {
            boxes[(*count)++] = box;
        }
    }
    ocrm55_page_order(boxes, (int32_t)*count);
    return result;
}

/* A line of text in a frame: its crop, and the recognizer. */
#include "ocrm55_frame.h"

/* Bytes of a row; 0 where no row of this format has that width. */
static int32_t row_bytes(const struct ocrm55_frame *frame)
{
    switch (frame->format) {
    case OCRM55_GRAY8:
        return frame->width;
    case OCRM55_RGB565:
        return 2 * frame->width;
    case OCRM55_RGB888:
    case OCRM55_BGR888:
        return 3 * frame->width;
    case OCRM55_YUYV:
        return frame->width % 2 == 0 && frame->stride % 4 == 0 ? 2 * frame->width : 0;
    default:
        return 0;
    }
}

enum ocrm55_outcome ocrm55_frame_check(const struct ocrm55_frame *frame, const struct ocrm55_box *box)
{
    if (frame == NULL || frame->pixels == NULL) {
        return OCRM55_NO_POINTER;
    }
    if (frame->width < 1 || frame->width > OCRM55_PAGE_FRAME_SIDE || frame->height < 1 ||
        frame->height > OCRM55_PAGE_FRAME_SIDE) {
        return OCRM55_FRAME;
    }
    const int32_t row = row_bytes(frame);
    if (row == 0 || frame->stride < row) {
        return OCRM55_FRAME;
    }
    const int32_t far = OCRM55_PAGE_FRAME_SIDE * OCRM55_PAGE_UNIT;
    for (int i = 0; box != NULL && i < 4; i++) {
        const struct ocrm55_point corner = box->corners[i];
        if (corner.x < -far || corner.x > far || corner.y < -far || corner.y > far) {
            return OCRM55_REGION;
        }
    }
    return OCRM55_READ;
}

static void invert(uint8_t *bytes, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(255 - bytes[i]);
    }
}

static uint32_t brightness(const uint8_t *bgr) { return (uint32_t)bgr[0] + 2u * bgr[1] + bgr[2]; }

/* Text covers less than half of a line: most pixels are ground, and lie on its side of the mean. */
static bool has_dark_ground(const uint8_t *bgr, int32_t pixels)
{
    uint32_t sum = 0;
    int32_t darker = 0, brighter = 0;
    for (int32_t i = 0; i < pixels; i++) {
        sum += brightness(bgr + 3 * i);
    }
    const uint32_t mean = sum / (uint32_t)pixels;
    for (int32_t i = 0; i < pixels; i++) {
        darker += brightness(bgr + 3 * i) < mean ? 1 : 0;
        brighter += brightness(bgr + 3 * i) > mean ? 1 : 0;
    }
    return darker > brighter;
}

static int32_t crop(const struct ocrm55_network *network, const struct ocrm55_frame *frame,
                    const struct ocrm55_box *region, int32_t polarity, uint8_t *bgr)
{
    const struct ocrm55_box all = ocrm55_rectangle(0, 0, frame->width, frame->height);
    const struct ocrm55_box *const box = region != NULL ? region : &all;
    const int32_t height = network->input_height, wanted = ocrm55_page_columns(box, height);
    const int32_t columns = wanted < network->input_width ? wanted : network->input_width;
    ocrm55_page_crop(frame, box, columns, 0, columns, height, bgr);
    if (polarity == OCRM55_INVERTED ||
        (polarity == OCRM55_DARK_ON_LIGHT && has_dark_ground(bgr, height * columns))) {
        invert(bgr, 3 * height * columns);
    }
    return columns;
}

int32_t ocrm55_frame_crop(const struct ocrm55_network *network, const struct ocrm55_frame *frame,
                          const struct ocrm55_box *region, int32_t polarity, uint8_t *bgr)
{
    return ocrm55_frame_check(frame, region) == OCRM55_READ ? crop(network, frame, region, polarity, bgr) : 0;
}

enum ocrm55_outcome ocrm55_recognize_frame(const struct ocrm55_recognizer *recognizer, void *arena, size_t arena_bytes,
                                           const struct ocrm55_frame *frame, const struct ocrm55_box *region,
                                           int32_t polarity, void *scratch, size_t scratch_bytes,
                                           struct ocrm55_reading *reading, const struct ocrm55_watch *watch)
{
    const struct ocrm55_network *const network = recognizer->network;
    const enum ocrm55_outcome valid = ocrm55_frame_check(frame, region);
    if (valid != OCRM55_READ) {
        return valid;
    }
    if (scratch == NULL) {
        return OCRM55_NO_POINTER;
    }
    if (scratch_bytes < OCRM55_FRAME_SCRATCH_BYTES((size_t)network->input_height, (size_t)network->input_width)) {
        return OCRM55_SCRATCH_SHORT;
    }
    const int32_t columns = crop(network, frame, region, polarity, scratch);
    return ocrm55_recognize(recognizer, arena, arena_bytes, scratch, columns, reading, watch);
}

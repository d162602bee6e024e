/* A frame as rows of a detector's input. */
#include <string.h>

#include "fixed.h"
#include "frame.h"

struct ocrm55_page_rows ocrm55_page_scaled(const struct ocrm55_frame *frame, const struct ocrm55_page_options *options,
                                           int32_t width, int32_t height)
{
    /* rounded up: all of the frame is seen */
    const int32_t across = (int32_t)(((int64_t)frame->width * 65536 + width - 1) / width);
    const int32_t down = (int32_t)(((int64_t)frame->height * 65536 + height - 1) / height);
    const int32_t step = most(across, down);
    const int32_t columns = (int32_t)(((int64_t)frame->width * 65536 + step / 2) / step);
    const int32_t rows = (int32_t)(((int64_t)frame->height * 65536 + step / 2) / step);
    return (struct ocrm55_page_rows){
        frame, options, width, height, clamp(columns, 1, width), clamp(rows, 1, height), step,
    };
}

/* `format` is known where this is called, so that each format has a loop of its own. */
static inline void write_row(const struct ocrm55_page_rows *rows, const uint8_t *upper, const uint8_t *lower,
                             int32_t fy, enum ocrm55_format format, uint8_t *bgr)
{
    const int32_t bytes = frame_pixel_bytes(format), last = rows->frame->width - 1;
    int32_t place = (rows->step - 65536) >> 1;
    for (int32_t x = 0; x < rows->used_width; x++, place += rows->step, bgr += 3) {
        const int32_t left = clamp(place >> 16, 0, last), right = clamp((place >> 16) + 1, 0, last);
        frame_mix(upper, lower, left * bytes, right * bytes, place >> 8 & 255, fy, format, bgr);
    }
}

void ocrm55_page_row(void *context, int32_t row, uint8_t *bgr)
{
    const struct ocrm55_page_rows *const rows = context;
    const struct ocrm55_frame *const frame = rows->frame;
    int32_t written = 0;
    if (row >= 0 && row < rows->used_height) {
        const int32_t place = row * rows->step + ((rows->step - 65536) >> 1), last = frame->height - 1;
        const size_t first = (size_t)clamp(place >> 16, 0, last), second = (size_t)clamp((place >> 16) + 1, 0, last);
        const uint8_t *const upper = frame->pixels + first * (size_t)frame->stride;
        const uint8_t *const lower = frame->pixels + second * (size_t)frame->stride;
        const int32_t fy = place >> 8 & 255;
        switch (frame->format) {
        case OCRM55_GRAY8:
            write_row(rows, upper, lower, fy, OCRM55_GRAY8, bgr);
            break;
        case OCRM55_RGB565:
            write_row(rows, upper, lower, fy, OCRM55_RGB565, bgr);
            break;
        case OCRM55_RGB888:
            write_row(rows, upper, lower, fy, OCRM55_RGB888, bgr);
            break;
        default:
            write_row(rows, upper, lower, fy, OCRM55_BGR888, bgr);
            break;
        }
        written = rows->used_width;
    }
    for (int32_t x = written; x < rows->width; x++) {
        memcpy(bgr + 3 * x, rows->options->padding, 3);
    }
}

/* A frame as rows of a detector's input. */
#include <string.h>

#include "fixed.h"
#include "ocrm55_page.h"
#include "sample.h"

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

void ocrm55_page_row(void *context, int32_t row, uint8_t *bgr)
{
    const struct ocrm55_page_rows *const rows = context;
    int32_t written = 0;
    if (row >= 0 && row < rows->used_height) {
        const int32_t start = (rows->step - 65536) >> 1;
        const struct page_path path = {start, row * rows->step + start, rows->step, 0};
        ocrm55_page_sample(rows->frame, path, rows->used_width, bgr);
        written = rows->used_width;
    }
    for (int32_t x = written; x < rows->width; x++) {
        memcpy(bgr + 3 * x, rows->options->padding, 3);
    }
}

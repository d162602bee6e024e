/* Pixels of a frame along a straight path. Internal. */
#ifndef OCRM55_PAGE_SAMPLE_H
#define OCRM55_PAGE_SAMPLE_H

#include <stdint.h>

#include "ocrm55_frame.h"

/* Places in 1/65536 pixel: the first one, and from each to the next. */
struct page_path {
    int32_t x, y, step_x, step_y;
};

/* Write `count` pixels of blue, green and red: between the frame's pixels by 256ths; outside, its nearest pixel. */
void ocrm55_page_sample(const struct ocrm55_frame *frame, struct page_path path, int32_t count, uint8_t *bgr);

#endif

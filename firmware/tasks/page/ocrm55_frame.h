/* Read a line of text in a camera's frame, where it lies: no copy, no scaling before.
 *
 *     static uint8_t crop[OCRM55_FRAME_SCRATCH_BYTES(NAME_INPUT_HEIGHT, NAME_INPUT_WIDTH)];
 *     const struct ocrm55_frame frame = {pixels, 640, 480, 1280, OCRM55_RGB565};
 *     const struct ocrm55_box region = ocrm55_rectangle(200, 180, 240, 48);
 *
 *     if (ocrm55_recognize_frame(&NAME_recognizer, arena, sizeof arena, &frame, &region, OCRM55_AS_IT_IS, crop,
 *                                sizeof crop, &reading, NULL) == OCRM55_READ) {
 *         show(reading.text, reading.score);
 *     }
 *
 * Only the pixels of the region are read. All but the network computes in integers; `ocrm55` computes the same bits on
 * the host. A frame may change while it is read: that changes the text, never where is read. ocrm55_page.h reads whole
 * pages with the same crops. */
#ifndef OCRM55_FRAME_H
#define OCRM55_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "ocrm55_recognize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest side of a frame in pixels. */
#define OCRM55_PAGE_FRAME_SIDE 16384

enum ocrm55_format {
    OCRM55_GRAY8,  /* a byte a pixel */
    OCRM55_RGB565, /* two bytes a pixel, the low one first; red in the highest bits */
    OCRM55_RGB888, /* three bytes a pixel: red, green, blue */
    OCRM55_BGR888, /* three bytes a pixel: blue, green, red */
    OCRM55_YUYV    /* four bytes two pixels: Y, U, Y, V of BT.601, Y 16 to 235; width even, stride whole 4 bytes */
};

struct ocrm55_frame {
    const uint8_t *pixels; /* row 0, the top one; of any alignment */
    int32_t width, height; /* pixels, 1 to OCRM55_PAGE_FRAME_SIDE */
    int32_t stride;        /* bytes from one row to the next, at least those of `width` pixels */
    int32_t format;        /* an ocrm55_format; compilers differ in how large an enum is */
};

/* A place in a frame in units of 1/OCRM55_PAGE_UNIT pixel. The first pixel's middle is (0, 0); y grows downwards. */
#define OCRM55_PAGE_UNIT 256
struct ocrm55_point {
    int32_t x, y;
};

/* A line of text. Corners may lie outside the frame, at most OCRM55_PAGE_FRAME_SIDE pixels from its first pixel; there,
 * the nearest pixel of the frame stands for what is missing. */
struct ocrm55_box {
    struct ocrm55_point corners[4]; /* as the text is read: top left, top right, bottom right, bottom left */
    uint16_t score;                 /* the map's mean probability inside, in 1/65536 */
    uint16_t line;                  /* boxes side by side share a number; from 0, downwards */
    uint8_t turned; /* the text's direction against the frame's rows, nearest quarter turn clockwise: 0 to 3 */
};

/* The edge before pixel `place`; of one far outside, a place that is refused. */
static inline int32_t ocrm55_edge(int64_t place)
{
    const int64_t far = OCRM55_PAGE_FRAME_SIDE + 1;
    const int64_t near = place < -far ? -far : place > far ? far : place;
    return (int32_t)(near * OCRM55_PAGE_UNIT - OCRM55_PAGE_UNIT / 2);
}

/* Whole pixels as a region: `width` x `height` of them, the first at column x of row y. */
static inline struct ocrm55_box ocrm55_rectangle(int32_t x, int32_t y, int32_t width, int32_t height)
{
    const int32_t left = ocrm55_edge(x), right = ocrm55_edge((int64_t)x + width);
    const int32_t top = ocrm55_edge(y), bottom = ocrm55_edge((int64_t)y + height);
    const struct ocrm55_box box = {{{left, top}, {right, top}, {right, bottom}, {left, bottom}}, 0, 0, 0};
    return box;
}

/* What becomes of light text on a dark ground. */
enum ocrm55_polarity {
    OCRM55_AS_IT_IS,
    OCRM55_INVERTED,     /* each byte of the crop becomes 255 minus it */
    OCRM55_DARK_ON_LIGHT /* inverted where the ground is dark: most of the crop is darker than its mean */
};

/* The crop that the recognizer reads, of a network with this input. */
#define OCRM55_FRAME_SCRATCH_BYTES(height, width) (3u * (height) * (width))

/* Read the text of a region. region: NULL for the whole frame. It is scaled to the recognizer's height with its ratio kept,
 * and squeezed where it is then wider than the input (ocrm55_page_columns says how wide it is). polarity: an
 * ocrm55_polarity. scratch: OCRM55_FRAME_SCRATCH_BYTES, of any alignment. Others, and what is returned: as for
 * ocrm55_recognize, and OCRM55_FRAME, OCRM55_REGION and OCRM55_SCRATCH_SHORT. */
enum ocrm55_outcome ocrm55_recognize_frame(const struct ocrm55_recognizer *recognizer, void *arena, size_t arena_bytes,
                                           const struct ocrm55_frame *frame, const struct ocrm55_box *region,
                                           int32_t polarity, void *scratch, size_t scratch_bytes,
                                           struct ocrm55_reading *reading, const struct ocrm55_watch *watch);

/* Write the crop that ocrm55_recognize_frame reads: input_height rows of as many pixels as it returns, which is at most
 * input_width. 0 where the frame or the region cannot be read. */
int32_t ocrm55_frame_crop(const struct ocrm55_network *network, const struct ocrm55_frame *frame,
                          const struct ocrm55_box *region, int32_t polarity, uint8_t *bgr);

/* Whether a frame and a box can be read; box may be NULL. OCRM55_READ, _FRAME, _REGION or _NO_POINTER. */
enum ocrm55_outcome ocrm55_frame_check(const struct ocrm55_frame *frame, const struct ocrm55_box *box);

/* Columns of a box at this height: its ratio kept, at least 1. */
int32_t ocrm55_page_columns(const struct ocrm55_box *box, int32_t height);

/* Write columns first .. first + width - 1 of a box that has `whole` columns, straightened: height rows of `width`
 * pixels of blue, green, red. The frame and the box are valid: ocrm55_frame_check says so. */
void ocrm55_page_crop(const struct ocrm55_frame *frame, const struct ocrm55_box *box, int32_t whole, int32_t first,
                      int32_t width, int32_t height, uint8_t *bgr);

#ifdef __cplusplus
}
#endif

#endif

/* The container in which the host passes images, "OCRI" version 1, little endian:
 *
 *   header   char magic[4] = "OCRI"; uint32 version = 1; uint32 count; uint32 crc32 of all that follows
 *   record   uint32 width; uint32 height; uint32 bytes; then `bytes` of pixels, padded to a multiple of 4
 *
 * Pixels are unsigned bytes, blue green red, row by row: [height][width][3].
 */
#ifndef OCRM55_OCRI_H
#define OCRM55_OCRI_H

#include <stdint.h>

#include "status.h"

#define OCRI_HEADER_BYTES 16u
#define OCRI_RECORD_BYTES 12u
#define OCRI_VERSION 1u
#define OCRI_CHANNELS 3u

struct ocri {
    const uint8_t *next; /* the record that ocri_next takes */
    uint32_t left;       /* images not yet taken */
    uint32_t count;
};

struct ocri_image {
    const uint8_t *pixels; /* [height][width][3] */
    uint32_t width;
    uint32_t height;
};

/* Where and by what numbers a check failed. */
struct ocri_trouble {
    uint32_t image;    /* from 1; 0 for the file as a whole */
    uint32_t found;
    uint32_t expected;
};

/* Check a whole file in memory: every record, before any image is used. Each image must have `height`, and at most
 * `width`. On success ocri_next returns the images of *file; otherwise *trouble has the reason. */
enum status ocri_open(struct ocri *file, const uint8_t *data, uint32_t bytes, uint32_t height, uint32_t width,
                      struct ocri_trouble *trouble);

/* The next image of a file that ocri_open passed. Call at most `count` times. */
struct ocri_image ocri_next(struct ocri *file);

#endif

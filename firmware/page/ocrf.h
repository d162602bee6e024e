/* The container in which the host passes frames (whole pictures of pages), "OCRF" version 2, little endian:
 *
 *   header   char magic[4] = "OCRF"; uint32 version = 2; uint32 count; uint32 ocrf_checksum of all that follows
 *   record   uint32 width, height, stride, format, bytes; then `bytes` of pixels, padded to a multiple of 4
 *
 * Rows lie `stride` bytes apart, so `bytes` is stride x height. Formats: 0 GRAY8, 1 RGB565, 2 RGB888, 3 BGR888,
 * 4 YUYV, of an even width and a stride of whole 4 bytes. Pixels are read where they lie. ocri.h has the container of single lines.
 */
#ifndef OCRM55_OCRF_H
#define OCRM55_OCRF_H

#include <stdint.h>

#include "status.h"

#define OCRF_HEADER_BYTES 16u
#define OCRF_RECORD_BYTES 20u
#define OCRF_VERSION 2u
#define OCRF_MOST_SIDE 8192u    /* pixels */
#define OCRF_MOST_STRIDE 65536u /* bytes */

enum ocrf_format { OCRF_GRAY8, OCRF_RGB565, OCRF_RGB888, OCRF_BGR888, OCRF_YUYV, OCRF_FORMATS };

struct ocrf {
    const uint8_t *next; /* the record that ocrf_next takes */
    uint32_t left;       /* frames not yet taken */
    uint32_t count;
};

struct ocrf_frame {
    const uint8_t *pixels; /* the first row; 4-byte aligned where the file is */
    uint32_t width, height, stride;
    enum ocrf_format format;
};

/* Where and by what numbers a check failed. */
struct ocrf_trouble {
    uint32_t frame; /* from 1; 0 for the file as a whole */
    uint32_t found;
    uint32_t expected;
};

/* Of words w in little endian, the last one filled up with zeros: s = 1, t = 0; of each word s += w, t += s; then t xor s,
 * whose halves change places. A CRC is 10 times the work; of a page that was 2 % of all its instructions. */
uint32_t ocrf_checksum(const uint8_t *data, uint32_t bytes);

/* Check a whole file in memory: every record, before any frame is used. On success ocrf_next returns the frames of *file;
 * otherwise *trouble has the reason. */
enum status ocrf_open(struct ocrf *file, const uint8_t *data, uint32_t bytes, struct ocrf_trouble *trouble);

/* The next frame of a file that ocrf_open passed. Call at most `count` times. */
struct ocrf_frame ocrf_next(struct ocrf *file);

/* The name of a format, such as gray8. */
const char *ocrf_format_name(enum ocrf_format format);

#endif

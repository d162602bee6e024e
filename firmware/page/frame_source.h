/* The source of frames: a file of the host, in the memory for images. */
#ifndef OCRM55_FRAME_SOURCE_H
#define OCRM55_FRAME_SOURCE_H

#include <stdint.h>

#include "ocrf.h"
#include "status.h"

struct frame_source {
    struct ocrf file;
    uint32_t count; /* frames in all */
    uint8_t *rest;  /* what the frames leave of the memory for images, 16-byte aligned */
    uint32_t rest_bytes;
};

/* Open the host's file `name`; NULL is a complaint. Every check is done here, before the first frame. Prints `error: …`
 * and returns the status of the complaint if there is nothing to read. */
enum status frame_source_open(struct frame_source *source, const char *name);

#endif

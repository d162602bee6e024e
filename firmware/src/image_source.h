/* The source of images: a file of the host, or the image that is compiled in (inputs.h). */
#ifndef OCRM55_IMAGE_SOURCE_H
#define OCRM55_IMAGE_SOURCE_H

#include <stdint.h>

#include "ocri.h"
#include "status.h"

struct image_source {
    struct ocri file;
    uint32_t count; /* images in all */
    uint32_t taken;
};

/* Open the host's file `name`; NULL takes the compiled-in image. Every check is done here, before the first image.
 * Prints `error: …` and returns the status of the complaint if there is nothing to recognise. */
enum status image_source_open(struct image_source *source, const char *name);

/* The next image; call `count` times. */
struct ocri_image image_source_next(struct image_source *source);

#endif

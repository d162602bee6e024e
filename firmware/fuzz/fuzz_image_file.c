/* Files of images: ocri_open takes any bytes, and what it lets pass lies within the file. */
#include <stdlib.h>
#include <string.h>

#include "ocri.h"
#include "ocri_mutator.h"

#define HEIGHT 4u
#define WIDTH 16u

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return ocri_mutate(data, size, most, 0, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* of exactly its size */
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    struct ocri file;
    struct ocri_trouble trouble = {0};
    const enum status status = ocri_open(&file, copy, (uint32_t)size, HEIGHT, WIDTH, &trouble);
    if (status == STATUS_OK) {
        static volatile uint32_t sum;
        size_t used = OCRI_HEADER_BYTES;
        for (uint32_t left = file.count; left > 0; left--) {
            const struct ocri_image image = ocri_next(&file);
            const uint32_t bytes = image.width * image.height * OCRI_CHANNELS;
            if (image.height != HEIGHT || image.width < 1 || image.width > WIDTH) {
                abort();
            }
            for (uint32_t i = 0; i < bytes; i++) {
                sum += image.pixels[i];
            }
            used += OCRI_RECORD_BYTES + ((bytes + 3u) & ~3u);
        }
        if (file.left != 0 || used != size) {
            abort();
        }
    } else if (trouble.found == trouble.expected) { /* a complaint that contradicts itself */
        abort();
    }
    free(copy);
    return 0;
}

/* Files of frames: ocrf_open takes any bytes, and what it lets pass lies within the file. */
#include <stdlib.h>
#include <string.h>

#include "ocrf.h"
#include "ocrf_mutator.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return ocrf_mutate(data, size, most, 0, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* of exactly its size */
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    struct ocrf file;
    struct ocrf_trouble trouble = {0};
    const enum status status = ocrf_open(&file, copy, (uint32_t)size, &trouble);
    if (status == STATUS_OK) {
        static volatile uint32_t sum;
        size_t used = OCRF_HEADER_BYTES;
        for (uint32_t left = file.count; left > 0; left--) {
            const struct ocrf_frame frame = ocrf_next(&file);
            const uint32_t bytes = frame.stride * frame.height;
            if (frame.width < 1 || frame.height < 1 || frame.stride < frame.width || frame.format >= OCRF_FORMATS) {
                abort();
            }
            for (uint32_t i = 0; i < bytes; i++) {
                sum += frame.pixels[i];
            }
            sum += (uint32_t)*ocrf_format_name(frame.format);
            used += OCRF_RECORD_BYTES + ((bytes + 3u) & ~3u);
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

/* Files of frames: ocrf_open takes any bytes, and what it lets pass lies within the file. */
#include <stdlib.h>
#include <string.h>

#include "ocrf.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

/* Most of the time the checksum is right, and a time in four the first record's sizes fit each other. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static const uint32_t pixel_bytes[] = {1, 2, 3, 3};
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 8u == 0 || size < OCRF_HEADER_BYTES) {
        return size;
    }
    memcpy(data, "OCRF", 4);
    put(data + 4, OCRF_VERSION);
    if (seed % 4u == 1 && size >= OCRF_HEADER_BYTES + OCRF_RECORD_BYTES) {
        uint8_t *record = data + OCRF_HEADER_BYTES;
        const uint32_t width = 1u + record[0] % 32u, height = 1u + record[4] % 32u, format = record[12] % 4u;
        const uint32_t stride = width * pixel_bytes[format] + 2u * (record[8] % 4u);
        put(record, width);
        put(record + 4, height);
        put(record + 8, stride);
        put(record + 12, format);
        put(record + 16, stride * height);
    }
    put(data + 12, ocrf_checksum(data + OCRF_HEADER_BYTES, (uint32_t)(size - OCRF_HEADER_BYTES)));
    return size;
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

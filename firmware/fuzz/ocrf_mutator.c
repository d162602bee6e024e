#include "ocrf_mutator.h"

#include <string.h>

#include "ocrf.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

static void put(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

/* Sizes of a record that fit each other, and the bytes that are there. */
static void fit(uint8_t *record, size_t bytes)
{
    static const uint32_t pixel_bytes[] = {1, 2, 3, 3};
    const uint32_t width = 1u + record[0] % 64u, format = record[12] % 4u;
    const uint32_t stride = width * pixel_bytes[format] + 2u * (record[8] % 4u);
    const uint32_t rows = (uint32_t)bytes / stride, height = rows > 1 ? rows : 1u + record[4] % 32u;
    put(record, width);
    put(record + 4, height);
    put(record + 8, stride);
    put(record + 12, format);
    put(record + 16, stride * height);
}

size_t ocrf_mutate(uint8_t *data, size_t size, size_t most, size_t start, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 8u == 0 || size < start + OCRF_HEADER_BYTES) {
        return size;
    }
    uint8_t *const file = data + start;
    size_t bytes = size - start;
    memcpy(file, "OCRF", 4);
    put(file + 4, OCRF_VERSION);
    if (seed % 4u == 1 && bytes >= OCRF_HEADER_BYTES + OCRF_RECORD_BYTES) { /* one frame of all that there is */
        uint8_t *const record = file + OCRF_HEADER_BYTES;
        fit(record, bytes - OCRF_HEADER_BYTES - OCRF_RECORD_BYTES);
        const uint32_t pixels = (uint32_t)record[16] | (uint32_t)record[17] << 8 | (uint32_t)record[18] << 16;
        const size_t whole = OCRF_HEADER_BYTES + OCRF_RECORD_BYTES + (pixels + 3u) / 4u * 4u;
        if (whole <= bytes) {
            put(file + 8, 1);
            size -= bytes - whole;
            bytes = whole;
        }
    }
    put(file + 12, ocrf_checksum(file + OCRF_HEADER_BYTES, (uint32_t)(bytes - OCRF_HEADER_BYTES)));
    return size;
}

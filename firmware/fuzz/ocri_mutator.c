#include "ocri_mutator.h"

#include <string.h>

#include "crc32.h"
#include "ocri.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

static void put(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

size_t ocri_mutate(uint8_t *data, size_t size, size_t most, size_t start, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 8u == 0 || size < start + OCRI_HEADER_BYTES) {
        return size;
    }
    uint8_t *file = data + start;
    const size_t bytes = size - start;
    memcpy(file, "OCRI", 4);
    put(file + 4, OCRI_VERSION);
    if (seed % 4u == 1 && bytes >= OCRI_HEADER_BYTES + OCRI_RECORD_BYTES) { /* the first record's sizes fit each other */
        uint8_t *record = file + OCRI_HEADER_BYTES;
        put(record + 4, 4);
        put(record, record[0] % 17u);
        put(record + 8, record[0] * 4u * OCRI_CHANNELS);
    }
    put(file + 12, crc32(file + OCRI_HEADER_BYTES, (uint32_t)(bytes - OCRI_HEADER_BYTES)));
    return size;
}

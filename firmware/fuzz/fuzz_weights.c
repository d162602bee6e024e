/* Images of weights in slots of any size: nothing is read beside a slot, and only a right image is taken. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "ocrm55_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = OCRM55_WEIGHTS_HEADER_BYTES, ABI = 0x5eed };

static void put(uint8_t *image, int place, uint32_t value) { memcpy(image + place, &value, sizeof value); }

static uint32_t get(const uint8_t *image, int place)
{
    uint32_t value;
    memcpy(&value, image + place, sizeof value);
    return value;
}

/* Make right what `which` names, so that what stands behind is looked at too. */
static void repair(uint8_t *image, size_t room, uint32_t which)
{
    const uint32_t weights = (uint32_t)room - HEADER;
    static const uint8_t magic[4] = {'O', 'C', 'R', 'W'};
    if ((which & 1u) != 0u) {
        memcpy(image, magic, sizeof magic);
    }
    if ((which & 2u) != 0u) {
        put(image, 4, OCRM55_WEIGHTS_VERSION);
        put(image, 24, 0);
    }
    if ((which & 4u) != 0u) {
        put(image, 8, ABI);
    }
    if ((which & 8u) != 0u) {
        put(image, 16, weights);
    }
    if ((which & 16u) != 0u) {
        put(image, 20, crc32(image + HEADER, weights));
    }
    if ((which & 32u) != 0u) {
        put(image, 28, crc32(image, 28));
    }
}

static void check(const uint8_t *image, size_t room, uint32_t bytes, enum ocrm55_weights_outcome outcome)
{
    if (outcome == OCRM55_WEIGHTS_OK &&
        (room < HEADER || get(image, 8) != ABI || get(image, 16) != bytes || room - HEADER < bytes ||
         get(image, 20) != crc32(image + HEADER, bytes))) {
        abort();
    }
    if (ocrm55_weights_words(outcome)[0] == '\0') {
        abort();
    }
}

/* Input: what to repair, what the network expects, then the slot. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    const uint32_t which = data[0], less = data[1];
    const size_t room = size - 2;
    uint8_t *const slot = malloc(room); /* of exactly its size, so that a byte too far is seen */
    if (slot == NULL) {
        abort();
    }
    memcpy(slot, data + 2, room);
    if (room >= HEADER) {
        repair(slot, room, which);
    }
    const uint32_t weights = room >= HEADER ? (uint32_t)room - HEADER : 0u;
    const uint32_t bytes = (which & 64u) != 0u ? weights : weights - less;
    check(slot, room, bytes, ocrm55_weights_check(slot, room, ABI, bytes));
    (void)ocrm55_weights_check(slot + 1, room - 1, ABI, bytes);
    const struct ocrm55_weights_slot slots[] = {{slot, room}, {NULL, room}, {slot, room / 2}};
    const int32_t newest = ocrm55_weights_newest(slots, 3, ABI, bytes);
    if (newest > 2 || newest == 1 || newest < -1) {
        abort();
    }
    free(slot);
    return 0;
}

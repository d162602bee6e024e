#include "ocrm55_weights.h"

enum { MAGIC = 0, VERSION = 4, ABI = 8, NUMBER = 12, BYTES = 16, WEIGHTS_CRC = 20, NOTHING = 24, HEADER_CRC = 28 };

static uint32_t word(const uint8_t *image, int place)
{
    const uint8_t *const at = image + place;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t crc32_of(const uint8_t *data, uint32_t bytes)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
        0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
    };
    uint32_t crc = 0xFFFFFFFFu;
    for (uint32_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

enum ocrm55_weights_outcome ocrm55_weights_check(const void *image, size_t room, uint32_t abi, uint32_t bytes)
{
    const uint8_t *const data = image;
    if (data == NULL) {
        return OCRM55_WEIGHTS_NO_POINTER;
    }
    if ((uintptr_t)data % OCRM55_WEIGHTS_ALIGN != 0u) {
        return OCRM55_WEIGHTS_ADDRESS;
    }
    if (room < OCRM55_WEIGHTS_HEADER_BYTES) {
        return OCRM55_WEIGHTS_SHORT;
    }
    if (word(data, MAGIC) != ('O' | 'C' << 8 | 'R' << 16 | (uint32_t)'W' << 24)) {
        return OCRM55_WEIGHTS_MAGIC;
    }
    if (word(data, HEADER_CRC) != crc32_of(data, (uint32_t)HEADER_CRC)) {
        return OCRM55_WEIGHTS_HEADER;
    }
    if (word(data, VERSION) != OCRM55_WEIGHTS_VERSION || word(data, NOTHING) != 0u) {
        return OCRM55_WEIGHTS_OTHER;
    }
    if (word(data, ABI) != abi) {
        return OCRM55_WEIGHTS_ABI;
    }
    if (word(data, BYTES) != bytes || room - OCRM55_WEIGHTS_HEADER_BYTES < bytes) {
        return OCRM55_WEIGHTS_LENGTH;
    }
    const uint32_t crc = crc32_of(data + OCRM55_WEIGHTS_HEADER_BYTES, bytes);
    return crc == word(data, WEIGHTS_CRC) ? OCRM55_WEIGHTS_OK : OCRM55_WEIGHTS_CRC;
}

int32_t ocrm55_weights_newest(const struct ocrm55_weights_slot *slots, uint32_t count, uint32_t abi, uint32_t bytes)
{
    int32_t newest = -1;
    uint32_t highest = 0u;
    for (uint32_t i = 0; slots != NULL && i < count; i++) {
        if (ocrm55_weights_check(slots[i].image, slots[i].room, abi, bytes) == OCRM55_WEIGHTS_OK) {
            const uint32_t number = word(slots[i].image, NUMBER);
            if (newest < 0 || number > highest) {
                newest = (int32_t)i;
                highest = number;
            }
        }
    }
    return newest;
}

const char *ocrm55_weights_words(enum ocrm55_weights_outcome outcome)
{
    switch (outcome) {
    case OCRM55_WEIGHTS_OK:
        return "The weights are right.";
    case OCRM55_WEIGHTS_NO_POINTER:
        return "There is no image of weights.";
    case OCRM55_WEIGHTS_ADDRESS:
        return "The image of weights is not aligned to 16 bytes.";
    case OCRM55_WEIGHTS_SHORT:
        return "The slot is too short for an image of weights.";
    case OCRM55_WEIGHTS_MAGIC:
        return "The slot holds no image of weights.";
    case OCRM55_WEIGHTS_HEADER:
        return "The header of the image of weights is damaged.";
    case OCRM55_WEIGHTS_OTHER:
        return "The image of weights has another version.";
    case OCRM55_WEIGHTS_ABI:
        return "The image of weights was made for other C.";
    case OCRM55_WEIGHTS_LENGTH:
        return "The image of weights has another length than the network or the slot.";
    case OCRM55_WEIGHTS_CRC:
        return "The weights are damaged.";
    default:
        return "This outcome is unknown.";
    }
}

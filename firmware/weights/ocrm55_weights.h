/* Weights as an image of their own, in flash beside the program: an update replaces weights, not firmware.
 *
 *     const struct ocrm55_weights_slot slots[] = {{(const void *)0x28000000u, SLOT_BYTES}, {(const void *)0x28400000u, SLOT_BYTES}};
 *     const int32_t newest = ocrm55_weights_newest(slots, 2, NAME_WEIGHTS_ABI, NAME_WEIGHTS_BYTES);
 *     if (newest < 0 || NAME_use_weights(slots[newest].image, slots[newest].room) != OCRM55_WEIGHTS_OK) {
 *         stay_without();
 *     }
 *
 * An image, little endian, at an address of whole 16 bytes:
 *
 *   char magic[4] = "OCRW"; uint32 version = 1; uint32 abi; uint32 number; uint32 bytes; uint32 crc32 of the weights;
 *   uint32 0; uint32 crc32 of the 28 bytes before; then `bytes` of weights
 *
 * abi: a hash of the C that reads the weights. An image that other C was made for is refused. */
#ifndef OCRM55_WEIGHTS_IMAGE_H
#define OCRM55_WEIGHTS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OCRM55_WEIGHTS_HEADER_BYTES 32u
#define OCRM55_WEIGHTS_ALIGN 16u
#define OCRM55_WEIGHTS_VERSION 1u

enum ocrm55_weights_outcome {
    OCRM55_WEIGHTS_OK = 0,
    OCRM55_WEIGHTS_NO_POINTER, /* there is no image */
    OCRM55_WEIGHTS_ADDRESS,    /* the image does not lie at whole OCRM55_WEIGHTS_ALIGN bytes */
    OCRM55_WEIGHTS_SHORT,      /* the slot has no room for a header */
    OCRM55_WEIGHTS_MAGIC,      /* the slot is empty, or holds something else */
    OCRM55_WEIGHTS_HEADER,     /* the header is damaged */
    OCRM55_WEIGHTS_OTHER,      /* the image has another version */
    OCRM55_WEIGHTS_ABI,        /* the image was made for other C */
    OCRM55_WEIGHTS_LENGTH,     /* the image has another length, or more than the slot */
    OCRM55_WEIGHTS_CRC         /* the weights are damaged */
};

/* A place in memory where an image may be. */
struct ocrm55_weights_slot {
    const void *image;
    size_t room; /* bytes that may be read there */
};

/* Check all of an image, for a network with this ABI and so many bytes of weights: every byte is read once. */
enum ocrm55_weights_outcome ocrm55_weights_check(const void *image, size_t room, uint32_t abi, uint32_t bytes);

/* The slot with the valid image of the highest number, of equal ones the first; -1 where no slot has a valid one. */
int32_t ocrm55_weights_newest(const struct ocrm55_weights_slot *slots, uint32_t count, uint32_t abi, uint32_t bytes);

/* One sentence in English about an outcome, for logs. */
const char *ocrm55_weights_words(enum ocrm55_weights_outcome outcome);

#ifdef __cplusplus
}
#endif

#endif

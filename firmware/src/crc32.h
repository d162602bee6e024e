#ifndef OCRM55_CRC32_H
#define OCRM55_CRC32_H

#include <stdint.h>

/* CRC-32 as in zlib, PNG and Ethernet (reflected polynomial 0xEDB88320, start and end inverted). */
uint32_t crc32(const uint8_t *data, uint32_t bytes);

#endif

/* The platform (src/platform.h) in memory: what the host would say comes from the fuzzer's input. */
#ifndef OCRM55_MEMORY_PLATFORM_H
#define OCRM55_MEMORY_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_host {
    bool present;             /* semihosting answers */
    const char *command_line; /* NULL: the host has none */
    const uint8_t *file;      /* the one file there is, whatever its name */
    uint32_t file_bytes;
    uint32_t room_bytes;      /* memory for images */
    int64_t size_lie;         /* added to the size that the host tells; its files can grow and shrink under the firmware */
    bool size_unknown;
    bool reads_half, writes_half, close_fails;
};

/* What the firmware did since memory_platform_reset. */
struct memory_said {
    uint32_t texts, errors, images; /* lines that begin with `text: `, `error: `, `image ` */
    uint32_t written_bytes;
    int open_files; /* not closed again */
    bool ends_with_newline;
};

void memory_platform_reset(const struct memory_host *host);
const struct memory_said *memory_platform_said(void);

#endif

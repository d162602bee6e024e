/* The functions that a board provides. The files in src/ know nothing else of the board, so they build on the host too. */
#ifndef OCRM55_PLATFORM_H
#define OCRM55_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

enum platform_file_mode { PLATFORM_FILE_READ, PLATFORM_FILE_WRITE };

/* Send bytes to the UART; returns when all of them are on their way. */
void platform_write(const char *text, uint32_t length);

/* Print `exit status N` and stop the simulator. */
_Noreturn void platform_exit(int status);

/* True if a host answers requests for files. */
bool platform_has_host(void);

/* The host's command line, NUL-terminated; false when there is none. */
bool platform_command_line(char *text, uint32_t size);

/* Files of the host. open: a handle, or -1; size: bytes, or -1; read, write: bytes moved; close: true when all is kept. */
int32_t platform_file_open(const char *name, enum platform_file_mode mode);
int64_t platform_file_size(int32_t file);
uint32_t platform_file_read(int32_t file, void *to, uint32_t bytes);
uint32_t platform_file_write(int32_t file, const void *from, uint32_t bytes);
bool platform_file_close(int32_t file);

/* Memory for a file of images: its address, and its size in *bytes. */
uint8_t *platform_image_buffer(uint32_t *bytes);

/* Instructions since some moment in the past; only differences mean anything, and only where the board can count. */
uint64_t platform_instructions(void);

/* Cycles, and events with names, since some moment in the past; differences are right for 2^32 of each. */
enum { PLATFORM_EVENTS = 4 };
struct platform_cycles {
    uint32_t cycles, events[PLATFORM_EVENTS];
    bool has_events;
};
extern const char *const platform_event_names[PLATFORM_EVENTS];

/* False where nothing counts cycles. The first call starts the counters. */
bool platform_cycles(struct platform_cycles *now);

/* The most stack that was ever used, in bytes; the whole stack goes to *total. */
uint32_t platform_stack_used(uint32_t *total);

/* Remember the current work ("operator", "blocks.3.conv"), for the report of a fault. The strings are not copied. */
void platform_activity(const char *kind, const char *name);

#endif

#include "memory_platform.h"

#include <stdlib.h>
#include <string.h>

#include "platform.h"

static struct memory_host host;
static struct memory_said said;
static uint8_t *room;
static char line[16]; /* the beginning of the UART's line */
static uint32_t line_length;

void memory_platform_reset(const struct memory_host *wanted)
{
    host = *wanted;
    said = (struct memory_said){.ends_with_newline = true};
    line_length = 0;
    free(room);
    /* Exactly as large as the firmware is told: the sanitizer sees a byte too far. */
    room = malloc(host.room_bytes ? host.room_bytes : 1);
    if (room == NULL) {
        abort();
    }
}

const struct memory_said *memory_platform_said(void)
{
    return &said;
}

static bool line_begins(const char *word)
{
    return line_length >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

void platform_write(const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            said.texts += line_begins("text: ");
            said.errors += line_begins("error: ");
            said.images += line_begins("image ");
            line_length = 0;
        } else if (line_length < sizeof line) {
            line[line_length++] = text[i];
        }
        said.ends_with_newline = text[i] == '\n';
    }
}

_Noreturn void platform_exit(int status)
{
    (void)status;
    abort(); /* main returns; only faults and start-up end this way */
}

bool platform_has_host(void)
{
    return host.present;
}

bool platform_command_line(char *text, uint32_t size)
{
    if (!host.present || host.command_line == NULL || size == 0) {
        return false;
    }
    strncpy(text, host.command_line, size - 1);
    text[size - 1] = '\0';
    return true;
}

int32_t platform_file_open(const char *name, enum platform_file_mode mode)
{
    if (!host.present || name[0] == '\0' || strcmp(name, "none") == 0) {
        return -1;
    }
    said.open_files++;
    return mode == PLATFORM_FILE_WRITE ? 2 : 1;
}

int64_t platform_file_size(int32_t file)
{
    (void)file;
    return host.size_unknown ? -1 : (int64_t)host.file_bytes + host.size_lie;
}

uint32_t platform_file_read(int32_t file, void *to, uint32_t bytes)
{
    (void)file;
    uint32_t moved = bytes < host.file_bytes ? bytes : host.file_bytes;
    moved = host.reads_half ? moved / 2 : moved;
    if (moved != 0) {
        memcpy(to, host.file, moved);
    }
    return moved;
}

uint32_t platform_file_write(int32_t file, const void *from, uint32_t bytes)
{
    (void)file;
    static volatile uint8_t sink;
    for (uint32_t i = 0; i < bytes; i++) { /* all of it must be readable */
        sink = ((const uint8_t *)from)[i];
    }
    (void)sink;
    const uint32_t moved = host.writes_half ? bytes / 2 : bytes;
    said.written_bytes += moved;
    return moved;
}

bool platform_file_close(int32_t file)
{
    (void)file;
    said.open_files--;
    return !host.close_fails;
}

uint8_t *platform_image_buffer(uint32_t *bytes)
{
    *bytes = host.room_bytes;
    return room;
}

uint64_t platform_instructions(void)
{
    static uint64_t count;
    return count += 10;
}

const char *const platform_event_names[PLATFORM_EVENTS] = {"a", "b", "c", "d"};

bool platform_cycles(struct platform_cycles *now)
{
    *now = (struct platform_cycles){0};
    return false;
}

uint32_t platform_stack_used(uint32_t *total)
{
    *total = 32768;
    return 420;
}

void platform_activity(const char *kind, const char *name)
{
    if (kind == NULL || name == NULL) {
        abort();
    }
}

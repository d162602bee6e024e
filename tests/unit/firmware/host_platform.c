/* The platform on the host: the UART is standard output, files are files, the command line is the environment's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"
#include "print.h"

static FILE *files[4];

void platform_write(const char *text, uint32_t length)
{
    fwrite(text, 1, length, stdout);
}

_Noreturn void platform_exit(int status)
{
    exit(status);
}

bool platform_has_host(void)
{
    return getenv("COMMAND_LINE") != NULL;
}

bool platform_command_line(char *text, uint32_t size)
{
    const char *line = getenv("COMMAND_LINE");
    if (line == NULL || strlen(line) >= size) {
        return false;
    }
    strcpy(text, line);
    return true;
}

int32_t platform_file_open(const char *name, enum platform_file_mode mode)
{
    for (int32_t i = 0; i < 4; i++) {
        if (files[i] == NULL) {
            files[i] = fopen(name, mode == PLATFORM_FILE_WRITE ? "wb" : "rb");
            return files[i] ? i : -1;
        }
    }
    return -1;
}

int64_t platform_file_size(int32_t file)
{
    fseek(files[file], 0, SEEK_END);
    const long bytes = ftell(files[file]);
    rewind(files[file]);
    return bytes;
}

uint32_t platform_file_read(int32_t file, void *to, uint32_t bytes)
{
    return (uint32_t)fread(to, 1, bytes, files[file]);
}

uint32_t platform_file_write(int32_t file, const void *from, uint32_t bytes)
{
    return (uint32_t)fwrite(from, 1, bytes, files[file]);
}

bool platform_file_close(int32_t file)
{
    FILE *closed = files[file];
    files[file] = NULL;
    return fclose(closed) == 0;
}

uint8_t *platform_image_buffer(uint32_t *bytes)
{
    static uint8_t buffer[1 << 20];
    *bytes = sizeof buffer;
    return buffer;
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
    (void)kind;
    (void)name;
}

/* A computer in place of the board: UART and files are those of its operating system. Nothing counts instructions. */

#include "platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

#define IMAGE_BYTES (256u << 20) /* as on the Corstone-300; the operating system gives pages as they are touched */
#define MOST_FILES 4

static FILE *files[MOST_FILES];
static uint8_t images[IMAGE_BYTES] __attribute__((aligned(64)));
static int words;
static char **texts;

const char *const platform_event_names[PLATFORM_EVENTS] = {"", "", "", ""};

int firmware_main(void);

int main(int count, char **given)
{
    words = count;
    texts = given;
    (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a run that is stopped has said all lines before */
    platform_exit(firmware_main());
}

void platform_write(const char *text, uint32_t length)
{
    (void)fwrite(text, 1, length, stdout);
}

_Noreturn void platform_exit(int status)
{
    print_text("exit status ");
    print_i32(status);
    print_text("\n");
    exit(status);
}

bool platform_has_host(void)
{
    return true;
}

bool platform_command_line(char *text, uint32_t size)
{
    size_t used = 0;
    for (int i = 0; i < words; i++) {
        const int more = snprintf(text + used, size - used, "%s%s", i == 0 ? "" : " ", texts[i]);
        if (more < 0 || (size_t)more >= size - used) {
            return false;
        }
        used += (size_t)more;
    }
    return words > 0;
}

int32_t platform_file_open(const char *name, enum platform_file_mode mode)
{
    for (int32_t i = 0; i < MOST_FILES; i++) {
        if (files[i] == NULL) {
            files[i] = fopen(name, mode == PLATFORM_FILE_WRITE ? "wb" : "rb");
            return files[i] == NULL ? -1 : i;
        }
    }
    return -1;
}

int64_t platform_file_size(int32_t file)
{
    if (fseek(files[file], 0, SEEK_END) != 0) {
        return -1;
    }
    const long size = ftell(files[file]);
    return fseek(files[file], 0, SEEK_SET) == 0 ? (int64_t)size : -1;
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
    const bool kept = fclose(files[file]) == 0;
    files[file] = NULL;
    return kept;
}

uint8_t *platform_image_buffer(uint32_t *bytes)
{
    *bytes = sizeof images;
    return images;
}

uint64_t platform_instructions(void)
{
    return 0;
}

bool platform_cycles(struct platform_cycles *now)
{
    *now = (struct platform_cycles){0};
    return false;
}

uint32_t platform_stack_used(uint32_t *total)
{
    *total = 0;
    return 0;
}

void platform_activity(const char *kind, const char *name)
{
    (void)kind;
    (void)name;
}

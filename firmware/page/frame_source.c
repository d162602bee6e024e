#include "frame_source.h"

#include <stddef.h>

#include "platform.h"
#include "print.h"

static enum status complain_file(enum status status, const char *name, const char *what)
{
    print_text("error: the file of frames ");
    print_name(name);
    print_text(what);
    print_text("\n");
    return status;
}

/* What each check of ocrf.c says between and behind its two numbers. */
static const struct words {
    enum status status;
    const char *found, *between, *end;
} sentences[] = {
    {STATUS_OCRF_SHORT, " has ", " bytes, its header alone has ", ""},
    {STATUS_OCRF_VERSION, " has version ", ", this firmware reads version ", ""},
    {STATUS_OCRF_TRUNCATED, " is cut off: ", " bytes are left of ", ""},
    {STATUS_OCRF_WIDTH, " is ", " pixels wide, this firmware takes 1 to ", ""},
    {STATUS_OCRF_HEIGHT, " is ", " pixels high, this firmware takes 1 to ", ""},
    {STATUS_OCRF_FORMAT, " has pixels of format ", ", this firmware knows 0 to ", ""},
    {STATUS_OCRF_STRIDE, " has rows ", " bytes apart, each has ", ""},
    {STATUS_OCRF_BYTES, " has ", " bytes of pixels, its height and stride make ", ""},
    {STATUS_OCRF_TRAILING, " has ", " bytes after the last frame, expected are ", ""},
};

static void complain_ocrf(enum status status, const char *name, const struct ocrf_trouble *trouble)
{
    print_text("error: the file of frames ");
    print_name(name);
    if (trouble->frame != 0) {
        print_text(", frame ");
        print_u32(trouble->frame);
    }
    if (status == STATUS_OCRF_MAGIC) {
        print_text(": it does not begin with OCRF");
    } else if (status == STATUS_OCRF_EMPTY) {
        print_text(": it holds no frames");
    } else if (status == STATUS_OCRF_CHECKSUM) {
        print_text(" is damaged: its checksum is ");
        print_hex32(trouble->found);
        print_text(", its header says ");
        print_hex32(trouble->expected);
    }
    for (uint32_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (status == STATUS_OCRF_WIDTH && trouble->expected == 0 && sentences[i].status == status) {
            print_text(" is ");
            print_u32(trouble->found);
            print_text(" pixels wide, rows of yuyv have an even number");
        } else if (sentences[i].status == status) {
            print_text(sentences[i].found);
            print_u32(trouble->found);
            print_text(sentences[i].between);
            print_u32(trouble->expected);
            print_text(sentences[i].end);
        }
    }
    print_text("\n");
}

enum status frame_source_open(struct frame_source *source, const char *name)
{
    *source = (struct frame_source){0};
    if (name == NULL) {
        print_text("error: no page: the command line names no file of frames (images=FILE, by semihosting)\n");
        return STATUS_NO_IMAGE;
    }
    const int32_t file = platform_file_open(name, PLATFORM_FILE_READ);
    if (file < 0) {
        return complain_file(STATUS_FILE_OPEN, name, " cannot be opened");
    }
    uint32_t room;
    uint8_t *data = platform_image_buffer(&room);
    const int64_t size = platform_file_size(file);
    if (size < 0 || size > (int64_t)room) {
        (void)platform_file_close(file);
        return size < 0 ? complain_file(STATUS_FILE_READ, name, " has no size")
                        : complain_file(STATUS_FILE_TOO_LARGE, name, " is larger than the memory for images");
    }
    const uint32_t bytes = (uint32_t)size;
    const uint32_t got = platform_file_read(file, data, bytes);
    (void)platform_file_close(file);
    if (got != bytes) {
        return complain_file(STATUS_FILE_READ, name, " ended early");
    }
    struct ocrf_trouble trouble;
    const enum status status = ocrf_open(&source->file, data, bytes, &trouble);
    if (status != STATUS_OK) {
        complain_ocrf(status, name, &trouble);
        return status;
    }
    source->count = source->file.count;
    const uint32_t padding = (16u - (uint32_t)((uintptr_t)(data + bytes) % 16u)) % 16u;
    source->rest = bytes + padding <= room ? data + bytes + padding : data + room;
    source->rest_bytes = bytes + padding <= room ? room - bytes - padding : 0;
    return STATUS_OK;
}

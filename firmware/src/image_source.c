#include "image_source.h"

#include <stddef.h>

#include "ocrm55_model.h"
#include "platform.h"
#include "print.h"

#if __has_include("inputs.h")
#include "inputs.h"
#define HAVE_COMPILED_IN 1
#else
#define HAVE_COMPILED_IN 0
#endif

static enum status complain_file(enum status status, const char *name, const char *what)
{
    print_text("error: the file of images ");
    print_name(name);
    print_text(what);
    print_text("\n");
    return status;
}

/* "is F, E was expected" for each check of ocri.c. */
static void complain_ocri(enum status status, const char *name, const struct ocri_trouble *trouble)
{
    print_text("error: the file of images ");
    print_name(name);
    if (trouble->image != 0) {
        print_text(", image ");
        print_u32(trouble->image);
    }
    const char *found = " has ";
    const char *between = " where ";
    const char *end = " are expected";
    switch (status) {
    case STATUS_OCRI_SHORT:
        between = " bytes, its header alone has ";
        end = "";
        break;
    case STATUS_OCRI_MAGIC:
        print_text(": it does not begin with OCRI\n");
        return;
    case STATUS_OCRI_VERSION:
        found = " has version ";
        between = ", this firmware reads version ";
        end = "";
        break;
    case STATUS_OCRI_EMPTY:
        print_text(": it holds no images\n");
        return;
    case STATUS_OCRI_CRC:
        print_text(" is damaged: its CRC is ");
        print_hex32(trouble->found);
        print_text(", its header says ");
        print_hex32(trouble->expected);
        print_text("\n");
        return;
    case STATUS_OCRI_TRUNCATED:
        found = " is cut off: ";
        between = " bytes are left of ";
        end = "";
        break;
    case STATUS_OCRI_HEIGHT:
        found = " is ";
        between = " pixels high, the model takes ";
        end = "";
        break;
    case STATUS_OCRI_WIDTH:
        found = " is ";
        between = " pixels wide, the model takes 1 to ";
        end = "";
        break;
    case STATUS_OCRI_BYTES:
        between = " bytes of pixels, its width and height make ";
        end = "";
        break;
    case STATUS_OCRI_TRAILING:
        between = " bytes after the last image, expected are ";
        end = "";
        break;
    default:
        break;
    }
    print_text(found);
    print_u32(trouble->found);
    print_text(between);
    print_u32(trouble->expected);
    print_text(end);
    print_text("\n");
}

static enum status open_file(struct image_source *source, const char *name)
{
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
    struct ocri_trouble trouble;
    const enum status status =
        ocri_open(&source->file, data, bytes, OCRM55_INPUT_HEIGHT, OCRM55_INPUT_WIDTH, &trouble);
    if (status != STATUS_OK) {
        complain_ocri(status, name, &trouble);
        return status;
    }
    source->count = source->file.count;
    return STATUS_OK;
}

enum status image_source_open(struct image_source *source, const char *name)
{
    *source = (struct image_source){0};
    if (name != NULL) {
        return open_file(source, name);
    }
    if (HAVE_COMPILED_IN) {
        source->count = 1;
        return STATUS_OK;
    }
    print_text("error: no image: the command line names none (images=FILE, by semihosting) and none is compiled in\n");
    return STATUS_NO_IMAGE;
}

struct ocri_image image_source_next(struct image_source *source)
{
    source->taken++;
#if HAVE_COMPILED_IN
    if (source->file.count == 0) {
        _Static_assert(OCRM55_IMAGE_WIDTH >= 1 && OCRM55_IMAGE_WIDTH <= OCRM55_INPUT_WIDTH, "width of inputs.h");
        _Static_assert(sizeof ocrm55_image_pixels == OCRM55_IMAGE_WIDTH * OCRM55_INPUT_HEIGHT * OCRI_CHANNELS,
                       "size of inputs.h");
        return (struct ocri_image){
            .pixels = ocrm55_image_pixels, .width = OCRM55_IMAGE_WIDTH, .height = OCRM55_INPUT_HEIGHT};
    }
#endif
    return ocri_next(&source->file);
}

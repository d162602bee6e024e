/* The program for a camera: take frames, read the same region of each with a recognizer alone, say what it reads.
 *
 * Besides what src/main.c takes, `region=X,Y,X,Y,X,Y,X,Y`, corners in 1/256 pixel as in struct ocrm55_box, and `polarity=N`,
 * an ocrm55_polarity. Without a region the whole frame is read. */
#include <stddef.h>
#include <string.h>

#include "crc32.h"
#include "frame_source.h"
#include "npu.h"
#include "ocrm55_frame.h"
#include "ocrm55_model.h"
#include "options.h"
#include "platform.h"
#include "print.h"
#include "status.h"
#include "uart_words.h"

_Static_assert((int)OCRF_YUYV == (int)OCRM55_YUYV && (int)OCRF_RGB565 == (int)OCRM55_RGB565, "the formats are the same");

#define CACHE_LINE 32u
#define ARENA_ROOM ((OCRM55_ARENA_BYTES + CACHE_LINE - 1u) / CACHE_LINE * CACHE_LINE)
static uint8_t arena[ARENA_ROOM] __attribute__((section(".ocrm55.arena"), aligned(CACHE_LINE)));
#define CROP_BYTES OCRM55_FRAME_SCRATCH_BYTES(OCRM55_INPUT_HEIGHT, OCRM55_INPUT_WIDTH)

/* What is read of each frame. */
struct view {
    struct ocrm55_box region;
    bool has_region;
    int32_t polarity;
};

/* A number in decimal at *text, which moves behind it; false where there is none, or too large a one. */
static bool take_number(const char **text, int32_t *number)
{
    const char *at = *text;
    const bool negative = *at == '-';
    at += negative ? 1 : 0;
    int32_t value = 0;
    const char *const first = at;
    while (*at >= '0' && *at <= '9' && value < 100000000) {
        value = value * 10 + (*at++ - '0');
    }
    *number = negative ? -value : value;
    *text = at;
    return at != first && (*at < '0' || *at > '9');
}

static bool take_region(const char *text, struct ocrm55_box *box)
{
    for (int i = 0; i < 8; i++) {
        int32_t *const place = i % 2 == 0 ? &box->corners[i / 2].x : &box->corners[i / 2].y;
        if (!take_number(&text, place) || *text != (i < 7 ? ',' : '\0')) {
            return false;
        }
        text += i < 7 ? 1 : 0;
    }
    return true;
}

static bool take_view(const struct options *options, struct view *view)
{
    view->has_region = options->region != NULL;
    if (view->has_region && !take_region(options->region, &view->region)) {
        return false;
    }
    const char *text = options->polarity;
    return text == NULL || (take_number(&text, &view->polarity) && *text == '\0');
}

/* The CRC-32 of what the recognizer sees, for the host to compare. */
static void say_region(const struct ocrm55_frame *frame, const struct view *view, uint8_t *crop)
{
    const int32_t columns = ocrm55_frame_crop(&OCRM55_NETWORK, frame, view->has_region ? &view->region : NULL,
                                              view->polarity, crop);
    print_text("region ");
    print_u32((uint32_t)columns);
    print_text("x");
    print_u32(OCRM55_INPUT_HEIGHT);
    print_text(" ");
    print_hex32(crc32(crop, (uint32_t)(3 * columns * OCRM55_INPUT_HEIGHT)));
    print_text("\n");
}

/* crop: CROP_BYTES. */
static enum status read_frame(const struct ocrf_frame *given, const struct view *view, const struct options *options,
                              uint8_t *crop)
{
    static char text[OCRM55_TEXT_BYTES], seen[OCRM55_TEXT_BYTES];
    static uint16_t classes[OCRM55_OUTPUT_STEPS];
    static struct ocrm55_character characters[OCRM55_OUTPUT_STEPS];
    struct ocrm55_reading reading = {.text = text, .classes = classes, .seen = seen};
    const struct ocrm55_watch watch = watch_for(options->stats);
    const struct ocrm55_frame frame = {given->pixels, (int32_t)given->width, (int32_t)given->height,
                                       (int32_t)given->stride, (int32_t)given->format};
    if (options->hashes) {
        say_region(&frame, view, crop);
    }
    const enum ocrm55_outcome outcome =
        ocrm55_recognize_frame(&OCRM55_RECOGNIZER, arena, sizeof arena, &frame, view->has_region ? &view->region : NULL,
                               view->polarity, crop, CROP_BYTES, &reading, &watch);
    const enum status npu = npu_check();
    if (npu != STATUS_OK) {
        return npu;
    }
    if (outcome != OCRM55_READ) {
        return complain(STATUS_REGION, "the region cannot be read: a corner is too far outside the frame", "");
    }
    struct ocrm55_confidence confidence = {.characters = characters};
    if (options->confidence && ocrm55_measure_confidence(&OCRM55_RECOGNIZER, arena, &reading, &confidence)) {
        say_confidence(&reading, &confidence);
    }
    say_reading(&reading, options->stats);
    return STATUS_OK;
}

int main(void)
{
    static char line[OPTIONS_LINE_BYTES];
    static struct frame_source source;
    struct options options = {0};
    struct view view = {.polarity = OCRM55_AS_IT_IS};

    say_identity();
    if (platform_command_line(line, sizeof line)) {
        const char *const unknown = options_parse(line, &options);
        if (unknown != NULL) {
            return (int)complain(STATUS_COMMAND_LINE, "unknown word on the command line: ", unknown);
        }
        if (!take_view(&options, &view)) {
            return (int)complain(STATUS_COMMAND_LINE, "a region has eight numbers, a polarity one", "");
        }
    }
    memset(arena, 0xFF, sizeof arena); /* see src/main.c */
    enum status status = npu_begin();
    if (status == STATUS_OK) {
        status = frame_source_open(&source, options.images);
    }
    if (status == STATUS_OK && source.rest_bytes < CROP_BYTES) {
        status = complain(STATUS_PAGE, "the frames leave too little of the memory for images to read them", "");
    }
    for (uint32_t i = 0; status == STATUS_OK && i < source.count; i++) {
        say_image(i + 1, source.count);
        const struct ocrf_frame frame = ocrf_next(&source.file);
        status = read_frame(&frame, &view, &options, source.rest);
    }
    if (options.stats) {
        say_stack();
    }
    return (int)status;
}

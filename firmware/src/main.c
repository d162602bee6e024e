/* The program: say who we are, take the images, recognise each, say what it reads. */

#include <stddef.h>
#include <string.h>

#include "ctc.h"
#include "image_source.h"
#include "npu.h"
#include "ocrm55_model.h"
#include "options.h"
#include "platform.h"
#include "ocrm55_recognize.h"
#include "status.h"
#include "uart_words.h"

_Static_assert(OCRM55_INPUT_CHANNELS == OCRI_CHANNELS, "the model takes colour images");

/* Whole cache lines, so that nothing else lies in a line that an NPU writes behind the cache's back. */
#define CACHE_LINE 32u
#define ARENA_ROOM ((OCRM55_ARENA_BYTES + CACHE_LINE - 1u) / CACHE_LINE * CACHE_LINE)
#define ARENA_ALIGN (OCRM55_ARENA_ALIGN > CACHE_LINE ? OCRM55_ARENA_ALIGN : CACHE_LINE)

/* Bytes on either side of the arena that nobody may write to; a test of long runs builds with some, to see that nobody does. */
#ifndef OCRM55_ARENA_GUARD
#define OCRM55_ARENA_GUARD 0
#endif

/* Whether to say what everything cost without being asked: on a board without a host nobody can ask. */
#ifndef OCRM55_STATS
#define OCRM55_STATS 0
#endif
#define GUARD_VALUE 0xA6u
_Static_assert(OCRM55_ARENA_GUARD % ARENA_ALIGN == 0, "the arena stays aligned");

static uint8_t arena_and_guards[OCRM55_ARENA_GUARD + ARENA_ROOM + OCRM55_ARENA_GUARD]
    __attribute__((section(".ocrm55.arena"), aligned(ARENA_ALIGN)));
static uint8_t *const arena = arena_and_guards + OCRM55_ARENA_GUARD;

static bool guards_hold(void)
{
    for (uint32_t i = OCRM55_ARENA_GUARD; i-- > 0;) {
        if (arena_and_guards[i] != GUARD_VALUE || arena[ARENA_ROOM + i] != GUARD_VALUE) {
            return false;
        }
    }
    return true;
}

/* rows: who sees the probabilities of a network that has run_into. */
static enum status recognise(const struct ocri_image *image, const struct options *options,
                             const struct ocrm55_taker *rows)
{
    const bool stats = options->stats;
    static struct ocrm55_character characters[OCRM55_OUTPUT_STEPS];
    static char text[OCRM55_TEXT_BYTES], seen[OCRM55_TEXT_BYTES];
    static uint16_t classes[OCRM55_OUTPUT_STEPS];
    struct ocrm55_reading reading = {.text = text, .classes = classes, .seen = seen};
    struct ocrm55_watch watch = watch_for(stats);
    watch.rows = rows;

    /* The image was checked when its file was opened, the arena is ours: only an NPU can fail. */
    (void)ocrm55_recognize(&OCRM55_RECOGNIZER, arena, ARENA_ROOM, image->pixels, (int32_t)image->width, &reading, &watch);
    const enum status npu = npu_check();
    if (npu == STATUS_OK) {
        struct ocrm55_confidence confidence = {.characters = characters};
        if (options->confidence && ocrm55_measure_confidence(&OCRM55_RECOGNIZER, arena, &reading, &confidence)) {
            say_confidence(&reading, &confidence);
        }
        say_reading(&reading, stats);
    }
    return npu != STATUS_OK || guards_hold() ? npu : complain(STATUS_ARENA, "the model wrote beyond its arena", "");
}

/* OCRM55_OUTPUT_STEPS rows for every image: those after the last step of a narrow one say blank. */
static bool write_probabilities(int32_t file)
{
    static const float blank[OCRM55_OUTPUT_CLASSES] = {[OCRM55_CTC_BLANK] = 1.0f};
    const uint32_t steps = OCRM55_NETWORK.steps(arena);
    const uint32_t bytes = steps * sizeof blank;
    bool written = platform_file_write(file, OCRM55_NETWORK.output(arena), bytes) == bytes;
    for (uint32_t step = steps; OCRM55_WIDTHS > 1 && step < OCRM55_OUTPUT_STEPS && written; step++) {
        written = platform_file_write(file, blank, sizeof blank) == sizeof blank;
    }
    return written;
}

/* The probabilities of a network that has run_into, while it runs. */
struct rows_file {
    int32_t file;
    bool written;
};

static void write_rows(void *context, uint32_t first, uint32_t count, const float *rows)
{
    struct rows_file *const to = context;
    const uint32_t bytes = count * OCRM55_OUTPUT_CLASSES * (uint32_t)sizeof *rows;
    (void)first;
    to->written = to->written && platform_file_write(to->file, rows, bytes) == bytes;
}

static enum status recognise_all(const struct options *options)
{
    struct image_source source;
    const enum status opened = image_source_open(&source, options->images);
    if (opened != STATUS_OK) {
        return opened;
    }
    int32_t file = -1;
    if (options->probabilities != NULL) {
        file = platform_file_open(options->probabilities, PLATFORM_FILE_WRITE);
        if (file < 0) {
            return complain(STATUS_FILE_WRITE, "cannot write probabilities to ", options->probabilities);
        }
    }
    enum status status = STATUS_OK;
    bool written = true;
    struct rows_file rows = {file, true};
    const struct ocrm55_taker taker = {write_rows, &rows};
    for (uint32_t i = 0; i < source.count && written && status == STATUS_OK; i++) {
        say_image(i + 1, source.count);
        const struct ocri_image image = image_source_next(&source);
        status = recognise(&image, options, file >= 0 ? &taker : NULL);
        if (status == STATUS_OK && file >= 0) {
            written = OCRM55_NETWORK.run_into != NULL ? rows.written : write_probabilities(file);
        }
    }
    if (file >= 0) {
        written = platform_file_close(file) && written;
    }
    if (status != STATUS_OK) {
        return status;
    }
    return written ? STATUS_OK
                   : complain(STATUS_FILE_WRITE, "cannot write probabilities to ", options->probabilities);
}

int main(void)
{
    static char line[OPTIONS_LINE_BYTES];
    struct options options = {0};

    say_identity();
    if (platform_command_line(line, sizeof line)) {
        const char *unknown = options_parse(line, &options);
        if (unknown != NULL) {
            return (int)complain(STATUS_COMMAND_LINE, "unknown word on the command line: ", unknown);
        }
    }
    options.stats = options.stats || OCRM55_STATS != 0;
    /* Memory is not zero when a board wakes up, but QEMU's is: an operator that reads what nobody wrote shall fail there
     * too. All bits set is NaN in float32. */
    memset(arena_and_guards, GUARD_VALUE, sizeof arena_and_guards);
    memset(arena, 0xFF, ARENA_ROOM);

    enum status status = npu_begin();
    if (status == STATUS_OK) {
        status = recognise_all(&options);
    }
    if (options.stats) {
        say_stack();
    }
    return (int)status;
}

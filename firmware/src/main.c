/* The program: say who we are, take the images, recognise each, say what it reads. */

#include <stddef.h>
#include <string.h>

#include "ctc.h"
#include "image_source.h"
#include "labels.h"
#include "npu.h"
#include "ocrm55_model.h"
#include "options.h"
#include "platform.h"
#include "print.h"
#include "status.h"

#if OCRM55_CONTEXT
#include "context_tables.h"
#endif

#ifndef OCRM55_VERSION
#define OCRM55_VERSION "unversioned"
#endif

_Static_assert(sizeof ocrm55_labels / sizeof ocrm55_labels[0] == OCRM55_OUTPUT_CLASSES, "a label for every class");
_Static_assert(OCRM55_INPUT_CHANNELS == OCRI_CHANNELS, "the model takes colour images");

/* Whole cache lines, so that nothing else lies in a line that an NPU writes behind the cache's back. */
#define CACHE_LINE 32u
#define ARENA_ROOM ((OCRM55_ARENA_BYTES + CACHE_LINE - 1u) / CACHE_LINE * CACHE_LINE)
#define ARENA_ALIGN (OCRM55_ARENA_ALIGN > CACHE_LINE ? OCRM55_ARENA_ALIGN : CACHE_LINE)

/* Bytes on either side of the arena that nobody may write to; a test of long runs builds with some, to see that nobody does. */
#ifndef OCRM55_ARENA_GUARD
#define OCRM55_ARENA_GUARD 0
#endif
#define GUARD_VALUE 0xA6u
_Static_assert(OCRM55_ARENA_GUARD % ARENA_ALIGN == 0, "the arena stays aligned");

static uint8_t arena_and_guards[OCRM55_ARENA_GUARD + ARENA_ROOM + OCRM55_ARENA_GUARD]
    __attribute__((section(".ocrm55.arena"), aligned(ARENA_ALIGN)));
static uint8_t *const arena = arena_and_guards + OCRM55_ARENA_GUARD;
static uint64_t operator_ends[OCRM55_OPERATOR_COUNT];

static void print_identity(void)
{
    print_text("ocrm55 " OCRM55_VERSION " " OCRM55_MODEL_NAME " " OCRM55_PRECISION " 1x");
    print_u32(OCRM55_INPUT_CHANNELS);
    print_text("x");
    print_u32(OCRM55_INPUT_HEIGHT);
    print_text("x");
    print_u32(OCRM55_INPUT_WIDTH);
    print_text(" arena ");
    print_u32(OCRM55_ARENA_BYTES);
    print_text("\n");
}

/* After operator `op`: the next one is what a fault would be about. */
static void note_operator(void *stats, unsigned op)
{
    if (stats != NULL) {
        operator_ends[op] = platform_instructions();
    }
    if (op + 1 < OCRM55_OPERATOR_COUNT) {
        platform_activity("operator", ocrm55_operator_names[op + 1]);
    }
}

static void print_stats(uint64_t start, uint64_t prepared, uint64_t inferred, uint64_t decoded)
{
    uint64_t before = prepared;
    for (uint32_t op = 0; op < OCRM55_OPERATOR_COUNT; op++) {
        print_text("op ");
        print_u32(op);
        print_text(" ");
        print_u64(operator_ends[op] - before);
        print_text("\n");
        before = operator_ends[op];
    }
    print_text("instructions preprocess=");
    print_u64(prepared - start);
    print_text(" inference=");
    print_u64(inferred - prepared);
    print_text(" decode=");
    print_u64(decoded - inferred);
    print_text("\n");
}

/* The classes of the text, and how sure they are. *lead: how far ahead it is in context of other texts, 0 to 1. */
static float decode(const float *probabilities, uint32_t steps, uint16_t *kept, uint32_t *count, float *lead)
{
#if OCRM55_CONTEXT
    return ocrm55_context_decode(&ocrm55_context, probabilities, steps, kept, count, lead);
#else
    *lead = 1.0f;
    return ocrm55_ctc_decode(probabilities, steps, OCRM55_OUTPUT_CLASSES, kept, count);
#endif
}

/* Read an image in an input of at least `columns` columns. Where a narrower one than the widest leaves a step in doubt, the
 * image is read again in the widest: the network sees its padding and may decide otherwise. */
static enum status recognise(const struct ocri_image *image, int32_t columns, bool stats)
{
    uint16_t kept[OCRM55_OUTPUT_STEPS];
    uint32_t count;

    const uint64_t start = stats ? platform_instructions() : 0;
    platform_activity("preprocessing", "");
    ocrm55_model_set_image_within(arena, image->pixels, (int32_t)image->width, columns);
    const uint64_t prepared = stats ? platform_instructions() : 0;
    platform_activity("operator", ocrm55_operator_names[0]);
    ocrm55_model_run(arena, note_operator, stats ? operator_ends : NULL);
    const uint64_t inferred = stats ? platform_instructions() : 0;
    const enum status npu = npu_check();
    if (npu != STATUS_OK) {
        return npu;
    }
    platform_activity("decoding", "");
    const uint32_t steps = ocrm55_model_steps(arena);
    float lead;
    const float score = decode(ocrm55_model_output(arena), steps, kept, &count, &lead);
    const uint64_t decoded = stats ? platform_instructions() : 0;

    const bool narrow = ocrm55_model_width(arena) < OCRM55_INPUT_WIDTH;
    if (narrow && (lead < OCRM55_LEAD ||
                   ocrm55_ctc_least_lead(ocrm55_model_output(arena), steps, OCRM55_OUTPUT_CLASSES) < OCRM55_LEAD)) {
        if (stats) {
            print_text("unsure ");
            print_u32((uint32_t)ocrm55_model_width(arena));
            print_text(" ");
            print_u64(decoded - start);
            print_text("\n");
        }
        return recognise(image, OCRM55_INPUT_WIDTH, stats);
    }
    if (OCRM55_WIDTHS > 1) {
        print_text("width ");
        print_u32((uint32_t)ocrm55_model_width(arena));
        print_text("\n");
    }
    if (stats) {
        print_stats(start, prepared, inferred, decoded);
    }
    print_text("text: ");
    for (uint32_t i = 0; i < count; i++) {
        print_text(ocrm55_labels[kept[i]]);
    }
    print_text(", score: ");
    print_float6(score);
    print_text("\n");
    return STATUS_OK;
}

static enum status complain(enum status status, const char *what, const char *which)
{
    print_text("error: ");
    print_text(what);
    print_name(which);
    print_text("\n");
    return status;
}

/* OCRM55_OUTPUT_STEPS rows for every image: those after the last step of a narrow one say blank. */
static bool write_probabilities(int32_t file)
{
    static const float blank[OCRM55_OUTPUT_CLASSES] = {[OCRM55_CTC_BLANK] = 1.0f};
    const uint32_t steps = ocrm55_model_steps(arena);
    const uint32_t bytes = steps * sizeof blank;
    bool written = platform_file_write(file, ocrm55_model_output(arena), bytes) == bytes;
    for (uint32_t step = steps; step < OCRM55_OUTPUT_STEPS && written; step++) {
        written = platform_file_write(file, blank, sizeof blank) == sizeof blank;
    }
    return written;
}

static bool guards_hold(void)
{
    for (uint32_t i = OCRM55_ARENA_GUARD; i-- > 0;) {
        if (arena_and_guards[i] != GUARD_VALUE || arena[ARENA_ROOM + i] != GUARD_VALUE) {
            return false;
        }
    }
    return true;
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
    for (uint32_t i = 0; i < source.count && written && status == STATUS_OK; i++) {
        print_text("image ");
        print_u32(i + 1);
        print_text("/");
        print_u32(source.count);
        print_text("\n");
        const struct ocri_image image = image_source_next(&source);
        status = recognise(&image, 0, options->stats);
        if (status == STATUS_OK && !guards_hold()) {
            status = complain(STATUS_ARENA, "the model wrote beyond its arena", "");
        }
        if (status == STATUS_OK && file >= 0) {
            written = write_probabilities(file);
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

    print_identity();
    if (platform_command_line(line, sizeof line)) {
        const char *unknown = options_parse(line, &options);
        if (unknown != NULL) {
            return (int)complain(STATUS_COMMAND_LINE, "unknown word on the command line: ", unknown);
        }
    }
    /* Memory is not zero when a board wakes up, but QEMU's is: an operator that reads what nobody wrote shall fail there
     * too. All bits set is NaN in float32. */
    memset(arena_and_guards, GUARD_VALUE, sizeof arena_and_guards);
    memset(arena, 0xFF, ARENA_ROOM);

    enum status status = npu_begin();
    if (status == STATUS_OK) {
        status = recognise_all(&options);
    }
    if (options.stats) {
        uint32_t total;
        const uint32_t used = platform_stack_used(&total);
        print_text("stack ");
        print_u32(used);
        print_text(" of ");
        print_u32(total);
        print_text("\n");
    }
    return (int)status;
}

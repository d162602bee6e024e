/* The program for pages: take the frames, find the lines of each, read them, say what they say. Two networks run in turn in
 * one arena. */

#include <stddef.h>
#include <string.h>

#include "crc32.h"
#include "frame_source.h"
#include "npu.h"
#include "ocrm55_page.h"
#include "options.h"
#include "page_cost.h"
#include "page_networks.h"
#include "page_words.h"
#include "platform.h"
#include "print.h"
#include "status.h"
#include "uart_words.h"

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))
#define CACHE_LINE 32u
#define ARENA_BYTES LARGER(OCRM55_ARENA_BYTES, DETECTOR_ARENA_BYTES)
#define ARENA_ROOM ((ARENA_BYTES + CACHE_LINE - 1u) / CACHE_LINE * CACHE_LINE)

_Static_assert(CACHE_LINE % OCRM55_ARENA_ALIGN == 0 && CACHE_LINE % DETECTOR_ARENA_ALIGN == 0, "the arena's alignment");
_Static_assert((int)OCRF_GRAY8 == (int)OCRM55_GRAY8 && (int)OCRF_RGB565 == (int)OCRM55_RGB565 &&
                   (int)OCRF_RGB888 == (int)OCRM55_RGB888 && (int)OCRF_BGR888 == (int)OCRM55_BGR888 &&
                   (int)OCRF_YUYV == (int)OCRM55_YUYV,
               "the container's formats are the page's");
_Static_assert(OCRF_MOST_SIDE <= OCRM55_PAGE_FRAME_SIDE, "a frame that the container passes can be read");

static uint8_t arena[ARENA_ROOM] __attribute__((section(".ocrm55.arena"), aligned(CACHE_LINE)));

/* The page's memory, in what the frames leave of the memory for images. Text is dense where a map has this many runs. */
#define MOST_RUNS LARGER(4096, DETECTOR_INPUT_WIDTH * DETECTOR_INPUT_HEIGHT / 16)
#define RUNS SMALLER(MOST_RUNS, 65535)
#define FIND_BYTES OCRM55_PAGE_FIND_BYTES(DETECTOR_INPUT_WIDTH, DETECTOR_INPUT_HEIGHT, RUNS)
#define READ_BYTES \
    OCRM55_PAGE_READ_BYTES(OCRM55_INPUT_HEIGHT, OCRM55_INPUT_WIDTH, OCRM55_OUTPUT_STEPS, OCRM55_OUTPUT_CLASSES)
#define SCRATCH_BYTES (LARGER(FIND_BYTES, READ_BYTES) + 15u) / 16u * 16u
#define MAP_BYTES (DETECTOR_INPUT_WIDTH * DETECTOR_INPUT_HEIGHT)
#define MOST_BOXES SMALLER(1000u, DETECTOR_CANDIDATES + 0u)
#define MOST_WINDOWS 24u
#define CLASS_ROOM (2u * MOST_WINDOWS * OCRM55_OUTPUT_STEPS) /* a line may be read upside down as well */
#define TEXT_ROOM (MOST_WINDOWS * OCRM55_TEXT_BYTES)

struct memory {
    struct ocrm55_box boxes[MOST_BOXES];
    uint8_t upside_down[MOST_BOXES];
    uint16_t classes[CLASS_ROOM];
    struct ocrm55_character characters[OCRM55_OUTPUT_STEPS];
    bool measures; /* how likely each text is right */
    char text[TEXT_ROOM];
    uint8_t row[3 * DETECTOR_INPUT_WIDTH];
    uint8_t scratch[SCRATCH_BYTES] __attribute__((aligned(16)));
};

static struct ocrm55_page_options settings(void)
{
    struct ocrm55_page_options options = ocrm55_page_defaults;
    options.threshold = (uint8_t)SMALLER(DETECTOR_PIXEL * 256.0, 255.0); /* a share of 1 is one unit less */
    options.least_score = (uint16_t)SMALLER(DETECTOR_BOX * 65536.0, 65535.0);
    options.unclip = (uint16_t)(DETECTOR_UNCLIP * 256.0 + 0.5);
    options.windows = MOST_WINDOWS;
    return options;
}

static enum status fail(enum ocrm55_page_outcome outcome)
{
    const enum status npu = outcome == OCRM55_PAGE_NPU ? npu_check() : STATUS_OK;
    return npu != STATUS_OK ? npu : complain(STATUS_PAGE, "the page cannot be read: ", ocrm55_page_words(outcome));
}

/* The detector asks for rows while it runs, so their cost is measured by a pass of its own; their hash is verify's. */
static void follow_rows(struct memory *memory, const struct ocrm55_frame *frame, const struct ocrm55_page_options *how,
                        const struct options *options)
{
    if (!options->stats && !options->hashes) {
        return;
    }
    struct ocrm55_page_rows rows = ocrm55_page_scaled(frame, how, DETECTOR_INPUT_WIDTH, DETECTOR_INPUT_HEIGHT);
    uint32_t crc = 0;
    for (int32_t row = 0; row < DETECTOR_INPUT_HEIGHT; row++) {
        cost_stage(STAGE_RESIZE);
        ocrm55_page_row(&rows, row, memory->row);
        cost_stage(STAGE_OTHER);
        if (options->hashes) {
            crc = crc32(memory->row, sizeof memory->row) ^ (crc << 1 | crc >> 31);
        }
    }
    if (options->hashes) {
        say_hash("rows", crc);
    }
}

/* The probabilities that the detector left in the arena, in place of floats where it computes in these. */
static const uint8_t *map(void)
{
    return DETECTOR.output_int8 != NULL ? (const uint8_t *)DETECTOR.output_int8(arena)
                                        : (const uint8_t *)DETECTOR.output(arena);
}

/* Find the boxes; what the outcome says of a page that was found in part is noted. */
static enum status find(struct memory *memory, const struct ocrm55_frame *frame, const struct ocrm55_page_options *how,
                        const struct ocrm55_page_watch *watch, const struct options *options, uint32_t *count)
{
    *count = 0;
    const enum ocrm55_page_outcome outcome =
        ocrm55_page_find(&DETECTOR, arena, sizeof arena, frame, how, memory->scratch, FIND_BYTES, memory->boxes,
                         MOST_BOXES, count, watch); /* room for RUNS, as on the host, however large the scratch is */
    cost_stage(STAGE_OTHER);
    if (options->hashes) {
        say_hash("map", crc32(map(), MAP_BYTES));
    }
    cost_stage(STAGE_SAY);
    if (outcome == OCRM55_PAGE_MORE || outcome == OCRM55_PAGE_CROWDED) {
        say_note(ocrm55_page_words(outcome));
    } else if (outcome != OCRM55_PAGE_OK) {
        return fail(outcome);
    }
    say_boxes(*count);
    return STATUS_OK;
}

/* Read box `number`, from 1; likely_upside_down as in struct ocrm55_line. */
static enum status read_box(struct memory *memory, const struct ocrm55_frame *frame, uint32_t number,
                            uint8_t likely_upside_down,
                            const struct ocrm55_page_options *how, const struct ocrm55_page_watch *watch,
                            struct ocrm55_line *line)
{
    *line = (struct ocrm55_line){.text = memory->text,
                                 .text_bytes = TEXT_ROOM,
                                 .classes = memory->classes,
                                 .class_room = CLASS_ROOM,
                                 .likely_upside_down = likely_upside_down,
                                 .measured = memory->measures ? memory->characters : NULL};
    page_watch_box(number);
    cost_stage(STAGE_CROP);
    const enum ocrm55_page_outcome outcome =
        ocrm55_page_read(&OCRM55_RECOGNIZER, arena, sizeof arena, frame, &memory->boxes[number - 1], how,
                         memory->scratch, sizeof memory->scratch, line, watch);
    cost_stage(STAGE_SAY);
    if (outcome == OCRM55_PAGE_LONG) {
        say_note(ocrm55_page_words(outcome));
    } else if (outcome != OCRM55_PAGE_OK) {
        return fail(outcome);
    }
    return STATUS_OK;
}

/* Read the boxes one after the other. *reversed: most lines that are sure stood on their heads. */
static enum status read_boxes(struct memory *memory, const struct ocrm55_frame *frame,
                              const struct ocrm55_page_options *how, const struct ocrm55_page_watch *watch,
                              uint32_t count, bool *reversed)
{
    struct ocrm55_page_options one_way = *how;
    one_way.sure = 0;
    uint32_t sure[2] = {0, 0}, certain[2] = {0, 0}; /* lines that stood upright, and on their heads */
    for (uint32_t i = 0; i < count; i++) {
        struct ocrm55_line line;
        const uint8_t first = ocrm55_page_leans(sure[1], sure[0] + sure[1]);
        const bool decided = ocrm55_page_decided(certain[first], certain[1 - first]) != 0;
        const enum status status = read_box(memory, frame, i + 1, first, decided ? &one_way : how, watch, &line);
        if (status != STATUS_OK) {
            return status;
        }
        say_line("box", i + 1, &memory->boxes[i], &line);
        memory->upside_down[i] = line.upside_down;
        sure[line.upside_down] += line.score >= (float)how->sure / 65536.0f ? 1u : 0u;
        certain[line.upside_down] += line.score >= OCRM55_PAGE_CERTAIN ? 1u : 0u;
    }
    *reversed = sure[1] > sure[0];
    return STATUS_OK;
}

/* Most lines of the page stood on their heads: those that seemed upright are read like the others, where that gives a
 * text. */
static enum status read_again(struct memory *memory, const struct ocrm55_frame *frame,
                              const struct ocrm55_page_options *how, const struct ocrm55_page_watch *watch,
                              uint32_t count)
{
    struct ocrm55_page_options one_way = *how;
    one_way.sure = 0;
    say_reversed();
    for (uint32_t i = 0; i < count; i++) {
        if (memory->upside_down[i]) {
            continue;
        }
        const uint16_t number = memory->boxes[i].line;
        struct ocrm55_line line;
        ocrm55_page_turn(&memory->boxes[i], 1);
        memory->boxes[i].line = number;
        const enum status status = read_box(memory, frame, i + 1, 0, &one_way, watch, &line);
        if (status != STATUS_OK) {
            return status;
        }
        if (line.characters > 0) {
            say_line("again", i + 1, &memory->boxes[i], &line);
        }
    }
    return STATUS_OK;
}

static bool write_map(int32_t file)
{
    return platform_file_write(file, map(), MAP_BYTES) == MAP_BYTES;
}

static enum status read_page(struct memory *memory, const struct ocrf_frame *given, const struct options *options,
                             int32_t file)
{
    const struct ocrm55_page_options how = settings();
    const struct ocrm55_frame frame = {given->pixels, (int32_t)given->width, (int32_t)given->height,
                                       (int32_t)given->stride, (enum ocrm55_format)given->format};
    const struct ocrm55_page_watch *const watch = page_watch_for(options->hashes, memory->scratch);
    follow_rows(memory, &frame, &how, options);
    if (options->stats) {
        scratch_paint(memory->scratch, sizeof memory->scratch);
    }
    uint32_t count;
    bool reversed = false;
    enum status status = find(memory, &frame, &how, watch, options, &count);
    cost_stage(STAGE_OTHER);
    if (status == STATUS_OK && file >= 0 && !write_map(file)) {
        status = complain(STATUS_FILE_WRITE, "cannot write probabilities to ", options->probabilities);
    }
    if (status == STATUS_OK) {
        status = read_boxes(memory, &frame, &how, watch, count, &reversed);
    }
    if (status == STATUS_OK && reversed) {
        status = read_again(memory, &frame, &how, watch, count);
    }
    cost_stage(STAGE_OTHER);
    if (status == STATUS_OK && options->stats) {
        say_work();
        say_scratch(scratch_used(memory->scratch, sizeof memory->scratch), sizeof memory->scratch);
    }
    return status;
}

static enum status read_pages(struct frame_source *source, const struct options *options)
{
    struct memory *const memory = (struct memory *)(void *)source->rest;
    if (source->rest_bytes < sizeof *memory) {
        return complain(STATUS_PAGE, "the frames leave too little of the memory for images to read them", "");
    }
    memory->measures = options->confidence;
    int32_t file = -1;
    if (options->probabilities != NULL) {
        file = platform_file_open(options->probabilities, PLATFORM_FILE_WRITE);
        if (file < 0) {
            return complain(STATUS_FILE_WRITE, "cannot write probabilities to ", options->probabilities);
        }
    }
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < source->count && status == STATUS_OK; i++) {
        const struct ocrf_frame frame = ocrf_next(&source->file);
        say_page(i + 1, source->count, &frame);
        status = read_page(memory, &frame, options, file);
        cost_forget();
    }
    if (file >= 0 && !platform_file_close(file) && status == STATUS_OK) {
        status = complain(STATUS_FILE_WRITE, "cannot write probabilities to ", options->probabilities);
    }
    return status;
}

int main(void)
{
    static char line[OPTIONS_LINE_BYTES];
    struct options options = {0};
    struct frame_source source;

    say_identity();
    say_detector();
    if (platform_command_line(line, sizeof line)) {
        const char *unknown = options_parse(line, &options);
        if (unknown != NULL) {
            return (int)complain(STATUS_COMMAND_LINE, "unknown word on the command line: ", unknown);
        }
    }
    /* Memory is not zero when a board wakes up, but QEMU's is: see src/main.c. */
    memset(arena, 0xFF, sizeof arena);

    enum status status = npu_begin();
    if (status == STATUS_OK) {
        cost_forget();
        cost_stage(STAGE_LOAD);
        status = frame_source_open(&source, options.images);
        cost_stage(STAGE_OTHER);
    }
    if (status == STATUS_OK) {
        status = read_pages(&source, &options);
    }
    if (options.stats) {
        say_stack();
    }
    return (int)status;
}

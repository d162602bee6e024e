/* A page from its frame to its lines, with any frame, options, map, box and room: what is found lies where it can be
 * read, and nothing is read or written beside its buffer. Some frames change while they are read, and some pages are
 * stopped. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctc.h"
#include "ocrm55_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input's bytes one after the other, and again from the start when there are no more. */
static const uint8_t *input;
static size_t input_bytes, input_place;

static uint32_t next(void)
{
    const uint32_t value = input[input_place];
    input_place = input_place + 1 < input_bytes ? input_place + 1 : 0;
    return value;
}

static uint32_t number(uint32_t below)
{
    const uint32_t low = next();
    return (low | next() << 8) % below;
}

static void *room_for(size_t bytes)
{
    void *const memory = malloc(bytes != 0 ? bytes : 1);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* Mostly small; at times as long as a frame may be, and a row or a column then. One in 16 is none. */
static struct ocrm55_frame a_frame(void)
{
    static const int32_t pixel_bytes[] = {1, 2, 3, 3, 2};
    const uint32_t kind = next();
    struct ocrm55_frame frame;
    frame.width = (int32_t)(kind % 5 == 0 ? 1 + number(OCRM55_PAGE_FRAME_SIDE) : 1 + number(200));
    frame.height = (int32_t)(kind % 5 == 1 ? 1 + number(OCRM55_PAGE_FRAME_SIDE) : 1 + number(kind % 5 == 0 ? 3 : 200));
    if (kind % 5 == 1) {
        frame.width = 1 + frame.width % 3;
    }
    frame.format = (int32_t)(kind >> 3 & 3);
    if (frame.format == OCRM55_RGB888 && (kind >> 6 & 1) != 0) {
        frame.format = OCRM55_YUYV;
        frame.width += frame.width % 2;
    }
    const int32_t row = frame.width * pixel_bytes[frame.format];
    frame.stride = row + (int32_t)(kind >> 5 & 1 ? next() : 0);
    frame.stride -= frame.format == OCRM55_YUYV ? (frame.stride - row) % 4 : 0;
    const size_t bytes = (size_t)(frame.height - 1) * (size_t)frame.stride + (size_t)row;
    uint8_t *const pixels = room_for(bytes);
    for (size_t i = 0; i < bytes; i++) {
        pixels[i] = (uint8_t)next();
    }
    frame.pixels = pixels;
    if (kind >= 240) {
        const int32_t wrong[] = {0, -1, INT32_MIN, OCRM55_PAGE_FRAME_SIDE + 1, INT32_MAX};
        int32_t *const fields[] = {&frame.width, &frame.height, &frame.stride};
        const uint32_t which = number(3);
        *fields[which] = wrong[number(which == 2 ? 3 : 5)];
    }
    return frame;
}

static struct ocrm55_page_options some_options(void)
{
    struct ocrm55_page_options options = ocrm55_page_defaults;
    if (next() & 1) {
        options.threshold = (uint8_t)next();
        options.least_side = (uint8_t)(next() % 8);
        options.least_score = (uint16_t)number(65536);
        options.unclip = (uint16_t)number(65536);
        options.windows = (uint8_t)(next() % 8);
        options.sure = (uint16_t)number(65536);
        options.lead = (uint16_t)number(65536);
        options.beyond = (uint8_t)next();
        options.squeeze = (uint8_t)next();
    }
    return options;
}

/* A frame that changes while it is read, as a camera's does: some bytes of it, between rows and between readings. */
static uint8_t *changing; /* NULL: it stays as it is */
static size_t changing_bytes;

static void change(void)
{
    for (uint32_t i = 0; changing != NULL && i < 3; i++) {
        changing[number(65536) % changing_bytes] ^= (uint8_t)next();
    }
}

/* Who stops a page; one byte of the input in 256 says so. */
static bool goes_on(void *context)
{
    bool *const asked = context;
    *asked = true;
    change();
    return next() != 77;
}

/* A detector whose map is the input's bytes, and which looks at its rows. */
enum { MAP_ALIGN = 8 };
static int32_t map_width, map_height;
static uint32_t seen;

static void run_rows(uint8_t *arena, uint8_t *row, const struct ocrm55_rows *rows, ocrm55_hook hook, void *context)
{
    (void)hook;
    (void)context;
    float *const map = (float *)(void *)arena;
    for (int32_t y = 0; y < map_height; y++) {
        rows->read(rows->context, y, row);
        change();
        for (int32_t x = 0; x < 3 * map_width; x++) {
            seen += row[x];
        }
    }
    uint32_t value = 0;
    for (int32_t i = 0; i < map_width * map_height; i++) {
        value = i % 7 == 0 ? next() : value; /* runs */
        const uint32_t wild = value << 24 | 0x00800000u;
        map[i] = (float)value / 255.0f;
        if (value == 201) {
            memcpy(&map[i], &wild, sizeof wild);
        }
    }
}
static const float *map_of(const uint8_t *arena) { return (const float *)(const void *)arena; }
static const int8_t *bytes_of(const uint8_t *arena) { return (const int8_t *)arena; }

/* A recognizer whose probabilities are bytes of its picture. */
enum { HEIGHT = 8, WIDTH = 160, STEPS = 20, CLASSES = 5, ARENA = 4 * STEPS * CLASSES + 8 };
static const int32_t widths[] = {64, WIDTH};
static const char *const labels[CLASSES] = {"", "a", "bb", "\xe2\x82\xac", " "};

static void set_image_within(uint8_t *arena, const uint8_t *bgr, int32_t width, int32_t columns)
{
    const int32_t used = (width > columns ? width : columns) <= widths[0] ? widths[0] : WIDTH;
    memcpy(arena, &used, sizeof used);
    float *const output = (float *)(void *)(arena + 8);
    for (int32_t i = 0; i < STEPS * CLASSES; i++) {
        output[i] = (float)bgr[(size_t)i * 31u % (size_t)(3 * HEIGHT * width)] / 255.0f;
    }
    seen += bgr[3 * HEIGHT * width - 1];
    change();
}
static void run(uint8_t *arena, ocrm55_hook hook, void *context)
{
    (void)arena;
    (void)hook;
    (void)context;
}
static const float *output(const uint8_t *arena) { return (const float *)(const void *)(arena + 8); }
static int32_t width_of(const uint8_t *arena)
{
    int32_t width;
    memcpy(&width, arena, sizeof width);
    return width;
}
static uint32_t steps_of(const uint8_t *arena) { return (uint32_t)width_of(arena) / 8u; }
static float decode(const float *probabilities, uint32_t steps, uint16_t *kept, uint32_t *count, float *lead)
{
    *lead = 1.0f;
    return ocrm55_ctc_decode(probabilities, steps, CLASSES, kept, count);
}

/* As a restriction decodes: below 0, and no text, where none fits. */
static float decode_within(const uint32_t *allowed, const float *probabilities, uint32_t steps, uint16_t *kept,
                           uint32_t *count, float *lead)
{
    const float score = decode(probabilities, steps, kept, count, lead);
    if (allowed == NULL && score > 0.5f) {
        return score;
    }
    *count = 0;
    return -1.0f;
}

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/* A recognizer alone reads the region. */
static void read_region(const struct ocrm55_recognizer *recognizer, const struct ocrm55_frame *frame,
                        const struct ocrm55_box *box)
{
    const uint32_t how = next();
    const int32_t polarity = (int32_t)(how >> 1) - 1;
    const size_t scratch_bytes = OCRM55_FRAME_SCRATCH_BYTES(HEIGHT, WIDTH);
    void *const scratch = room_for(scratch_bytes), *const arena = room_for(ARENA);
    struct ocrm55_reading reading = {.classes = room_for(STEPS * sizeof *reading.classes)};
    reading.text = room_for(3 * STEPS + 1);
    const enum ocrm55_outcome outcome =
        ocrm55_recognize_frame(recognizer, arena, ARENA, frame, (how & 1u) != 0u ? box : NULL, polarity, scratch,
                               scratch_bytes, &reading, NULL);
    require(outcome == OCRM55_READ || outcome == OCRM55_FRAME || ((how & 1u) != 0u && outcome == OCRM55_REGION));
    require(outcome == OCRM55_READ || reading.characters == 0);
    free(reading.text);
    free(reading.classes);
    free(arena);
    free(scratch);
}

static void read_box(const struct ocrm55_frame *frame, const struct ocrm55_box *box,
                     const struct ocrm55_page_options *options)
{
    const struct ocrm55_network network = {
        .input_height = HEIGHT,
        .input_width = WIDTH,
        .arena_bytes = ARENA,
        .arena_align = 8,
        .width_count = 2,
        .widths = widths,
        .output_dimensions = 3,
        .output_shape = {1, STEPS, CLASSES},
        .set_image_within = set_image_within,
        .run = run,
        .output = output,
        .steps = steps_of,
        .width = width_of,
    };
    static const struct ocrm55_calibration calibration = {-1.0f, 0.25f, 0.5f};
    const float lead = (float)next() / 255.0f;
    const uint32_t flags = next(); /* upside down, restricted, parts fit, measured */
    const struct ocrm55_recognizer recognizer = {
        .network = &network,
        .labels = labels,
        .decode = decode,
        .lead = lead,
        .decode_within = (flags & 2u) != 0u ? decode_within : NULL,
        .parts_fit = (uint8_t)((flags >> 2) & 1u),
        .calibration = &calibration,
    };
    read_region(&recognizer, frame, box);
    const size_t scratch_bytes = OCRM55_PAGE_READ_BYTES(HEIGHT, WIDTH, STEPS, CLASSES);
    const uint32_t class_room = number(80), text_bytes = number(120);
    void *const scratch = room_for(scratch_bytes), *const arena = room_for(ARENA);
    struct ocrm55_line line = {.text = room_for(text_bytes), .text_bytes = text_bytes, .class_room = class_room};
    line.classes = room_for(class_room * sizeof *line.classes);
    line.likely_upside_down = (uint8_t)(flags & 1u);
    line.measured = (flags & 8u) != 0u ? room_for(STEPS * sizeof *line.measured) : NULL;
    bool asked = false;
    const struct ocrm55_page_watch watch = {.goes_on = (flags & 16u) != 0u ? goes_on : NULL, .context = &asked};
    const enum ocrm55_page_outcome outcome = ocrm55_page_read(&recognizer, arena, ARENA, frame, box, options, scratch,
                                                              scratch_bytes, &line, &watch);
    require(outcome == OCRM55_PAGE_OK || outcome == OCRM55_PAGE_LONG || outcome == OCRM55_PAGE_BOX ||
            outcome == OCRM55_PAGE_FRAME || (outcome == OCRM55_PAGE_STOPPED && asked));
    require(outcome == OCRM55_PAGE_OK || outcome == OCRM55_PAGE_LONG || line.characters == 0);
    require(line.characters <= class_room && line.score >= 0.0f && line.score <= 1.0f);
    require(text_bytes == 0 || strlen(line.text) < text_bytes);
    require(line.right <= 1.0f && (line.measured != NULL || line.right < 0.0f));
    for (uint32_t i = 0; i < line.characters; i++) {
        require(line.classes[i] > 0 && line.classes[i] < CLASSES);
    }
    free(line.measured);
    free(line.classes);
    free(line.text);
    free(arena);
    free(scratch);
}

static void find_and_read(const struct ocrm55_frame *frame, const struct ocrm55_page_options *options)
{
    map_width = (int32_t)(1 + number(100));
    map_height = (int32_t)(1 + number(100));
    const bool bytes = (next() & 1) != 0; /* and not floats */
    const struct ocrm55_network network = {
        .input_height = map_height,
        .input_width = map_width,
        .arena_bytes = (uint32_t)(map_width * map_height * 4),
        .arena_align = 4,
        .output_dimensions = 4,
        .output_shape = {1, 1, (uint32_t)map_height, (uint32_t)map_width},
        .run_rows = run_rows,
        .output = bytes ? NULL : map_of,
        .output_int8 = bytes ? bytes_of : NULL,
        .output_scale = 1.0f / 256.0f,
        .output_zero = -128,
    };
    const uint32_t runs = number(1500), room = number(40);
    const size_t scratch_bytes = OCRM55_PAGE_FIND_BYTES((size_t)map_width, (size_t)map_height, runs);
    void *const scratch = room_for(scratch_bytes), *const arena = room_for(network.arena_bytes);
    struct ocrm55_box *const boxes = room_for(room * sizeof *boxes);
    uint32_t count = room + 1;
    bool asked = false;
    const struct ocrm55_page_watch watch = {.goes_on = (next() & 3) == 0 ? goes_on : NULL, .context = &asked};
    const enum ocrm55_page_outcome outcome = ocrm55_page_find(&network, arena, network.arena_bytes, frame, options,
                                                              scratch, scratch_bytes, boxes, room, &count, &watch);
    require(outcome == OCRM55_PAGE_OK || outcome == OCRM55_PAGE_MORE || count == 0);
    require(count <= room);
    for (uint32_t i = 0; i < count; i++) {
        require(ocrm55_page_check(frame, &boxes[i]) == OCRM55_PAGE_OK);
        require(i == 0 || boxes[i].line == boxes[i - 1].line || boxes[i].line == boxes[i - 1].line + 1);
        require(ocrm55_page_columns(&boxes[i], HEIGHT) >= 1);
        if (i < 4) {
            read_box(frame, &boxes[i], options);
        }
    }
    ocrm55_page_turn(boxes, count);
    free(boxes);
    free(arena);
    free(scratch);
}

/* Input: bytes for everything in turn, as often as they are needed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    input = data;
    input_bytes = size;
    input_place = 0;
    const struct ocrm55_page_options options = some_options();
    const uint32_t far = next();
    struct ocrm55_box box;
    memset(&box, 0, sizeof box);
    for (int i = 0; i < 4; i++) {
        const int32_t reach = far % 3 == 0 ? OCRM55_PAGE_FRAME_SIDE * OCRM55_PAGE_UNIT / 32000 : 1;
        box.corners[i].x = ((int32_t)number(65536) - 32768) * reach;
        box.corners[i].y = ((int32_t)number(65536) - 32768) * reach;
    }
    const struct ocrm55_frame frame = a_frame();
    const bool whole = ocrm55_page_check(&frame, NULL) == OCRM55_PAGE_OK;
    changing = whole && (next() & 1) != 0 ? (uint8_t *)(uintptr_t)frame.pixels : NULL;
    changing_bytes = whole ? (size_t)(frame.height - 1) * (size_t)frame.stride + (size_t)frame.width : 1;
    find_and_read(&frame, &options);
    read_box(&frame, &box, &options);
    free((void *)(uintptr_t)frame.pixels);
    return 0;
}

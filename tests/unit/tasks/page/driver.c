/* firmware/tasks/page for tests: commands, and one answer each. On the host they come from standard input, and each
 * buffer is as large as the C code may use it, so that the sanitizers see a byte too far. On the board: from files. */
#include <stdbool.h>
#include <string.h>

#include "components.h"
#include "ctc.h"
#include "ocrm55_page.h"
#include "order.h"
#include "windows.h"

#if defined(__arm__)
#include "platform.h"

static int32_t commands, answers;
static uint8_t *pool;
static uint32_t pool_used;

static bool get(void *to, size_t count) { return platform_file_read(commands, to, (uint32_t)count) == count; }
static void put(const void *from, size_t count) { (void)platform_file_write(answers, from, (uint32_t)count); }
static void stop(int status)
{
    (void)platform_file_close(answers);
    platform_exit(status);
}
static void *room_for(size_t count)
{
    void *const memory = pool + pool_used;
    pool_used += ((uint32_t)count + 15u) & ~15u;
    memset(memory, 0, count);
    return memory;
}
static void release(const void *memory) { (void)memory; }
static void start(void)
{
    uint32_t bytes;
    pool = platform_image_buffer(&bytes);
    commands = platform_file_open("cases.bin", PLATFORM_FILE_READ);
    answers = platform_file_open("answers.bin", PLATFORM_FILE_WRITE);
}
static void answered(void) { pool_used = 0; }
#else
#include <stdio.h>
#include <stdlib.h>

static bool get(void *to, size_t count) { return fread(to, 1, count, stdin) == count; }
static void put(const void *from, size_t count) { (void)fwrite(from, 1, count, stdout); }
static void stop(int status) { exit(status); }
static void *room_for(size_t count)
{
    void *const memory = calloc(count != 0 ? count : 1, 1);
    if (memory == NULL) {
        exit(3);
    }
    return memory;
}
static void release(const void *memory) { free((void *)(uintptr_t)memory); }
static void start(void) {}
static void answered(void) { (void)fflush(stdout); }
#endif

static int32_t number(void)
{
    int32_t value = 0;
    if (!get(&value, sizeof value)) {
        stop(0);
    }
    return value;
}

static void *bytes(size_t count)
{
    void *const data = room_for(count);
    if (!get(data, count)) {
        stop(3);
    }
    return data;
}

static void say(int32_t value) { put(&value, sizeof value); }

static struct ocrm55_frame a_frame(void)
{
    struct ocrm55_frame frame;
    frame.width = number();
    frame.height = number();
    frame.stride = number();
    frame.format = number();
    frame.pixels = bytes((size_t)number());
    return frame;
}

static struct ocrm55_page_options some_options(void)
{
    struct ocrm55_page_options options;
    options.threshold = (uint8_t)number();
    options.least_side = (uint8_t)number();
    options.least_score = (uint16_t)number();
    options.unclip = (uint16_t)number();
    for (int i = 0; i < 3; i++) {
        options.padding[i] = (uint8_t)number();
    }
    options.windows = (uint8_t)number();
    options.sure = (uint16_t)number();
    options.lead = (uint16_t)number();
    options.beyond = (uint8_t)number();
    options.squeeze = (uint8_t)number();
    return options;
}

static struct ocrm55_box a_box(void)
{
    struct ocrm55_box box;
    memset(&box, 0, sizeof box);
    for (int i = 0; i < 4; i++) {
        box.corners[i].x = number();
        box.corners[i].y = number();
    }
    box.score = (uint16_t)number();
    box.line = (uint16_t)number();
    box.turned = (uint8_t)number();
    return box;
}

static void say_boxes(const struct ocrm55_box *boxes, uint32_t count)
{
    say((int32_t)count);
    for (uint32_t i = 0; i < count; i++) {
        for (int k = 0; k < 4; k++) {
            say(boxes[i].corners[k].x);
            say(boxes[i].corners[k].y);
        }
        say(boxes[i].score);
        say(boxes[i].line);
        say(boxes[i].turned);
    }
}

static void find_boxes(void)
{
    const struct ocrm55_frame frame = a_frame();
    const struct ocrm55_page_options options = some_options();
    const int32_t width = number(), height = number(), runs = number(), room = number();
    int8_t *const map = bytes((size_t)width * (size_t)height);
    const size_t scratch_bytes = OCRM55_PAGE_FIND_BYTES((size_t)width, (size_t)height, (size_t)runs);
    void *const scratch = room_for(scratch_bytes);
    struct ocrm55_box *const boxes = room_for(((size_t)room + 1) * sizeof *boxes);
    uint32_t count = 77;
    say((int32_t)ocrm55_page_boxes(map, width, height, &frame, &options, scratch, scratch_bytes, boxes, (uint32_t)room,
                                   &count));
    say_boxes(boxes, count);
    release(boxes);
    release(scratch);
    release(map);
    release(frame.pixels);
}

static void resize(void)
{
    const struct ocrm55_frame frame = a_frame();
    const struct ocrm55_page_options options = some_options();
    const int32_t width = number(), height = number();
    struct ocrm55_page_rows rows = ocrm55_page_scaled(&frame, &options, width, height);
    uint8_t *const row = room_for((size_t)width * 3);
    for (int32_t y = 0; y < height; y++) {
        ocrm55_page_row(&rows, y, row);
        put(row, 3 * (size_t)width);
    }
    release(row);
    release(frame.pixels);
}

static void crop(void)
{
    const struct ocrm55_frame frame = a_frame();
    const struct ocrm55_box box = a_box();
    const int32_t height = number(), whole = number(), first = number(), width = number();
    uint8_t *const pixels = room_for((size_t)(height * width * 3));
    say((int32_t)ocrm55_page_check(&frame, &box));
    say(ocrm55_page_columns(&box, height));
    ocrm55_page_crop(&frame, &box, whole, first, width, height, pixels);
    put(pixels, (size_t)(height * width * 3));
    release(pixels);
    release(frame.pixels);
}

static void crop_region(void)
{
    const struct ocrm55_frame frame = a_frame();
    struct ocrm55_box box;
    const bool has_region = number() != 0;
    if (has_region) {
        box = a_box();
    }
    struct ocrm55_network network = {0};
    network.input_height = number();
    network.input_width = number();
    const int32_t polarity = number();
    const int32_t columns = has_region ? ocrm55_page_columns(&box, network.input_height) : network.input_width;
    const int32_t room = columns < network.input_width ? columns : network.input_width;
    uint8_t *const pixels = room_for((size_t)(3 * room * network.input_height));
    const int32_t written = ocrm55_frame_crop(&network, &frame, has_region ? &box : NULL, polarity, pixels);
    say((int32_t)ocrm55_frame_check(&frame, has_region ? &box : NULL));
    say(written);
    put(pixels, (size_t)(3 * written * network.input_height));
    release(pixels);
    release(frame.pixels);
}

static void order(int turn)
{
    const int32_t count = number();
    struct ocrm55_box *const boxes = room_for(((size_t)count + 1) * sizeof *boxes);
    for (int32_t i = 0; i < count; i++) {
        boxes[i] = a_box();
    }
    if (turn) {
        ocrm55_page_turn(boxes, (uint32_t)count);
    } else {
        ocrm55_page_order(boxes, count);
    }
    say_boxes(boxes, (uint32_t)count);
    release(boxes);
}

static void list_components(void)
{
    const int32_t width = number(), height = number(), threshold = number(), room = number();
    int8_t *const values = bytes((size_t)width * (size_t)height);
    struct page_run *const runs = room_for(((size_t)room + 1) * sizeof *runs);
    const struct page_map map = {values, width, height, width};
    const int32_t count = ocrm55_page_components(&map, (uint8_t)threshold, runs, room);
    say(count);
    for (int32_t i = 0; i < count; i++) {
        say(runs[i].row);
        say(runs[i].first);
        say(runs[i].end);
        say(runs[i].parent == i);
        say(runs[i].next);
    }
    release(runs);
    release(values);
}

/* A recognizer that anybody can compute: a step's class is one of the first of its columns. The class is sure where the
 * column is bright above and dark below. */
enum { HEIGHT = 8, WIDTH = 160, STEPS = 20, CLASSES = 9, ARENA = 4 * STEPS * CLASSES + 8 };

static const int32_t widths[] = {64, WIDTH};
static const char *const labels[CLASSES] = {"", "a", "b", "ccc", "d", "e", "f", "g", " "};

static void set_image_within(uint8_t *arena, const uint8_t *bgr, int32_t width, int32_t columns)
{
    const int32_t wanted = width > columns ? width : columns, seen = wanted <= widths[0] ? widths[0] : WIDTH;
    memcpy(arena, &seen, sizeof seen);
    float *const output = (float *)(void *)(arena + 8);
    memset(output, 0, 4 * STEPS * CLASSES);
    for (int32_t step = 0; step < seen / 8; step++) {
        const int32_t x = 8 * step;
        const int32_t above = x < width ? bgr[3 * x] : 0, below = x < width ? bgr[3 * ((HEIGHT - 1) * width + x)] : 0;
        const int32_t class = (above + below) % CLASSES, lead = 256 + above - below;
        output[step * CLASSES] = 1.0f / 1024.0f;
        output[step * CLASSES + class] = (float)lead / 512.0f;
    }
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

/* Who stops a page: asked so many times, it says no the last time. 0: nobody asks. */
static bool has_more(void *context)
{
    int32_t *const left = context;
    return --*left != 0;
}
static unsigned step(uint8_t *arena, uint32_t number, const struct ocrm55_taker *taker)
{
    (void)arena;
    (void)taker;
    return number;
}

static void read(void)
{
    struct ocrm55_network network = {
        .input_height = HEIGHT,
        .input_width = WIDTH,
        .input_channels = 3,
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
    const struct ocrm55_recognizer recognizer = {
        .network = &network, .labels = labels, .decode = decode, .calibration = &calibration};
    struct ocrm55_character characters[STEPS];
    const struct ocrm55_frame frame = a_frame();
    const struct ocrm55_page_options options = some_options();
    const struct ocrm55_box box = a_box();
    const int32_t class_room = number(), text_bytes = number();
    const size_t scratch_bytes = OCRM55_PAGE_READ_BYTES(HEIGHT, WIDTH, STEPS, CLASSES);
    void *const scratch = room_for(scratch_bytes), *const arena = room_for(ARENA);
    struct ocrm55_line line = {.text = room_for((size_t)text_bytes + 1), .text_bytes = (uint32_t)text_bytes};
    line.classes = room_for((size_t)class_room * sizeof *line.classes + 1);
    line.class_room = (uint32_t)class_room;
    line.likely_upside_down = (uint8_t)number();
    line.measured = characters;
    int32_t left = number();
    network.step_count = (uint32_t)number();
    network.step = network.step_count != 0 ? step : NULL;
    const struct ocrm55_page_watch watch = {.context = &left, .goes_on = has_more};
    say((int32_t)ocrm55_page_read(&recognizer, arena, ARENA, &frame, &box, &options, scratch, scratch_bytes, &line,
                                  left != 0 ? &watch : NULL));
    say((int32_t)line.characters);
    for (uint32_t i = 0; i < line.characters; i++) {
        say(line.classes[i]);
    }
    put(&line.score, sizeof line.score);
    put(&line.right, sizeof line.right);
    say((int32_t)line.readings);
    say(line.upside_down);
    const int32_t used = text_bytes > 0 ? (int32_t)strlen(line.text) : 0;
    say(used);
    put(line.text, (size_t)used);
    release(line.classes);
    release(line.text);
    release(arena);
    release(scratch);
    release(frame.pixels);
}

static void window_places(void)
{
    const int32_t width = number(), steps = number(), count = number();
    int32_t *const all = bytes((size_t)count * sizeof *all);
    const int32_t whole = number();
    const struct ocrm55_network network = {
        .input_width = width,
        .width_count = (uint32_t)count,
        .widths = all,
        .output_dimensions = 3,
        .output_shape = {1, (uint32_t)steps, 9},
    };
    const struct page_windows windows = ocrm55_page_windows_of(&network, number());
    const int32_t squeeze = number();
    say(windows.column_step);
    say(windows.overlap);
    say(ocrm55_page_fitted(&windows, &network, whole, squeeze));
    const int32_t needed = windows.column_step != 0 ? ocrm55_page_window_count(&windows, whole) : 0;
    say(needed);
    for (int32_t i = 0; i < needed; i++) {
        say(ocrm55_page_window_first(&windows, &network, whole, i));
    }
    release(all);
}

static void join(void)
{
    struct page_reading readings[2];
    const int32_t classes = number(), behind = number();
    float *values[2];
    for (int i = 0; i < 2; i++) {
        readings[i].first = number();
        readings[i].steps = number();
        readings[i].probabilities = values[i] = bytes((size_t)(readings[i].steps * classes) * sizeof(float));
    }
    say(ocrm55_page_join(&readings[0], &readings[1], classes, behind));
    release(values[0]);
    release(values[1]);
}

/* A detector of 32 x 32 that counts its runs, without an output or with one in int8. */
static int32_t runs;
static void run_rows(uint8_t *memory, uint8_t *row, const struct ocrm55_rows *rows, ocrm55_hook hook, void *context)
{
    (void)memory;
    (void)hook;
    (void)context;
    rows->read(rows->context, 0, row);
    runs++;
}
static void set_rows(uint8_t *memory, uint8_t *row, const struct ocrm55_rows *rows)
{
    (void)memory;
    rows->read(rows->context, 0, row);
}
static unsigned count_step(uint8_t *memory, uint32_t number, const struct ocrm55_taker *taker)
{
    runs++;
    return step(memory, number, taker);
}
static const int8_t *output_int8(const uint8_t *memory) { return (const int8_t *)memory; }

static void find(void)
{
    const struct ocrm55_frame frame = a_frame();
    const int32_t has_output = number(), misaligned = number();
    int32_t left = number();
    const uint32_t steps = (uint32_t)number();
    const struct ocrm55_page_watch watch = {.context = &left, .goes_on = has_more};
    const struct ocrm55_network network = {
        .arena_bytes = 32 * 32,
        .arena_align = 4,
        .input_height = 32,
        .input_width = 32,
        .output_dimensions = 2,
        .output_shape = {32, 32},
        .run_rows = run_rows,
        .step_count = steps,
        .step = steps != 0 ? count_step : NULL,
        .set_rows = steps != 0 ? set_rows : NULL,
        .output_int8 = has_output ? output_int8 : NULL,
        .output_scale = has_output ? 1.0f / 256.0f : 0.0f,
        .output_zero = has_output ? -128 : 0,
    };
    const size_t scratch_bytes = OCRM55_PAGE_FIND_BYTES(32u, 32u, 10u);
    uint8_t *const scratch = room_for(scratch_bytes + 1), *const memory = room_for(32 * 32);
    memset(memory, -128, 32 * 32);
    struct ocrm55_box box;
    uint32_t count;
    runs = 0;
    say((int32_t)ocrm55_page_find(&network, memory, 32 * 32, &frame, &ocrm55_page_defaults, scratch + misaligned,
                                  scratch_bytes, &box, 1, &count, left != 0 ? &watch : NULL));
    say(runs);
    release(memory);
    release(scratch);
    release(frame.pixels);
}

int main(void)
{
    start();
    for (;;) {
        switch (number()) {
        case 0:
            find_boxes();
            break;
        case 1:
            resize();
            break;
        case 2:
            crop();
            break;
        case 3:
            order(0);
            break;
        case 4:
            order(1);
            break;
        case 5:
            list_components();
            break;
        case 6:
            read();
            break;
        case 7:
            window_places();
            break;
        case 8:
            join();
            break;
        case 10:
            crop_region();
            break;
        default:
            find();
            break;
        }
        answered();
    }
}

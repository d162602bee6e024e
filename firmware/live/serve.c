/* The page's program as a service of this computer: it holds a frame, finds its boxes, and reads those that it is asked
 * for. So who follows a camera reads a box again only when its pixels change. toolkit/ocrm55/live/service.py is the other
 * side; numbers are this computer's. */

#include <stdio.h>
#include <string.h>

#include "ocrm55_page.h"
#include "page_networks.h"

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))
#define MOST_FRAME_BYTES (64u << 20)
#define MOST_BOXES SMALLER(1000u, DETECTOR_CANDIDATES + 0u)
#define MOST_WINDOWS 24u
#define RUNS SMALLER(LARGER(4096, DETECTOR_INPUT_WIDTH * DETECTOR_INPUT_HEIGHT / 16), 65535)
#define FIND_BYTES OCRM55_PAGE_FIND_BYTES(DETECTOR_INPUT_WIDTH, DETECTOR_INPUT_HEIGHT, RUNS)
#define READ_BYTES \
    OCRM55_PAGE_READ_BYTES(OCRM55_INPUT_HEIGHT, OCRM55_INPUT_WIDTH, OCRM55_OUTPUT_STEPS, OCRM55_OUTPUT_CLASSES)

enum { FIND = 1, READ = 2, HOLD = 3 }; /* HOLD takes a frame, as FIND does, and answers nothing */
struct request {
    int32_t what, values[9]; /* FIND: width, height, stride, format, bytes. READ: 8 coordinates, likely_upside_down */
};
struct found {
    uint32_t outcome, count;
};
struct box {
    int32_t corners[8];
    uint32_t score, line, turned;
};
struct line {
    uint32_t outcome, upside_down, readings, bytes;
    float score;
};

static uint8_t arena[LARGER(OCRM55_ARENA_BYTES, DETECTOR_ARENA_BYTES)] __attribute__((aligned(64)));
static uint8_t scratch[LARGER(FIND_BYTES, READ_BYTES)] __attribute__((aligned(16)));
static uint8_t pixels[MOST_FRAME_BYTES];
static struct ocrm55_box boxes[MOST_BOXES];
static uint16_t classes[2u * MOST_WINDOWS * OCRM55_OUTPUT_STEPS];
static char text[MOST_WINDOWS * OCRM55_TEXT_BYTES];
static struct ocrm55_frame frame;
static struct ocrm55_page_options how;

static void say(const void *what, size_t bytes)
{
    (void)fwrite(what, 1, bytes, stdout);
}

/* Takes a frame, or none where its sizes do not fit its bytes. False where the stream ends, or where more pixels are
 * announced than there is room for. */
static bool take(const int32_t *values)
{
    const uint32_t bytes = (uint32_t)values[4];
    if (bytes > sizeof pixels || fread(pixels, 1, bytes, stdin) != bytes) {
        return false;
    }
    const bool whole = values[1] > 0 && values[2] > 0 && (uint64_t)values[1] * (uint64_t)values[2] <= bytes;
    frame = (struct ocrm55_frame){0};
    if (whole) {
        frame = (struct ocrm55_frame){pixels, values[0], values[1], values[2], values[3]};
    }
    return true;
}

static void find(void)
{
    struct found answer = {OCRM55_PAGE_FRAME, 0};
    if (frame.pixels != NULL) {
        answer.outcome = (uint32_t)ocrm55_page_find(&DETECTOR, arena, sizeof arena, &frame, &how, scratch, FIND_BYTES,
                                                    boxes, MOST_BOXES, &answer.count, NULL);
    }
    say(&answer, sizeof answer);
    for (uint32_t i = 0; i < answer.count; i++) {
        struct box box = {.score = boxes[i].score, .line = boxes[i].line, .turned = boxes[i].turned};
        for (uint32_t corner = 0; corner < 4; corner++) {
            box.corners[2 * corner] = boxes[i].corners[corner].x;
            box.corners[2 * corner + 1] = boxes[i].corners[corner].y;
        }
        say(&box, sizeof box);
    }
}

static void read_line(const int32_t *values)
{
    struct ocrm55_box box = {0};
    for (uint32_t corner = 0; corner < 4; corner++) {
        box.corners[corner] = (struct ocrm55_point){values[2 * corner], values[2 * corner + 1]};
    }
    struct ocrm55_line line = {.text = text,
                               .text_bytes = sizeof text,
                               .classes = classes,
                               .class_room = sizeof classes / sizeof classes[0],
                               .likely_upside_down = values[8] != 0};
    const enum ocrm55_page_outcome outcome =
        ocrm55_page_read(&OCRM55_RECOGNIZER, arena, sizeof arena, &frame, &box, &how, scratch, sizeof scratch, &line, NULL);
    const bool read = outcome == OCRM55_PAGE_OK || outcome == OCRM55_PAGE_LONG;
    const struct line answer = {(uint32_t)outcome, line.upside_down, line.readings, read ? (uint32_t)strlen(text) : 0u,
                                read ? line.score : 0.0f};
    say(&answer, sizeof answer);
    say(text, answer.bytes);
}

/* Until the stream ends. */
int firmware_main(void)
{
    struct request request;
    how = ocrm55_page_defaults;
    how.threshold = (uint8_t)SMALLER(DETECTOR_PIXEL * 256.0, 255.0); /* as firmware/page/main.c has them */
    how.least_score = (uint16_t)SMALLER(DETECTOR_BOX * 65536.0, 65535.0);
    how.unclip = (uint16_t)(DETECTOR_UNCLIP * 256.0 + 0.5);
    how.windows = MOST_WINDOWS;
    memset(arena, 0xFF, sizeof arena);
    while (fread(&request, sizeof request, 1, stdin) == 1) {
        if (request.what == FIND || request.what == HOLD) {
            if (!take(request.values)) {
                return 1;
            }
            if (request.what == FIND) {
                find();
            }
        } else if (request.what == READ) {
            read_line(request.values);
        } else {
            return 1;
        }
        (void)fflush(stdout);
    }
    return 0;
}

/* Two recognizers and a detector in one program: they read in turn, in steps side by side, after being stopped anywhere, and
 * a page. Says what the two read of their pictures, each once, and the lines of the page. */
#include <stdbool.h>

#include "ocrm55.h" /* of the package with the detector */
#include "ocrm55_small_plain.h"
#include "ocrm55_steps.h"
#include "page.h"
#include "pictures.h"
#include "readings.h"

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define ARENA_BYTES LARGER(OCRM55_SMALL_PLAIN_ARENA_BYTES, OCRM55_PAGE_ARENA_BYTES)
#define STEPS LARGER(OCRM55_SMALL_PLAIN_OUTPUT_STEPS, OCRM55_STEPS)
#define TEXT LARGER(OCRM55_SMALL_PLAIN_TEXT_BYTES, OCRM55_TEXT_BYTES)
#define COUNT (sizeof pictures / sizeof pictures[0])

/* One arena is enough for networks that run in turn; side by side, each has its own. */
static uint8_t arenas[2][ARENA_BYTES] __attribute__((aligned(OCRM55_PAGE_ARENA_ALIGN), section(".bss.ocrm55.arena")));
static uint8_t scratch[OCRM55_PAGE_SCRATCH_BYTES(4000)] __attribute__((aligned(OCRM55_PAGE_ALIGN)));
static const struct ocrm55_recognizer *const both[] = {&ocrm55_small_plain_recognizer, &OCRM55_RECOGNIZER};
static char texts[COUNT][TEXT];
static uint16_t classes[COUNT][STEPS];
static struct ocrm55_reading wanted[COUNT];

static bool same(const struct ocrm55_reading *a, const struct ocrm55_reading *b)
{
    return a->characters == b->characters && memcmp(&a->score, &b->score, sizeof a->score) == 0 &&
           memcmp(a->classes, b->classes, a->characters * sizeof *a->classes) == 0 && strcmp(a->text, b->text) == 0;
}

static bool in_turn(void)
{
    for (unsigned i = 0; i < COUNT; i++) {
        wanted[i] = (struct ocrm55_reading){.text = texts[i], .classes = classes[i]};
        if (ocrm55_recognize(both[i % 2], arenas[0], ARENA_BYTES, pictures[i].pixels, pictures[i].width, &wanted[i], NULL) !=
            OCRM55_READ) {
            return false;
        }
        say_reading(both[i % 2]->network, arenas[0], &wanted[i]);
    }
    return true;
}

/* Pictures i and i + 1, a step of each at a time. */
static bool side_by_side(unsigned i)
{
    static char text[2][TEXT];
    static uint16_t kept[2][STEPS];
    struct ocrm55_course courses[2];
    struct ocrm55_reading readings[2];
    enum ocrm55_outcome outcomes[2];
    uint32_t steps[2] = {0, 0};
    for (unsigned k = 0; k < 2; k++) {
        readings[k] = (struct ocrm55_reading){.text = text[k], .classes = kept[k]};
        outcomes[k] = ocrm55_begin(&courses[k], both[k], arenas[k], ARENA_BYTES, pictures[i + k].pixels,
                                   pictures[i + k].width, &readings[k], NULL);
    }
    while (outcomes[0] == OCRM55_GOES_ON || outcomes[1] == OCRM55_GOES_ON) {
        for (unsigned k = 0; k < 2; k++) {
            if (outcomes[k] == OCRM55_GOES_ON) {
                outcomes[k] = ocrm55_step(&courses[k]);
                steps[k]++;
            }
        }
    }
    for (unsigned k = 0; k < 2; k++) {
        if (outcomes[k] != OCRM55_READ || steps[k] != ocrm55_steps_of(both[k]->network) ||
            !same(&readings[k], &wanted[i + k])) {
            return false;
        }
    }
    return true;
}

static bool has_more(void *context)
{
    uint32_t *const left = context;
    return --*left != 0;
}

/* Stopped behind each step, a reading has no text, and the next one is right. */
static bool stopped_anywhere(void)
{
    static char text[TEXT];
    static uint16_t kept[STEPS];
    const uint32_t all = ocrm55_steps_of(both[0]->network);
    for (uint32_t count = 1; count <= all + 1; count += count < 4 || count + 4 > all ? 1 : 7) {
        uint32_t left = count;
        struct ocrm55_reading reading = {.text = text, .classes = kept};
        const enum ocrm55_outcome outcome =
            ocrm55_recognize_while(has_more, &left, both[0], arenas[0], ARENA_BYTES, pictures[0].pixels, pictures[0].width,
                                   &reading, NULL);
        if (outcome != (count < all ? OCRM55_STOPPED : OCRM55_READ) ||
            (count < all && (reading.characters != 0 || text[0] != '\0' || reading.score != 0.0f)) ||
            (count >= all && !same(&reading, &wanted[0]))) {
            return false;
        }
    }
    uint32_t few = 3, many = 1000;
    both[0]->network->set_image(arenas[0], pictures[0].pixels, pictures[0].width);
    return !ocrm55_run_while(has_more, &few, both[0]->network, arenas[0]) &&
           ocrm55_run_while(has_more, &many, both[0]->network, arenas[0]) &&
           ocrm55_run_while(NULL, NULL, both[0]->network, arenas[0]);
}

/* Stopped behind some steps of the detector and of a box's reading, a page has no boxes, or the line has no text. */
static bool stopped_page(const struct ocrm55_frame *frame, const struct ocrm55_box *box)
{
    static struct ocrm55_box boxes[50];
    static uint16_t found[8 * OCRM55_STEPS];
    static char text[8 * OCRM55_TEXT_BYTES];
    const uint32_t all = OCRM55_DETECTOR.step_count, way_in = 1;
    const uint32_t behind[] = {1, 2, all / 2, all};
    uint32_t left, count;
    const struct ocrm55_page_watch watch = {.context = &left, .goes_on = has_more};
    for (unsigned i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        left = behind[i];
        count = 1;
        if (ocrm55_page_find(&OCRM55_DETECTOR, arenas[0], ARENA_BYTES, frame, &OCRM55_PAGE_OPTIONS, scratch, sizeof scratch,
                             boxes, 50, &count, &watch) != OCRM55_PAGE_STOPPED ||
            count != 0 || left != 0) {
            return false;
        }
    }
    const uint32_t reads = way_in + OCRM55_RECOGNIZER.network->step_count;
    for (left = 1; left <= reads; left += reads / 3) {
        uint32_t asked = left;
        const struct ocrm55_page_watch reading = {.context = &asked, .goes_on = has_more};
        struct ocrm55_line line = {
            .text = text, .text_bytes = sizeof text, .classes = found, .class_room = sizeof found / sizeof found[0]};
        text[0] = 'x';
        if (ocrm55_page_read(&OCRM55_RECOGNIZER, arenas[0], ARENA_BYTES, frame, box, &OCRM55_PAGE_OPTIONS, scratch,
                             sizeof scratch, &line, &reading) != OCRM55_PAGE_STOPPED ||
            text[0] != '\0' || line.characters != 0 || line.score != 0.0f || asked != 0) {
            return false;
        }
    }
    return true;
}

static bool more(void *context)
{
    ++*(uint32_t *)context;
    return true;
}

static bool a_page(void)
{
    static struct ocrm55_box boxes[50];
    static uint16_t found[8 * OCRM55_STEPS];
    static char text[8 * OCRM55_TEXT_BYTES];
    const struct ocrm55_frame frame = {page_pixels, PAGE_WIDTH, PAGE_HEIGHT, PAGE_WIDTH, OCRM55_GRAY8};
    uint32_t count, asked = 0;
    const struct ocrm55_page_watch watch = {.context = &asked, .goes_on = more};
    enum ocrm55_page_outcome outcome = ocrm55_page_find(&OCRM55_DETECTOR, arenas[0], ARENA_BYTES, &frame,
                                                        &OCRM55_PAGE_OPTIONS, scratch, sizeof scratch, boxes, 50, &count, NULL);
    if (outcome != OCRM55_PAGE_OK || count == 0 || !stopped_page(&frame, &boxes[0])) {
        return false;
    }
    /* The same boxes and texts as if nothing had been stopped, and where each step asks whether to go on. */
    struct ocrm55_box again[50];
    uint32_t others;
    if (ocrm55_page_find(&OCRM55_DETECTOR, arenas[0], ARENA_BYTES, &frame, &OCRM55_PAGE_OPTIONS, scratch, sizeof scratch,
                         again, 50, &others, &watch) != OCRM55_PAGE_OK ||
        asked != OCRM55_DETECTOR.step_count || others != count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(again[i].corners, boxes[i].corners, sizeof boxes[i].corners) != 0 || again[i].score != boxes[i].score) {
            return false;
        }
    }
    for (uint32_t i = 0; outcome == OCRM55_PAGE_OK && i < count; i++) {
        struct ocrm55_line line = {
            .text = text, .text_bytes = sizeof text, .classes = found, .class_room = sizeof found / sizeof found[0]};
        outcome = ocrm55_page_read(&OCRM55_RECOGNIZER, arenas[0], ARENA_BYTES, &frame, &boxes[i], &OCRM55_PAGE_OPTIONS,
                                   scratch, sizeof scratch, &line, i % 2 ? &watch : NULL);
        uint32_t score;
        memcpy(&score, &line.score, sizeof score);
        say("line ");
        say_number(score);
        say(line.text);
        say("\n");
    }
    return outcome == OCRM55_PAGE_OK && count > 0;
}

int main(void)
{
    memset(arenas, 0xFF, sizeof arenas); /* what was there before means nothing */
    if (!in_turn()) {
        return 2;
    }
    for (unsigned i = 0; i + 1 < COUNT; i += 2) {
        if (!side_by_side(i)) {
            return 3;
        }
    }
    if (!stopped_anywhere()) {
        return 4;
    }
    return a_page() ? 0 : 5;
}

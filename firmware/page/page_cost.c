#include "page_cost.h"

#include <stddef.h>
#include <string.h>

#include "crc32.h"
#include "page_networks.h"
#include "page_words.h"
#include "platform.h"

#define PATTERN 0xC5u

static struct {
    enum page_stage stage;
    uint64_t since, spent[STAGES];
} cost;

static struct {
    bool hashes;
    bool again; /* the next reading is of a picture that was hashed */
    uint32_t box;
    const uint8_t *scratch;
} seen;

void cost_stage(enum page_stage stage)
{
    const uint64_t now = platform_instructions();
    cost.spent[cost.stage] += now - cost.since;
    cost.since = now;
    cost.stage = stage;
}

uint64_t cost_of(enum page_stage stage)
{
    return cost.spent[stage];
}

void cost_forget(void)
{
    memset(cost.spent, 0, sizeof cost.spent);
    cost.since = platform_instructions();
}

const char *cost_name(enum page_stage stage)
{
    static const char *const names[STAGES] = {"load",    "resize",    "detect", "boxes", "crop",
                                              "prepare", "recognise", "decode", "say",   "other"};
    return names[stage];
}

static void note_page(void *context, enum ocrm55_page_phase phase)
{
    (void)context;
    switch (phase) {
    case OCRM55_PAGE_DETECTS:
        cost_stage(STAGE_DETECT);
        platform_activity("detector", DETECTOR.operator_names[0]);
        break;
    case OCRM55_PAGE_BOXES:
        cost_stage(STAGE_BOXES);
        platform_activity("boxes", "");
        break;
    case OCRM55_PAGE_CROPS:
        cost_stage(STAGE_CROP);
        platform_activity("crop", "");
        break;
    case OCRM55_PAGE_JOINS:
        cost_stage(STAGE_DECODE);
        platform_activity("decoding", "");
        break;
    default:
        cost_stage(STAGE_SAY);
        break;
    }
}

/* After operator `op` of the detector: the next one is what a fault would be about. */
static void note_operator(void *context, unsigned op)
{
    (void)context;
    if (op + 1 < DETECTOR.operator_count) {
        platform_activity("detector", DETECTOR.operator_names[op + 1]);
    }
}

/* The picture that the recognizer is about to read lies at the start of the scratch. */
static void hash_crop(int32_t width)
{
    if (seen.hashes && !seen.again) {
        const uint32_t bytes = (uint32_t)width * OCRM55_INPUT_HEIGHT * OCRM55_INPUT_CHANNELS;
        say_crop(seen.box, (uint32_t)width, OCRM55_INPUT_HEIGHT, crc32(seen.scratch, bytes));
    }
    seen.again = false;
}

static void note_reading(void *context, enum ocrm55_phase phase, int32_t width)
{
    (void)context;
    switch (phase) {
    case OCRM55_PREPARES:
        cost_stage(STAGE_OTHER);
        hash_crop(width);
        cost_stage(STAGE_PREPARE);
        platform_activity("preprocessing", "");
        break;
    case OCRM55_RUNS:
        cost_stage(STAGE_RECOGNISE);
        platform_activity("operator", OCRM55_NETWORK.operator_names[0]);
        break;
    case OCRM55_DECODES:
        cost_stage(STAGE_DECODE);
        platform_activity("decoding", "");
        break;
    case OCRM55_READS_AGAIN:
        seen.again = true;
        break;
    default: /* the next window, if there is one */
        cost_stage(STAGE_CROP);
        break;
    }
}

static void note_reading_operator(void *context, unsigned op)
{
    (void)context;
    if (op + 1 < OCRM55_OPERATOR_COUNT) {
        platform_activity("operator", OCRM55_NETWORK.operator_names[op + 1]);
    }
}

const struct ocrm55_page_watch *page_watch_for(bool hashes, const uint8_t *scratch)
{
    static const struct ocrm55_watch reading = {.phase = note_reading, .operator_done = note_reading_operator};
    static const struct ocrm55_page_watch page = {
        .phase = note_page, .operator_done = note_operator, .recognition = &reading};
    seen.hashes = hashes;
    seen.again = false;
    seen.scratch = scratch;
    return &page;
}

void page_watch_box(uint32_t box)
{
    seen.box = box;
}

void scratch_paint(uint8_t *scratch, uint32_t bytes)
{
    memset(scratch, PATTERN, bytes);
}

uint32_t scratch_used(const uint8_t *scratch, uint32_t bytes)
{
    while (bytes > 0 && scratch[bytes - 1] == PATTERN) {
        bytes--;
    }
    return bytes;
}

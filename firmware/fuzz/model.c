/* Its "network" hands the pixels' bits on as probabilities: numbers, infinities and what is no number. tests/fuzz/model.py
 * writes the headers and the definition, as the code generator does for every network. */
#include "ocrm55_model.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NARROW 8
#define PIXEL_BYTES (OCRM55_INPUT_HEIGHT * OCRM55_INPUT_WIDTH * OCRM55_INPUT_CHANNELS)
#define OUTPUT ((PIXEL_BYTES + 255) / 256 * 256)
#define OUTPUT_BYTES (OCRM55_OUTPUT_STEPS * OCRM55_OUTPUT_CLASSES * 4)

_Static_assert(PIXEL_BYTES <= OUTPUT && OUTPUT + OUTPUT_BYTES <= OCRM55_ARENA_BYTES - 4, "the arena holds both");

static void set_image_within(uint8_t *arena, const uint8_t *bgr, int32_t width, int32_t columns)
{
    if (width < 1 || width > OCRM55_INPUT_WIDTH) {
        abort();
    }
    memset(arena, 0, OUTPUT);
    memcpy(arena, bgr, (size_t)width * OCRM55_INPUT_HEIGHT * OCRM55_INPUT_CHANNELS);
    arena[OCRM55_ARENA_BYTES - 1] = width <= NARROW && columns <= NARROW ? NARROW : OCRM55_INPUT_WIDTH;
}

static void set_image(uint8_t *arena, const uint8_t *bgr, int32_t width)
{
    set_image_within(arena, bgr, width, 0);
}

static int32_t width_of(const uint8_t *arena)
{
    return arena[OCRM55_ARENA_BYTES - 1];
}

static uint32_t steps_of(const uint8_t *arena)
{
    return (uint32_t)width_of(arena) / 4u;
}

static void run_network(uint8_t *arena, ocrm55_hook hook, void *context)
{
    memcpy(arena + OUTPUT, arena, OUTPUT_BYTES);
    for (unsigned op = 0; op < OCRM55_OPERATOR_COUNT; op++) {
        hook(context, op);
    }
}

static const float *output_of(const uint8_t *arena)
{
    return (const float *)(const void *)(arena + OUTPUT);
}

#include "definition.h"

/* Its "network" hands the pixels' bits on as probabilities: numbers, infinities and what is no number. */
#include <stdlib.h>
#include <string.h>

#include "ocrm55_model.h"

#define NARROW 8
#define PIXEL_BYTES (OCRM55_INPUT_HEIGHT * OCRM55_INPUT_WIDTH * OCRM55_INPUT_CHANNELS)
#define OUTPUT 256
#define OUTPUT_BYTES (OCRM55_OUTPUT_STEPS * OCRM55_OUTPUT_CLASSES * 4)

_Static_assert(PIXEL_BYTES <= OUTPUT && OUTPUT + OUTPUT_BYTES <= OCRM55_ARENA_BYTES - 4, "the arena holds both");

const char *const ocrm55_operator_names[OCRM55_OPERATOR_COUNT] = {"fuzz.first", "fuzz.last"};

void ocrm55_model_set_image(uint8_t *arena, const uint8_t *bgr, int32_t width)
{
    ocrm55_model_set_image_within(arena, bgr, width, 0);
}

void ocrm55_model_set_image_within(uint8_t *arena, const uint8_t *bgr, int32_t width, int32_t columns)
{
    if (width < 1 || width > OCRM55_INPUT_WIDTH) {
        abort();
    }
    memset(arena, 0, OUTPUT);
    memcpy(arena, bgr, (size_t)width * OCRM55_INPUT_HEIGHT * OCRM55_INPUT_CHANNELS);
    arena[OCRM55_ARENA_BYTES - 1] = width <= NARROW && columns <= NARROW ? NARROW : OCRM55_INPUT_WIDTH;
}

int32_t ocrm55_model_width(const uint8_t *arena)
{
    return arena[OCRM55_ARENA_BYTES - 1];
}

uint32_t ocrm55_model_steps(const uint8_t *arena)
{
    return (uint32_t)ocrm55_model_width(arena) / 4u;
}

void ocrm55_model_run(uint8_t *arena, ocrm55_hook hook, void *context)
{
    memcpy(arena + OUTPUT, arena, OUTPUT_BYTES);
    for (unsigned op = 0; op < OCRM55_OPERATOR_COUNT; op++) {
        hook(context, op);
    }
}

const float *ocrm55_model_output(const uint8_t *arena)
{
    return (const float *)(const void *)(arena + OUTPUT);
}

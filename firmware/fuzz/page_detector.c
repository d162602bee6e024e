/* A detector whose map is the blue of its rows. */
#include "ocrm55_fuzz_detector.h"

#define SIDE OCRM55_FUZZ_DETECTOR_INPUT_WIDTH

_Static_assert(SIDE == OCRM55_FUZZ_DETECTOR_INPUT_HEIGHT && SIDE * SIDE <= OCRM55_FUZZ_DETECTOR_ARENA_BYTES, "the map");

static void run_rows(uint8_t *arena, uint8_t *row, const struct ocrm55_rows *rows, ocrm55_hook hook, void *context)
{
    for (int32_t y = 0; y < SIDE; y++) {
        rows->read(rows->context, y, row);
        for (int32_t x = 0; x < SIDE; x++) {
            arena[y * SIDE + x] = (uint8_t)(row[3 * x] ^ 0x80u);
        }
    }
    hook(context, 0);
}

static const int8_t *map_of(const uint8_t *arena) { return (const int8_t *)arena; }

static const char *const operator_names[] = {"fuzz.map"};

const struct ocrm55_network ocrm55_fuzz_detector = {
    .name = OCRM55_FUZZ_DETECTOR_MODEL_NAME,
    .precision = OCRM55_FUZZ_DETECTOR_PRECISION,
    .input_height = SIDE,
    .input_width = SIDE,
    .input_channels = 3,
    .arena_bytes = OCRM55_FUZZ_DETECTOR_ARENA_BYTES,
    .arena_align = OCRM55_FUZZ_DETECTOR_ARENA_ALIGN,
    .output_dimensions = 4,
    .output_shape = {1, 1, SIDE, SIDE},
    .operator_count = 1,
    .operator_names = operator_names,
    .run_rows = run_rows,
    .output_int8 = map_of,
    .output_scale = 1.0f / 256.0f,
    .output_zero = -128,
};

/* A model as `ocrm55 compile` writes them, so small that a fuzzer reads some ten thousand images a second with it. */
#ifndef OCRM55_MODEL_H
#define OCRM55_MODEL_H

#include <stdint.h>

#define OCRM55_MODEL_NAME "fuzz"
#define OCRM55_PRECISION "float32"
#define OCRM55_INPUT_HEIGHT 4
#define OCRM55_INPUT_WIDTH 16
#define OCRM55_INPUT_CHANNELS 3
#define OCRM55_OUTPUT_STEPS 4
#define OCRM55_OUTPUT_CLASSES 5
#define OCRM55_ARENA_BYTES 512
#define OCRM55_ARENA_ALIGN 16
#define OCRM55_OPERATOR_COUNT 2
#define OCRM55_WIDTHS 2
#define OCRM55_LEAD 0.1f

typedef void (*ocrm55_hook)(void *context, unsigned op);

void ocrm55_model_set_image(uint8_t *arena, const uint8_t *bgr, int32_t width);
void ocrm55_model_set_image_within(uint8_t *arena, const uint8_t *bgr, int32_t width, int32_t columns);
int32_t ocrm55_model_width(const uint8_t *arena);
uint32_t ocrm55_model_steps(const uint8_t *arena);
void ocrm55_model_run(uint8_t *arena, ocrm55_hook hook, void *context);
const float *ocrm55_model_output(const uint8_t *arena);
extern const char *const ocrm55_operator_names[OCRM55_OPERATOR_COUNT];

#endif

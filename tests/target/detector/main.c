/* A detector alone: reads picture.bin, writes its int8 map and the instructions of each operator, then of the run, to
 * output.bin. Built with the firmware. */
#include <string.h>

#include "ocrm55_model.h"
#include "platform.h"

#define COLUMN_BYTES (OCRM55_INPUT_HEIGHT * OCRM55_INPUT_CHANNELS)

static uint8_t arena[OCRM55_ARENA_BYTES] __attribute__((aligned(OCRM55_ARENA_ALIGN), section(".ocrm55.arena")));
static uint32_t counts[OCRM55_OPERATOR_COUNT + 1];
static uint64_t before;

static void count(void *context, unsigned op)
{
    (void)context;
    counts[op] += (uint32_t)(platform_instructions() - before); /* operators in stripes end several times */
    before = platform_instructions();
}

int main(void)
{
    const struct ocrm55_network *const network = &OCRM55_NETWORK;
    uint32_t room, bytes = 1;
    uint8_t *const picture = platform_image_buffer(&room);
    int32_t file = platform_file_open("picture.bin", PLATFORM_FILE_READ);
    if (file < 0) {
        return 3;
    }
    const uint32_t read = platform_file_read(file, picture, room);
    if (read == 0 || read % COLUMN_BYTES || read / COLUMN_BYTES > OCRM55_INPUT_WIDTH) {
        return 6;
    }
    (void)platform_file_close(file);
    for (uint32_t i = 0; i < network->output_dimensions; i++) {
        bytes *= network->output_shape[i];
    }
    if (network->output_int8 == NULL || network->output != NULL) {
        return 5;
    }
    memset(arena, 0xFF, sizeof arena); /* what was there before means nothing */
    network->set_image(arena, picture, (int32_t)(read / COLUMN_BYTES));
    if (network->npu_start != NULL && network->npu_start() != 0) {
        return 7;
    }
    const uint64_t start = platform_instructions();
    before = start;
    network->run(arena, count, NULL);
    counts[OCRM55_OPERATOR_COUNT] = (uint32_t)(platform_instructions() - start);
    if (network->npu_status != NULL && network->npu_status() != 0) {
        return 8;
    }
    file = platform_file_open("output.bin", PLATFORM_FILE_WRITE);
    if (file < 0 || platform_file_write(file, network->output_int8(arena), bytes) != bytes ||
        platform_file_write(file, counts, sizeof counts) != sizeof counts || !platform_file_close(file)) {
        return 4;
    }
    return 0;
}

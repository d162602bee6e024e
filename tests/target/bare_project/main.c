/* Reads all pictures and says of each: bits of the score, hash of all probabilities, columns, characters, text. */
#include <string.h>

#include "ocrm55.h"
#include "pictures.h"
#include "say.h"

static unsigned char arena[OCRM55_ARENA_BYTES] __attribute__((aligned(OCRM55_ARENA_ALIGN), section(".bss.ocrm55.arena")));
static unsigned operators;

static void count(void *context, unsigned op)
{
    (void)context;
    (void)op;
    operators++;
}

static void say_number(uint32_t number)
{
    char digits[10];
    for (int i = 0; i < 8; i++) {
        digits[i] = "0123456789abcdef"[(number >> (28 - 4 * i)) & 15];
    }
    digits[8] = ' ';
    digits[9] = '\0';
    say(digits);
}

static uint32_t hash(const float *values, uint32_t number)
{
    uint32_t sum = 2166136261u;
    for (uint32_t i = 0; i < number; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        for (int byte = 0; byte < 4; byte++) {
            sum = (sum ^ ((bits >> (8 * byte)) & 255)) * 16777619u;
        }
    }
    return sum;
}

int main(void)
{
    static char text[OCRM55_TEXT_BYTES];
    static uint16_t classes[OCRM55_STEPS];
    struct ocrm55_reading reading = {.text = text, .classes = classes};
    const struct ocrm55_watch watch = {.operator_done = count};

#ifdef WITH_NPU
    const ocrm55_npu_status npu = (ocrm55_npu_status)OCRM55_NETWORK.npu_start();
    if (npu != OCRM55_NPU_OK) {
        say(ocrm55_npu_message(npu));
        return 6;
    }
#endif
    for (unsigned i = 0; i < sizeof pictures / sizeof pictures[0]; i++) {
        memset(arena, (int)(0xAA + i), sizeof arena); /* what was there before means nothing */
        if (ocrm55_recognize(&OCRM55_RECOGNIZER, arena, sizeof arena, pictures[i].pixels, pictures[i].width, &reading,
                             &watch) != OCRM55_READ) {
            return 2;
        }
        uint32_t score;
        memcpy(&score, &reading.score, sizeof score);
        say_number(score);
        say_number(hash(OCRM55_NETWORK.output(arena), OCRM55_NETWORK.steps(arena) * OCRM55_CLASSES));
        say_number((uint32_t)reading.width);
        say_number(reading.characters);
        say(reading.text);
        say("\n");
    }
    if (operators < OCRM55_OPERATOR_COUNT * (sizeof pictures / sizeof pictures[0])) {
        return 3;
    }
    const struct ocrm55_recognizer *const all = &OCRM55_RECOGNIZER;
    const uint8_t *const pixels = pictures[0].pixels;
    if (ocrm55_recognize(all, arena + 1, sizeof arena, pixels, 1, &reading, NULL) != OCRM55_ARENA_ADDRESS ||
        ocrm55_recognize(all, arena, sizeof arena - 1, pixels, 1, &reading, NULL) != OCRM55_ARENA_SHORT ||
        ocrm55_recognize(all, arena, sizeof arena, pixels, 0, &reading, NULL) != OCRM55_IMAGE_SIZE ||
        ocrm55_recognize(all, arena, sizeof arena, pixels, OCRM55_IMAGE_WIDTH + 1, &reading, NULL) != OCRM55_IMAGE_SIZE ||
        ocrm55_recognize(all, arena, sizeof arena, NULL, 1, &reading, NULL) != OCRM55_NO_POINTER) {
        return 4;
    }
    return OCRM55_RECOGNIZER.labels[0][0] == '\0' ? 0 : 5;
}

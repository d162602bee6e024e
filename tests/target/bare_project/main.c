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
    static struct ocrm55_reading reading;

#ifdef WITH_NPU
    if (ocrm55_npu_start() != NULL) {
        say(ocrm55_npu_trouble());
        return 6;
    }
#endif
    for (unsigned i = 0; i < sizeof pictures / sizeof pictures[0]; i++) {
        memset(arena, (int)(0xAA + i), sizeof arena); /* what was there before means nothing */
        if (ocrm55_recognize_hooked(arena, sizeof arena, pictures[i].pixels, pictures[i].width, &reading, count, NULL) !=
            OCRM55_READ) {
            return 2;
        }
        uint32_t score;
        memcpy(&score, &reading.score, sizeof score);
        say_number(score);
        say_number(hash(ocrm55_probabilities(arena), ocrm55_steps(arena) * OCRM55_CLASSES));
        say_number((uint32_t)reading.width);
        say_number(reading.characters);
        say(reading.text);
        say("\n");
    }
    if (operators < OCRM55_OPERATOR_COUNT * (sizeof pictures / sizeof pictures[0])) {
        return 3;
    }
    if (ocrm55_recognize(arena + 1, sizeof arena, pictures[0].pixels, 1, &reading) != OCRM55_ARENA_ADDRESS ||
        ocrm55_recognize(arena, sizeof arena - 1, pictures[0].pixels, 1, &reading) != OCRM55_ARENA_SHORT ||
        ocrm55_recognize(arena, sizeof arena, pictures[0].pixels, 0, &reading) != OCRM55_IMAGE_SIZE ||
        ocrm55_recognize(arena, sizeof arena, pictures[0].pixels, OCRM55_IMAGE_WIDTH + 1, &reading) != OCRM55_IMAGE_SIZE ||
        ocrm55_recognize(arena, sizeof arena, NULL, 1, &reading) != OCRM55_NO_POINTER) {
        return 4;
    }
    return ocrm55_character(0)[0] == '\0' && ocrm55_character(OCRM55_CLASSES)[0] == '\0' ? 0 : 5;
}

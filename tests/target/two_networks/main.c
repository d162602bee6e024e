/* Two networks in one program and one arena, the larger: they read their pictures in turn. Says of each reading: bits of
 * the score, hash of all probabilities, columns, characters, text. Built with the firmware (FIRMWARE) and with packages. */
#include <stdbool.h>
#include <string.h>

#include "ocrm55_recognize.h"
#include "ocrm55_small_plain.h"
#include "ocrm55_small_ppocrv4.h"
#include "pictures.h"

#ifdef FIRMWARE
#include "print.h"
#define say print_text
#define ARENA_SECTION ".ocrm55.arena"
#else
#include "say.h"
#define ARENA_SECTION ".bss.ocrm55.arena"
#endif

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define WIDEST OCRM55_SMALL_PLAIN_INPUT_WIDTH
#define ARENA_BYTES LARGER(OCRM55_SMALL_PLAIN_ARENA_BYTES, OCRM55_SMALL_PPOCRV4_ARENA_BYTES)

static uint8_t arena[ARENA_BYTES] __attribute__((aligned(OCRM55_SMALL_PLAIN_ARENA_ALIGN), section(ARENA_SECTION)));

_Static_assert(OCRM55_SMALL_PLAIN_ARENA_ALIGN == OCRM55_SMALL_PPOCRV4_ARENA_ALIGN, "one alignment serves both");

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

/* A picture again and again from left to right, so that it fills the network's input. */
static void fill_row(void *context, int32_t row, uint8_t *bgr)
{
    const int32_t width = *(const int32_t *)context;
    for (int32_t i = 0; i < WIDEST * 3; i++) {
        bgr[i] = pictures[0].pixels[row * width * 3 + i % (width * 3)];
    }
}

/* Whether the first picture, filled up, gives the same bits in one piece and row by row. */
static bool agrees_by_rows(const struct ocrm55_network *network)
{
    static uint8_t whole[OCRM55_SMALL_PLAIN_INPUT_HEIGHT * WIDEST * 3], row[WIDEST * 3];
    int32_t width = pictures[0].width;
    const struct ocrm55_rows rows = {.read = fill_row, .context = &width};
    const uint32_t values = network->output_shape[network->output_dimensions - 1] *
                            network->output_shape[network->output_dimensions - 2];
    for (int32_t y = 0; y < network->input_height; y++) {
        fill_row(&width, y, whole + y * WIDEST * 3);
    }
    network->set_image(arena, whole, WIDEST);
    network->run(arena, NULL, NULL);
    const uint32_t wanted = hash(network->output(arena), values);
    memset(arena, 0xFF, sizeof arena);
    network->run_rows(arena, row, &rows, NULL, NULL);
    return hash(network->output(arena), values) == wanted;
}

int main(void)
{
    static char text[LARGER(OCRM55_SMALL_PLAIN_TEXT_BYTES, OCRM55_SMALL_PPOCRV4_TEXT_BYTES)];
    static uint16_t classes[LARGER(OCRM55_SMALL_PLAIN_OUTPUT_STEPS, OCRM55_SMALL_PPOCRV4_OUTPUT_STEPS)];
    const struct ocrm55_recognizer *const both[] = {&ocrm55_small_plain_recognizer, &ocrm55_small_ppocrv4_recognizer};
    struct ocrm55_reading reading = {.text = text, .classes = classes};

    memset(arena, 0xFF, sizeof arena); /* what was there before means nothing */
    for (unsigned i = 0; i < sizeof pictures / sizeof pictures[0]; i++) {
        const struct ocrm55_recognizer *const one = both[i % 2];
        const struct ocrm55_network *const network = one->network;
        const uint32_t width = network->output_shape[network->output_dimensions - 1];
        if (ocrm55_recognize(one, arena, sizeof arena, pictures[i].pixels, pictures[i].width, &reading, NULL) != OCRM55_READ) {
            return 2;
        }
        uint32_t score;
        memcpy(&score, &reading.score, sizeof score);
        say_number(score);
        say_number(hash(network->output(arena), network->steps(arena) * width));
        say_number((uint32_t)reading.width);
        say_number(reading.characters);
        say(reading.text);
        say("\n");
    }
    if (!agrees_by_rows(both[0]->network)) {
        return 3;
    }
    return 0;
}

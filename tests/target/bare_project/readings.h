/* What programs for tests say of a reading: bits of the score, hash of all probabilities, columns, characters, text. */
#ifndef READINGS_H
#define READINGS_H

#include <stdint.h>
#include <string.h>

#include "ocrm55_recognize.h"
#include "say.h"

static inline void say_number(uint32_t number)
{
    char digits[10];
    for (int i = 0; i < 8; i++) {
        digits[i] = "0123456789abcdef"[(number >> (28 - 4 * i)) & 15];
    }
    digits[8] = ' ';
    digits[9] = '\0';
    say(digits);
}

static inline uint32_t hash_of(const float *values, uint32_t number)
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

static inline void say_reading(const struct ocrm55_network *network, const uint8_t *arena,
                               const struct ocrm55_reading *reading)
{
    const uint32_t classes = network->output_shape[network->output_dimensions - 1];
    uint32_t score;
    memcpy(&score, &reading->score, sizeof score);
    say_number(score);
    say_number(hash_of(network->output(arena), network->steps(arena) * classes));
    say_number((uint32_t)reading->width);
    say_number(reading->characters);
    say(reading->text);
    say("\n");
}

#endif

#include "float_text.h"

#include <stdint.h>
#include <string.h>

#define MANTISSA_BITS 23
#define EXPONENT_BIAS 150 /* 127, and the 23 bits of the mantissa */

static char *put_digits(char *to, uint32_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10u);
        value /= 10u;
    }
    return to + width;
}

static char *put_number(char *to, uint32_t value)
{
    int width = 1;
    for (uint32_t rest = value / 10u; rest != 0; rest /= 10u) {
        width++;
    }
    return put_digits(to, value, width);
}

/* mantissa * 2^shift with shift >= 0: an integer of up to 128 bits, by long division, nine digits at a time. */
static char *put_large(char *to, uint32_t mantissa, int shift)
{
    uint32_t limbs[4] = {0};
    const uint64_t shifted = (uint64_t)mantissa << (shift % 32);
    limbs[shift / 32] = (uint32_t)shifted;
    if (shift / 32 < 3) {
        limbs[shift / 32 + 1] = (uint32_t)(shifted >> 32);
    }
    uint32_t groups[5];
    int count = 0;
    do {
        uint64_t rest = 0;
        for (int i = 3; i >= 0; i--) {
            rest = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(rest / 1000000000u);
            rest %= 1000000000u;
        }
        groups[count++] = (uint32_t)rest;
    } while (limbs[0] | limbs[1] | limbs[2] | limbs[3]);
    to = put_number(to, groups[--count]);
    while (count > 0) {
        to = put_digits(to, groups[--count], 9);
    }
    return to;
}

void float_text(float value, char text[FLOAT_TEXT_BYTES])
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t mantissa = bits & ((1u << MANTISSA_BITS) - 1u);
    int exponent = (int)(bits >> MANTISSA_BITS & 0xFFu);

    if (exponent == 0xFF && mantissa != 0) {
        strcpy(text, "nan");
        return;
    }
    char *to = text;
    if (bits >> 31) {
        *to++ = '-';
    }
    if (exponent == 0xFF) {
        strcpy(to, "inf");
        return;
    }
    if (exponent == 0) {
        exponent = 1; /* subnormal: no hidden bit */
    } else {
        mantissa |= 1u << MANTISSA_BITS;
    }
    const int shift = exponent - EXPONENT_BIAS; /* value = mantissa * 2^shift */
    if (shift >= 0) {
        to = put_large(to, mantissa, shift);
        strcpy(to, ".000000");
        return;
    }
    /* millionths = mantissa * 10^6 / 2^-shift; the product stays below 2^44, so that 64 bits hold it and, where the divisor
     * is 2^46 or more, the quotient rounds to 0. */
    const uint64_t product = (uint64_t)mantissa * 1000000u;
    uint64_t millionths = 0;
    if (-shift < 46) {
        const uint64_t half = (uint64_t)1 << (-shift - 1);
        const uint64_t rest = product & (2u * half - 1u);
        millionths = product >> -shift;
        if (rest > half || (rest == half && (millionths & 1u))) {
            millionths++;
        }
    }
    to = put_number(to, (uint32_t)(millionths / 1000000u));
    *to++ = '.';
    to = put_digits(to, (uint32_t)(millionths % 1000000u), 6);
    *to = '\0';
}

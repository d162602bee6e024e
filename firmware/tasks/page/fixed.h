/* Whole numbers for lengths and directions: the same on every machine. Internal. */
#ifndef OCRM55_PAGE_FIXED_H
#define OCRM55_PAGE_FIXED_H

#include <stdint.h>

/* a / b towards minus infinity; b > 0. */
static inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
static inline int32_t floor_div32(int32_t a, int32_t b) { return a / b - (a % b < 0 ? 1 : 0); }

static inline int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}
static inline int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t most(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t size_of(int32_t a) { return a < 0 ? -a : a; }

/* The square root, rounded down. */
static inline uint32_t square_root(uint64_t value)
{
    uint64_t root = 0;
    uint64_t bit = (uint64_t)1 << 62;
    while (bit > value) {
        bit >>= 2;
    }
    for (; bit != 0; bit >>= 2) {
        if (value >= root + bit) {
            value -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (uint32_t)root;
}

#endif

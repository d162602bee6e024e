#include "check_digits.h"

/* Added to a letter's value in a VIN; X is 10 in place of its check digit. */
enum { LETTER = 64, LETTER_X = 128, FILLER = 36 };
enum { VIN_LENGTH = 17, VIN_PLACE = 8, CONTAINER_LENGTH = 11, IBAN_MOST = 34, IBAN_LEAST = 15, GTIN_MOST = 14 };

/* The sum if the last digit counts once, and if it counts twice. */
static uint32_t luhn(uint32_t state, uint32_t value)
{
    const uint32_t count = state / 100u, plain = state / 10u % 10u, doubled = state % 10u;
    const uint32_t twice = value * 2u - (value > 4u ? 9u : 0u);
    return (count < 2u ? count + 1u : 2u) * 100u + (doubled + value) % 10u * 10u + (plain + twice) % 10u;
}

static uint32_t ean(uint32_t state, uint32_t value)
{
    const uint32_t count = state / 100u, plain = state / 10u % 10u, tripled = state % 10u;
    if (count == GTIN_MOST) {
        return OCRM55_CHECK_REJECTS;
    }
    return (count + 1u) * 100u + (tripled + value) % 10u * 10u + (plain + 3u * value) % 10u;
}

/* Country and check digits count last, so they have a remainder of their own. */
static uint32_t iban(uint32_t state, uint32_t value)
{
    const uint32_t count = state / 9409u, base = value > 9u ? 100u : 10u;
    uint32_t head = state / 97u % 97u, body = state % 97u;
    if (count == IBAN_MOST || (count < 4u && (count < 2u) != (value > 9u))) {
        return OCRM55_CHECK_REJECTS;
    }
    if (count < 4u) {
        head = (head * base + value) % 97u;
    } else {
        body = (body * base + value) % 97u;
    }
    return ((count + 1u) * 97u + head) * 97u + body;
}

static uint32_t vin(uint32_t state, uint32_t value)
{
    static const uint8_t weights[VIN_LENGTH] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
    const uint32_t count = state / 11u;
    const bool is_x = value >= LETTER_X, is_letter = value >= LETTER;
    uint32_t total = state % 11u;
    if (count == VIN_LENGTH || (count == VIN_PLACE && is_letter && !is_x)) {
        return OCRM55_CHECK_REJECTS;
    }
    if (count == VIN_PLACE) {
        total += 11u - (is_x ? 10u : value);
    } else {
        total += weights[count] * (is_x ? value - LETTER_X : is_letter ? value - LETTER : value);
    }
    return (count + 1u) * 11u + total % 11u;
}

static uint32_t container(uint32_t state, uint32_t value)
{
    const uint32_t count = state / 11u, total = state % 11u;
    if (count == CONTAINER_LENGTH || (count < 4u) != (value > 9u)) {
        return OCRM55_CHECK_REJECTS;
    }
    if (count == CONTAINER_LENGTH - 1u) {
        return CONTAINER_LENGTH * 11u + (total % 10u == value ? 1u : 0u);
    }
    return (count + 1u) * 11u + (total + (value << count)) % 11u;
}

/* The sum of all before the last character. The count goes 0, 1, then 2, 3, 4 and 2 again. */
static uint32_t travel(uint32_t state, uint32_t value)
{
    static const uint8_t weights[3] = {7, 3, 1};
    const uint32_t count = state / 370u, last = state % 37u;
    uint32_t total = state / 37u % 10u;
    if (count > 0u) {
        total += weights[(count - 1u) % 3u] * (last == FILLER ? 0u : last);
    }
    return ((count < 4u ? count + 1u : 2u) * 10u + total % 10u) * 37u + value;
}

uint32_t ocrm55_check_follow(enum ocrm55_check kind, uint32_t state, uint32_t value)
{
    if (value == OCRM55_CHECK_SEPARATOR) {
        return state;
    }
    if (value == OCRM55_CHECK_NOT_IN_IT) {
        return OCRM55_CHECK_REJECTS;
    }
    switch (kind) {
    case OCRM55_CHECK_LUHN:
        return luhn(state, value);
    case OCRM55_CHECK_EAN:
        return ean(state, value);
    case OCRM55_CHECK_IBAN:
        return iban(state, value);
    case OCRM55_CHECK_VIN:
        return vin(state, value);
    case OCRM55_CHECK_ISO6346:
        return container(state, value);
    case OCRM55_CHECK_MRZ:
        return travel(state, value);
    default:
        return state;
    }
}

bool ocrm55_check_accepts(enum ocrm55_check kind, uint32_t state)
{
    if (state == OCRM55_CHECK_REJECTS) {
        return false;
    }
    const uint32_t hundreds = state / 100u;
    const bool ends_in_ten = state / 10u % 10u == 0u;
    switch (kind) {
    case OCRM55_CHECK_LUHN:
        return hundreds == 2u && ends_in_ten;
    case OCRM55_CHECK_EAN:
        return (hundreds == 8u || (hundreds >= 12u && hundreds <= GTIN_MOST)) && ends_in_ten;
    case OCRM55_CHECK_IBAN: /* 27 is 10 to the sixth, mod 97 */
        return state / 9409u >= IBAN_LEAST && (state % 97u * 27u + state / 97u % 97u) % 97u == 1u;
    case OCRM55_CHECK_VIN:
        return state == VIN_LENGTH * 11u;
    case OCRM55_CHECK_ISO6346:
        return state == CONTAINER_LENGTH * 11u + 1u;
    case OCRM55_CHECK_MRZ:
        return state / 370u >= 2u && state % 37u < 10u && state / 37u % 10u == state % 37u;
    default:
        return true;
    }
}

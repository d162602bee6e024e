/* Check digits, character by character: check_digits.py of the host computes the same. */
#ifndef OCRM55_CHECK_DIGITS_H
#define OCRM55_CHECK_DIGITS_H

#include <stdbool.h>
#include <stdint.h>

enum ocrm55_check {
    OCRM55_CHECK_NONE,
    OCRM55_CHECK_LUHN,    /* cards: the last digit */
    OCRM55_CHECK_EAN,     /* EAN-8, UPC-A, EAN-13, GTIN-14 */
    OCRM55_CHECK_IBAN,    /* mod 97 */
    OCRM55_CHECK_VIN,     /* vehicles: the ninth of 17 */
    OCRM55_CHECK_ISO6346, /* containers: the last of 11 */
    OCRM55_CHECK_MRZ,     /* a field of a travel document: the last, weights 7, 3, 1 */
};

/* What a class is worth to a kind; check_digits.py writes the table. */
#define OCRM55_CHECK_NOT_IN_IT 255u /* no text has it */
#define OCRM55_CHECK_SEPARATOR 254u /* passed over */

/* The state of a text that nothing mends. That of an empty text is 0. */
#define OCRM55_CHECK_REJECTS UINT32_MAX

/* The state of a text after a character of this value more. */
uint32_t ocrm55_check_follow(enum ocrm55_check kind, uint32_t state, uint32_t value);

/* Whether a text in this state is right. */
bool ocrm55_check_accepts(enum ocrm55_check kind, uint32_t state);

#endif

/* CTC decoding within a restriction: the likeliest text that fits, or none. */
#ifndef OCRM55_RESTRICTED_H
#define OCRM55_RESTRICTED_H

#include <stdint.h>

#include "check_digits.h"
#include "context.h"

/* The most steps of an output that is decoded so. */
enum { OCRM55_RESTRICTED_STEPS = 96 };

/* Texts are paths from state 0. `ocrm55 compile` writes the smallest automaton of a pattern or a list of words. */
struct ocrm55_automaton {
    const uint32_t *first;   /* [states + 1]: where a state's edges begin */
    const uint16_t *classes; /* [edges], rising within a state */
    const uint16_t *targets; /* [edges] */
    const uint8_t *to_go;    /* [states]: the least number of characters to an end; 0 where a text may end */
};

struct ocrm55_restriction {
    uint32_t classes;                         /* of a step */
    const uint32_t *allowed;                  /* a bit for each class that a text may have */
    const struct ocrm55_automaton *automaton; /* NULL: any text of them */
    enum ocrm55_check check;
    const uint8_t *values;                /* [classes], for the check digit; NULL without one */
    const struct ocrm55_context *context; /* weighs texts where only characters are restricted; NULL: nothing does */
};

/* What the score is where no text fits. */
#define OCRM55_NOTHING_FITS (-1.0f)

/* As ocrm55_context_decode in context.h. Where no text fits: OCRM55_NOTHING_FITS, no class, a lead of 0.
 * allowed: NULL, or a bit for each class that a text may have, besides the restriction. */
float ocrm55_restricted_decode(const struct ocrm55_restriction *restriction, const uint32_t *allowed,
                               const float *probabilities, uint32_t steps, uint16_t *kept, uint32_t *count,
                               float *lead);

#endif

/* CTC decoding in context: what the network hesitates about is decided by what words, numbers and codes look like. */
#ifndef OCRM55_CONTEXT_H
#define OCRM55_CONTEXT_H

#include <stdint.h>

/* The most steps of an output; what has more is decoded without context. */
#ifndef OCRM55_CONTEXT_STEPS
#define OCRM55_CONTEXT_STEPS 64u
#endif

/* What a token, which ends at a space, may be: a word in small letters, with a capital, in capitals; a number; a code;
 * anything. */
enum { OCRM55_CONTEXT_KINDS = 6 };

/* What a character is to a word and to a number. Symbol 0 is the edge of a token. */
enum { OCRM55_CONTEXT_LETTERS = 29, OCRM55_CONTEXT_NUMBERS = 21, OCRM55_CONTEXT_NO_SYMBOL = 255 };
enum { OCRM55_CONTEXT_UPPER = 1, OCRM55_CONTEXT_LOWER = 2, OCRM55_CONTEXT_IN_CODE = 4, OCRM55_CONTEXT_SPACE = 8 };

struct ocrm55_context_class {
    uint8_t letter, number, flags;
};

/* The language model, in factors by which a text gains or loses: 1 is what pure chance would give. ocrm55 compile writes
 * it as include/context_tables.h; toolkit/ocrm55/tasks/recognizer/context.py says what each part is. */
struct ocrm55_context {
    uint32_t classes; /* at most 256 */
    const struct ocrm55_context_class *characters;
    /* Indices into `values` of each symbol behind two others, and behind one. */
    const uint8_t (*letters)[OCRM55_CONTEXT_LETTERS][OCRM55_CONTEXT_LETTERS];
    const uint8_t (*numbers)[OCRM55_CONTEXT_NUMBERS];
    const float *values;
    float prior[OCRM55_CONTEXT_KINDS]; /* of each kind of token */
    float space[OCRM55_CONTEXT_KINDS]; /* of a token that ends in a space */
    float end[OCRM55_CONTEXT_KINDS];   /* of one that ends with the text */
    float code, anything;              /* of a character of these kinds */
    float least;                       /* of what a kind does not hold */
    float keep;                        /* how far a token is of the kind of the one before */
};

/* As ocrm55_ctc_decode in ctc.h, by CTC's prefix beam search. Where context changes nothing, classes and score are the
 * same.
 *
 * *lead, where it is not NULL: how far ahead the text is, 1 less the weight of the next likely text over its own, 0 to 1. */
float ocrm55_context_decode(const struct ocrm55_context *context, const float *probabilities, uint32_t steps,
                            uint16_t *kept, uint32_t *count, float *lead);

#endif

/* CTC decoding in context: where the network hesitates, the shape of words, numbers and codes decides. */
#ifndef OCRM55_CONTEXT_H
#define OCRM55_CONTEXT_H

#include <stdint.h>

/* The most steps of an output; an output with more is decoded without context. */
#ifndef OCRM55_CONTEXT_STEPS
#define OCRM55_CONTEXT_STEPS 64u
#endif

/* The kinds of a token, which ends at a space: a word in small letters, with a capital, in capitals; a number; a code;
 * anything. */
enum { OCRM55_CONTEXT_KINDS = 6 };

/* A character's symbol in words and in numbers. Symbol 0 is the edge of a token. */
enum { OCRM55_CONTEXT_LETTERS = 29, OCRM55_CONTEXT_NUMBERS = 21, OCRM55_CONTEXT_NO_SYMBOL = 255 };
/* Entries of a bucket of groups. */
enum { OCRM55_CONTEXT_WAYS = 4 };
enum { OCRM55_CONTEXT_UPPER = 1, OCRM55_CONTEXT_LOWER = 2, OCRM55_CONTEXT_IN_CODE = 4, OCRM55_CONTEXT_SPACE = 8 };

struct ocrm55_context_class {
    uint8_t letter, number, flags;
};

/* The language model, in factors by which a text gains or loses; 1 is pure chance. ocrm55 compile writes it as
 * include/context_tables.h. toolkit/ocrm55/tasks/recognizer/context.py describes each part. */
struct ocrm55_context {
    uint32_t classes; /* at most 256 */
    const struct ocrm55_context_class *characters;
    /* Indices into `values` for each symbol after two others, and after one. */
    const uint8_t (*letters)[OCRM55_CONTEXT_LETTERS][OCRM55_CONTEXT_LETTERS];
    /* What three and four symbols before it change of that index; letter_groups.py describes the table. */
    const uint16_t (*groups)[OCRM55_CONTEXT_WAYS];
    uint32_t buckets; /* of `groups`; 0 for none */
    const uint8_t (*numbers)[OCRM55_CONTEXT_NUMBERS];
    const float *values;
    float prior[OCRM55_CONTEXT_KINDS]; /* of each kind of token */
    float space[OCRM55_CONTEXT_KINDS]; /* of a token that ends in a space */
    float end[OCRM55_CONTEXT_KINDS];   /* of one that ends with the text */
    float code, anything;              /* of a character of these kinds */
    float least;                       /* of a character that a kind does not contain */
    float keep;                        /* how strongly a token keeps the kind of the token before */
};

/* As ocrm55_ctc_decode in ctc.h, by CTC's prefix beam search. Where context changes nothing, classes and score are the
 * same.
 *
 * *lead, if it is not NULL: the text's lead, 1 minus the quotient of the next likely text's weight and its own, 0 to 1. */
float ocrm55_context_decode(const struct ocrm55_context *context, const float *probabilities, uint32_t steps,
                            uint16_t *kept, uint32_t *count, float *lead);

#endif

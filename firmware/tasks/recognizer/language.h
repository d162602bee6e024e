/* The language model of context.h, character by character. Internal: each decoder includes its own copy, with products and
 * sums in one order. */
#ifndef OCRM55_LANGUAGE_H
#define OCRM55_LANGUAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "context.h"

/* The least likelihood of a kind. Helium takes denormals for 0, other cores do not. */
#define LEAST_KIND 0x1p-40f

/* The likelihood of each kind for the token at a text's end (their sum is nearly 1), and its last symbols. */
struct language {
    float kinds[OCRM55_CONTEXT_KINDS];
    uint8_t before, last, number;
};

/* The factor of all kinds together, and the new likelihood of each. */
static float weigh(float kinds[OCRM55_CONTEXT_KINDS], const float factors[OCRM55_CONTEXT_KINDS])
{
    float total = 0.0f;
    for (uint32_t i = 0; i < OCRM55_CONTEXT_KINDS; i++) {
        kinds[i] *= factors[i];
        total += kinds[i];
    }
    for (uint32_t i = 0; i < OCRM55_CONTEXT_KINDS; i++) {
        kinds[i] = kinds[i] / total > LEAST_KIND ? kinds[i] / total : LEAST_KIND;
    }
    return total;
}

/* The factor of a token that ends here, in a space or with the text. */
static float finish(const struct ocrm55_context *context, struct language *language,
                    const float ends[OCRM55_CONTEXT_KINDS])
{
    float word = context->least, number = context->least, factors[OCRM55_CONTEXT_KINDS];
    if (language->last != 0 && language->last != OCRM55_CONTEXT_NO_SYMBOL &&
        language->before != OCRM55_CONTEXT_NO_SYMBOL) {
        word = context->values[context->letters[language->before][language->last][0]];
    }
    if (language->number != 0 && language->number != OCRM55_CONTEXT_NO_SYMBOL) {
        number = context->values[context->numbers[language->number][0]];
    }
    const float edges[OCRM55_CONTEXT_KINDS] = {word, word, word, number, 1.0f, 1.0f};
    for (uint32_t i = 0; i < OCRM55_CONTEXT_KINDS; i++) {
        factors[i] = edges[i] * ends[i];
    }
    return weigh(language->kinds, factors);
}

/* The factor of a class after a text. The language state of the text becomes that of both together. */
static float follow(const struct ocrm55_context *context, struct language *language, uint32_t class)
{
    const struct ocrm55_context_class *seen = &context->characters[class];
    if (seen->flags & OCRM55_CONTEXT_SPACE) {
        const float factor = finish(context, language, context->space), fresh = 1.0f - context->keep;
        for (uint32_t i = 0; i < OCRM55_CONTEXT_KINDS; i++) {
            language->kinds[i] = context->keep * language->kinds[i] + fresh * context->prior[i];
        }
        language->before = language->last = language->number = 0;
        return factor;
    }
    const float least = context->least;
    const bool upper = seen->flags & OCRM55_CONTEXT_UPPER, lower = seen->flags & OCRM55_CONTEXT_LOWER;
    float word = least, number = least;
    if (seen->letter != OCRM55_CONTEXT_NO_SYMBOL && language->last != OCRM55_CONTEXT_NO_SYMBOL &&
        language->before != OCRM55_CONTEXT_NO_SYMBOL) {
        word = context->values[context->letters[language->before][language->last][seen->letter]];
    }
    if (seen->number != OCRM55_CONTEXT_NO_SYMBOL && language->number != OCRM55_CONTEXT_NO_SYMBOL) {
        number = context->values[context->numbers[language->number][seen->number]];
    }
    const bool fits_capital_first = upper == (language->last == 0) || !(upper || lower);
    const float factors[OCRM55_CONTEXT_KINDS] = {
        upper ? least : word,
        fits_capital_first ? word : least,
        lower ? least : word,
        number,
        seen->flags & OCRM55_CONTEXT_IN_CODE ? context->code : least,
        context->anything,
    };
    language->before = language->last;
    language->last = seen->letter;
    language->number = seen->number;
    return weigh(language->kinds, factors);
}

#endif

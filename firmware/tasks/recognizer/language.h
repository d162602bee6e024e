/* The language model of context.h, character by character. Internal: each decoder includes its own copy, with products and
 * sums in one order. */
#ifndef OCRM55_LANGUAGE_H
#define OCRM55_LANGUAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "context.h"

/* The least likelihood of a kind. Helium takes denormals for 0, other cores do not. */
#define LEAST_KIND 0x1p-40f

/* Of the groups of letters: a tag's and a code's size, the fifth symbol of a group of four, the last symbol of a rest. */
enum { LETTERS_BEFORE = 4, TAGS = 2047, CODE_BITS = 5, FILLER = 31, REST = 31, NO_GROUP = 255 };

/* The likelihood of each kind for the token at a text's end (their sum is nearly 1), and its last symbols. */
struct language {
    float kinds[OCRM55_CONTEXT_KINDS];
    uint8_t letters[LETTERS_BEFORE]; /* the nearest last */
    uint8_t number;
};

/* The code of a group, 0 to 31; NO_GROUP where the table has none. `before` letters of `letters`, the nearest last, and
 * a symbol, or REST for all symbols without a group of their own. As in letter_groups.py. */
static uint32_t find_group(const struct ocrm55_context *context, const uint8_t *letters, uint32_t before, uint32_t symbol)
{
    uint32_t key = before < LETTERS_BEFORE ? FILLER : letters[0];
    for (uint32_t i = LETTERS_BEFORE - 3u; i < LETTERS_BEFORE; i++) {
        key = key << 5 | letters[i];
    }
    uint32_t first = (key << 5 | symbol) * 0x9E3779B1u;
    first ^= first >> 15;
    first *= 0x85EBCA6Bu;
    first ^= first >> 13;
    uint32_t second = first * 0xC2B2AE35u;
    second ^= second >> 16;
    const uint32_t tag = 1u + second % TAGS;
    const uint32_t buckets[2] = {(uint32_t)((uint64_t)first * context->buckets >> 32),
                                 (uint32_t)((uint64_t)second * context->buckets >> 32)};
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t way = 0; way < OCRM55_CONTEXT_WAYS; way++) {
            const uint32_t entry = context->groups[buckets[i]][way];
            if (entry >> CODE_BITS == tag) {
                return entry & ((1u << CODE_BITS) - 1u);
            }
        }
    }
    return NO_GROUP;
}

/* The factor of a letter symbol in words. */
static float word_factor(const struct ocrm55_context *context, const uint8_t *letters, uint32_t symbol)
{
    const uint8_t before = letters[LETTERS_BEFORE - 2], last = letters[LETTERS_BEFORE - 1];
    if (symbol == OCRM55_CONTEXT_NO_SYMBOL || before == OCRM55_CONTEXT_NO_SYMBOL || last == OCRM55_CONTEXT_NO_SYMBOL) {
        return context->least;
    }
    int32_t index = context->letters[before][last][symbol];
    for (uint32_t length = 3; context->buckets > 0 && length <= LETTERS_BEFORE; length++) {
        if (letters[LETTERS_BEFORE - length] == OCRM55_CONTEXT_NO_SYMBOL) {
            break;
        }
        const uint32_t rest = find_group(context, letters, length, REST);
        if (rest == NO_GROUP) {
            continue;
        }
        const uint32_t own = find_group(context, letters, length, symbol);
        index = own == NO_GROUP ? index + 4 * (int32_t)rest - 84 : 4 * (int32_t)own + 128;
        index = index < 0 ? 0 : index > 255 ? 255 : index;
    }
    return context->values[index];
}

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
    float number = context->least, factors[OCRM55_CONTEXT_KINDS];
    const float word = language->letters[LETTERS_BEFORE - 1] != 0 ? word_factor(context, language->letters, 0)
                                                                  : context->least;
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
        memset(language->letters, 0, sizeof language->letters);
        language->number = 0;
        return factor;
    }
    const float least = context->least;
    const bool upper = seen->flags & OCRM55_CONTEXT_UPPER, lower = seen->flags & OCRM55_CONTEXT_LOWER;
    const float word = word_factor(context, language->letters, seen->letter);
    float number = least;
    if (seen->number != OCRM55_CONTEXT_NO_SYMBOL && language->number != OCRM55_CONTEXT_NO_SYMBOL) {
        number = context->values[context->numbers[language->number][seen->number]];
    }
    const bool fits_capital_first = upper == (language->letters[LETTERS_BEFORE - 1] == 0) || !(upper || lower);
    const float factors[OCRM55_CONTEXT_KINDS] = {
        upper ? least : word,
        fits_capital_first ? word : least,
        lower ? least : word,
        number,
        seen->flags & OCRM55_CONTEXT_IN_CODE ? context->code : least,
        context->anything,
    };
    memmove(language->letters, language->letters + 1, LETTERS_BEFORE - 1);
    language->letters[LETTERS_BEFORE - 1] = seen->letter;
    language->number = seen->number;
    return weigh(language->kinds, factors);
}

#endif

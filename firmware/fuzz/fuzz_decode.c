/* What ends in a UART line: CTC decoding of any bits, greedy and in context, and floats in decimal, against the host's own
 * arithmetic. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "ctc.h"
#include "float_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(float value)
{
    char wanted[64];
    char *text = malloc(FLOAT_TEXT_BYTES); /* of exactly its size */
    if (text == NULL) {
        abort();
    }
    float_text(value, text);
    if (isnan(value)) {
        strcpy(wanted, "nan");
    } else {
        (void)snprintf(wanted, sizeof wanted, "%.6f", (double)value);
    }
    if (strcmp(text, wanted) != 0) {
        (void)fprintf(stderr, "%s, wanted %s\n", text, wanted);
        abort();
    }
    free(text);
}

enum { MOST_CLASSES = 97, GROUP_BUCKETS = 8 };

static uint32_t random_number(void)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return state >> 16;
}

/* A language model of any likelihoods, the same in every run. */
static const struct ocrm55_context *language_model(uint32_t classes)
{
    static struct ocrm55_context_class characters[MOST_CLASSES];
    static uint8_t letters[OCRM55_CONTEXT_LETTERS][OCRM55_CONTEXT_LETTERS][OCRM55_CONTEXT_LETTERS];
    static uint16_t groups[GROUP_BUCKETS][OCRM55_CONTEXT_WAYS]; /* one search in 250 finds one */
    static uint8_t numbers[OCRM55_CONTEXT_NUMBERS][OCRM55_CONTEXT_NUMBERS];
    static float values[256];
    static struct ocrm55_context model;
    if (model.characters == NULL) {
        uint8_t *const tables[] = {&letters[0][0][0], &numbers[0][0]};
        const size_t sizes[] = {sizeof letters, sizeof numbers};
        for (uint32_t table = 0; table < 2; table++) {
            for (size_t i = 0; i < sizes[table]; i++) {
                tables[table][i] = (uint8_t)random_number();
            }
        }
        for (uint32_t i = 0; i < GROUP_BUCKETS * OCRM55_CONTEXT_WAYS; i++) {
            groups[i / OCRM55_CONTEXT_WAYS][i % OCRM55_CONTEXT_WAYS] = (uint16_t)random_number();
        }
        for (uint32_t i = 0; i < 256; i++) {
            values[i] = exp2f((float)i / 16.0f - 12.0f);
        }
        for (uint32_t i = 0; i < MOST_CLASSES; i++) {
            const uint32_t letter = random_number() % OCRM55_CONTEXT_LETTERS;
            const uint32_t number = random_number() % OCRM55_CONTEXT_NUMBERS;
            characters[i].letter = (uint8_t)(letter != 0 ? letter : OCRM55_CONTEXT_NO_SYMBOL);
            characters[i].number = (uint8_t)(number != 0 ? number : OCRM55_CONTEXT_NO_SYMBOL);
            characters[i].flags = (uint8_t)(random_number() % 16u);
        }
        for (uint32_t i = 0; i < OCRM55_CONTEXT_KINDS; i++) {
            model.prior[i] = 1.0f / OCRM55_CONTEXT_KINDS;
            model.space[i] = model.end[i] = 0.5f;
        }
        model.code = model.anything = 1.0f;
        model.least = 1.0f / 64.0f;
        model.keep = 0.2f;
        model.letters = letters;
        model.groups = groups;
        model.buckets = GROUP_BUCKETS;
        model.numbers = numbers;
        model.values = values;
        model.characters = characters;
    }
    model.classes = classes;
    return &model;
}

static void check_reading(const uint16_t *kept, uint32_t count, uint32_t steps, uint32_t classes)
{
    if (count > steps) {
        abort();
    }
    for (uint32_t i = 0; i < count; i++) {
        if (kept[i] == OCRM55_CTC_BLANK || kept[i] >= classes) {
            abort();
        }
    }
}

/* Input: 1 byte that says how many classes, then float32s, steps x classes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    const uint32_t classes = 1u + data[0] % MOST_CLASSES;
    const uint32_t steps = (uint32_t)((size - 1) / (4u * classes));
    float *frames = malloc((size_t)steps * classes * 4u + 1u);
    uint16_t *kept = malloc((size_t)steps * sizeof *kept + 1u);
    if (frames == NULL || kept == NULL) {
        abort();
    }
    memcpy(frames, data + 1, (size_t)steps * classes * 4u);
    uint32_t count;
    const float score = ocrm55_ctc_decode(frames, steps, classes, kept, &count);
    check_reading(kept, count, steps, classes);
    float lead;
    const float in_context = ocrm55_context_decode(language_model(classes), frames, steps, kept, &count, &lead);
    check_reading(kept, count, steps, classes);
    if (!(lead >= 0.0f && lead <= 1.0f) ||
        (steps <= OCRM55_CONTEXT_STEPS && !(in_context >= 0.0f && in_context <= 1.0f))) {
        abort();
    }
    const float least = ocrm55_ctc_least_lead(frames, steps, classes);
    if (!(least >= 0.0f && least <= 1.0f)) {
        abort();
    }
    check_text(score);
    check_text(least);
    for (uint32_t i = 0; i < steps * classes && i < 4; i++) {
        check_text(frames[i]);
    }
    free(kept);
    free(frames);
    return 0;
}

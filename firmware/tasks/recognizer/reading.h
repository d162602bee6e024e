/* The parts of a reading, for recognize.c, which reads in one go, and steps.c. Internal. */
#ifndef OCRM55_READING_H
#define OCRM55_READING_H

#include <stdbool.h>
#include <string.h>

#include "ctc.h"
#include "ocrm55_recognize.h"

static enum ocrm55_outcome check(const struct ocrm55_network *network, const void *arena, size_t arena_bytes,
                                 const uint8_t *bgr, int32_t width, const struct ocrm55_reading *reading)
{
    if (arena == NULL || bgr == NULL || reading == NULL || reading->classes == NULL) {
        return OCRM55_NO_POINTER;
    }
    const uint32_t align = network->arena_align, room = (network->arena_bytes + align - 1) / align * align;
    if ((uintptr_t)arena % align != 0) {
        return OCRM55_ARENA_ADDRESS;
    }
    if (arena_bytes < room) {
        return OCRM55_ARENA_SHORT;
    }
    return width < 1 || width > network->input_width ? OCRM55_IMAGE_SIZE : OCRM55_READ;
}

static void tell(const struct ocrm55_watch *watch, enum ocrm55_phase phase, int32_t width)
{
    if (watch->phase != NULL) {
        watch->phase(watch->context, phase, width);
    }
}

/* Where a narrow input leaves a step in doubt, the widest is asked: the network sees its padding and may decide
 * otherwise. `lead`: of the text in context. */
static bool stands(const struct ocrm55_recognizer *recognizer, const uint8_t *arena, float lead)
{
    const struct ocrm55_network *const network = recognizer->network;
    const uint32_t classes = network->output_shape[network->output_dimensions - 1];
    return recognizer->lead <= 0.0f || network->width(arena) >= network->input_width ||
           (lead >= recognizer->lead &&
            ocrm55_ctc_least_lead(network->output(arena), network->steps(arena), classes) >= recognizer->lead);
}

/* Greedy decoding of an output that comes row by row. */
struct growing {
    struct ocrm55_ctc text;
    uint32_t classes;
    const struct ocrm55_taker *also;
};

static void take(void *context, uint32_t first, uint32_t count, const float *rows)
{
    struct growing *const growing = context;
    ocrm55_ctc_add(&growing->text, rows, count, growing->classes);
    if (growing->also != NULL) {
        growing->also->take(growing->also->context, first, count, rows);
    }
}

static void write_text(const struct ocrm55_recognizer *recognizer, const struct ocrm55_reading *reading, char *text)
{
    char *end = text;
    for (uint32_t i = 0; i < reading->characters; i++) {
        const char *const label = recognizer->labels[reading->classes[i]];
        const size_t bytes = strlen(label);
        memcpy(end, label, bytes);
        end += bytes;
    }
    *end = '\0';
}

/* The likeliest text that fits; otherwise none, and what is read without the restriction goes to reading->seen. */
static float decode_within(const struct ocrm55_recognizer *recognizer, const uint8_t *arena,
                           struct ocrm55_reading *reading)
{
    const struct ocrm55_network *const network = recognizer->network;
    const float *const probabilities = network->output(arena);
    const uint32_t steps = network->steps(arena);
    float lead = 0.0f, others;
    reading->score = recognizer->decode_within(reading->allowed, probabilities, steps, reading->classes,
                                               &reading->characters, &lead);
    reading->fits = reading->score >= 0.0f;
    reading->seen_score = 0.0f;
    if (reading->fits == 0u && reading->seen != NULL) {
        reading->seen_score =
            recognizer->decode(probabilities, steps, reading->classes, &reading->characters, &others);
        write_text(recognizer, reading, reading->seen);
    }
    if (reading->fits == 0u) {
        reading->score = 0.0f;
        reading->characters = 0u;
    }
    return lead;
}

/* Classes and score of what `run` computed; returns the text's lead. */
static float decode(const struct ocrm55_recognizer *recognizer, const uint8_t *arena, const struct growing *growing,
                    struct ocrm55_reading *reading)
{
    const struct ocrm55_network *const network = recognizer->network;
    float lead = 1.0f;
    reading->fits = 1u;
    if (recognizer->decode_within != NULL) {
        return decode_within(recognizer, arena, reading);
    }
    if (network->run_into == NULL) {
        reading->score = recognizer->decode(network->output(arena), network->steps(arena), reading->classes,
                                            &reading->characters, &lead);
    } else {
        reading->score = ocrm55_ctc_end(&growing->text);
        reading->characters = growing->text.count;
    }
    return lead;
}

#endif

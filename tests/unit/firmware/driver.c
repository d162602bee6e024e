/* Runs one part of the firmware on the host, case after case from standard input; see conftest.py. Every block of data is
 * copied to memory of exactly its size, so that the sanitizers see a byte too far. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context_tables.h"
#include "crc32.h"
#include "ctc.h"
#include "fault_words.h"
#include "float_text.h"
#include "ocrf.h"
#include "ocri.h"
#include "ocrm55_recognize.h"
#include "options.h"
#include "restricted.h"

static uint32_t word(void)
{
    uint8_t bytes[4];
    if (fread(bytes, 1, 4, stdin) != 4) {
        exit(0); /* no more cases */
    }
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void *block(uint32_t bytes)
{
    void *data = malloc(bytes ? bytes : 1);
    if (data == NULL || fread(data, 1, bytes, stdin) != bytes) {
        exit(9);
    }
    return bytes ? data : realloc(data, 1);
}

static void float_case(void)
{
    const uint32_t bits = word();
    float value;
    memcpy(&value, &bits, sizeof value);
    char *text = malloc(FLOAT_TEXT_BYTES);
    float_text(value, text);
    puts(text);
    free(text);
}

/* Without context where there are other classes than the tables'. */
static void decode_case(bool in_context)
{
    const uint32_t steps = word(), classes = word();
    float *probabilities = block(steps * classes * 4);
    uint16_t *kept = malloc(steps * sizeof *kept);
    uint32_t count;
    float lead = 1.0f;
    const float score = in_context && classes == ocrm55_context.classes
                            ? ocrm55_context_decode(&ocrm55_context, probabilities, steps, kept, &count, &lead)
                            : ocrm55_ctc_decode(probabilities, steps, classes, kept, &count);
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    printf("%08x", (unsigned)bits);
    for (uint32_t i = 0; i < count; i++) {
        printf(" %u", (unsigned)kept[i]);
    }
    puts("");
    if (in_context) {
        printf("%.9g\n", (double)lead);
    }
    free(kept);
    free(probabilities);
}

static void ctc_case(void)
{
    decode_case(false);
}

/* The same in parts of so many frames. */
static void parts_case(void)
{
    const uint32_t steps = word(), classes = word(), part = word();
    float *probabilities = block(steps * classes * 4);
    uint16_t *kept = malloc(steps * sizeof *kept);
    struct ocrm55_ctc text;
    ocrm55_ctc_begin(&text, kept);
    for (uint32_t first = 0; first < steps; first += part) {
        const uint32_t count = part < steps - first ? part : steps - first;
        ocrm55_ctc_add(&text, probabilities + first * classes, count, classes);
    }
    const float score = ocrm55_ctc_end(&text);
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    printf("%08x", (unsigned)bits);
    for (uint32_t i = 0; i < text.count; i++) {
        printf(" %u", (unsigned)kept[i]);
    }
    puts("");
    free(kept);
    free(probabilities);
}

static void context_case(void)
{
    decode_case(true);
}

/* The output of a network that is nothing but its output. */
static const float *given_output;
static uint32_t given_steps;

static const float *output_of(const uint8_t *arena)
{
    (void)arena;
    return given_output;
}

static uint32_t steps_of(const uint8_t *arena)
{
    (void)arena;
    return given_steps;
}

static void confidence_case(void)
{
    const uint32_t steps = word(), classes = word(), count = word();
    float *const numbers = block(4 * 4), *const probabilities = block(steps * classes * 4);
    uint16_t *const kept = block(count * 2);
    const struct ocrm55_network network = {
        .output_dimensions = 2, .output_shape = {steps, classes}, .output = output_of, .steps = steps_of};
    const struct ocrm55_calibration calibration = {numbers[0], numbers[1], numbers[2]};
    const struct ocrm55_recognizer recognizer = {.network = &network, .calibration = &calibration};
    const struct ocrm55_reading reading = {.classes = kept, .characters = count, .fits = 1, .lead = numbers[3]};
    struct ocrm55_confidence found = {.characters = malloc((steps + 1) * sizeof *found.characters)};
    given_output = probabilities;
    given_steps = steps;
    if (ocrm55_measure_confidence(&recognizer, NULL, &reading, &found)) {
        printf("%.9g %.9g %.9g %.9g %.9g", (double)found.right, (double)found.least, (double)found.mean,
               (double)found.lead, (double)found.likelihood);
        for (uint32_t i = 0; i < count; i++) {
            const struct ocrm55_character *const each = &found.characters[i];
            printf(" %.9g %u %u %u %.9g", (double)each->probability, each->first, each->last, each->runner_up,
                   (double)each->runner_up_probability);
        }
    }
    puts("");
    free(found.characters);
    free(kept);
    free(probabilities);
    free(numbers);
}

/* steps, classes, whether context weighs, kind of check digit, states, edges, whether there is a mask besides; then the
 * tables in the order of their structs, and the probabilities. */
static void restricted_case(void)
{
    const uint32_t steps = word(), classes = word(), in_context = word(), check = word(), states = word();
    const uint32_t edges = word(), has_mask = word(), mask_bytes = (classes + 31u) / 32u * 4u;
    uint32_t *const allowed = block(mask_bytes), *const first = block(states > 0 ? 4u * (states + 1u) : 0u);
    uint16_t *const labels = block(2u * edges), *const targets = block(2u * edges);
    uint8_t *const to_go = block(states), *const values = block(check != 0 ? classes : 0u);
    uint32_t *const mask = block(has_mask != 0 ? mask_bytes : 0u);
    float *const probabilities = block(steps * classes * 4u);
    const struct ocrm55_automaton automaton = {first, labels, targets, to_go};
    const struct ocrm55_restriction restriction = {
        .classes = classes,
        .allowed = allowed,
        .automaton = states > 0 ? &automaton : NULL,
        .check = (enum ocrm55_check)check,
        .values = values,
        .context = in_context != 0 ? &ocrm55_context : NULL,
    };
    uint16_t *const kept = malloc(steps * sizeof *kept);
    uint32_t count, bits;
    float lead;
    const float score = ocrm55_restricted_decode(&restriction, has_mask != 0 ? mask : NULL, probabilities, steps, kept,
                                                 &count, &lead);
    memcpy(&bits, &score, sizeof bits);
    printf("%08x %.9g", (unsigned)bits, (double)lead);
    for (uint32_t i = 0; i < count; i++) {
        printf(" %u", (unsigned)kept[i]);
    }
    puts("");
    void *const all[] = {allowed, first, labels, targets, to_go, values, mask, probabilities, kept};
    for (uint32_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
}

static void lead_case(void)
{
    const uint32_t steps = word(), classes = word();
    float *probabilities = block(steps * classes * 4);
    printf("%.9g\n", (double)ocrm55_ctc_least_lead(probabilities, steps, classes));
    free(probabilities);
}

static void ocri_case(void)
{
    const uint32_t height = word(), width = word(), bytes = word();
    uint8_t *data = block(bytes);
    struct ocri file;
    struct ocri_trouble trouble = {0};
    const enum status status = ocri_open(&file, data, bytes, height, width, &trouble);
    printf("%d", (int)status);
    if (status != STATUS_OK) {
        printf(" %u %u %u\n", (unsigned)trouble.image, (unsigned)trouble.found, (unsigned)trouble.expected);
    } else {
        while (file.left > 0) {
            const struct ocri_image image = ocri_next(&file);
            printf(" %ux%u:%08x", (unsigned)image.width, (unsigned)image.height,
                   (unsigned)crc32(image.pixels, image.width * image.height * 3));
        }
        puts("");
    }
    free(data);
}

static void ocrf_case(void)
{
    const uint32_t bytes = word();
    uint8_t *data = block(bytes);
    struct ocrf file;
    struct ocrf_trouble trouble = {0};
    const enum status status = ocrf_open(&file, data, bytes, &trouble);
    printf("%d", (int)status);
    if (status != STATUS_OK) {
        printf(" %u %u %u\n", (unsigned)trouble.frame, (unsigned)trouble.found, (unsigned)trouble.expected);
    } else {
        while (file.left > 0) {
            const struct ocrf_frame frame = ocrf_next(&file);
            printf(" %ux%u+%u:%s:%08x", (unsigned)frame.width, (unsigned)frame.height, (unsigned)frame.stride,
                   ocrf_format_name(frame.format), (unsigned)crc32(frame.pixels, frame.stride * frame.height));
        }
        puts("");
    }
    free(data);
}

static void options_case(void)
{
    const uint32_t bytes = word();
    char *line = block(bytes);
    struct options options;
    const char *unknown = options_parse(line, &options);
    if (unknown != NULL) {
        printf("unknown %s\n", unknown);
    } else {
        printf("%s|%s|%d|%d\n", options.images ? options.images : "-",
               options.probabilities ? options.probabilities : "-", options.stats, options.hashes);
    }
    free(line);
}

static void crc_case(void)
{
    const uint32_t bytes = word();
    uint8_t *data = block(bytes);
    printf("%08x\n", (unsigned)crc32(data, bytes));
    free(data);
}

static void faults_case(void)
{
    (void)word();
    for (uint32_t i = 0; i < fault_word_count; i++) {
        printf("%d %08x %s %s\n", (int)fault_words[i].where, (unsigned)fault_words[i].bit, fault_words[i].name,
               fault_words[i].meaning);
    }
    for (uint32_t i = 0; i < 20; i++) {
        printf("exception %u %s\n", (unsigned)i, fault_exception_name(i));
    }
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"float", float_case}, {"ctc", ctc_case},         {"context", context_case}, {"lead", lead_case},
                 {"ocri", ocri_case},   {"options", options_case}, {"crc", crc_case},         {"faults", faults_case},
                 {"ocrf", ocrf_case},   {"parts", parts_case},     {"restricted", restricted_case}, {"confidence", confidence_case}};
    for (uint32_t i = 0; count == 2 && i < sizeof parts / sizeof *parts; i++) {
        while (strcmp(words[1], parts[i].name) == 0) {
            parts[i].run();
        }
    }
    return 8;
}

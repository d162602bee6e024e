/* What ends in a UART line: CTC decoding of any bits, and floats in decimal, against the host's own arithmetic. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Input: 1 byte that says how many classes, then float32s, steps x classes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    const uint32_t classes = 1u + data[0] % 97u;
    const uint32_t steps = (uint32_t)((size - 1) / (4u * classes));
    float *frames = malloc((size_t)steps * classes * 4u + 1u);
    uint16_t *kept = malloc((size_t)steps * sizeof *kept + 1u);
    if (frames == NULL || kept == NULL) {
        abort();
    }
    memcpy(frames, data + 1, (size_t)steps * classes * 4u);
    uint32_t count;
    const float score = ctc_decode(frames, steps, classes, kept, &count);
    if (count > steps) {
        abort();
    }
    for (uint32_t i = 0; i < count; i++) {
        if (kept[i] == CTC_BLANK || kept[i] >= classes) {
            abort();
        }
    }
    const float least = ctc_least_lead(frames, steps, classes);
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

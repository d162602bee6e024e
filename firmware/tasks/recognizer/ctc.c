#include "ctc.h"

#include <stdbool.h>

/* The likeliest class of a frame; the blank if it has no numbers. */
static uint32_t best_class(const float *frame, uint32_t classes)
{
    uint32_t best = OCRM55_CTC_BLANK;
    bool any = false;
    for (uint32_t class = 0; class < classes; class++) {
        const float p = frame[class];
        if (p == p && (!any || p > frame[best])) { /* p == p: false for NaN only */
            best = class;
            any = true;
        }
    }
    return best;
}

void ocrm55_ctc_begin(struct ocrm55_ctc *text, uint16_t *kept)
{
    *text = (struct ocrm55_ctc){.kept = kept, .before = OCRM55_CTC_BLANK};
}

void ocrm55_ctc_add(struct ocrm55_ctc *text, const float *probabilities, uint32_t steps, uint32_t classes)
{
    for (uint32_t step = 0; step < steps; step++) {
        const float *frame = probabilities + step * classes;
        const uint32_t best = best_class(frame, classes);
        if (best != OCRM55_CTC_BLANK && best != text->before) {
            text->kept[text->count++] = (uint16_t)best;
            text->sum += frame[best];
        }
        text->before = best;
    }
}

float ocrm55_ctc_end(const struct ocrm55_ctc *text)
{
    return text->count == 0 ? 0.0f : text->sum / (float)text->count;
}

float ocrm55_ctc_decode(const float *probabilities, uint32_t steps, uint32_t classes, uint16_t *kept, uint32_t *count)
{
    struct ocrm55_ctc text;
    ocrm55_ctc_begin(&text, kept);
    ocrm55_ctc_add(&text, probabilities, steps, classes);
    *count = text.count;
    return ocrm55_ctc_end(&text);
}

/* The change of the text by a step of `class`, with the step after it: at most two classes. */
static uint32_t added(uint32_t before, uint32_t class, uint32_t after)
{
    const uint32_t first = class == before ? OCRM55_CTC_BLANK : class, second = after == class ? OCRM55_CTC_BLANK : after;
    return first == OCRM55_CTC_BLANK ? second : first | second << 16;
}

float ocrm55_ctc_least_lead(const float *probabilities, uint32_t steps, uint32_t classes)
{
    float least = 1.0f;
    uint32_t before = OCRM55_CTC_BLANK, best = steps > 0 ? best_class(probabilities, classes) : OCRM55_CTC_BLANK;
    for (uint32_t step = 0; step < steps; step++) {
        const float *frame = probabilities + step * classes;
        const uint32_t after = step + 1 < steps ? best_class(frame + classes, classes) : OCRM55_CTC_BLANK;
        const uint32_t text = added(before, best, after);
        float rival = 0.0f;
        for (uint32_t class = 0; class < classes; class++) {
            if (frame[class] > rival && added(before, class, after) != text) {
                rival = frame[class];
            }
        }
        const float lead = frame[best] - rival;
        if (!(lead >= least)) { /* also true for NaN */
            least = lead > 0.0f ? lead : 0.0f;
        }
        before = best;
        best = after;
    }
    return least;
}

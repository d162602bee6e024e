#include "ctc.h"

#include <stdbool.h>

float ctc_decode(const float *probabilities, uint32_t steps, uint32_t classes, uint16_t *kept, uint32_t *count)
{
    float sum = 0.0f;
    uint32_t before = CTC_BLANK;
    *count = 0;
    for (uint32_t step = 0; step < steps; step++) {
        const float *frame = probabilities + step * classes;
        uint32_t best = CTC_BLANK;
        bool any = false;
        for (uint32_t class = 0; class < classes; class++) {
            const float p = frame[class];
            if (p == p && (!any || p > frame[best])) { /* p == p: false for NaN only */
                best = class;
                any = true;
            }
        }
        if (best != CTC_BLANK && best != before) {
            kept[(*count)++] = (uint16_t)best;
            sum += frame[best];
        }
        before = best;
    }
    return *count == 0 ? 0.0f : sum / (float)*count;
}

float ctc_least_sure(const float *probabilities, uint32_t steps, uint32_t classes)
{
    float least = 1.0f;
    for (uint32_t step = 0; step < steps; step++) {
        float best = 0.0f;
        for (uint32_t class = 0; class < classes; class++) {
            const float p = probabilities[step * classes + class];
            best = p > best ? p : best;
        }
        least = best < least ? best : least;
    }
    return least;
}

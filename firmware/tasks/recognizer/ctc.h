/* Greedy decoding of connectionist temporal classification. */
#ifndef OCRM55_CTC_H
#define OCRM55_CTC_H

#include <stdint.h>

#define OCRM55_CTC_BLANK 0u

/* A text that grows frame by frame. */
struct ocrm55_ctc {
    uint16_t *kept; /* room for as many classes as there are frames */
    uint32_t count; /* of the classes in `kept` */
    uint32_t before;
    float sum;
};

/* The same as ocrm55_ctc_decode, for probabilities that come in parts, in their order: begin once, add each part, end for
 * the score. */
void ocrm55_ctc_begin(struct ocrm55_ctc *text, uint16_t *kept);
void ocrm55_ctc_add(struct ocrm55_ctc *text, const float *probabilities, uint32_t steps, uint32_t classes);
float ocrm55_ctc_end(const struct ocrm55_ctc *text);

/* Take each frame's best class, drop repetitions, then blanks.
 *
 * probabilities: [steps][classes]; kept: room for `steps` classes. The number of kept classes goes to *count. Returns the
 * mean of the kept frames' probabilities, summed in float32 in the order of the frames; 0 when nothing is kept.
 *
 * Of equal probabilities the lower class wins. A value that is not a number never wins; a frame of nothing else is blank.
 */
float ocrm55_ctc_decode(const float *probabilities, uint32_t steps, uint32_t classes, uint16_t *kept, uint32_t *count);

/* The smallest lead of the text, 0 to 1. The lead of a step is the probability of its likeliest class, less that of the
 * likeliest class that would change the text. So it does not matter where exactly a character begins and ends. */
float ocrm55_ctc_least_lead(const float *probabilities, uint32_t steps, uint32_t classes);

#endif

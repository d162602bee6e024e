/* Greedy decoding of connectionist temporal classification. */
#ifndef OCRM55_CTC_H
#define OCRM55_CTC_H

#include <stdint.h>

#define OCRM55_CTC_BLANK 0u

/* Take each frame's best class, drop repetitions, then blanks.
 *
 * probabilities: [steps][classes]; kept: room for `steps` classes. The number of kept classes goes to *count. Returns the
 * mean of the kept frames' probabilities, summed in float32 in the order of the frames; 0 when nothing is kept.
 *
 * Of equal probabilities the lower class wins. A value that is not a number never wins; a frame of nothing else is blank.
 */
float ocrm55_ctc_decode(const float *probabilities, uint32_t steps, uint32_t classes, uint16_t *kept, uint32_t *count);

/* How far ahead the text is where it is least so: for each step, by how much the likeliest class is likelier than the
 * likeliest of those with which the text would be another one. The smallest lead is returned, 0 to 1. Where exactly a
 * character begins and ends is so no doubt. */
float ocrm55_ctc_least_lead(const float *probabilities, uint32_t steps, uint32_t classes);

#endif

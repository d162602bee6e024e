/* Greedy decoding of connectionist temporal classification. */
#ifndef OCRM55_CTC_H
#define OCRM55_CTC_H

#include <stdint.h>

#define CTC_BLANK 0u

/* Take each frame's best class, drop repetitions, then blanks.
 *
 * probabilities: [steps][classes]; kept: room for `steps` classes. The number of kept classes goes to *count. Returns the
 * mean of the kept frames' probabilities, summed in float32 in the order of the frames; 0 when nothing is kept.
 *
 * Of equal probabilities the lower class wins. A value that is not a number never wins; a frame of nothing else is blank.
 */
float ctc_decode(const float *probabilities, uint32_t steps, uint32_t classes, uint16_t *kept, uint32_t *count);

/* How sure the network is of the text where it is least so: for each step, the probabilities of all classes with which the
 * text would be the same are added (the likeliest, the blank, its neighbours'), and the smallest of the sums is returned,
 * 1 at most. Where a character begins and ends is so no doubt. */
float ctc_least_sure(const float *probabilities, uint32_t steps, uint32_t classes);

#endif

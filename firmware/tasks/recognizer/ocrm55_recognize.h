/* Read a line of text with a recognizer: run the network, decode its output, and read again where that was unsure.
 *
 *     static char text[NAME_TEXT_BYTES];
 *     static uint16_t classes[NAME_OUTPUT_STEPS];
 *     struct ocrm55_reading reading = {.text = text, .classes = classes};
 *
 *     if (ocrm55_recognize(&NAME_recognizer, arena, sizeof arena, pixels, width, &reading, NULL) == OCRM55_READ) {
 *         show(reading.text, reading.score);
 *     }
 *
 * NAME.h, which `ocrm55 compile` wrote, has the recognizer and its sizes. Nothing is allocated; what a call computes lies
 * in the arena and in `reading`. Nothing is kept between calls: with arenas of their own they may run at the same time,
 * unless the network uses an NPU. */
#ifndef OCRM55_RECOGNIZE_H
#define OCRM55_RECOGNIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ocrm55_network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How likely a text is right, by its lead and its likelihood: fitted on labelled pictures, see docs/confidence.md. */
struct ocrm55_calibration {
    float bias, lead, likelihood;
};

/* A network and what its output means. `ocrm55 compile` writes one for each network. */
struct ocrm55_recognizer {
    const struct ocrm55_network *network;
    const char *const *labels; /* of each class, UTF-8; class 0 is CTC's blank, which no text has */

    /* Probabilities [steps][classes] to the classes of the text: greedily (ctc.h) or in context (context.h). Returns the
     * score; *lead is how far ahead the text is of others in context, 1 where nobody asks that. */
    float (*decode)(const float *probabilities, uint32_t steps, uint16_t *kept, uint32_t *count, float *lead);
    float lead; /* a narrow reading stands when its leads (ctc.h, context.h) are at least this */

    /* The same within what texts were restricted to at compile time (restricted.h); NULL where they were not. `allowed`: as
     * in ocrm55_reading. The score is below 0 where no text fits. */
    float (*decode_within)(const uint32_t *allowed, const float *probabilities, uint32_t steps, uint16_t *kept,
                           uint32_t *count, float *lead);
    uint8_t parts_fit; /* whether parts of a text fit too, so that a line may be read in windows: not so for a pattern */

    const struct ocrm55_calibration *calibration; /* NULL: not known */
};

struct ocrm55_reading {
    /* The caller's memory. */
    char *text;        /* room for NAME_TEXT_BYTES; NULL where only the classes are wanted */
    uint16_t *classes; /* room for NAME_OUTPUT_STEPS */
    int32_t columns;   /* that the network looks at, at least; 0: those of the picture */
    char *seen;        /* room for NAME_TEXT_BYTES, for what is read where no text fits; or NULL */

    /* NULL, or a bit for each class that the text may have: class i is bit i % 32 of word i / 32. Only for a network that
     * was compiled with a restriction (--allow, --pattern, --lexicon, --check-digits), and besides that. */
    const uint32_t *allowed;
    /* What was read. */
    uint32_t characters; /* of the text, which may have more bytes: as many `classes` are filled in */
    float score;         /* mean probability of the characters, 0 to 1; 0 for an empty text */
    int32_t width;       /* columns that the network looked at */
    uint8_t fits;        /* 0 where no text fits the restriction: then the text is empty */
    float seen_score;    /* of `seen`; 0 where a text fits */
    float lead;          /* 1 minus the quotient of the next likely text's weight and this one's; 1 where decoded greedily */
};

/* A character of a text. Steps of the output: step s is columns s * width / steps and on of what the network looked at. */
struct ocrm55_character {
    float probability;           /* of its class, the most in its steps */
    float runner_up_probability; /* of the likeliest other character there */
    uint16_t runner_up;          /* that character's class; 0 for none */
    uint16_t first, last;        /* step */
};

struct ocrm55_confidence {
    struct ocrm55_character *characters; /* the caller's: room for NAME_OUTPUT_STEPS */
    float least, mean;                   /* of the characters' probabilities; 0 for an empty text */
    float lead;                          /* as in ocrm55_reading */
    float likelihood;                    /* that CTC gives the text: the sum of all ways to spread it over the steps */
    float right;                         /* calibrated probability that the text is right; below 0 where not known */
};

enum ocrm55_outcome {
    OCRM55_READ = 0,      /* `reading` is filled in */
    OCRM55_NO_POINTER,    /* arena, bgr, reading or its classes are NULL */
    OCRM55_ARENA_ADDRESS, /* the arena is not aligned to NAME_ARENA_ALIGN */
    OCRM55_ARENA_SHORT,   /* the arena has less than NAME_ARENA_BYTES */
    OCRM55_IMAGE_SIZE,    /* the width is not between 1 and NAME_INPUT_WIDTH */
    OCRM55_NPU_FAILED,    /* the network's npu_status says what happened; until the next start the NPU is left alone */
    OCRM55_UNRESTRICTED,  /* `allowed` is given, and the network was compiled without a restriction */
    OCRM55_FRAME,         /* the frame's size, stride or format is none (ocrm55_frame.h) */
    OCRM55_REGION,        /* a corner of the region is too far outside the frame */
    OCRM55_SCRATCH_SHORT, /* the scratch has too few bytes */
    OCRM55_NOT_STEPWISE,  /* the network was compiled without --stepwise */
    OCRM55_STOPPED,       /* the caller stopped it (ocrm55_steps.h) */
    OCRM55_GOES_ON        /* there are more steps (ocrm55_steps.h) */
};

/* What a recognition is about to do. A narrow reading that leaves a character in doubt begins anew, at full width. */
enum ocrm55_phase { OCRM55_PREPARES, OCRM55_RUNS, OCRM55_DECODES, OCRM55_HAS_DECODED, OCRM55_READS_AGAIN };

/* Who follows a recognition: to feed a watchdog, to count, to let others run. Each function may be NULL. `width`: the
 * columns that the network looks at; 0 where they are not chosen yet. A network with run_into is decoded while it runs,
 * greedily: its last operator's rows are read before `operator_done`. */
struct ocrm55_watch {
    void (*phase)(void *context, enum ocrm55_phase phase, int32_t width);
    ocrm55_hook operator_done;
    void *context;
    const struct ocrm55_taker *rows; /* NULL, or who sees the probabilities of a network that has run_into */
};

/* Read a picture: input_height rows of `width` pixels, three bytes each (blue, green, red), without gaps between rows.
 * watch: NULL, or who follows. On failure what was read before is not touched, except where the NPU failed. */
enum ocrm55_outcome ocrm55_recognize(const struct ocrm55_recognizer *recognizer, void *arena, size_t arena_bytes,
                                     const uint8_t *bgr, int32_t width, struct ocrm55_reading *reading,
                                     const struct ocrm55_watch *watch);

/* How sure a reading is, right after it, while the arena is as the recognition left it. False, and nothing is filled in,
 * where no text fits, and for a network that has run_into or more than 96 steps. Takes 6.3 KB of stack. */
bool ocrm55_measure_confidence(const struct ocrm55_recognizer *recognizer, const void *arena,
                               const struct ocrm55_reading *reading, struct ocrm55_confidence *confidence);

/* The same of what was decoded of some steps' probabilities [steps][classes], as of a part of a window. */
bool ocrm55_measure_steps(const struct ocrm55_recognizer *recognizer, const float *probabilities, uint32_t steps,
                          const struct ocrm55_reading *reading, struct ocrm55_confidence *confidence);

/* The calibrated probability that a text of this lead and this likelihood is right; below 0 where not known. A text of
 * parts has the least of their leads, and the product of their likelihoods. */
float ocrm55_calibrated(const struct ocrm55_recognizer *recognizer, float lead, float likelihood);

#ifdef __cplusplus
}
#endif

#endif

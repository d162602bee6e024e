/* A reading in steps, for schedulers that cooperate, and one that can be stopped. The network was compiled with --stepwise.
 *
 *     struct ocrm55_course course;
 *     enum ocrm55_outcome outcome = ocrm55_begin(&course, &NAME_recognizer, arena, sizeof arena, pixels, width, &reading,
 *                                                NULL);
 *     while (outcome == OCRM55_GOES_ON) {
 *         let_others_run();
 *         outcome = ocrm55_step(&course);
 *     }
 *
 * A step is an operator of the network, a stripe of one, the picture's way into the network, or the decoding. The network's
 * header bounds those of the network: NAME_STEP_MACS multiply-accumulates. What is computed has the same bits as in one go. */
#ifndef OCRM55_STEPS_H
#define OCRM55_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ocrm55_recognize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A reading under way. Its members are the library's; nothing needs to be freed. */
struct ocrm55_course {
    const struct ocrm55_recognizer *recognizer;
    uint8_t *arena;
    const uint8_t *bgr;
    struct ocrm55_reading *reading;
    const struct ocrm55_watch *watch;
    int32_t width, columns, least;
    uint32_t next;     /* 0: the picture; then the network's steps; then the decoding */
    uint32_t text[10]; /* of a text that is decoded while the network runs */
};

/* Check what is given, as ocrm55_recognize does, and make ready. OCRM55_GOES_ON, or what is wrong. Picture, arena and
 * reading are the course's until its end. */
enum ocrm55_outcome ocrm55_begin(struct ocrm55_course *course, const struct ocrm55_recognizer *recognizer, void *arena,
                                 size_t arena_bytes, const uint8_t *bgr, int32_t width, struct ocrm55_reading *reading,
                                 const struct ocrm55_watch *watch);

/* Run the next step. OCRM55_GOES_ON until the last one: OCRM55_READ then, and `reading` is filled in. Who calls it no more
 * has stopped the reading. */
enum ocrm55_outcome ocrm55_step(struct ocrm55_course *course);

/* Steps that one pass of the network takes, with picture and decoding. A narrow reading that leaves a character in doubt
 * takes a second pass. */
uint32_t ocrm55_steps_of(const struct ocrm55_network *network);

/* Asked after each step; false stops. */
typedef bool (*ocrm55_goes_on)(void *context);

/* ocrm55_recognize that can be stopped: then OCRM55_STOPPED, and the reading has no text, the arena nothing of worth. The
 * next call reads as if this one had not been. */
enum ocrm55_outcome ocrm55_recognize_while(ocrm55_goes_on goes_on, void *context,
                                           const struct ocrm55_recognizer *recognizer, void *arena, size_t arena_bytes,
                                           const uint8_t *bgr, int32_t width, struct ocrm55_reading *reading,
                                           const struct ocrm55_watch *watch);

/* network->run that can be stopped, for any network, behind its set_image: whether it ran to its end. */
bool ocrm55_run_while(ocrm55_goes_on goes_on, void *context, const struct ocrm55_network *network, uint8_t *arena);

#ifdef __cplusplus
}
#endif

#endif

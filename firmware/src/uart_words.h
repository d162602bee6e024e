/* What the program says over the UART: who it is, what each image reads, and what that cost. docs/pipeline.md has an
 * example; toolkit/ocrm55/simulators/protocol.py reads it. */
#ifndef OCRM55_UART_WORDS_H
#define OCRM55_UART_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "ocrm55_recognize.h"
#include "status.h"

/* The first line. */
void say_identity(void);

/* `image 1/8`: number counts from 1. */
void say_image(uint32_t number, uint32_t count);

/* Who follows a recognition to say what it cost, where `stats` asks for that, and to note what a fault would be about. */
struct ocrm55_watch watch_for(bool stats);

/* How sure each character and the text are, before the text itself. */
void say_confidence(const struct ocrm55_reading *reading, const struct ocrm55_confidence *confidence);

/* What was read, with its cost if the watch counted. */
/* How sure each character and the text are, before the text itself. */
void say_confidence(const struct ocrm55_reading *reading, const struct ocrm55_confidence *confidence);

void say_reading(const struct ocrm55_reading *reading, bool stats);

void say_stack(void);

/* `error: ` and what is wrong with `which`; gives the status back. */
enum status complain(enum status status, const char *what, const char *which);

#endif

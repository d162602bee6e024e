/* What a program for pages says over the UART besides uart_words.h. toolkit/ocrm55/simulators/page_protocol.py reads it. */
#ifndef OCRM55_PAGE_WORDS_H
#define OCRM55_PAGE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "ocrf.h"
#include "ocrm55_page.h"

/* The second line: the detector. */
void say_detector(void);

/* `page 1/2 480x640 gray8`: number counts from 1. */
void say_page(uint32_t number, uint32_t count, const struct ocrf_frame *frame);

/* `boxes 27`. */
void say_boxes(uint32_t count);

/* `hash map 0x…`, `crop 1 320x48 0x…`: the CRC-32 of what a step made. */
void say_hash(const char *what, uint32_t crc);
void say_crop(uint32_t box, uint32_t width, uint32_t height, uint32_t crc);

/* `box 1 X,Y X,Y X,Y X,Y score S line L turned T readings R text: TEXT, score: S`. Corners begin at the top left of the
 * text, also where it stands on its head in the box. kind: `box`, or `again` for one that takes an earlier one's place. */
void say_line(const char *kind, uint32_t number, const struct ocrm55_box *box, const struct ocrm55_line *line);

/* `note: …`, about a page that was read in part. */
void say_note(const char *what);

/* `reversed`: the page lies upside down, its last box comes first. */
void say_reversed(void);

/* `work load=… …`: instructions of every stage of this page. */
void say_work(void);

/* `scratch 1200 of 73728`. */
void say_scratch(uint32_t used, uint32_t bytes);

#endif

/* Read a whole picture: a detector finds the lines of text, and a recognizer reads each of them.
 *
 *     static struct ocrm55_box boxes[100];
 *     static uint8_t scratch[...] __attribute__((aligned(OCRM55_PAGE_ALIGN)));
 *     const struct ocrm55_frame frame = {pixels, 640, 480, 640, OCRM55_GRAY8};
 *     uint32_t count;
 *
 *     if (ocrm55_page_find(&DETECTOR, arena, sizeof arena, &frame, &ocrm55_page_defaults, scratch, sizeof scratch,
 *                          boxes, 100, &count, NULL) == OCRM55_PAGE_OK) {
 *         for (uint32_t i = 0; i < count; i++) {
 *             if (ocrm55_page_read(&NAME_recognizer, arena, sizeof arena, &frame, &boxes[i], &ocrm55_page_defaults,
 *                                  scratch, sizeof scratch, &line, NULL) == OCRM55_PAGE_OK) {
 *                 show(line.text, line.score);
 *             }
 *         }
 *     }
 *
 * The networks run in turn, so one arena serves both. The frame is never copied, and only its needed pixels are read.
 * All but the networks computes in integers; `ocrm55` computes the same bits on the host. Nothing is allocated, and
 * nothing is kept between calls. A frame may change while it is read: that changes texts, never where is read. */
#ifndef OCRM55_PAGE_H
#define OCRM55_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "ocrm55_frame.h"
#include "ocrm55_network.h"
#include "ocrm55_recognize.h"
#include "ocrm55_steps.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest side of a detector's map, in pixels. */
#define OCRM55_PAGE_MAP_SIDE 4096

/* Lengths in the map are pixels of the detector's input. */
struct ocrm55_page_options {
    uint8_t threshold;    /* a pixel of the map is text where its probability is above this, in 1/256 */
    uint8_t least_side;   /* a text's height in the map, before it is widened, is at least this */
    uint16_t least_score; /* a box's score is at least this, in 1/65536 */
    uint16_t unclip;      /* how far boxes are widened: DB's ratio, in 1/256 */
    uint8_t padding[3];   /* what is beside the frame in the detector's input: blue, green, red */
    uint8_t windows;      /* a long line is read in at most so many windows */
    uint16_t sure;        /* a line that scores less is also read the other way up, in 1/65536; 0: never */
    uint16_t lead;        /* a narrow reading stands by the recognizer's lead or by this, in 1/65536: by the smaller */
    uint8_t beyond;       /* columns that a network narrower than the widest has behind a line, at least */
    uint8_t squeeze;      /* a line keeps this share of its columns at least, in 1/256; 0: all of them */
};

/* DB's own: 0.3, 3 pixels, 0.6, 1.5; ImageNet's mean colour. */
extern const struct ocrm55_page_options ocrm55_page_defaults;

enum ocrm55_page_outcome {
    OCRM55_PAGE_OK = 0,
    OCRM55_PAGE_NO_POINTER, /* something that is needed is NULL */
    OCRM55_PAGE_FRAME,      /* the frame's size, stride or format is none */
    OCRM55_PAGE_BOX,        /* a corner is too far outside the frame */
    OCRM55_PAGE_NETWORK,    /* the detector has no map of probabilities as large as its input, or takes no rows; or
                             * a line is longer than the recognizer's input, whose steps do not divide its width */
    OCRM55_PAGE_ARENA,      /* the arena is too short, or not aligned as the network wants it */
    OCRM55_PAGE_SCRATCH,    /* the scratch is too short, or not aligned to OCRM55_PAGE_ALIGN */
    OCRM55_PAGE_CROWDED,    /* the map has more runs of text than the scratch holds: nothing was found */
    OCRM55_PAGE_MORE,       /* there are more boxes than there is room for: the first ones from the top were kept */
    OCRM55_PAGE_LONG,       /* the line has more windows or characters than there is room for: its start was read */
    OCRM55_PAGE_NPU,        /* the network's npu_status says what happened */
    OCRM55_PAGE_STOPPED     /* the watch said so: there are no boxes, or the line has no text */
};

/* One sentence in English about an outcome, for logs. */
const char *ocrm55_page_words(enum ocrm55_page_outcome outcome);

/* What a page is about to do. Each recognition has phases of its own (ocrm55_recognize.h). */
enum ocrm55_page_phase {
    OCRM55_PAGE_DETECTS,
    OCRM55_PAGE_BOXES,
    OCRM55_PAGE_CROPS,
    OCRM55_PAGE_RECOGNIZES,
    OCRM55_PAGE_JOINS,
    OCRM55_PAGE_DONE
};

/* Who follows a page: to feed a watchdog, to count, to let others run. Each function may be NULL. */
struct ocrm55_page_watch {
    void (*phase)(void *context, enum ocrm55_page_phase phase);
    ocrm55_hook operator_done; /* of the detector */
    void *context;
    const struct ocrm55_watch *recognition; /* NULL, or who follows each recognition */
    /* Asked behind each step of a network that was compiled with --stepwise, and before each run of another: false stops.
     * The arena then has nothing of worth, and the next call does as if this one had not been. */
    ocrm55_goes_on goes_on;
};

/* Scratch in bytes, of this alignment. */
#define OCRM55_PAGE_ALIGN 4

/* For ocrm55_page_find with a detector of this input. A run is text in one row of the map without a gap; a page of 27
 * lines has some 700 at 320 x 320. At most 65535 are used. */
#define OCRM55_PAGE_FIND_BYTES(width, height, runs) \
    (4u * ((3u * (width) + 3u) / 4u + 2u * (height) + (5u * (runs) + 1u) / 2u))

/* For ocrm55_page_read with a recognizer of this input and this output at full width. */
#define OCRM55_PAGE_READ_BYTES(height, width, steps, classes) \
    (4u * ((3u * (height) * (width) + 3u) / 4u + (steps) * (classes) + (steps)))

/* Find the lines of text, in reading order: from the top line to the bottom one, in a line from left to right. Fills in
 * at most `room` boxes and says in *count how many; 0 is no failure. watch: NULL, or who follows. */
enum ocrm55_page_outcome ocrm55_page_find(const struct ocrm55_network *detector, void *arena, size_t arena_bytes,
                                          const struct ocrm55_frame *frame, const struct ocrm55_page_options *options,
                                          void *scratch, size_t scratch_bytes, struct ocrm55_box *boxes, uint32_t room,
                                          uint32_t *count, const struct ocrm55_page_watch *watch);

/* The same from a map that a network has made already. map: [height][width] of probability - 128, in 1/256, for the
 * rows that ocrm55_page_row gives a network of this input. */
enum ocrm55_page_outcome ocrm55_page_boxes(const int8_t *map, int32_t width, int32_t height,
                                           const struct ocrm55_frame *frame, const struct ocrm55_page_options *options,
                                           void *scratch, size_t scratch_bytes, struct ocrm55_box *boxes, uint32_t room,
                                           uint32_t *count);

/* A frame as rows of a detector's input: scaled to fit with its ratio kept, at the top left, bilinear. */
struct ocrm55_page_rows {
    const struct ocrm55_frame *frame;
    const struct ocrm55_page_options *options;
    int32_t width, height;           /* of the input */
    int32_t used_width, used_height; /* of the frame in it; the rest is padding */
    int32_t step;                    /* pixels of the frame for one of the input, in 1/65536 */
};
struct ocrm55_page_rows ocrm55_page_scaled(const struct ocrm55_frame *frame, const struct ocrm55_page_options *options,
                                           int32_t width, int32_t height);
/* Write row `row` of the input, width pixels of blue, green, red. context: a struct ocrm55_page_rows. */
void ocrm55_page_row(void *context, int32_t row, uint8_t *bgr);

/* A line that was read. */
struct ocrm55_line {
    /* The caller's memory. */
    char *text;          /* UTF-8, with a zero at its end; NULL where only the classes are wanted */
    uint32_t text_bytes; /* room there */
    uint16_t *classes;
    uint32_t class_room;
    uint8_t likely_upside_down; /* 1: that way is read first; see ocrm55_page_leans */
    struct ocrm55_character *measured; /* room for as many as the recognizer has steps; NULL: `right` is not wanted */
    /* What was read. */
    uint32_t characters; /* of the text, which may have more bytes: as many `classes` are filled in */
    float score;         /* mean probability of the characters, 0 to 1; 0 for an empty text */
    float right;         /* calibrated probability that the text is right; below 0 where not known or not wanted */
    uint32_t readings;   /* recognitions that it took: windows, times two where it was read upside down as well */
    uint8_t upside_down; /* 1 where the text stands on its head: its corners are the box's corners 2, 3, 0 and 1 */
};

/* Read the text of one box. A line longer than the recognizer's input is read in windows that overlap, and joined. It
 * is squeezed by options->squeeze at most, where that makes it cheaper. class_room: with options->sure, of two readings
 * of the line. watch: NULL, or who follows. */
enum ocrm55_page_outcome ocrm55_page_read(const struct ocrm55_recognizer *recognizer, void *arena, size_t arena_bytes,
                                          const struct ocrm55_frame *frame, const struct ocrm55_box *box,
                                          const struct ocrm55_page_options *options, void *scratch,
                                          size_t scratch_bytes, struct ocrm55_line *line,
                                          const struct ocrm55_page_watch *watch);

/* Whether a page's next line likely stands on its head, after `lines` of them of which so many did: read in this way, a
 * page that lies upside down costs no more than another. Count lines that score options->sure at least: what cannot be
 * read stands either way. */
static inline uint8_t ocrm55_page_leans(uint32_t upside_down, uint32_t lines)
{
    return lines >= 3 && 2 * upside_down > lines ? 1 : 0;
}

/* A line that scores at least this is certain, of 1: of 618 receipt lines, 71 % are, and upside down 2 %. */
#define OCRM55_PAGE_CERTAIN 0.95f

/* Whether the page's next line need not be tried the other way up, after so many certain lines that stood as it is read
 * first, and so many that stood the other way: with options->sure of 0 it is not. */
static inline uint8_t ocrm55_page_decided(uint32_t this_way, uint32_t other_way)
{
    return this_way >= 3 && other_way == 0 ? 1 : 0;
}

/* Turn boxes by half a turn, and their order: for a page that turned out to lie upside down. */
void ocrm55_page_turn(struct ocrm55_box *boxes, uint32_t count);

/* Whether a frame and a box can be read; either may be NULL. OCRM55_PAGE_OK, _FRAME, _BOX or _NO_POINTER. */
enum ocrm55_page_outcome ocrm55_page_check(const struct ocrm55_frame *frame, const struct ocrm55_box *box);

#ifdef __cplusplus
}
#endif

#endif

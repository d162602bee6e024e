/* The host's command line: `ocrm55 images=FILE [probabilities=FILE] [stats=1] [hashes=1] [confidence=1]`, and of a program for a
 * camera `[region=NUMBERS] [polarity=NUMBER]`. */
#ifndef OCRM55_OPTIONS_H
#define OCRM55_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* More than the 256 characters at which the FVP cuts. */
#define OPTIONS_LINE_BYTES 512

struct options {
    const char *images;        /* file of images, or NULL */
    const char *probabilities; /* file to write the probabilities to, or NULL */
    bool stats;                /* print instruction counts */
    bool confidence;           /* say how sure each text and its characters are; nothing else than lines has some */
    bool hashes;               /* print a hash of what each step of a page makes, or of a region */
    const char *region;        /* what is read of a frame, or NULL */
    const char *polarity;      /* whether it is inverted, or NULL */
};

/* Cut `line` into words in place; the options point into it. The first word is the program's name and is skipped.
 * Returns NULL, or the unknown word. */
const char *options_parse(char *line, struct options *options);

#endif

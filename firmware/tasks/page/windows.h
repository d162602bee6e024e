/* Where the windows of a long line lie, and where two readings are joined. Internal. */
#ifndef OCRM55_PAGE_WINDOWS_H
#define OCRM55_PAGE_WINDOWS_H

#include <stdint.h>

#include "ocrm55_network.h"

/* Columns of a recognizer's input, of a step of its output, and those that two windows share at least. beyond: those
 * that a narrower network has behind a window, at least. */
struct page_windows {
    int32_t width, column_step, overlap, beyond;
};

/* column_step is 0 where the network's steps do not divide its width, or are too few to share some. */
struct page_windows ocrm55_page_windows_of(const struct ocrm55_network *recognizer, int32_t beyond);

/* The columns that a line of `whole` of them is read with: as many as cost no more than its squeezed ones. squeeze: of
 * struct ocrm55_page_options. */
int32_t ocrm55_page_fitted(const struct page_windows *windows, const struct ocrm55_network *recognizer, int32_t whole,
                           int32_t squeeze);

/* How many windows a line of so many columns needs. */
int32_t ocrm55_page_window_count(const struct page_windows *windows, int32_t whole);

/* The first column of a window, a multiple of column_step. The last window has as many columns as fit the narrowest
 * width of the network that holds its rest. */
int32_t ocrm55_page_window_first(const struct page_windows *windows, const struct ocrm55_network *recognizer,
                                 int32_t whole, int32_t window);

/* A window's probabilities [steps][classes], and the steps of the line before it. */
struct page_reading {
    const float *probabilities;
    int32_t first, steps;
};

/* The step of the line, after `behind`, at which two windows are surest that there is no character: the second one is
 * read from there on. */
int32_t ocrm55_page_join(const struct page_reading *before, const struct page_reading *after, int32_t classes,
                         int32_t behind);

#endif

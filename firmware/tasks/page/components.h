/* Connected components of a map as runs: text in one row without a gap. Internal. */
#ifndef OCRM55_PAGE_COMPONENTS_H
#define OCRM55_PAGE_COMPONENTS_H

#include <stdint.h>

struct page_map {
    const int8_t *values; /* [height][stride], probability - 128 in 1/256 */
    int32_t width, height, stride;
};

/* Columns first .. end - 1 of a row. Runs are in the order of rows and columns. */
struct page_run {
    uint16_t row, first, end;
    uint16_t parent; /* an earlier run of the component; itself for the first one */
    uint16_t next;   /* the component's next run; 0 at its end */
};

enum { PAGE_MOST_RUNS = 65535 };

/* Find the runs above a threshold in 1/256, and link those of each component (neighbours on eight sides). Returns how
 * many there are, or -1 where `room` holds fewer. */
int32_t ocrm55_page_components(const struct page_map *map, uint8_t threshold, struct page_run *runs, int32_t room);

#endif

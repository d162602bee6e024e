#include "components.h"

static int32_t first_of(struct page_run *runs, int32_t run)
{
    while (runs[run].parent != run) {
        runs[run].parent = runs[runs[run].parent].parent;
        run = runs[run].parent;
    }
    return run;
}

static void unite(struct page_run *runs, int32_t a, int32_t b)
{
    a = first_of(runs, a);
    b = first_of(runs, b);
    if (a < b) {
        runs[b].parent = (uint16_t)a;
    } else {
        runs[a].parent = (uint16_t)b;
    }
}

/* The first column from x on whose value is above the limit, or is not. */
static int32_t above(const int8_t *row, int32_t x, int32_t width, int32_t limit)
{
    while (x < width && row[x] <= limit) {
        x++;
    }
    return x;
}

static int32_t below(const int8_t *row, int32_t x, int32_t width, int32_t limit)
{
    while (x < width && row[x] > limit) {
        x++;
    }
    return x;
}

/* Each component's runs become a list in their order. From the last run to the first, the first run of a component
 * keeps the list of those behind it. */
static void link(struct page_run *runs, int32_t count)
{
    for (int32_t i = count - 1; i >= 0; i--) {
        const int32_t first = first_of(runs, i);
        if (first != i) {
            runs[i].next = runs[first].next;
            runs[first].next = (uint16_t)i;
        }
    }
}

int32_t ocrm55_page_components(const struct page_map *map, uint8_t threshold, struct page_run *runs, int32_t room)
{
    const int32_t limit = (int32_t)threshold - 128;
    room = room < PAGE_MOST_RUNS ? room : PAGE_MOST_RUNS;
    int32_t count = 0, upper = 0, upper_end = 0;
    for (int32_t y = 0; y < map->height; y++) {
        const int8_t *const row = map->values + y * map->stride;
        const int32_t start = count;
        for (int32_t x = above(row, 0, map->width, limit); x < map->width;) {
            const int32_t end = below(row, x, map->width, limit);
            if (count == room) {
                return -1;
            }
            runs[count] = (struct page_run){(uint16_t)y, (uint16_t)x, (uint16_t)end, (uint16_t)count, 0};
            /* the runs of the row above that reach columns x - 1 .. end */
            while (upper < upper_end && runs[upper].end < x) {
                upper++;
            }
            for (int32_t i = upper; i < upper_end && runs[i].first <= end; i++) {
                unite(runs, i, count);
            }
            count++;
            x = above(row, end, map->width, limit);
        }
        upper = start;
        upper_end = count;
    }
    link(runs, count);
    return count;
}

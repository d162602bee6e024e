/* The rectangle of least area around a component, and what the map says inside it. Internal. */
#ifndef OCRM55_PAGE_RECTANGLE_H
#define OCRM55_PAGE_RECTANGLE_H

#include <stdint.h>

#include "components.h"

struct page_pixel {
    int16_t x, y;
};

/* One side lies along the vector (x, y). A place p has u = p.x * x + p.y * y and v = p.y * x - p.x * y: the rectangle
 * is u0 <= u <= u1 and v0 <= v <= v1, between middles of pixels. */
struct page_rectangle {
    int32_t x, y;
    int32_t u0, u1, v0, v1;
};

/* Lengths in pixels of the map, in 1/4096. */
struct page_lengths {
    uint32_t root;         /* of the rectangle's vector, in 1/2^18 */
    int64_t width, height; /* along u and along v */
};

/* The convex hull of the component whose first run is `first`, clockwise; points may stand twice. hull: room for two
 * points a row of the map. Returns how many. */
int32_t ocrm55_page_hull(const struct page_run *runs, int32_t first, struct page_pixel *hull, int32_t rows);

/* The rectangle of least area around a hull: one of its sides lies on an edge. */
struct page_rectangle ocrm55_page_least_rectangle(const struct page_pixel *hull, int32_t count);

struct page_lengths ocrm55_page_lengths_of(const struct page_rectangle *rectangle);

/* The corners in the map, in 1/4096 pixel: (u0, v0), (u1, v0), (u1, v1), (u0, v1). */
void ocrm55_page_corners(const struct page_rectangle *rectangle, int64_t corners[4][2]);

/* The mean probability of the pixels whose middles lie inside or half a pixel beside it, in 1/65536. */
uint16_t ocrm55_page_mean(const struct page_map *map, const struct page_rectangle *rectangle, uint32_t root);

#endif

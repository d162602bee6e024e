#include "rectangle.h"

#include "fixed.h"

/* Positive where c lies to the right of a -> b, as y grows downwards. */
static int32_t side(struct page_pixel a, struct page_pixel b, struct page_pixel c)
{
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/* Of each row, the leftmost and the rightmost pixel are enough. The left side's points grow from the start of `hull`,
 * the right side's from its middle. */
int32_t ocrm55_page_hull(const struct page_run *runs, int32_t first, struct page_pixel *hull, int32_t rows)
{
    struct page_pixel *const left = hull, *const right = hull + rows;
    int32_t lefts = 0, rights = 0;
    for (int32_t run = first;;) {
        const int16_t row = (int16_t)runs[run].row;
        const struct page_pixel a = {(int16_t)runs[run].first, row};
        while (runs[run].next != 0 && runs[runs[run].next].row == runs[run].row) {
            run = runs[run].next;
        }
        const struct page_pixel b = {(int16_t)(runs[run].end - 1), row};
        while (lefts >= 2 && side(left[lefts - 2], left[lefts - 1], a) >= 0) {
            lefts--;
        }
        while (rights >= 2 && side(right[rights - 2], right[rights - 1], b) <= 0) {
            rights--;
        }
        left[lefts++] = a;
        right[rights++] = b;
        if (runs[run].next == 0) {
            break;
        }
        run = runs[run].next;
    }
    /* clockwise: up the left side, which is turned round, and down the right one */
    for (int32_t i = 0, k = lefts - 1; i < k; i++, k--) {
        const struct page_pixel other = left[i];
        left[i] = left[k];
        left[k] = other;
    }
    for (int32_t i = 0; i < rights; i++) {
        left[lefts + i] = right[i];
    }
    return lefts + rights;
}

static struct page_rectangle along(const struct page_pixel *hull, int32_t count, int32_t x, int32_t y)
{
    struct page_rectangle r = {x, y, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN};
    for (int32_t i = 0; i < count; i++) {
        const int32_t u = hull[i].x * x + hull[i].y * y, v = hull[i].y * x - hull[i].x * y;
        r.u0 = least(r.u0, u);
        r.u1 = most(r.u1, u);
        r.v0 = least(r.v0, v);
        r.v1 = most(r.v1, v);
    }
    return r;
}

/* An area as whole * square + rest, times 1 / square: `square` is the vector's length squared. */
struct area {
    int64_t whole, rest, square;
};

static struct area area_of(const struct page_rectangle *r)
{
    const int64_t square = (int64_t)r->x * r->x + (int64_t)r->y * r->y;
    const int64_t area = (int64_t)(r->u1 - r->u0) * (r->v1 - r->v0);
    return (struct area){area / square, area % square, square};
}

struct page_rectangle ocrm55_page_least_rectangle(const struct page_pixel *hull, int32_t count)
{
    struct page_rectangle best = along(hull, count, 1, 0);
    struct area smallest = area_of(&best);
    for (int32_t i = 0; i < count; i++) {
        const struct page_pixel a = hull[i], b = hull[i + 1 < count ? i + 1 : 0];
        if (a.x == b.x && a.y == b.y) {
            continue;
        }
        const struct page_rectangle r = along(hull, count, b.x - a.x, b.y - a.y);
        const struct area area = area_of(&r);
        if (area.whole < smallest.whole || (area.whole == smallest.whole &&
                                            area.rest * smallest.square < smallest.rest * area.square)) {
            best = r;
            smallest = area;
        }
    }
    return best;
}

struct page_lengths ocrm55_page_lengths_of(const struct page_rectangle *r)
{
    const uint64_t square = (uint64_t)((int64_t)r->x * r->x + (int64_t)r->y * r->y);
    const uint32_t root = square_root(square << 36);
    const int64_t width = r->u1 - r->u0, height = r->v1 - r->v0;
    return (struct page_lengths){root, (width << 30) / root, (height << 30) / root};
}

void ocrm55_page_corners(const struct page_rectangle *r, int64_t corners[4][2])
{
    const int64_t square = (int64_t)r->x * r->x + (int64_t)r->y * r->y;
    const int64_t places[4][2] = {{r->u0, r->v0}, {r->u1, r->v0}, {r->u1, r->v1}, {r->u0, r->v1}};
    for (int32_t i = 0; i < 4; i++) {
        const int64_t u = places[i][0], v = places[i][1];
        corners[i][0] = floor_div((u * r->x - v * r->y) * 4096 + square / 2, square);
        corners[i][1] = floor_div((u * r->y + v * r->x) * 4096 + square / 2, square);
    }
}

/* Narrow x0 .. x1 to the columns with low <= x * factor <= high. */
static void narrow(int32_t factor, int32_t low, int32_t high, int32_t *x0, int32_t *x1)
{
    if (factor < 0) {
        const int32_t other = -low;
        low = -high;
        high = other;
        factor = -factor;
    }
    if (factor > 0) {
        *x0 = most(*x0, -floor_div32(-low, factor));
        *x1 = least(*x1, floor_div32(high, factor));
    } else if (low > 0 || high < 0) {
        *x1 = *x0 - 1;
    }
}

uint16_t ocrm55_page_mean(const struct page_map *map, const struct page_rectangle *r, uint32_t root)
{
    int64_t corners[4][2];
    ocrm55_page_corners(r, corners);
    int64_t top = corners[0][1], bottom = top;
    for (int32_t i = 1; i < 4; i++) {
        top = corners[i][1] < top ? corners[i][1] : top;
        bottom = corners[i][1] > bottom ? corners[i][1] : bottom;
    }
    const int32_t half = (int32_t)(root >> 19); /* half a pixel, in units of u and v */
    const int32_t from = most((int32_t)floor_div(top, 4096) - 1, 0);
    const int32_t to = least((int32_t)floor_div(bottom, 4096) + 2, map->height - 1);
    int64_t sum = 0, pixels = 0;
    for (int32_t y = from; y <= to; y++) {
        int32_t x0 = 0, x1 = map->width - 1;
        narrow(r->x, r->u0 - half - y * r->y, r->u1 + half - y * r->y, &x0, &x1);
        narrow(-r->y, r->v0 - half - y * r->x, r->v1 + half - y * r->x, &x0, &x1);
        const int8_t *const row = map->values + y * map->stride;
        int32_t values = 0;
        for (int32_t x = x0; x <= x1; x++) {
            values += row[x];
        }
        if (x0 <= x1) {
            sum += values + 128 * (x1 - x0 + 1);
            pixels += x1 - x0 + 1;
        }
    }
    return pixels != 0 ? (uint16_t)(sum * 256 / pixels) : 0;
}

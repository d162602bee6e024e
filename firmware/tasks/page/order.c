#include "order.h"

#include <stdbool.h>
#include <string.h>

#include "fixed.h"

/* No line yet. There are fewer: each box has a run of its own. */
#define NO_LINE UINT16_MAX

/* The direction of the text, in 1/16384. */
struct axis {
    int64_t x, y;
};

/* Twice the box's width as a vector, in units of a place. */
static struct axis across(const struct ocrm55_box *box)
{
    const struct ocrm55_point *const c = box->corners;
    return (struct axis){(int64_t)c[1].x - c[0].x + c[2].x - c[3].x, (int64_t)c[1].y - c[0].y + c[2].y - c[3].y};
}

static struct axis down(const struct ocrm55_box *box)
{
    const struct ocrm55_point *const c = box->corners;
    return (struct axis){(int64_t)c[3].x - c[0].x + c[2].x - c[1].x, (int64_t)c[3].y - c[0].y + c[2].y - c[1].y};
}

static uint64_t squared(struct axis a) { return (uint64_t)(a.x * a.x + a.y * a.y); }

/* The direction of the longer boxes: those that lie as most of their length does. `turned`: how they do. */
static struct axis direction(const struct ocrm55_box *boxes, int32_t count, uint8_t *turned)
{
    struct axis sums[2] = {{0, 0}, {0, 0}};
    uint64_t lengths[2] = {0, 0};
    for (int32_t i = 0; i < count; i++) {
        const struct axis a = across(&boxes[i]);
        const uint64_t square = squared(a);
        if (square >= 4 * squared(down(&boxes[i]))) {
            const int32_t which = boxes[i].turned & 1;
            sums[which].x += a.x;
            sums[which].y += a.y;
            lengths[which] += square_root(square);
        }
    }
    *turned = lengths[1] > lengths[0] ? 1 : 0;
    struct axis sum = sums[*turned];
    while (sum.x >= 1 << 30 || sum.x <= -(1 << 30) || sum.y >= 1 << 30 || sum.y <= -(1 << 30)) {
        sum.x = floor_div(sum.x, 2);
        sum.y = floor_div(sum.y, 2);
    }
    const uint32_t root = square_root(squared(sum));
    if (root == 0) {
        return (struct axis){16384, 0};
    }
    return (struct axis){floor_div(sum.x * 16384, root), floor_div(sum.y * 16384, root)};
}

/* Where the middle of a box lies along the text and across it: places, times 4 * 16384. */
static struct axis middle(const struct ocrm55_box *box, struct axis axis)
{
    int64_t x = 0, y = 0;
    for (int32_t i = 0; i < 4; i++) {
        x += box->corners[i].x;
        y += box->corners[i].y;
    }
    return (struct axis){x * axis.x + y * axis.y, y * axis.x - x * axis.y};
}

/* How far from a line's middle a box of it may lie: 3/8 of its height, in units of middle(). */
static int64_t tolerance(const struct ocrm55_box *box)
{
    return (int64_t)square_root(squared(down(box))) * (16384 * 3 / 4);
}

static int32_t compare(int64_t a, int64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

/* By line, then along it (by_line) or by place across the lines, then along them; at last by all that a box has. */
static bool comes_before(const struct ocrm55_box *a, const struct ocrm55_box *b, struct axis axis, bool by_line)
{
    const struct axis p = middle(a, axis), q = middle(b, axis);
    int32_t order = by_line ? compare(a->line, b->line) : compare(p.y, q.y);
    order = order != 0 ? order : compare(p.x, q.x);
    order = order != 0 ? order : compare(p.y, q.y);
    for (int32_t i = 0; i < 4 && order == 0; i++) {
        order = compare(a->corners[i].x, b->corners[i].x);
        order = order != 0 ? order : compare(a->corners[i].y, b->corners[i].y);
    }
    order = order != 0 ? order : compare(a->score, b->score);
    return order < 0;
}

/* Let the box at `top` of a heap of `count` sink to its place. */
static void sink(struct ocrm55_box *boxes, int32_t top, int32_t count, struct axis axis, bool by_line)
{
    for (;;) {
        int32_t last = 2 * top + 1;
        if (last >= count) {
            return;
        }
        if (last + 1 < count && comes_before(&boxes[last], &boxes[last + 1], axis, by_line)) {
            last++;
        }
        if (!comes_before(&boxes[top], &boxes[last], axis, by_line)) {
            return;
        }
        const struct ocrm55_box other = boxes[top];
        boxes[top] = boxes[last];
        boxes[last] = other;
        top = last;
    }
}

static void sort(struct ocrm55_box *boxes, int32_t count, struct axis axis, bool by_line)
{
    for (int32_t i = count / 2 - 1; i >= 0; i--) {
        sink(boxes, i, count, axis, by_line);
    }
    for (int32_t end = count - 1; end > 0; end--) {
        const struct ocrm55_box other = boxes[0];
        boxes[0] = boxes[end];
        boxes[end] = other;
        sink(boxes, 0, end, axis, by_line);
    }
}

/* The uppermost box without a line starts one; those join whose middle lies near the mean of the line's. */
static void number_lines(struct ocrm55_box *boxes, int32_t count, struct axis axis)
{
    uint16_t line = 0;
    for (int32_t i = 0; i < count; i++) {
        if (boxes[i].line != NO_LINE) {
            continue;
        }
        const int64_t reach = tolerance(&boxes[i]);
        int64_t sum = middle(&boxes[i], axis).y;
        int32_t members = 1;
        boxes[i].line = line;
        for (int32_t k = i + 1; k < count; k++) {
            const int64_t beside = middle(&boxes[k], axis).y - floor_div(sum, members);
            if (beside > reach) {
                break;
            }
            if (boxes[k].line == NO_LINE && beside <= tolerance(&boxes[k])) {
                boxes[k].line = line;
                sum += middle(&boxes[k], axis).y;
                members++;
            }
        }
        line++;
    }
}

void ocrm55_page_order(struct ocrm55_box *boxes, int32_t count)
{
    uint8_t turned;
    const struct axis axis = direction(boxes, count, &turned);
    for (int32_t i = 0; i < count; i++) {
        /* a short box could be either way: it lies as the page does */
        if (boxes[i].turned != turned && 4 * squared(across(&boxes[i])) < 9 * squared(down(&boxes[i]))) {
            const struct ocrm55_point last = boxes[i].corners[turned != 0 ? 0 : 3];
            if (turned != 0) {
                memmove(&boxes[i].corners[0], &boxes[i].corners[1], 3 * sizeof last);
                boxes[i].corners[3] = last;
            } else {
                memmove(&boxes[i].corners[1], &boxes[i].corners[0], 3 * sizeof last);
                boxes[i].corners[0] = last;
            }
            boxes[i].turned = turned;
        }
        boxes[i].line = NO_LINE;
    }
    sort(boxes, count, axis, false);
    number_lines(boxes, count, axis);
    sort(boxes, count, axis, true);
}

void ocrm55_page_turn(struct ocrm55_box *boxes, uint32_t count)
{
    if (count == 0) {
        return;
    }
    const uint16_t last_line = boxes[count - 1].line;
    for (uint32_t i = 0; i < count; i++) {
        struct ocrm55_box *const box = &boxes[i];
        for (uint32_t k = 0; k < 2; k++) {
            const struct ocrm55_point other = box->corners[k];
            box->corners[k] = box->corners[k + 2];
            box->corners[k + 2] = other;
        }
        box->turned = (uint8_t)((box->turned + 2) % 4);
        box->line = (uint16_t)(last_line - box->line);
    }
    for (uint32_t i = 0, k = count - 1; i < k; i++, k--) {
        const struct ocrm55_box other = boxes[i];
        boxes[i] = boxes[k];
        boxes[k] = other;
    }
}

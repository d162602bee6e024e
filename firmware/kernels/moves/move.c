/* Bytes in another order: see ocrm55_kernels.h. */

#include <stdbool.h>

#include "helium.h"
#include "ocrm55_kernels.h"

#define LAST (OCRM55_MOVE_AXES - 1)

/* y[i] = x[i * stride]. */
static void spread(const int8_t *x, int32_t stride, int8_t *y, int32_t count)
{
#if OCRM55_HELIUM
    if (stride >= 0 && stride <= UINT16_MAX / 7) { /* offsets of a gather are 16 bits */
        const uint16x8_t offsets = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)stride);
        for (; count > 0; count -= 8, x += 8 * stride, y += 8) {
            const mve_pred16_t some = vctp16q((uint32_t)count);
            vstrbq_p_s16(y, vldrbq_gather_offset_z_s16(x, offsets, some), some);
        }
        return;
    }
#endif
    for (int32_t i = 0; i < count; i++) {
        y[i] = x[i * stride];
    }
}

/* The last two axes. */
static void plane(const struct ocrm55_move *l, const int8_t *x, int8_t *y)
{
    const int32_t rows = l->size[LAST - 1], count = l->size[LAST];
    const int32_t x_row = l->x_stride[LAST - 1], y_row = l->y_stride[LAST - 1];
    if (l->x_stride[LAST] == 1 && l->y_stride[LAST] == 1) {
        ocrm55_copy_rows_s8(x, x_row, y, y_row, rows, count);
        return;
    }
    for (int32_t row = 0; row < rows; row++, x += x_row, y += y_row) {
        if (l->y_stride[LAST] == 1) {
            spread(x, l->x_stride[LAST], y, count);
            continue;
        }
        for (int32_t i = 0; i < count; i++) {
            y[i * l->y_stride[LAST]] = x[i * l->x_stride[LAST]];
        }
    }
}

#if OCRM55_HELIUM

/* Whether the last three axes are written one behind the other, in small groups that fill a vector: pixels of blocks. */
static bool is_small(const struct ocrm55_move *l)
{
    const int32_t group = l->size[LAST] * l->size[LAST - 1], step = l->x_stride[LAST - 2];
    if ((group != 2 && group != 4 && group != 8) || l->y_stride[LAST] != 1 || l->size[LAST - 2] < 2) {
        return false;
    }
    const int32_t far = 7 / group * step + (l->size[LAST] - 1) * l->x_stride[LAST] +
                        (l->size[LAST - 1] - 1) * l->x_stride[LAST - 1];
    return l->y_stride[LAST - 1] == l->size[LAST] && l->y_stride[LAST - 2] == group && step >= 0 &&
           l->x_stride[LAST] >= 0 && l->x_stride[LAST - 1] >= 0 && far <= UINT16_MAX;
}

/* Whether rows of bytes are written several times each: pixels of an image that is enlarged. */
static bool is_repeated(const struct ocrm55_move *l)
{
    return l->x_stride[LAST] == 1 && l->y_stride[LAST] == 1 && l->x_stride[LAST - 1] == 0 && l->size[LAST - 1] > 1;
}

/* The last three axes of such a layer: each row is read once. */
static void repeat_rows(const struct ocrm55_move *l, const int8_t *x, int8_t *y)
{
    const int32_t times = l->size[LAST - 1], count = l->size[LAST], step = l->y_stride[LAST - 1];
    for (int32_t row = 0; row < l->size[LAST - 2]; row++, x += l->x_stride[LAST - 2], y += l->y_stride[LAST - 2]) {
        for (int32_t i = 0; i < count; i += 16) {
            const mve_pred16_t some = vctp8q((uint32_t)(count - i));
            const int8x16_t bytes = vldrbq_z_s8(x + i, some);
            int8_t *to = y + i;
            for (int32_t time = 0; time < times; time++, to += step) {
                vstrbq_p_s8(to, bytes, some);
            }
        }
    }
}

/* The last three axes of a layer with small groups, 8 elements at a time. */
static void groups(const struct ocrm55_move *l, const int8_t *x, int8_t *y)
{
    const int32_t size = l->size[LAST], group = size * l->size[LAST - 1], step = l->x_stride[LAST - 2];
    uint16_t places[8];
    for (int32_t i = 0; i < 8; i++) {
        const int32_t inner = i % group;
        places[i] = (uint16_t)(i / group * step + inner / size * l->x_stride[LAST - 1] + inner % size * l->x_stride[LAST]);
    }
    const uint16x8_t offsets = vldrhq_u16(places);
    for (int32_t left = l->size[LAST - 2] * group; left > 0; left -= 8, x += 8 / group * step, y += 8) {
        const mve_pred16_t some = vctp16q((uint32_t)left);
        vstrbq_p_s16(y, vldrbq_gather_offset_z_s16(x, offsets, some), some);
    }
}

#endif

void ocrm55_move_s8(const struct ocrm55_move *layer, const int8_t *x, int8_t *y)
{
    const struct ocrm55_move l = *layer;
    int32_t at[LAST - 1] = {0};
    bool three = false; /* axes that a vector loop takes at once, instead of two */
#if OCRM55_HELIUM
    const bool repeated = is_repeated(&l);
    three = repeated || is_small(&l);
#endif
    for (;;) {
#if OCRM55_HELIUM
        if (repeated) {
            repeat_rows(&l, x, y);
        } else if (three) {
            groups(&l, x, y);
        } else
#endif
        {
            plane(&l, x, y);
        }
        int axis = three ? LAST - 3 : LAST - 2; /* the next place of the axes in front */
        for (; axis >= 0; axis--) {
            x += l.x_stride[axis];
            y += l.y_stride[axis];
            if (++at[axis] < l.size[axis]) {
                break;
            }
            x -= l.x_stride[axis] * at[axis];
            y -= l.y_stride[axis] * at[axis];
            at[axis] = 0;
        }
        if (axis < 0) {
            return;
        }
    }
}

enum ocrm55_status ocrm55_move_s8_check(const struct ocrm55_move *l, const int8_t *x, const int8_t *y)
{
    if (!l || !x || !y) {
        return OCRM55_NULL;
    }
    for (int axis = 0; axis < OCRM55_MOVE_AXES; axis++) {
        if (l->size[axis] < 1 || (l->size[axis] > 1 && l->y_stride[axis] < 1)) {
            return OCRM55_SHAPE;
        }
    }
    return OCRM55_OK;
}

void ocrm55_gather_s8(const int32_t *index, const int8_t *x, int8_t *y, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        y[i] = x[index[i]];
    }
}

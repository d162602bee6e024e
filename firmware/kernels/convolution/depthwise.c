/* Depthwise convolution by dot products: see ocrm55_kernels.h.
 *
 * A depthwise convolution has no channels to sum over, so the sum over taps has to fill the 16 lanes of vmladava. For that a
 * channel is copied out of NHWC into a plane whose 16 bytes are a small block of pixels, column by column, 4 channels and a
 * strip of rows at a time:
 *
 *     5x5: 2 columns of 8 rows        3x3: 4 columns of 4 rows
 *
 * An output then is the dot product of 1 to 3 such blocks with the taps arranged in the same shape, zeros between. Which
 * arrangement depends on the output's row within the block and on its column's place in it (2 or 4 cases), not on the
 * channel: `arrangement` works out once, as indices of taps, what a gather then fetches for every channel.
 * A strip is what one row of blocks yields: with 8 rows a 5x5 window has 4 positions. When the image is so low that it and
 * its border fit into the 8 rows (6 rows and a border of 2, as in most layers of the recognizer), one strip does it all:
 * lanes beyond the image hold the zero point and serve as border above and below.
 *
 * Instructions an output (5x5, stride 1): 3 multiplies for 25 MAC, half a load. A vmla with a tap in each instruction would
 * need 25 multiplies of 16-bit lanes for 8 outputs and as many widening loads, 6.3 an output, besides 16-bit overflow. */

#include "depthwise_copy.h"
#include "tile.h"

#include <string.h>

#define GROUP 8        /* outputs between two stores of sums */
#define MAX_VECTORS 6  /* tap arrangements of an output row: all cases together */
#define VECTOR 16
#define SUMS 384       /* of a channel, that are there at once, if that is a row */

struct plan {
    int32_t pitch;       /* rows of a block: 4 or 8 */
    int32_t columns;     /* columns of a block */
    int32_t vectors;     /* tap arrangements for one output row */
    int32_t rows;        /* output rows of a strip */
    int32_t lanes;       /* rows of the image that a strip needs */
    int32_t step;        /* rows of the image from strip to strip */
    int32_t strips;
    int32_t buffers;     /* strips that are there at once */
    int32_t strip_bytes; /* of a channel's plane */
    int32_t groups;      /* of 8 outputs in a row */
    int32_t summed;      /* output rows between two stores of outputs */
    int32_t taps_bytes;  /* of the weights of a channel */
    bool wrapped;        /* one strip, border in the lanes beyond the image */
};

static struct plan make_plan(const struct ocrm55_depthwise *l)
{
    struct plan p;
    p.pitch = l->kernel == 5 ? 8 : 4;
    p.columns = VECTOR / p.pitch;
    p.vectors = l->stride_x == 1 ? 6 : 3;
    const int32_t below = (l->height_out - 1) * l->stride_y + l->kernel - l->pad_top - l->height;
    const int32_t border = l->pad_top > below ? l->pad_top : below;
    p.wrapped = l->height >= l->kernel ? l->height + border <= p.pitch : l->height + l->pad_top + below <= p.pitch;
    p.rows = p.wrapped ? l->height_out : (p.pitch - l->kernel) / l->stride_y + 1;
    p.lanes = p.wrapped ? l->height : (p.rows - 1) * l->stride_y + l->kernel;
    p.step = p.rows * l->stride_y;
    p.strips = (l->height_out + p.rows - 1) / p.rows;
    p.groups = (l->width_out + GROUP - 1) / GROUP;
    p.summed = SUMS / l->width_out;
    p.summed = p.summed < 1 ? 1 : p.summed < p.rows ? p.summed : p.rows;
    /* Blocks that all groups together read, two or one beyond their own. */
    const int32_t blocks = p.groups * GROUP * l->stride_x / p.columns + (l->kernel == 5 ? 2 : 1);
    p.strip_bytes = blocks * VECTOR;
    /* If y is x, a strip's rows are copied before those above are written. Wider outputs reach farther than one strip. */
    p.buffers = p.strips < 2 || l->width_out > l->width ? p.strips : 2;
    p.taps_bytes = l->kernel == 5 ? 32 : 16;
    return p;
}

/* Workspace: arrangements of a strip's rows | planes of 4 channels | sums of some rows of two channels, and of the last
 * group's overhang. What is on its way into the planes, and a word of the border, have the place of the sums. */
static int32_t arrangement_bytes(const struct plan *p) { return p->rows * p->vectors * VECTOR; }
static int32_t planes_bytes(const struct plan *p) { return p->buffers * PLANES * p->strip_bytes; }

size_t ocrm55_depthwise_s8_workspace_bytes(const struct ocrm55_depthwise *layer)
{
    const struct plan p = make_plan(layer);
    const int32_t sums = round_up(2 * p.summed * layer->width_out + GROUP, 4) * (int32_t)sizeof(int32_t);
    return (size_t)(arrangement_bytes(&p) + planes_bytes(&p) + (sums < WORDS + QUAD ? WORDS + QUAD : sums));
}

/* Row of the image that tap row dy of output row `row` of a strip needs -> its lane in a block's column. */
static int32_t lane_of(const struct ocrm55_depthwise *l, const struct plan *p, int32_t row, int32_t dy)
{
    if (!p->wrapped) {
        return row * l->stride_y + dy;
    }
    const int32_t first = row * l->stride_y - l->pad_top, wanted = first + dy;
    if (wanted >= 0 && wanted < l->height) {
        return wanted;
    }
    /* The n-th row outside takes the n-th lane beyond the image. */
    int32_t outside = 0;
    for (int32_t before = first; before < wanted; before++) {
        outside += before < 0 || before >= l->height;
    }
    return l->height + outside;
}

/* to[rows][vectors][16]: which tap each lane is multiplied by; index kernel * kernel is one of the zeros behind the taps. */
static void arrangement(const struct ocrm55_depthwise *l, const struct plan *p, uint8_t *to)
{
    const int32_t k = l->kernel;
    memset(to, k * k, arrangement_bytes(p));
    for (int32_t row = 0; row < p->rows; row++) {
        for (int32_t offset = 0; offset < p->columns; offset += l->stride_x) {
            const int32_t blocks = (offset + k - 1) / p->columns + 1;
            for (int32_t block = 0; block < blocks; block++, to += VECTOR) {
                for (int32_t column = 0; column < p->columns; column++) {
                    const int32_t dx = block * p->columns + column - offset;
                    if (dx < 0 || dx >= k) {
                        continue;
                    }
                    for (int32_t dy = 0; dy < k; dy++) {
                        to[column * p->pitch + lane_of(l, p, row, dy)] = (uint8_t)(dy * k + dx);
                    }
                }
            }
        }
    }
}

#if OCRM55_HELIUM

struct row_arguments {
    const int8_t *plane;   /* 0: of the strip */
    const int8_t *taps;    /* 4 */
    const uint8_t *lanes;  /* 8: arrangement */
    int32_t *acc;          /* 12 */
    int32_t row_bytes;     /* 16: sums that the groups of a row write */
    int32_t overhang;      /* 20: bytes of them that the next row overwrites */
    int32_t rows;          /* 24 */
};

/* All rows of a strip. The loops are whole in assembly for the sake of eight even registers, as in tile_core.c.
 * r1 plane, r3 sums, r5 end of the row's sums, r7 start of the plane, r9 arrangement, r11 taps. */
#define FETCH_TAPS(q) "vldrw.u32 q7, [r9], #16\n vldrb.u8 " q ", [r11, q7]\n"
#define ROWS_BEGIN                                  \
    "push {r4-r11, lr}\n"                           \
    "vpush {d8-d15}\n"                              \
    "sub sp, sp, #12\n"                             \
    "ldrd r7, r11, [r0]\n"                          \
    "ldrd r9, r3, [r0, #8]\n"                       \
    "ldrd r2, r4, [r0, #16]\n"                      \
    "ldr r6, [r0, #24]\n"                           \
    "strd r2, r4, [sp]\n"                           \
    "str r6, [sp, #8]\n"                            \
    "2:\n"
#define ROW_BEGIN         \
    "mov r1, r7\n"        \
    "ldr r0, [sp]\n"      \
    "add r5, r3, r0\n"
#define STORE_GROUP                                            \
    "stmia.w r3!, {r0, r2, r4, r6, r8, r10, r12, lr}\n"        \
    "cmp r3, r5\n"
/* The groups of a row: a taken branch costs as much as the products of 8 MACs, so four groups share one. */
#define GROUPS(name, group)                                                                  \
    ".p2align 2\n"                                                                           \
    "1:\n" MARK_BEGIN(name) group STORE_GROUP MARK_END(name) "beq.w 3f\n"                    \
    group STORE_GROUP "beq.w 3f\n"                                                           \
    group STORE_GROUP "beq.w 3f\n"                                                           \
    group STORE_GROUP "bne.w 1b\n"                                                           \
    ".p2align 2\n"                                                                           \
    "3:\n"
#define ROWS_END                  \
    "ldrd r0, r2, [sp, #4]\n"     \
    "sub r3, r3, r0\n"            \
    "subs r2, r2, #1\n"           \
    "str r2, [sp, #8]\n"          \
    "bne.w 2b\n"                  \
    "add sp, sp, #12\n"           \
    "vpop {d8-d15}\n"             \
    "pop {r4-r11, pc}\n"
#define NEXT(q) "vldrw.u32 " q ", [r1], #16\n"
#define NEW(sum, block, taps) "vmladav.s8 " sum ", " block ", " taps "\n"
#define ADD(sum, block, taps) "vmladava.s8 " sum ", " block ", " taps "\n"

/* 5x5, stride 1: blocks of 2 columns; an even output wants 3 blocks by q0-q2, an odd one the same 3 by q3-q5. 8 outputs
 * share 6 blocks, of which q6 and q7 hand the last two on. 24 multiplies, 4 loads, 3 others: 31 for 200 MAC. */
#define GROUP_5X5_1                                                                                      \
    NEW("r0", "q6", "q0") NEW("r2", "q6", "q3")                                                          \
    ADD("r0", "q7", "q1") NEXT("q6") ADD("r2", "q7", "q4") NEW("r4", "q7", "q0") NEW("r6", "q7", "q3")   \
    ADD("r0", "q6", "q2") NEXT("q7") ADD("r2", "q6", "q5") ADD("r4", "q6", "q1") ADD("r6", "q6", "q4")   \
    NEW("r8", "q6", "q0") NEW("r10", "q6", "q3")                                                         \
    ADD("r4", "q7", "q2") NEXT("q6") ADD("r6", "q7", "q5") ADD("r8", "q7", "q1") ADD("r10", "q7", "q4")  \
    NEW("r12", "q7", "q0") NEW("lr", "q7", "q3")                                                         \
    ADD("r8", "q6", "q2") NEXT("q7") ADD("r10", "q6", "q5") ADD("r12", "q6", "q1") ADD("lr", "q6", "q4") \
    ADD("r12", "q7", "q2") ADD("lr", "q7", "q5")
__attribute__((naked, noinline)) static void rows_5x5_1(__attribute__((unused)) const struct row_arguments *arguments)
{
    __asm volatile(ROWS_BEGIN FETCH_TAPS("q0") FETCH_TAPS("q1") FETCH_TAPS("q2") FETCH_TAPS("q3") FETCH_TAPS("q4")
                   FETCH_TAPS("q5") ROW_BEGIN NEXT("q6") NEXT("q7")
                   GROUPS("depthwise_5x5_stride1", GROUP_5X5_1) ROWS_END);
}

/* 5x5, stride 2: every output is an even one. 24 multiplies, 8 loads, 3 others. */
#define GROUP_5X5_2                                                                         \
    NEW("r0", "q3", "q0") NEXT("q5") ADD("r0", "q4", "q1") NEW("r2", "q4", "q0") NEXT("q6") \
    ADD("r0", "q5", "q2") ADD("r2", "q5", "q1") NEW("r4", "q5", "q0") NEXT("q7")            \
    ADD("r2", "q6", "q2") ADD("r4", "q6", "q1") NEW("r6", "q6", "q0") NEXT("q3")            \
    ADD("r4", "q7", "q2") ADD("r6", "q7", "q1") NEW("r8", "q7", "q0") NEXT("q4")            \
    ADD("r6", "q3", "q2") ADD("r8", "q3", "q1") NEW("r10", "q3", "q0") NEXT("q5")           \
    ADD("r8", "q4", "q2") ADD("r10", "q4", "q1") NEW("r12", "q4", "q0") NEXT("q3")          \
    ADD("r10", "q5", "q2") ADD("r12", "q5", "q1") NEW("lr", "q5", "q0") NEXT("q4")          \
    ADD("r12", "q3", "q2") ADD("lr", "q3", "q1") ADD("lr", "q4", "q2")
__attribute__((naked, noinline)) static void rows_5x5_2(__attribute__((unused)) const struct row_arguments *arguments)
{
    __asm volatile(ROWS_BEGIN FETCH_TAPS("q0") FETCH_TAPS("q1") FETCH_TAPS("q2") ROW_BEGIN NEXT("q3") NEXT("q4")
                   GROUPS("depthwise_5x5_stride2", GROUP_5X5_2) ROWS_END);
}

/* 3x3, stride 1: blocks of 4 columns; outputs 0 and 1 of a block lie within it (q0, q1), 2 and 3 reach into the next (q2
 * and q3, q4 and q5). 12 multiplies, 2 loads, 3 others: 17 for 72 MAC. */
#define GROUP_3X3_1                                                                                     \
    NEW("r0", "q6", "q0") NEXT("q7") NEW("r2", "q6", "q1") NEW("r4", "q6", "q2") NEW("r6", "q6", "q4")  \
    ADD("r4", "q7", "q3") NEXT("q6") ADD("r6", "q7", "q5") NEW("r8", "q7", "q0") NEW("r10", "q7", "q1") \
    NEW("r12", "q7", "q2") NEW("lr", "q7", "q4") ADD("r12", "q6", "q3") ADD("lr", "q6", "q5")
__attribute__((naked, noinline)) static void rows_3x3_1(__attribute__((unused)) const struct row_arguments *arguments)
{
    __asm volatile(ROWS_BEGIN FETCH_TAPS("q0") FETCH_TAPS("q1") FETCH_TAPS("q2") FETCH_TAPS("q3") FETCH_TAPS("q4")
                   FETCH_TAPS("q5") ROW_BEGIN NEXT("q6")
                   GROUPS("depthwise_3x3_stride1", GROUP_3X3_1) ROWS_END);
}

/* 3x3, stride 2: outputs 0 (q0) and 2 (q1 and q2 of the next) of each block. 12 multiplies, 4 loads, 3 others. */
#define GROUP_3X3_2                                                                \
    NEW("r0", "q3", "q0") NEXT("q4") NEW("r2", "q3", "q1")                         \
    ADD("r2", "q4", "q2") NEXT("q5") NEW("r4", "q4", "q0") NEW("r6", "q4", "q1")   \
    ADD("r6", "q5", "q2") NEXT("q6") NEW("r8", "q5", "q0") NEW("r10", "q5", "q1")  \
    ADD("r10", "q6", "q2") NEXT("q3") NEW("r12", "q6", "q0") NEW("lr", "q6", "q1") \
    ADD("lr", "q3", "q2")
__attribute__((naked, noinline)) static void rows_3x3_2(__attribute__((unused)) const struct row_arguments *arguments)
{
    __asm volatile(ROWS_BEGIN FETCH_TAPS("q0") FETCH_TAPS("q1") FETCH_TAPS("q2") ROW_BEGIN NEXT("q3")
                   GROUPS("depthwise_3x3_stride2", GROUP_3X3_2) ROWS_END);
}

static void sum_rows(const struct ocrm55_depthwise *l, const struct plan *p, const int8_t *plane, const int8_t *taps,
                     const uint8_t *lanes, int32_t rows, int32_t *acc)
{
    const struct row_arguments a = {plane, taps, lanes, acc, p->groups * GROUP * 4,
                                    (p->groups * GROUP - l->width_out) * 4, rows};
    if (l->kernel == 5) {
        (l->stride_x == 1 ? rows_5x5_1 : rows_5x5_2)(&a);
    } else {
        (l->stride_x == 1 ? rows_3x3_1 : rows_3x3_2)(&a);
    }
}

#else

/* sums[n * period] of the blocks at block + n * step, all with the same taps. A function for each number of bytes, so that a
 * compiler makes vectors of the innermost loop. */
static inline void sum_blocks(const int8_t *block, int32_t step, const int16_t *taps, int32_t bytes, int32_t *sums,
                              int32_t period, int32_t count)
{
    for (int32_t x = 0; x < count; x += period, block += step) {
        int32_t sum = 0;
        for (int32_t i = 0; i < bytes; i++) {
            sum += (int16_t)block[i] * taps[i];
        }
        sums[x] = sum;
    }
}

static void sum_rows(const struct ocrm55_depthwise *l, const struct plan *p, const int8_t *plane, const int8_t *taps,
                     const uint8_t *lanes, int32_t rows, int32_t *acc)
{
    const int32_t period = p->columns / l->stride_x; /* outputs until a column has the same place in its block again */
    for (int32_t row = 0; row < rows; row++, acc += l->width_out) {
        for (int32_t first = 0; first < period; first++) {
            const int32_t vectors = (first * l->stride_x + l->kernel - 1) / p->columns + 1;
            int16_t arranged[3 * VECTOR];
            for (int32_t i = 0; i < vectors * VECTOR; i++) {
                arranged[i] = taps[lanes[i]];
            }
            lanes += vectors * VECTOR;
            const int32_t count = l->width_out - first;
            if (vectors == 1) {
                sum_blocks(plane, VECTOR, arranged, VECTOR, acc + first, period, count);
            } else if (vectors == 2) {
                sum_blocks(plane, VECTOR, arranged, 2 * VECTOR, acc + first, period, count);
            } else {
                sum_blocks(plane, VECTOR, arranged, 3 * VECTOR, acc + first, period, count);
            }
        }
    }
}

#endif

/* Where the workspace's parts begin. */
struct work {
    uint8_t *lanes;
    int8_t *planes;
    int32_t *acc[2];
};

static struct work of_workspace(const struct ocrm55_depthwise *l, const struct plan *p, void *workspace)
{
    struct work w = {.lanes = workspace};
    w.planes = (int8_t *)w.lanes + arrangement_bytes(p);
    w.acc[0] = (int32_t *)(void *)(w.planes + planes_bytes(p));
    w.acc[1] = w.acc[0] + p->summed * l->width_out; /* what overhangs before is overwritten */
    return w;
}

/* The plane of a strip's first channel. */
static int8_t *plane_of(const struct plan *p, const struct work *w, int32_t strip)
{
    return w->planes + strip % p->buffers * PLANES * p->strip_bytes;
}

/* Some channels of a strip's rows into their planes. x: the first of them in the image. */
static void copy_strip(const struct ocrm55_depthwise *l, const struct plan *p, const struct work *w, int32_t strip,
                       const int8_t *x, int32_t channels)
{
    const int32_t room = p->strip_bytes / p->pitch - l->pad_left, columns = l->width < room ? l->width : room;
    const int32_t first = p->wrapped ? 0 : strip * p->step - l->pad_top; /* row of the image in the first lane */
    /* Lanes that no strip needs hold the border from the beginning. */
    const int32_t lanes = p->lanes <= QUAD ? QUAD : p->pitch;
    int8_t *words = (int8_t *)w->acc[0], *border = words + WORDS;
    memset(border, l->zero_point_in, QUAD);
    struct plane_rows from;
    for (int32_t lane = 0; lane < lanes; lane++) {
        const int32_t row = first + lane;
        const bool inside = lane < p->lanes && row >= 0 && row < l->height;
        from.row[lane] = inside ? x + row * l->width * l->channels : border;
        from.step[lane] = inside ? l->channels : 0;
    }
    copy_rows(&from, lanes, channels, columns, plane_of(p, w, strip) + l->pad_left * p->pitch, p->pitch, p->strip_bytes,
              words);
}

/* Some channels of a strip, two at a time. y: the first of them in the strip's first row. */
static void compute_strip(const struct ocrm55_depthwise *l, const struct plan *p, const struct work *w, int32_t strip,
                          int32_t channel, int32_t channels, int8_t *y)
{
    const int32_t left = l->height_out - strip * p->rows, rows = left < p->rows ? left : p->rows;
    const int32_t *const acc[2] = {w->acc[0], w->acc[1]};
    const int8_t *plane = plane_of(p, w, strip);
    for (int32_t i = 0; i < channels; i += 2, plane += 2 * p->strip_bytes) {
        const int32_t both = channels - i < 2 ? 1 : 2;
        for (int32_t row = 0; row < rows; row += p->summed) {
            const int32_t some = rows - row < p->summed ? rows - row : p->summed;
            for (int32_t n = 0; n < both; n++) {
                sum_rows(l, p, plane + n * p->strip_bytes, l->weights + (channel + i + n) * p->taps_bytes,
                         w->lanes + row * p->vectors * VECTOR, some, w->acc[n]);
            }
            ocrm55_tile_store_channels(&l->epilogue, channel + i, both, l->bias + channel + i, acc, some * l->width_out,
                                       y + row * l->width_out * l->channels + i, l->channels);
        }
    }
}

void ocrm55_depthwise_s8(const struct ocrm55_depthwise *layer, const int8_t *x, int8_t *y, void *workspace)
{
    const struct ocrm55_depthwise l = *layer;
    const struct plan p = make_plan(&l);
    const struct work w = of_workspace(&l, &p, workspace);
    arrangement(&l, &p, w.lanes);
    memset(w.planes, l.zero_point_in, (size_t)planes_bytes(&p)); /* the border is the same for all channels */
    for (int32_t channel = 0; channel < l.channels; channel += PLANES) {
        const int32_t left = l.channels - channel, channels = left < PLANES ? left : PLANES;
        int32_t copied = 0; /* strips */
        for (int32_t strip = 0; strip < p.strips; strip++) {
            for (; copied < p.strips && copied < strip + p.buffers; copied++) {
                copy_strip(&l, &p, &w, copied, x + channel, channels);
            }
            compute_strip(&l, &p, &w, strip, channel, channels, y + strip * p.rows * l.width_out * l.channels + channel);
        }
    }
}

enum ocrm55_status ocrm55_depthwise_s8_check(const struct ocrm55_depthwise *l, const int8_t *x, const int8_t *y)
{
    if (!l || !x || !y || !l->weights || !l->bias) {
        return OCRM55_NULL;
    }
    if (l->channels < 1 || l->height < 1 || l->width < 1 || l->height_out < 1 || l->width_out < 1 || l->pad_top < 0 ||
        l->pad_left < 0 || l->pad_top >= l->kernel || l->pad_left >= l->kernel) {
        return OCRM55_SHAPE;
    }
    if ((l->kernel != 3 && l->kernel != 5) || l->stride_y < 1 || l->stride_y > 2 || l->stride_x < 1 || l->stride_x > 2 ||
        l->channels > 4096 || l->epilogue.activation == OCRM55_REAL) {
        return OCRM55_LIMIT;
    }
    const int32_t below = (l->height_out - 1) * l->stride_y + l->kernel - l->pad_top - l->height;
    const int32_t right = (l->width_out - 1) * l->stride_x + l->kernel - l->pad_left - l->width;
    if (below >= l->kernel || right >= l->kernel) {
        return OCRM55_SHAPE;
    }
    if (l->zero_point_in < -128 || l->zero_point_in > 127) {
        return OCRM55_RANGE;
    }
    return ((uintptr_t)l->bias & 3u) != 0 ? OCRM55_ALIGNMENT : ocrm55_tile_check(&l->epilogue, y);
}

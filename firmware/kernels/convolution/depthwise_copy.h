/* How a depthwise convolution copies channels out of NHWC into planes: see depthwise.c. Internal.
 *
 * A gather takes a cycle for two elements, and one more if both lie in one bank of memory, as pixels do that are a multiple
 * of 16 bytes apart. So 4 channels are gathered as one word: a quarter of the elements that bytes would be. */
#ifndef OCRM55_DEPTHWISE_COPY_H
#define OCRM55_DEPTHWISE_COPY_H

#include "helium.h"

#define PLANES 4 /* channels that are copied together */
#define QUAD 4   /* rows that are copied together: a word of a plane */
#define WORDS 64 /* bytes on their way, of 16 pixels */

/* For each row of a block of a plane, where it comes from: its first pixel, and the bytes from pixel to pixel, which are
 * none in the border. */
struct plane_rows {
    const int8_t *row[2 * QUAD];
    int32_t step[2 * QUAD];
};

#if OCRM55_HELIUM

/* Words of 16 pixels, 4 a vector, on their way; addresses move on beside the stores. */
#define FETCH_WORDS(one, other, one_step, other_step)           \
    "vldrw.u32 q0, [%q[" one "]]\n"                             \
    "vldrw.u32 q1, [%q[" other "]]\n"                           \
    "vstrw.32 q0, [%[words]]\n"                                 \
    "vadd.i32 %q[" one "], %q[" one "], %q[" one_step "]\n"      \
    "vstrw.32 q1, [%[words], #16]\n"                            \
    "vadd.i32 %q[" other "], %q[" other "], %q[" other_step "]\n" \
    "vldrw.u32 q0, [%q[" one "]]\n"                             \
    "vldrw.u32 q1, [%q[" other "]]\n"                           \
    "vstrw.32 q0, [%[words], #32]\n"                            \
    "vadd.i32 %q[" one "], %q[" one "], %q[" one_step "]\n"      \
    "vstrw.32 q1, [%[words], #48]\n"                            \
    "vadd.i32 %q[" other "], %q[" other "], %q[" other_step "]\n"
/* The same 16 pixels by channels. */
#define FETCH_CHANNELS                       \
    "vld40.8 {q0, q1, q2, q3}, [%[words]]\n" \
    "vld41.8 {q0, q1, q2, q3}, [%[words]]\n" \
    "vld42.8 {q0, q1, q2, q3}, [%[words]]\n" \
    "vld43.8 {q0, q1, q2, q3}, [%[words]]\n"
#define STORE_BLOCKS               \
    "vstrw.32 q0, [%[p0]], #16\n"  \
    "vstrw.32 q1, [%[p1]], #16\n"  \
    "vstrw.32 q2, [%[p2]], #16\n"  \
    "vstrw.32 q3, [%[p3]], #16\n"
/* Of blocks of 8 rows only the upper half. */
#define STORE_HALVES                    \
    "vstrw.32 q0, [%[p0], %q[places]]\n" \
    "adds %[p0], #32\n"                 \
    "vstrw.32 q1, [%[p1], %q[places]]\n" \
    "adds %[p1], #32\n"                 \
    "vstrw.32 q2, [%[p2], %q[places]]\n" \
    "adds %[p2], #32\n"                 \
    "vstrw.32 q3, [%[p3], %q[places]]\n" \
    "adds %[p3], #32\n"
#define PLANES_OF(to, plane_bytes) \
    int8_t *p0 = (to), *p1 = p0 + (plane_bytes), *p2 = p1 + (plane_bytes), *p3 = p2 + (plane_bytes)
#define MOVING_PLANES [p0] "+l"(p0), [p1] "+l"(p1), [p2] "+l"(p2), [p3] "+l"(p3)

static inline uint32x4_t addresses(const int8_t *const row[QUAD])
{
    return vldrwq_u32((const uint32_t *)(const void *)row);
}

/* Each loop has a function of its own: that keeps gcc from moving its vectors about. */
#define NOINLINE __attribute__((noinline))

/* Blocks of 8 rows and 2 columns. */
static NOINLINE void copy_tall(const struct plane_rows *from, int32_t blocks, int8_t *to, int32_t plane_bytes, int8_t *words)
{
    PLANES_OF(to, plane_bytes);
    uint32x4_t upper = addresses(from->row), lower = addresses(from->row + QUAD);
    const int32x4_t upper_step = vldrwq_s32(from->step), lower_step = vldrwq_s32(from->step + QUAD);
    for (; blocks > 0; blocks--) {
        MARK(MARK_BEGIN("depthwise_copy"));
        __asm volatile(FETCH_WORDS("upper", "lower", "upper_step", "lower_step") FETCH_CHANNELS STORE_BLOCKS
                       : MOVING_PLANES, [upper] "+w"(upper), [lower] "+w"(lower)
                       : [upper_step] "w"(upper_step), [lower_step] "w"(lower_step), [words] "r"(words)
                       : "memory", "q0", "q1", "q2", "q3");
        MARK(MARK_END("depthwise_copy"));
    }
}

/* 4 rows and 4 columns: a block, or (half) the upper halves of two. */
static inline __attribute__((always_inline)) void copy_low(const struct plane_rows *from, int32_t blocks, int8_t *to,
                                                           int32_t plane_bytes, int8_t *words, bool half)
{
    PLANES_OF(to, plane_bytes);
    const int32x4_t step = vldrwq_s32(from->step), twice = vaddq_s32(step, step);
    const uint32x4_t places = vshlq_n_u32(vidupq_n_u32(0, 1), 3);
    uint32x4_t even = addresses(from->row), odd = vaddq_u32(even, vreinterpretq_u32_s32(step));
    for (; blocks > 0; blocks--) {
        if (half) {
            __asm volatile(FETCH_WORDS("even", "odd", "twice", "twice") FETCH_CHANNELS STORE_HALVES
                           : MOVING_PLANES, [even] "+w"(even), [odd] "+w"(odd)
                           : [twice] "w"(twice), [places] "w"(places), [words] "r"(words)
                           : "memory", "cc", "q0", "q1", "q2", "q3");
        } else {
            __asm volatile(FETCH_WORDS("even", "odd", "twice", "twice") FETCH_CHANNELS STORE_BLOCKS
                           : MOVING_PLANES, [even] "+w"(even), [odd] "+w"(odd)
                           : [twice] "w"(twice), [words] "r"(words)
                           : "memory", "q0", "q1", "q2", "q3");
        }
    }
}

static NOINLINE void copy_square(const struct plane_rows *from, int32_t blocks, int8_t *to, int32_t plane_bytes,
                                 int8_t *words)
{
    copy_low(from, blocks, to, plane_bytes, words, false);
}

static NOINLINE void copy_half(const struct plane_rows *from, int32_t blocks, int8_t *to, int32_t plane_bytes, int8_t *words)
{
    copy_low(from, blocks, to, plane_bytes, words, true);
}

/* Up to 4 channels of 4 rows, column by column: where pixels are no words, and for the columns behind the last block. */
static inline void copy_columns(const int8_t *const row[QUAD], const int32_t step[QUAD], int32_t channels, int32_t columns,
                                int8_t *to, int32_t pitch, int32_t plane_bytes, int8_t *words)
{
    const mve_pred16_t some = vctp8q((uint32_t)channels);
    const uint32x4_t plane = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)plane_bytes);
    for (int32_t x = 0; x < columns; x++, to += pitch) {
        int8x16x4_t pixels; /* interleaved, 4 bytes of a channel are beside each other */
        for (int32_t i = 0; i < QUAD; i++) {
            pixels.val[i] = vldrbq_z_s8(row[i] + x * step[i], some);
        }
        vst4q_s8(words, pixels);
        vstrwq_scatter_offset_s32((int32_t *)(void *)to, plane, vldrwq_s32((const int32_t *)(const void *)words));
    }
}

/* Up to 4 channels into rows of lanes. to: of the first channel's plane. */
static NOINLINE void copy_rows(const struct plane_rows *from, int32_t lanes, int32_t channels, int32_t columns, int8_t *to,
                               int32_t pitch, int32_t plane_bytes, int8_t *words)
{
    uint32_t odd = channels == PLANES ? 0 : 1;
    for (int32_t i = 0; i < lanes; i++) {
        odd |= (uint32_t)(uintptr_t)from->row[i] | (uint32_t)from->step[i];
    }
    const int32_t of_block = lanes == QUAD ? 4 : 2, blocks = (odd & 3u) != 0 ? 0 : columns / of_block;
    (lanes != QUAD ? copy_tall : pitch != QUAD ? copy_half : copy_square)(from, blocks, to, plane_bytes, words);
    const int32_t done = blocks * of_block;
    for (int32_t lane = 0; done < columns && lane < lanes; lane += QUAD) {
        const int8_t *row[QUAD];
        for (int32_t i = 0; i < QUAD; i++) {
            row[i] = from->row[lane + i] + done * from->step[lane + i];
        }
        copy_columns(row, from->step + lane, channels, columns - done, to + done * pitch + lane, pitch, plane_bytes, words);
    }
}

#else

static void copy_rows(const struct plane_rows *from, int32_t lanes, int32_t channels, int32_t columns, int8_t *to,
                      int32_t pitch, int32_t plane_bytes, int8_t *words)
{
    (void)words;
    for (int32_t x = 0; x < columns; x++, to += pitch) {
        for (int32_t lane = 0; lane < lanes; lane++) {
            for (int32_t channel = 0; channel < channels; channel++) {
                to[channel * plane_bytes + lane] = from->row[lane][x * from->step[lane] + channel];
            }
        }
    }
}

#endif
#endif

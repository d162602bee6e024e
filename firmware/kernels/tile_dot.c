/* The heart of all convolutions: 4 pixels x 2 output channels at a time.
 *
 * Why 4x2: vmladava wants an even core register for its sum, and there are eight of them (r0, r2, .. r12, lr). 4x2 uses all
 * eight: 8 multiply-accumulates (128 MAC) for 4 + 2 loads. 3x2 would need 5 loads for 6. The odd registers hold the four
 * rows of x (r1, r3, r5, r7), the weights (r9) and the accumulators' way out (r11); what is left (end, jump target) is on
 * the stack. For that the function is written whole in assembly: no compiler keeps eight even registers.
 *
 * A block of 16 input channels is 14 instructions of 4 bytes, loads and multiplies alternating, so that a core with
 * overlapping beats finds work for both pipes (llvm-mca: 16 cycles, 8 MAC a cycle, the core's peak). 31 of them stand in a
 * row and a jump enters at the right one: no loop counter, and immediate offsets instead of moving pointers. The last
 * block's x stay in q4 to q7 for all pairs.
 *
 * Instructions for one pair with n blocks: 14 n + 2. */

#include "tile.h"

#if OCRM55_HELIUM

struct core_arguments {
    const int8_t *x[TILE_PIXELS]; /* 0: each row + 16 * blocks - 256, the middle of what immediate offsets reach */
    const int8_t *weights;        /* 16 */
    int32_t *acc;                 /* 20 */
    const int8_t *weights_end;    /* 24 */
    int32_t skipped;              /* 28: blocks that the row of 31 leaves out: 32 - blocks */
};

/* START: the instruction that fetches eight sums. */
#define TILE_CORE(START)                                                                       \
    __asm volatile(                                                                            \
        "push {r4-r11, lr}\n"                                                                  \
        "vpush {d8-d15}\n"                                                                     \
        "sub sp, sp, #12\n"                                                                    \
        "ldrd r2, r4, [r0, #24]\n"                                                             \
        "adr.w r6, 2f\n"                                                                       \
        "mov.w r8, #56\n"                                                                      \
        "mla r6, r4, r8, r6\n"                                                                 \
        "orr r6, r6, #1\n"                                                                     \
        "strd r2, r6, [sp]\n"                                                                  \
        "ldrd r1, r3, [r0]\n"                                                                  \
        "ldrd r5, r7, [r0, #8]\n"                                                              \
        "ldrd r9, r11, [r0, #16]\n"                                                            \
        "vldrw.u32 q4, [r1, #240]\n"                                                           \
        "vldrw.u32 q5, [r3, #240]\n"                                                           \
        "vldrw.u32 q6, [r5, #240]\n"                                                           \
        "vldrw.u32 q7, [r7, #240]\n"                                                           \
        "1:\n" START "\n"                                                                      \
        "vldrw.u32 q0, [r9], #16\n"                                                            \
        "ldr.w pc, [sp, #4]\n"                                                                 \
        ".p2align 2\n"                                                                         \
        "2:\n"                                                                                 \
        ".set tile_offset, -256\n"                                                             \
        ".rept 31\n"                                                                           \
        "vldrw.u32 q2, [r1, #tile_offset]\n"                                                   \
        "vmladava.s8 r0, q2, q0\n"                                                             \
        "vldrw.u32 q1, [r9], #16\n"                                                            \
        "vmladava.s8 r8, q2, q1\n"                                                             \
        "vldrw.u32 q3, [r3, #tile_offset]\n"                                                   \
        "vmladava.s8 r2, q3, q0\n"                                                             \
        "vldrw.u32 q2, [r5, #tile_offset]\n"                                                   \
        "vmladava.s8 r10, q3, q1\n"                                                            \
        "vmladava.s8 r4, q2, q0\n"                                                             \
        "vldrw.u32 q3, [r7, #tile_offset]\n"                                                   \
        "vmladava.s8 r12, q2, q1\n"                                                            \
        "vmladava.s8 r6, q3, q0\n"                                                             \
        "vldrw.u32 q0, [r9], #16\n"                                                            \
        "vmladava.s8 lr, q3, q1\n"                                                             \
        ".set tile_offset, tile_offset + 16\n"                                                 \
        ".endr\n"                                                                              \
        "vmladava.s8 r0, q4, q0\n"                                                             \
        "vldrw.u32 q1, [r9], #16\n"                                                            \
        "vmladava.s8 r8, q4, q1\n"                                                             \
        "vmladava.s8 r2, q5, q0\n"                                                             \
        "vmladava.s8 r10, q5, q1\n"                                                            \
        "vmladava.s8 r4, q6, q0\n"                                                             \
        "vmladava.s8 r12, q6, q1\n"                                                            \
        "vmladava.s8 r6, q7, q0\n"                                                             \
        "vmladava.s8 lr, q7, q1\n"                                                             \
        "stmia.w r11!, {r0, r2, r4, r6, r8, r10, r12, lr}\n"                                   \
        "ldr.w r0, [sp]\n"                                                                     \
        "cmp.w r9, r0\n"                                                                       \
        "bne.w 1b\n"                                                                           \
        "add sp, sp, #12\n"                                                                    \
        "vpop {d8-d15}\n"                                                                      \
        "pop {r4-r11, pc}\n")

__attribute__((naked, noinline)) static void core_from_bias(__attribute__((unused)) const struct core_arguments *arguments)
{
    TILE_CORE("ldmia.w r9!, {r0, r2, r4, r6, r8, r10, r12, lr}");
}

__attribute__((naked, noinline)) static void core_from_sums(__attribute__((unused)) const struct core_arguments *arguments)
{
    TILE_CORE("ldmia.w r11, {r0, r2, r4, r6, r8, r10, r12, lr}");
}

/* acc[pairs][2][4], where one pass takes at most 512 input channels; first: start from the bias in the weights, else go on
 * from what acc holds. */
static void tile_dot(const int8_t *const x[TILE_PIXELS], const int8_t *weights, int32_t *acc, int32_t blocks,
                     int32_t pairs, bool first)
{
    const int8_t *end = weights + pairs * (blocks * 2 * TILE_BLOCK + (first ? 32 : 0));
    const int32_t middle = blocks * TILE_BLOCK - 256;
    const struct core_arguments arguments = {{x[0] + middle, x[1] + middle, x[2] + middle, x[3] + middle},
                                             weights, acc, end, TILE_CHUNK_BLOCKS - blocks};
    if (first) {
        core_from_bias(&arguments);
    } else {
        core_from_sums(&arguments);
    }
}

#else

#include <string.h>

static void tile_dot(const int8_t *const x[TILE_PIXELS], const int8_t *weights, int32_t *acc, int32_t blocks,
                     int32_t pairs, bool first)
{
    for (int32_t pair = 0; pair < pairs; pair++, acc += 8) {
        if (first) {
            memcpy(acc, weights, 32);
            weights += 32;
        }
        for (int32_t block = 0; block < blocks; block++, weights += 2 * TILE_BLOCK) {
            for (int32_t pixel = 0; pixel < TILE_PIXELS; pixel++) {
                const int8_t *row = x[pixel] + block * TILE_BLOCK;
                for (int32_t i = 0; i < TILE_BLOCK; i++) {
                    acc[pixel] += row[i] * weights[i];
                    acc[4 + pixel] += row[i] * weights[TILE_BLOCK + i];
                }
            }
        }
    }
}

#endif

void tile_conv(const int8_t *weights, int32_t depth, int32_t channels_out, int32_t first, int32_t channels,
               const int8_t *const rows[TILE_PIXELS], int32_t *acc)
{
    const int32_t all_pairs = round_up(channels_out, 4) / 2, pairs = round_up(channels, 4) / 2;
    const int8_t *x[TILE_PIXELS] = {rows[0], rows[1], rows[2], rows[3]};
    for (int32_t done = 0; done < depth; done += TILE_CHUNK_BLOCKS * TILE_BLOCK) {
        const int32_t left = (depth - done) / TILE_BLOCK;
        const int32_t blocks = left < TILE_CHUNK_BLOCKS ? left : TILE_CHUNK_BLOCKS;
        const int32_t pair_bytes = blocks * 2 * TILE_BLOCK + (done == 0 ? 32 : 0);
        tile_dot(x, weights + first / 2 * pair_bytes, acc, blocks, pairs, done == 0);
        weights += all_pairs * pair_bytes;
        for (int32_t i = 0; i < TILE_PIXELS; i++) {
            x[i] += TILE_CHUNK_BLOCKS * TILE_BLOCK;
        }
    }
}

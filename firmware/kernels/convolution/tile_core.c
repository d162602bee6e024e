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

#include <string.h>

#if OCRM55_HELIUM

/* One block: 16 input channels, 14 instructions of 4 bytes. */
#define TILE_BLOCK_CODE(offset) \
    "vldrw.u32 q2, [r1, #" offset "]\n" \
    "vmladava.s8 r0, q2, q0\n" \
    "vldrw.u32 q1, [r9], #16\n" \
    "vmladava.s8 r8, q2, q1\n" \
    "vldrw.u32 q3, [r3, #" offset "]\n" \
    "vmladava.s8 r2, q3, q0\n" \
    "vldrw.u32 q2, [r5, #" offset "]\n" \
    "vmladava.s8 r10, q3, q1\n" \
    "vmladava.s8 r4, q2, q0\n" \
    "vldrw.u32 q3, [r7, #" offset "]\n" \
    "vmladava.s8 r12, q2, q1\n" \
    "vmladava.s8 r6, q3, q0\n" \
    "vldrw.u32 q0, [r9], #16\n" \
    "vmladava.s8 lr, q3, q1\n"

/* START: the instruction that fetches eight sums. */
#define TILE_CORE(START)                                                                       \
    __asm volatile(                                                                            \
        "push {r4-r11, lr}\n"                                                                  \
        "vpush {d8-d15}\n"                                                                     \
        "sub sp, sp, #12\n"                                                                    \
        "ldrd r2, r4, [r0, #24]\n"                                                             \
        "ldrd r1, r3, [r0]\n"                                                                  \
        "ldrd r5, r7, [r0, #8]\n"                                                              \
        "ldrd r9, r11, [r0, #16]\n"                                                            \
        "adr.w r6, 2f\n"            /* where to enter: 2f + 56 * (32 - blocks), + 1 for Thumb */\
        "rsb r8, r4, #32\n"                                                                    \
        "mov.w r10, #56\n"                                                                     \
        "mla r6, r8, r10, r6\n"                                                                \
        "orr r6, r6, #1\n"                                                                     \
        "strd r2, r6, [sp]\n"                                                                  \
        "lsl r4, r4, #4\n"          /* x + 16 * blocks - 256: the last block is at +240 */     \
        "sub r4, r4, #256\n"                                                                   \
        "add r1, r1, r4\n"                                                                     \
        "add r3, r3, r4\n"                                                                     \
        "add r5, r5, r4\n"                                                                     \
        "add r7, r7, r4\n"                                                                     \
        "vldrw.u32 q4, [r1, #240]\n"                                                           \
        "vldrw.u32 q5, [r3, #240]\n"                                                           \
        "vldrw.u32 q6, [r5, #240]\n"                                                           \
        "vldrw.u32 q7, [r7, #240]\n"                                                           \
        START "\n"                                                                            \
        "vldrw.u32 q0, [r9], #16\n"                                                            \
        "ldr.w pc, [sp, #4]\n"                                                                 \
        ".p2align 2\n"                                                                         \
        "2:\n"                                                                                 \
        MARK_BEGIN("tile_core")                                                                \
        TILE_BLOCK_CODE("-256")                                                                \
        MARK_END("tile_core")                                                                  \
        ".set tile_offset, -240\n"                                                             \
        ".rept 30\n"                                                                           \
        TILE_BLOCK_CODE("tile_offset")                                                         \
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
        "beq.n 3f\n"                                                                           \
        START "\n" /* again, so that a pair takes one branch and not two */                    \
        "vldrw.u32 q0, [r9], #16\n"                                                            \
        "ldr.w pc, [sp, #4]\n"                                                                 \
        "3:\n"                                                                                 \
        "add sp, sp, #12\n"                                                                    \
        "vpop {d8-d15}\n"                                                                      \
        "pop {r4-r11, pc}\n")

__attribute__((naked, noinline)) void ocrm55_tile_core_bias(__attribute__((unused)) const struct tile_core_arguments *a)
{
    TILE_CORE("ldmia.w r9!, {r0, r2, r4, r6, r8, r10, r12, lr}");
}

__attribute__((naked, noinline)) void ocrm55_tile_core_sums(__attribute__((unused)) const struct tile_core_arguments *a)
{
    TILE_CORE("ldmia.w r11, {r0, r2, r4, r6, r8, r10, r12, lr}");
}

#else

/* In 16 bits, and with all eight sums in one loop: most computers have a vector instruction for sums of such products, and
 * compilers find it. */
static inline void widen(int16_t *to, const int8_t *from)
{
    for (int32_t i = 0; i < TILE_BLOCK; i++) {
        to[i] = from[i];
    }
}

static void add_products(int32_t *acc, int16_t (*x)[TILE_CHUNK_BLOCKS * TILE_BLOCK],
                         int16_t (*w)[TILE_CHUNK_BLOCKS * TILE_BLOCK], int32_t count)
{
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
    for (int32_t i = 0; i < count; i++) {
        s0 += x[0][i] * w[0][i];
        s1 += x[1][i] * w[0][i];
        s2 += x[2][i] * w[0][i];
        s3 += x[3][i] * w[0][i];
        s4 += x[0][i] * w[1][i];
        s5 += x[1][i] * w[1][i];
        s6 += x[2][i] * w[1][i];
        s7 += x[3][i] * w[1][i];
    }
    const int32_t sums[8] = {s0, s1, s2, s3, s4, s5, s6, s7};
    for (int32_t i = 0; i < 8; i++) {
        acc[i] += sums[i];
    }
}

static void core(const struct tile_core_arguments *a, bool from_bias)
{
    int16_t x[TILE_PIXELS][TILE_CHUNK_BLOCKS * TILE_BLOCK], w[2][TILE_CHUNK_BLOCKS * TILE_BLOCK];
    for (int32_t pixel = 0; pixel < TILE_PIXELS; pixel++) {
        for (int32_t i = 0; i < a->blocks * TILE_BLOCK; i += TILE_BLOCK) {
            widen(x[pixel] + i, a->x[pixel] + i);
        }
    }
    const int8_t *weights = a->weights;
    for (int32_t *acc = a->acc; weights < a->weights_end; acc += 8) {
        if (from_bias) {
            memcpy(acc, weights, 8 * sizeof *acc);
            weights += 8 * sizeof *acc;
        }
        for (int32_t i = 0; i < a->blocks * TILE_BLOCK; i += TILE_BLOCK, weights += 2 * TILE_BLOCK) {
            widen(w[0] + i, weights);
            widen(w[1] + i, weights + TILE_BLOCK);
        }
        add_products(acc, x, w, a->blocks * TILE_BLOCK);
    }
}

void ocrm55_tile_core_bias(const struct tile_core_arguments *arguments) { core(arguments, true); }
void ocrm55_tile_core_sums(const struct tile_core_arguments *arguments) { core(arguments, false); }

#endif

/* Runs kernels on cases from a file and writes their outputs to another: the same program on the host (stdio) and on the
 * board (semihosting), so that tests compare both with a reference, and `ocrm55 bench kernels` counts instructions.
 *
 *   host:  kernel_runner cases answers          board: command line `runner cases answers`
 *
 * cases, little endian words: "KRUN", count; then each case: the kernel's name in 24 bytes with zeros behind it, number of
 * integers, number of blobs, bytes of output;
 * the integers; for each blob its bytes, and the blob, which starts at a multiple of 16 and ends there.
 * answers: for each case: status, instructions, bytes of output; the output, padded to 4 bytes.
 * toolkit/ocrm55/bench/runner.py writes and reads both and knows the meaning of integers and blobs. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "ocrm55_kernels.h"

#define MAGIC 0x4E55524Bu /* "KRUN" */
#define MAX_BLOBS 8
#define CANARY 0x5A
#define CANARY_BYTES 64
#define STATUS_OVERRUN 100u /* wrote beyond its output or its workspace */
#define STATUS_UNKNOWN 101u
#define STATUS_MEMORY 102u

#if defined(__arm__)
#include "platform.h"
static uint32_t count_instructions(void) { return (uint32_t)platform_instructions(); }
#else
#include <stdio.h>
#include <stdlib.h>
#define POOL_BYTES (256u * 1024 * 1024)
static uint32_t count_instructions(void) { return 0; }
#endif

struct kernel_case {
    const int32_t *integers;
    const uint8_t *blobs[MAX_BLOBS];
    uint8_t *out;
    uint32_t out_bytes;
    uint8_t *spare; /* the rest of the pool: workspace */
    uint32_t spare_bytes;
    uint32_t instructions;
    uint8_t *guard; /* behind the workspace */
};

/* The workspace of exactly the size that the kernel asked for, with a guard behind it. */
static void *workspace(struct kernel_case *c, size_t bytes)
{
    c->guard = c->spare + bytes;
    memset(c->guard, CANARY, CANARY_BYTES);
    return c->spare;
}

static bool whole(const uint8_t *guard)
{
    for (uint32_t i = 0; i < CANARY_BYTES; i++) {
        if (guard[i] != CANARY) {
            return false;
        }
    }
    return true;
}

/* Arguments that make no sense end the case before anything is touched. */
#define CHECKED(check)                             \
    do {                                           \
        const uint32_t status_ = (uint32_t)(check); \
        if (status_ != 0) {                        \
            return status_;                        \
        }                                          \
    } while (0)

#define RUN(case_, call)                                        \
    do {                                                        \
        const uint32_t before_ = count_instructions();          \
        call;                                                   \
        (case_)->instructions = count_instructions() - before_; \
        return 0;                                               \
    } while (0)

/* integers: activation, zero point, low, high, table shift, table stride; blobs: scale, and table or, of HARD_SWISH, gain. */
#define EPILOGUE_INTEGERS 6
static struct ocrm55_epilogue epilogue(const int32_t *i, const uint8_t *scale, const uint8_t *table)
{
    struct ocrm55_epilogue e = {.scale = (const float *)(const void *)scale,
                                .gain = (const float *)(const void *)table,
                                .table = (const int8_t *)table,
                                .activation = (uint8_t)i[0],
                                .zero_point = i[1],
                                .low = (int8_t)i[2],
                                .high = (int8_t)i[3],
                                .table_shift = (uint8_t)i[4],
                                .table_stride = i[5]};
    return e;
}

static float real(int32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* ---- convolution ------------------------------------------------------------------------------------------------- */

/* integers: epilogue, pixels, channels in, channels out, y stride. blobs: x, weights, scale, table */
static uint32_t run_pointwise(struct kernel_case *c)
{
    const int32_t *i = c->integers + EPILOGUE_INTEGERS;
    const struct ocrm55_pointwise layer = {.channels_in = i[1],
                                           .channels_out = i[2],
                                           .y_stride = i[3],
                                           .weights = (const int8_t *)c->blobs[1],
                                           .epilogue = epilogue(c->integers, c->blobs[2], c->blobs[3])};
    const int8_t *x = (const int8_t *)c->blobs[0];
    CHECKED(ocrm55_pointwise_s8_check(&layer, x, c->out, i[0]));
    void *scratch = workspace(c, ocrm55_pointwise_s8_workspace_bytes(&layer));
    RUN(c, ocrm55_pointwise_s8(&layer, x, c->out, i[0], scratch));
}

/* integers: epilogue, channels in, height, width, channels out, height out, width out, kernel height, kernel width, stride y,
 * stride x, pad top, pad left, y stride, zero point in. blobs: x, weights, scale, table */
static uint32_t run_conv(struct kernel_case *c)
{
    const int32_t *i = c->integers + EPILOGUE_INTEGERS;
    const struct ocrm55_conv layer = {.channels_in = i[0], .height = i[1], .width = i[2], .channels_out = i[3],
                                      .height_out = i[4], .width_out = i[5], .kernel_height = i[6],
                                      .kernel_width = i[7], .stride_y = i[8], .stride_x = i[9], .pad_top = i[10],
                                      .pad_left = i[11], .y_stride = i[12], .zero_point_in = i[13],
                                      .weights = (const int8_t *)c->blobs[1],
                                      .epilogue = epilogue(c->integers, c->blobs[2], c->blobs[3])};
    const int8_t *x = (const int8_t *)c->blobs[0];
    CHECKED(ocrm55_conv_s8_check(&layer, x, c->out));
    void *scratch = workspace(c, ocrm55_conv_s8_workspace_bytes(&layer));
    RUN(c, ocrm55_conv_s8(&layer, x, c->out, scratch));
}

/* integers: epilogue, channels, height, width, height out, width out, kernel, stride y, stride x, pad top, pad left, zero
 * point in, whether in place. blobs: x, weights, bias, scale, table */
static uint32_t run_depthwise(struct kernel_case *c)
{
    const int32_t *i = c->integers + EPILOGUE_INTEGERS;
    const struct ocrm55_depthwise layer = {.channels = i[0], .height = i[1], .width = i[2], .height_out = i[3],
                                           .width_out = i[4], .kernel = i[5], .stride_y = i[6], .stride_x = i[7],
                                           .pad_top = i[8], .pad_left = i[9], .zero_point_in = i[10],
                                           .weights = (const int8_t *)c->blobs[1],
                                           .bias = (const int32_t *)(const void *)c->blobs[2],
                                           .epilogue = epilogue(c->integers, c->blobs[3], c->blobs[4])};
    const int8_t *x = (const int8_t *)c->blobs[0];
    int8_t *y = (int8_t *)c->out;
    CHECKED(ocrm55_depthwise_s8_check(&layer, x, y));
    void *scratch = workspace(c, ocrm55_depthwise_s8_workspace_bytes(&layer));
    if (i[11]) {
        y = (int8_t *)scratch + ocrm55_depthwise_s8_workspace_bytes(&layer) + CANARY_BYTES;
        memcpy(y, x, (size_t)(i[0] * i[1] * i[2]));
        x = y;
    }
    const uint32_t before = count_instructions();
    ocrm55_depthwise_s8(&layer, x, y, scratch);
    c->instructions = count_instructions() - before;
    if (i[11]) {
        memcpy(c->out, y, c->out_bytes);
    }
    return 0;
}

/* ---- product ----------------------------------------------------------------------------------------------------- */

/* integers: epilogue, batches, rows, columns, depth, a batch, a row, b batch, b column, b depth, y batch, y row, zero a.
 * blobs: a, b, scale, table */
static uint32_t run_matmul(struct kernel_case *c)
{
    const int32_t *i = c->integers + EPILOGUE_INTEGERS;
    const struct ocrm55_matmul layer = {i[0], i[1], i[2], i[3],  i[4],  i[5], i[6],
                                        i[7], i[8], i[9], i[10], i[11], epilogue(c->integers, c->blobs[2], c->blobs[3])};
    const int8_t *a = (const int8_t *)c->blobs[0], *b = (const int8_t *)c->blobs[1];
    CHECKED(ocrm55_matmul_s8_check(&layer, a, b, c->out));
    void *scratch = workspace(c, ocrm55_matmul_s8_workspace_bytes(&layer));
    RUN(c, ocrm55_matmul_s8(&layer, a, b, c->out, scratch));
}

/* ---- pool -------------------------------------------------------------------------------------------------------- */

/* integers: channels, height, width, height out, width out, kernel height, kernel width, stride y, stride x, y stride, zero
 * x, zero y, bits of gain. blobs: x */
static uint32_t run_average_pool(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    const struct ocrm55_average_pool layer = {i[0], i[1], i[2], i[3], i[4],  i[5],       i[6],
                                              i[7], i[8], i[9], i[10], i[11], real(i[12])};
    const int8_t *x = (const int8_t *)c->blobs[0];
    CHECKED(ocrm55_average_pool_s8_check(&layer, x, (int8_t *)c->out));
    RUN(c, ocrm55_average_pool_s8(&layer, x, (int8_t *)c->out));
}

/* integers: those of average_pool, then first, count and more. blobs: x */
static uint32_t run_average_pool_repeated(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    const struct ocrm55_average_pool layer = {i[0], i[1], i[2], i[3], i[4],  i[5],       i[6],
                                              i[7], i[8], i[9], i[10], i[11], real(i[12])};
    const int8_t *x = (const int8_t *)c->blobs[0];
    CHECKED(ocrm55_average_pool_s8_check(&layer, x, (int8_t *)c->out));
    RUN(c, ocrm55_average_pool_repeated_s8(&layer, x, (int8_t *)c->out, i[13], i[14], i[15]));
}

/* integers: channels, height, width, height out, width out, kernel height, kernel width, stride y, stride x, pad top, pad
 * left. blobs: x */
static uint32_t run_max_pool(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    const struct ocrm55_max_pool layer = {i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8], i[9], i[10]};
    const int8_t *x = (const int8_t *)c->blobs[0];
    CHECKED(ocrm55_max_pool_s8_check(&layer, x, (int8_t *)c->out));
    RUN(c, ocrm55_max_pool_s8(&layer, x, (int8_t *)c->out));
}

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

/* integers: count, gain a, gain b, offset, shift. blobs: a, b */
static uint32_t run_add(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    const struct ocrm55_add layer = {i[0], i[1], i[2], i[3], i[4]};
    const int8_t *a = (const int8_t *)c->blobs[0], *b = (const int8_t *)c->blobs[1];
    CHECKED(ocrm55_add_s8_check(&layer, a, b, (int8_t *)c->out));
    RUN(c, ocrm55_add_s8(&layer, a, b, (int8_t *)c->out));
}

/* integers: height, width, channels, rows, columns, gain a, gain b, offset, shift. blobs: a, b */
static uint32_t run_add_upsampled(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    const struct ocrm55_add_upsampled layer = {{0, i[5], i[6], i[7], i[8]}, i[0], i[1], i[2], i[3], i[4]};
    const int8_t *a = (const int8_t *)c->blobs[0], *b = (const int8_t *)c->blobs[1];
    CHECKED(ocrm55_add_upsampled_s8_check(&layer, a, b, (int8_t *)c->out));
    RUN(c, ocrm55_add_upsampled_s8(&layer, a, b, (int8_t *)c->out));
}

/* integers: count. blobs: a, b */
static uint32_t run_add_f32(struct kernel_case *c)
{
    RUN(c, ocrm55_add_f32((const float *)(const void *)c->blobs[0], (const float *)(const void *)c->blobs[1],
                             (float *)(void *)c->out, c->integers[0]));
}

/* integers: rows, count, b rows, zero a, zero b, zero y, bits of gain. blobs: a, b */
static uint32_t run_multiply(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    const struct ocrm55_multiply layer = {i[0], i[1], i[2], i[3], i[4], i[5], real(i[6])};
    const int8_t *a = (const int8_t *)c->blobs[0], *b = (const int8_t *)c->blobs[1];
    CHECKED(ocrm55_multiply_s8_check(&layer, a, b, (int8_t *)c->out));
    RUN(c, ocrm55_multiply_s8(&layer, a, b, (int8_t *)c->out));
}

/* integers: count. blobs: x, table */
static uint32_t run_lookup(struct kernel_case *c)
{
    RUN(c, ocrm55_lookup_s8((const int8_t *)c->blobs[1], c->blobs[0], (int8_t *)c->out, c->integers[0]));
}

/* integers: pixels, channels. blobs: x, tables */
static uint32_t run_lookup_channels(struct kernel_case *c)
{
    const int8_t(*tables)[256] = (const int8_t(*)[256])c->blobs[1];
    const uint8_t *x = (const uint8_t *)c->blobs[0];
    RUN(c, ocrm55_lookup_channels_s8(tables, x, (int8_t *)c->out, c->integers[0], c->integers[1]));
}

/* integers: count, zero point, bits of gain. blobs: x */
static uint32_t run_quantize(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    RUN(c, ocrm55_quantize_s8((const float *)(const void *)c->blobs[0], real(i[2]), i[1], (int8_t *)c->out, i[0]));
}

/* integers: count, zero point, bits of step. blobs: x */
static uint32_t run_dequantize(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    RUN(c, ocrm55_dequantize_s8((const int8_t *)c->blobs[0], real(i[2]), i[1], (float *)(void *)c->out, i[0]));
}

/* integers: count, zero point, channels. blobs: x, steps */
static uint32_t run_dequantize_channels(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    RUN(c, ocrm55_dequantize_channels_s8((const int8_t *)c->blobs[0], (const float *)(const void *)c->blobs[1], i[2], i[1],
                                         (float *)(void *)c->out, i[0]));
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* integers: rows, count, whether x is float, whether y is: only of float. blobs: x, powers */
static uint32_t run_softmax(struct kernel_case *c)
{
    const int32_t rows = c->integers[0], count = c->integers[1];
    const void *x = c->blobs[0];
    const float *powers = (const float *)(const void *)c->blobs[1];
    float *scratch = workspace(c, c->integers[3] ? 0 : ocrm55_softmax_workspace_bytes(count));
    void *y = c->out;
    if (c->integers[2]) {
        if (c->integers[3]) {
            if (count % 2) { /* every other case in place, as the compiler has it */
                memcpy(y, x, sizeof(float) * (size_t)(rows * count));
                x = y;
            }
            RUN(c, ocrm55_softmax_f32_f32(x, y, rows, count));
        }
        RUN(c, ocrm55_softmax_f32_s8(x, y, rows, count, scratch));
    }
    RUN(c, ocrm55_softmax_s8_s8(powers, x, y, rows, count, scratch));
}

/* integers: rows, count, whether x is float, place, times. blobs: x, powers */
static uint32_t run_softmax_repeated(struct kernel_case *c)
{
    const int32_t rows = c->integers[0], count = c->integers[1], place = c->integers[3];
    const float times = (float)c->integers[4];
    const void *x = c->blobs[0];
    float *scratch = workspace(c, ocrm55_softmax_workspace_bytes(count));
    if (c->integers[2]) {
        RUN(c, ocrm55_softmax_repeated_f32_s8(x, (int8_t *)c->out, rows, count, place, times, scratch));
    }
    const float *powers = (const float *)(const void *)c->blobs[1];
    RUN(c, ocrm55_softmax_repeated_s8_s8(powers, x, (int8_t *)c->out, rows, count, place, times, scratch));
}

/* integers: rows, count, whether y is float, bits of epsilon, zero y, bits of gain of y. blobs: x, gamma, beta */
static uint32_t run_layer_norm(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    const struct ocrm55_layer_norm layer = {i[0], i[1], real(i[3]), (const float *)(const void *)c->blobs[1],
                                            (const float *)(const void *)c->blobs[2], i[4], real(i[5])};
    const float *x = (const float *)(const void *)c->blobs[0];
    void *y = c->out;
    CHECKED(ocrm55_layer_norm_check(&layer, x, y));
    float *scratch = workspace(c, ocrm55_layer_norm_workspace_bytes(&layer));
    if (!i[2]) {
        RUN(c, ocrm55_layer_norm_f32_s8(&layer, x, y, scratch));
    }
    RUN(c, ocrm55_layer_norm_f32_f32(&layer, x, y, scratch));
}

/* ---- moves ------------------------------------------------------------------------------------------------------- */

/* integers: rows, count, x stride, y stride. blobs: x */
static uint32_t run_copy_rows(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    RUN(c, ocrm55_copy_rows_s8((const int8_t *)c->blobs[0], i[2], (int8_t *)c->out, i[3], i[0], i[1]));
}

/* integers: height, width, channels, more, whether it takes `beyond`, whether in place. blobs: x, beyond */
static uint32_t run_extend_columns(struct kernel_case *c)
{
    const int32_t *i = c->integers;
    const int8_t *x = (const int8_t *)c->blobs[0], *beyond = i[4] ? (const int8_t *)c->blobs[1] : NULL;
    int8_t *y = (int8_t *)c->out;
    if (i[5]) {
        memcpy(y, x, (size_t)(i[0] * i[1] * i[2]));
        x = y;
    }
    RUN(c, ocrm55_extend_columns_s8(x, y, i[0], i[1], i[2], i[3], beyond));
}

/* integers: sizes, strides of x, strides of y, first element of x. blobs: x */
static uint32_t run_move(struct kernel_case *c)
{
    struct ocrm55_move layer;
    memcpy(&layer, c->integers, sizeof layer);
    const int8_t *x = (const int8_t *)c->blobs[0] + c->integers[3 * OCRM55_MOVE_AXES];
    CHECKED(ocrm55_move_s8_check(&layer, x, (int8_t *)c->out));
    RUN(c, ocrm55_move_s8(&layer, x, (int8_t *)c->out));
}

/* integers: count. blobs: x, index */
static uint32_t run_gather(struct kernel_case *c)
{
    RUN(c, ocrm55_gather_s8((const int32_t *)(const void *)c->blobs[1], (const int8_t *)c->blobs[0], (int8_t *)c->out,
                            c->integers[0]));
}

#define NAME_BYTES 24
#define KERNEL(name) {#name, run_##name}
static const struct {
    char name[NAME_BYTES];
    uint32_t (*run)(struct kernel_case *);
} kernels[] = {
    /* convolution */
    KERNEL(pointwise), KERNEL(conv), KERNEL(depthwise),
    /* product */
    KERNEL(matmul),
    /* pool */
    KERNEL(average_pool), KERNEL(average_pool_repeated), KERNEL(max_pool),
    /* elementwise */
    KERNEL(add), KERNEL(add_upsampled), KERNEL(add_f32), KERNEL(multiply), KERNEL(lookup), KERNEL(lookup_channels), KERNEL(quantize), KERNEL(dequantize),
    KERNEL(dequantize_channels),
    /* rows */
    KERNEL(softmax), KERNEL(softmax_repeated), KERNEL(layer_norm),
    /* moves */
    KERNEL(copy_rows), KERNEL(extend_columns), KERNEL(move), KERNEL(gather),
};

static uint32_t run(const char *name, struct kernel_case *c)
{
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        if (strncmp(kernels[i].name, name, NAME_BYTES) == 0) {
            return kernels[i].run(c);
        }
    }
    return STATUS_UNKNOWN;
}

/* Runs all cases in place: returns the bytes of the answers, which are written from `answers` on. */
static uint32_t run_all(uint8_t *cases, uint32_t cases_bytes, uint8_t *answers, uint32_t room)
{
    const uint32_t *word = (const uint32_t *)(void *)cases;
    uint32_t written = 0;
    if (cases_bytes < 8 || word[0] != MAGIC) {
        return 0;
    }
    uint32_t count = word[1];
    const uint8_t *at = cases + 8;
    while (count-- > 0) {
        const char *name = (const char *)at;
        const uint32_t *head = (const uint32_t *)(const void *)(at + NAME_BYTES);
        struct kernel_case c = {.integers = (const int32_t *)head + 3, .out_bytes = head[2]};
        at += NAME_BYTES + 12 + 4 * head[0];
        for (uint32_t b = 0; b < head[1]; b++) {
            uint32_t bytes;
            memcpy(&bytes, at, 4);
            at += 4;
            at = cases + (((uint32_t)(at - cases) + 15u) & ~15u);
            c.blobs[b] = at;
            at += (bytes + 15u) & ~15u;
        }
        /* answer head | output | guard | workspace | guard; output 16-byte aligned */
        uint32_t *answer = (uint32_t *)(void *)(answers + written);
        uint8_t *out = answers + ((written + 12u + 15u) & ~15u);
        c.out = out;
        c.spare = (uint8_t *)(((uintptr_t)out + c.out_bytes + CANARY_BYTES + 15u) & ~(uintptr_t)15u);
        uint32_t status = STATUS_MEMORY;
        if (c.spare + 1024 * 1024 < answers + room) {
            c.spare_bytes = (uint32_t)(answers + room - c.spare);
            memset(out + c.out_bytes, CANARY, CANARY_BYTES);
            memset(out, 0xA5, c.out_bytes);
            status = run(name, &c);
            if (!whole(out + c.out_bytes) || (c.guard && !whole(c.guard))) {
                status = STATUS_OVERRUN;
            }
        } else {
            c.out_bytes = 0;
        }
        const uint32_t words[3] = {status, c.instructions, c.out_bytes};
        memmove((uint8_t *)answer + 12, out, c.out_bytes);
        memcpy(answer, words, sizeof words);
        written += 12u + ((c.out_bytes + 3u) & ~3u);
    }
    return written;
}

#if defined(__arm__)

int main(void)
{
    char line[256];
    if (!platform_command_line(line, sizeof line)) {
        return 1;
    }
    char *cases = strchr(line, ' ');
    char *answers = cases ? strchr(cases + 1, ' ') : NULL;
    if (!answers) {
        return 2;
    }
    *answers++ = '\0';
    uint32_t pool_bytes; /* all in the large memory: where things lie does not change the counts */
    uint8_t *pool = platform_image_buffer(&pool_bytes);
    const int32_t in = platform_file_open(cases + 1, PLATFORM_FILE_READ);
    const int64_t bytes = in < 0 ? -1 : platform_file_size(in);
    if (bytes < 8 || bytes > (int64_t)pool_bytes / 2) {
        return 3;
    }
    if (platform_file_read(in, pool, (uint32_t)bytes) != (uint32_t)bytes) {
        return 4;
    }
    uint8_t *to = pool + (((uint32_t)bytes + 15u) & ~15u);
    const uint32_t written = run_all(pool, (uint32_t)bytes, to, (uint32_t)(pool + pool_bytes - to));
    const int32_t out = platform_file_open(answers, PLATFORM_FILE_WRITE);
    if (out < 0 || platform_file_write(out, to, written) != written) {
        return 5;
    }
    platform_file_close(out);
    return 0;
}

#else

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL;
    uint8_t *pool = aligned_alloc(16, POOL_BYTES);
    if (!in || !pool) {
        return 1;
    }
    const uint32_t bytes = (uint32_t)fread(pool, 1, POOL_BYTES / 2, in);
    fclose(in);
    uint8_t *to = pool + ((bytes + 15u) & ~15u);
    const uint32_t written = run_all(pool, bytes, to, (uint32_t)(pool + POOL_BYTES - to));
    FILE *out = fopen(argv[2], "wb");
    if (!out || fwrite(to, 1, written, out) != written || fclose(out) != 0) {
        return 5;
    }
    free(pool);
    return 0;
}

#endif

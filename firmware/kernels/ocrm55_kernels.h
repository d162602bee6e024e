/* int8 kernels of the recognizer: Helium where the core has it, portable C with the same bits everywhere else.
 *
 * Tensors are NHWC with N = 1, rows without gaps unless a stride is named. Activations are int8 with one scale and one
 * zero point, weights int8 with one scale a channel and zero point 0, sums exact in int32. The compiler brings weights into
 * the order that each kernel names below as packing.NAME (toolkit/ocrm55/compiler/targets/m55/packing.py). A section is a
 * family of kernels, and so is a folder of their files.
 *
 * NAME does it. NAME_check, for kernels with a structure, checks the arguments: OCRM55_OK or the first trouble.
 * NAME_workspace_bytes, for kernels that need scratch memory, returns its bytes. The memory is 16-byte aligned, and its
 * contents mean nothing before and after. NAME itself checks nothing, because the compiler has checked the call.
 *
 * The bits of an output are the same on every path and machine, because the sources forbid the compiler to fuse a product
 * and a sum. Nothing is read or written outside of the tensors. */
#ifndef OCRM55_KERNELS_H
#define OCRM55_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum ocrm55_status {
    OCRM55_OK = 0,
    OCRM55_NULL,      /* a pointer is missing */
    OCRM55_SHAPE,     /* a size is not positive, or sizes contradict each other */
    OCRM55_ALIGNMENT, /* a pointer or a stride is not aligned as asked */
    OCRM55_RANGE,     /* a zero point, a limit or a shift is out of range */
    OCRM55_LIMIT,     /* larger than this kernel takes */
};

/* What happens to a sum on its way out. With v = (float)sum * scale[channel], rounded to float32, rint = to nearest, ties
 * to even, and sat8, sat16 = clamped to int8, int16:
 *   CLAMP       y = clamp(rint(v) + zero_point, low, high)                 low..high also does relu
 *   HARD_SWISH  y = clamp(rint((v * min(max(v + 3, 0), 6)) * gain) + zero_point, low, high), each operation rounded to
 *               float32; here v is the real value, and gain[channel] = 1 / (6 * step of y)
 *   TABLE16     y = table[channel * table_stride + ((uint16_t)sat16(rint(v)) >> table_shift)]
 *               1 << (16 - table_shift) entries, the same for all channels when table_stride is 0
 *   REAL        y = v, as float
 * Tables are indexed by two's complement: entries of 0 and above first, then those of negative values. */
enum ocrm55_activation { OCRM55_CLAMP, OCRM55_HARD_SWISH, OCRM55_TABLE16, OCRM55_REAL };

struct ocrm55_epilogue {
    const float *scale;   /* [channels rounded up to 4], the rest 0 */
    const float *gain;    /* the same, of HARD_SWISH: channels may differ in the step of y, though not in its zero point */
    const int8_t *table;  /* of TABLE16 */
    int32_t table_stride; /* of TABLE16: 0, or at least the entries of a table, at most 16384 */
    int32_t zero_point;   /* -128 to 127 */
    int8_t low, high;     /* of CLAMP, HARD_SWISH */
    uint8_t activation;   /* enum ocrm55_activation */
    uint8_t table_shift;  /* of TABLE16: 1 to 12 */
};

/* A tensor's quantisation where float32 arithmetic is done on its values. "quantised" below means
 * clamp(rint(v) + zero_point) to int8, each operation before it rounded to float32. */

/* ---- convolution ------------------------------------------------------------------------------------------------- */

/* 1x1 convolution, and fully connected: y[pixels][channels_out] = epilogue(w . x[pixels][channels_in] + bias).
 *
 * weights (4-byte aligned), packing.pointwise: for each chunk of at most 512 input channels, for each pair of output
 * channels: in the first chunk int32 bias (input zero point folded in) 4 times of one, 4 times of the other; then for each
 * 16 input channels 16 weights of the one, 16 of the other. Output channels are padded to a multiple of 4, input channels
 * to a multiple of 16, by 0.
 * x: 4-byte aligned. y: 4-byte aligned when channels_out and y_stride are multiples of 4 (float: always).
 * x and y must not overlap. */
struct ocrm55_pointwise {
    int32_t channels_in, channels_out;
    int32_t y_stride; /* elements from pixel to pixel of y; channels_out, or more to write into a wider tensor */
    const int8_t *weights;
    struct ocrm55_epilogue epilogue;
};
void ocrm55_pointwise_s8(const struct ocrm55_pointwise *layer, const int8_t *x, void *y, int32_t pixels, void *workspace);
enum ocrm55_status ocrm55_pointwise_s8_check(const struct ocrm55_pointwise *layer, const int8_t *x, const void *y,
                                             int32_t pixels);
size_t ocrm55_pointwise_s8_workspace_bytes(const struct ocrm55_pointwise *layer);

/* Convolution with any window, strides and borders:
 * y[height_out][width_out][channels_out] = epilogue(w * x[height][width][channels_in] + bias).
 *
 * The window of output (0, 0) starts at row -pad_top, column -pad_left; what lies outside of x counts as zero_point_in.
 * weights, packing.conv: as for ocrm55_pointwise, the input being the window's rows, columns and channels in that order.
 * x: 4-byte aligned. y: as for ocrm55_pointwise. They must not overlap. */
struct ocrm55_conv {
    int32_t channels_in, height, width;
    int32_t channels_out, height_out, width_out;
    int32_t kernel_height, kernel_width;
    int32_t stride_y, stride_x, pad_top, pad_left;
    int32_t y_stride;
    int32_t zero_point_in;
    const int8_t *weights;
    struct ocrm55_epilogue epilogue;
};
void ocrm55_conv_s8(const struct ocrm55_conv *layer, const int8_t *x, void *y, void *workspace);
enum ocrm55_status ocrm55_conv_s8_check(const struct ocrm55_conv *layer, const int8_t *x, const void *y);
size_t ocrm55_conv_s8_workspace_bytes(const struct ocrm55_conv *layer);

/* Depthwise convolution 3x3 or 5x5, strides 1 and 2 in any mixture:
 * y[height_out][width_out][channels] = epilogue(sum of taps * window of x[height][width][channels] + bias).
 *
 * The window of output (0, 0) starts at row -pad_top, column -pad_left; what lies outside of x counts as zero_point_in.
 * weights, packing.depthwise: for each channel its taps row by row, then zeros up to 16 (3x3) or 32 (5x5) bytes.
 * bias: [channels], input zero point folded in. x and y need no alignment. y may be x (and may be smaller), because rows
 * of a channel are read before any output of it is written over them. Not REAL. */
struct ocrm55_depthwise {
    int32_t channels, height, width;
    int32_t height_out, width_out;
    int32_t kernel; /* 3 or 5 */
    int32_t stride_y, stride_x, pad_top, pad_left;
    int32_t zero_point_in;
    const int8_t *weights;
    const int32_t *bias;
    struct ocrm55_epilogue epilogue;
};
void ocrm55_depthwise_s8(const struct ocrm55_depthwise *layer, const int8_t *x, int8_t *y, void *workspace);
enum ocrm55_status ocrm55_depthwise_s8_check(const struct ocrm55_depthwise *layer, const int8_t *x, const int8_t *y);
size_t ocrm55_depthwise_s8_workspace_bytes(const struct ocrm55_depthwise *layer);

/* ---- product ----------------------------------------------------------------------------------------------------- */

/* For each batch: y[m][n] = epilogue(sum over k of (a[m][k] - zero_a) * b[n][k]); b has zero point 0.
 * Strides are in elements; a is dense along k. The epilogue has one scale for each n (rounded up to 4). */
struct ocrm55_matmul {
    int32_t batches, rows, columns, depth; /* m, n, k */
    int32_t a_batch, a_row;
    int32_t b_batch, b_column, b_depth; /* where the next n, the next k is */
    int32_t y_batch, y_row;
    int32_t zero_a;
    struct ocrm55_epilogue epilogue;
};
void ocrm55_matmul_s8(const struct ocrm55_matmul *layer, const int8_t *a, const int8_t *b, void *y, void *workspace);
enum ocrm55_status ocrm55_matmul_s8_check(const struct ocrm55_matmul *layer, const int8_t *a, const int8_t *b,
                                          const void *y);
size_t ocrm55_matmul_s8_workspace_bytes(const struct ocrm55_matmul *layer);

/* ---- pool -------------------------------------------------------------------------------------------------------- */

/* Mean over windows, no border:
 * y[row][column][channel] = quantised((float)(sum of the window - size of the window * zero_x) * gain),
 * gain = step of x / (size of the window * step of y). y_stride: from pixel to pixel, channels or more. */
struct ocrm55_average_pool {
    int32_t channels, height, width, height_out, width_out;
    int32_t kernel_height, kernel_width, stride_y, stride_x; /* the window is at most 65536 pixels */
    int32_t y_stride;
    int32_t zero_x, zero_y;
    float gain;
};
void ocrm55_average_pool_s8(const struct ocrm55_average_pool *layer, const int8_t *x, int8_t *y);
/* The same over one window, the whole image. `count` columns from `first` on count `more` times more, because they stand
 * for equal ones. gain is that of the larger image. */
void ocrm55_average_pool_repeated_s8(const struct ocrm55_average_pool *layer, const int8_t *x, int8_t *y, int32_t first,
                                     int32_t count, int32_t more);
enum ocrm55_status ocrm55_average_pool_s8_check(const struct ocrm55_average_pool *layer, const int8_t *x, const int8_t *y);

/* y[row][column][channel] = the largest of the window; only places on the image count. The window of output (0, 0)
 * starts at row -pad_top, column -pad_left. Quantisation stays as it is. */
struct ocrm55_max_pool {
    int32_t channels, height, width, height_out, width_out;
    int32_t kernel_height, kernel_width, stride_y, stride_x, pad_top, pad_left;
};
void ocrm55_max_pool_s8(const struct ocrm55_max_pool *layer, const int8_t *x, int8_t *y);
enum ocrm55_status ocrm55_max_pool_s8_check(const struct ocrm55_max_pool *layer, const int8_t *x, const int8_t *y);

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

/* y[i] = (a[i] * gain_a + b[i] * gain_b + offset) >> shift, rounded half up, saturated. gains: those of a's and b's step
 * over y's, times 2^shift, -32767 .. 32767; shift: 1 .. 24; offset: what the zero points add. y may be a or b. */
struct ocrm55_add {
    int32_t count;
    int32_t gain_a, gain_b, offset, shift;
};
void ocrm55_add_s8(const struct ocrm55_add *layer, const int8_t *a, const int8_t *b, int8_t *y);
enum ocrm55_status ocrm55_add_s8_check(const struct ocrm55_add *layer, const int8_t *a, const int8_t *b, const int8_t *y);

/* The same of images, where pixel (row, column) of b stands for `rows` x `columns` pixels of a and y. height, width: of a
 * and y, multiples of these. add.count is left out. y may be a. */
struct ocrm55_add_upsampled {
    struct ocrm55_add add;
    int32_t height, width, channels;
    int32_t rows, columns;
};
void ocrm55_add_upsampled_s8(const struct ocrm55_add_upsampled *layer, const int8_t *a, const int8_t *b, int8_t *y);
enum ocrm55_status ocrm55_add_upsampled_s8_check(const struct ocrm55_add_upsampled *layer, const int8_t *a,
                                                 const int8_t *b, const int8_t *y);

/* y[i] = a[i] + b[i]; y may be a or b. 4-byte aligned. */
void ocrm55_add_f32(const float *a, const float *b, float *y, int32_t count);

/* y[row][i] = quantised((float)((a[row][i] - zero_a) * (b[i] - zero_b)) * gain), b[row][i] when b_rows;
 * gain = step of a * step of b / step of y. y may be a. */
struct ocrm55_multiply {
    int32_t rows, count;
    int32_t b_rows; /* 0: b is one row for all (squeeze and excite), 1: b has as many rows as a */
    int32_t zero_a, zero_b, zero_y;
    float gain;
};
void ocrm55_multiply_s8(const struct ocrm55_multiply *layer, const int8_t *a, const int8_t *b, int8_t *y);
enum ocrm55_status ocrm55_multiply_s8_check(const struct ocrm55_multiply *layer, const int8_t *a, const int8_t *b,
                                            const int8_t *y);

/* y[i] = table[x[i] as uint8_t]; y may be x. Also of uint8_t: the normalisation of an image is such a table. */
void ocrm55_lookup_s8(const int8_t *table, const void *x, int8_t *y, int32_t count);

/* The same of pixels, where each channel has a table of its own: y[i][c] = tables[c][x[i][c]]. */
void ocrm55_lookup_channels_s8(const int8_t (*tables)[256], const uint8_t *x, int8_t *y, int32_t pixels, int32_t channels);

/* y[i] = quantised(x[i] * gain), gain = 1 / step; y[i] = (float)(x[i] - zero_point) * step. float: 4-byte aligned. */
void ocrm55_quantize_s8(const float *x, float gain, int32_t zero_point, int8_t *y, int32_t count);
void ocrm55_dequantize_s8(const int8_t *x, float step, int32_t zero_point, float *y, int32_t count);

/* The same of rows of `channels`, each with a step of its own; count: of all elements, whole rows. */
void ocrm55_dequantize_channels_s8(const int8_t *x, const float *steps, int32_t channels, int32_t zero_point, float *y,
                                   int32_t count);

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Sums over a row of floats are made in four parts, i modulo 4, which are then added as (0 + 1) + (2 + 3). */

/* y[row] = softmax(x[row]). With m the row's maximum:
 *   s8:  e = powers[m - x], powers[d] = exp(-d * step of x), 256 floats made by tables.softmax_powers
 *   f32: e = exp(x - m), by the polynomial that softmax.c spells out
 *   p = e * (1 / sum of e); y = p, or quantised(p * 256) with zero point -128 (step 1/256), as int8.
 * y of f32_f32 may be x. */
void ocrm55_softmax_s8_s8(const float *powers, const int8_t *x, int8_t *y, int32_t rows, int32_t count, float *workspace);
void ocrm55_softmax_f32_s8(const float *x, int8_t *y, int32_t rows, int32_t count, float *workspace);
void ocrm55_softmax_f32_f32(const float *x, float *y, int32_t rows, int32_t count);
/* The same with an element of each row, x[place], standing for `times` of its like: e there is times * e, also in the sum,
 * to which times * e - e is added last. */
void ocrm55_softmax_repeated_s8_s8(const float *powers, const int8_t *x, int8_t *y, int32_t rows, int32_t count, int32_t place,
                                   float times, float *workspace);
void ocrm55_softmax_repeated_f32_s8(const float *x, int8_t *y, int32_t rows, int32_t count, int32_t place, float times,
                                    float *workspace);
size_t ocrm55_softmax_workspace_bytes(int32_t count); /* of the variants that give int8 */

/* Layer norm over the last dimension, one float32 operation after the other:
 *   mean = sum(x) * (1 / count);  d = x - mean
 *   r = 1 / sqrt(sum(d * d) * (1 / count) + epsilon);  w = (d * r) * gamma + beta
 *   y = w, or quantised(w * gain_y). */
struct ocrm55_layer_norm {
    int32_t rows, count;
    float epsilon;
    const float *gamma, *beta; /* [count] */
    int32_t zero_y;            /* of int8 */
    float gain_y;              /* of int8 */
};
void ocrm55_layer_norm_f32_s8(const struct ocrm55_layer_norm *layer, const float *x, int8_t *y, float *workspace);
void ocrm55_layer_norm_f32_f32(const struct ocrm55_layer_norm *layer, const float *x, float *y, float *workspace);
enum ocrm55_status ocrm55_layer_norm_check(const struct ocrm55_layer_norm *layer, const void *x, const void *y);
size_t ocrm55_layer_norm_workspace_bytes(const struct ocrm55_layer_norm *layer);

/* ---- moves ------------------------------------------------------------------------------------------------------- */

/* y[row * y_stride + i] = x[row * x_stride + i], bytes: slices and concatenations. No overlap. */
void ocrm55_copy_rows_s8(const int8_t *x, int32_t x_stride, int8_t *y, int32_t y_stride, int32_t rows, int32_t count);

/* y[row][column] = x[row][column] of `channels` bytes for the first `width` columns; then `more` columns follow, each
 * beyond[row], or like x's last where beyond is NULL. y may be x. */
void ocrm55_extend_columns_s8(const int8_t *x, int8_t *y, int32_t height, int32_t width, int32_t channels, int32_t more,
                              const int8_t *beyond);

/* Bytes in another order: y[sum of i[axis] * y_stride[axis]] = x[sum of i[axis] * x_stride[axis]] for all i below size, the
 * last axis fastest. Axes that are not needed stand in front, of size 1. A stride of x may be 0, which repeats, or
 * negative. No overlap. */
#define OCRM55_MOVE_AXES 6
struct ocrm55_move {
    int32_t size[OCRM55_MOVE_AXES], x_stride[OCRM55_MOVE_AXES], y_stride[OCRM55_MOVE_AXES];
};
void ocrm55_move_s8(const struct ocrm55_move *layer, const int8_t *x, int8_t *y);
enum ocrm55_status ocrm55_move_s8_check(const struct ocrm55_move *layer, const int8_t *x, const int8_t *y);

/* y[i] = x[index[i]], bytes: an order that strides cannot describe. No overlap. */
void ocrm55_gather_s8(const int32_t *index, const int8_t *x, int8_t *y, int32_t count);

#endif

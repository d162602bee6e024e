/* int8 kernels of the recognizer: Helium where the core has it, portable C with the same bits everywhere else.
 *
 * Tensors are NHWC with N = 1, rows without gaps unless a stride is named. Activations are int8 with one scale and one
 * zero point, weights int8 with one scale a channel and zero point 0, sums exact in int32. toolkit/ocrm55/compiler/targets/
 * packing.py brings weights into the order that each kernel names below.
 *
 * Every kernel comes as three functions: NAME does it, NAME_check says whether the arguments make sense (OCRM55_OK or the
 * first trouble), NAME_workspace_bytes says how much scratch memory NAME wants (16-byte aligned; its contents mean nothing
 * before and after). NAME itself checks nothing: the compiler that places the call has done so. */
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
 *               float32; here v is the real value, and gain = 1 / (6 * step of y)
 *   TABLE8      y = table[(uint8_t)sat8(rint(v) + zero_point)]             256 entries
 *   TABLE16     y = table[(uint16_t)sat16(rint(v)) >> table_shift]         1 << (16 - table_shift) entries
 *   REAL        y = v, as float
 * Tables are indexed by two's complement: entries of 0 and above first, then those of negative values. TABLE16 costs no
 * more than TABLE8 and does not lose precision in between. */
enum ocrm55_activation { OCRM55_CLAMP, OCRM55_HARD_SWISH, OCRM55_TABLE8, OCRM55_TABLE16, OCRM55_REAL };

struct ocrm55_epilogue {
    const float *scale;   /* [channels rounded up to 4], the rest 0 */
    const int8_t *table;  /* of TABLE8, TABLE16 */
    float gain;           /* of HARD_SWISH */
    int32_t zero_point;   /* -128 to 127 */
    int8_t low, high;     /* of CLAMP, HARD_SWISH */
    uint8_t activation;   /* enum ocrm55_activation */
    uint8_t table_shift;  /* of TABLE16: 1 to 12 */
};

/* 1x1 convolution, and fully connected: y[pixels][channels_out] = epilogue(w . x[pixels][channels_in] + bias).
 *
 * weights (4-byte aligned), packing.pointwise: for each chunk of at most 512 input channels, for each pair of output
 * channels: in the first chunk int32 bias (input zero point folded in) 4 times of one, 4 times of the other; then for each
 * 16 input channels 16 weights of the one, 16 of the other. Output channels are padded to a multiple of 4, input channels
 * to a multiple of 16, by 0.
 * x: 4-byte aligned. y: 4-byte aligned when channels_out and y_stride are multiples of 4 (float: always).
 * y may be x only if nothing of x is needed any more, that is never; they must not overlap. */
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
 * bias: [channels], input zero point folded in. No alignment asked of x and y.
 * y may be x (and need not be as large): a channel is read whole before any of it is written. Not REAL. */
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

#endif

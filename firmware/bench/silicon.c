/* CMSIS-NN's kernels at shapes whose cycles others measured on silicon (docs/cycles.md). ocrm55.bench.silicon runs it.
 *
 * Each case is a function `case_NAME`, and `between_cases` runs after it: the counter of blocks tells them apart by these
 * symbols. It runs twice, so that the cache is warm, and the second time counts. The numbers are random, because no
 * kernel's path depends on them.
 *
 * Weights lie behind the data cache, as in the boards' MRAM. So do all tensors and the scratch of MobileNetV2. Those of
 * the other cases lie in tightly coupled memory. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arm_nnfunctions.h"
#include "arm_nnsupportfunctions.h"
#include "platform.h"

#define SCRATCH 150000
#define CASE __attribute__((noinline, noclone, used)) static void
#define SMALL 131072
#define LARGE 1300000 /* MobileNetV2's first tensors, which lie in the images' memory */
#define WEIGHTS 147456

static int8_t small_input[SMALL], small_output[SMALL], small_scratch[SCRATCH];
static int8_t weights[WEIGHTS] __attribute__((section(".ocrm55.arena"), aligned(32)));
static int8_t *input, *output;
static int32_t bias[512], multipliers[512], shifts[512];
static int64_t wide_bias[512];
static cmsis_nn_context context = {small_scratch, SCRATCH};
static const cmsis_nn_per_channel_quant_params scales = {multipliers, shifts};

static int8_t drawn(void)
{
    static uint32_t seed = 1;
    seed = seed * 1664525u + 1013904223u;
    return (int8_t)(seed >> 24);
}

__attribute__((noinline, noclone, used)) static void between_cases(void)
{
    __asm volatile("");
}

struct window {
    int32_t rows, columns, channels_in, channels_out, height, width, stride, above, left;
};

/* All are padded so that only the stride makes the output smaller. */
static int32_t extent(int32_t size, int32_t stride)
{
    return (size + stride - 1) / stride;
}

static inline void convolve(const struct window *w)
{
    const cmsis_nn_conv_params params = {.input_offset = 128,
                                         .output_offset = -128,
                                         .stride = {w->stride, w->stride},
                                         .padding = {w->left, w->above},
                                         .dilation = {1, 1},
                                         .activation = {-128, 127}};
    const cmsis_nn_dims in = {1, w->rows, w->columns, w->channels_in};
    const cmsis_nn_dims filter = {w->channels_out, w->height, w->width, w->channels_in};
    const cmsis_nn_dims biases = {1, 1, 1, w->channels_out};
    const cmsis_nn_dims out = {1, extent(w->rows, w->stride), extent(w->columns, w->stride), w->channels_out};
    arm_convolve_wrapper_s8(&context, &params, &scales, &in, input, &filter, weights, &biases, bias, &out, output);
}

static inline void depthwise(const struct window *w)
{
    const cmsis_nn_dw_conv_params params = {.input_offset = 128,
                                            .output_offset = -128,
                                            .ch_mult = 1,
                                            .stride = {w->stride, w->stride},
                                            .padding = {w->left, w->above},
                                            .dilation = {1, 1},
                                            .activation = {-128, 127}};
    const cmsis_nn_dims in = {1, w->rows, w->columns, w->channels_in};
    const cmsis_nn_dims filter = {1, w->height, w->width, w->channels_in};
    const cmsis_nn_dims biases = {1, 1, 1, w->channels_in};
    const cmsis_nn_dims out = {1, extent(w->rows, w->stride), extent(w->columns, w->stride), w->channels_in};
    arm_depthwise_conv_wrapper_s8(&context, &params, &scales, &in, input, &filter, weights, &biases, bias, &out, output);
}

/* DS-CNN for key words, 49 x 10 features. */
CASE case_ds_conv(void)
{
    convolve(&(struct window){49, 10, 1, 64, 10, 4, 2, 4, 1});
}
CASE case_ds_depthwise(void)
{
    depthwise(&(struct window){25, 5, 64, 64, 3, 3, 1, 1, 1});
}
CASE case_ds_pointwise(void)
{
    convolve(&(struct window){25, 5, 64, 64, 1, 1, 1, 0, 0});
}
CASE case_ds_pool(void)
{
    const cmsis_nn_pool_params params = {.stride = {1, 1}, .padding = {0, 0}, .activation = {-128, 127}};
    const cmsis_nn_dims in = {1, 25, 5, 64}, filter = {1, 25, 5, 1}, out = {1, 1, 1, 64};
    arm_avgpool_s8(&context, &params, &in, input, &filter, &out, output);
}

/* Single kernels. */
CASE case_conv_3x3(void)
{
    convolve(&(struct window){32, 32, 64, 64, 3, 3, 1, 1, 1});
}
CASE case_conv_1x1(void)
{
    convolve(&(struct window){32, 32, 64, 64, 1, 1, 1, 0, 0});
}
CASE case_depthwise_3x3(void)
{
    depthwise(&(struct window){32, 32, 64, 64, 3, 3, 1, 1, 1});
}
CASE case_matmul(void)
{
    arm_nn_mat_mult_nt_t_s8(input, weights, bias, output, multipliers, shifts, 64, 256, 512, 128, -128, -128, 127, 256, 512);
}
CASE case_pool_3x3(void)
{
    const cmsis_nn_pool_params params = {.stride = {1, 1}, .padding = {1, 1}, .activation = {-128, 127}};
    const cmsis_nn_dims in = {1, 32, 32, 64}, filter = {1, 3, 3, 1}, out = {1, 32, 32, 64};
    arm_avgpool_s8(&context, &params, &in, input, &filter, &out, output);
}
/* Weights of 4 bits, two in a byte: the kernels fetch them by gathers of bytes. */
CASE case_conv_s4(void)
{
    const cmsis_nn_conv_params params = {.input_offset = 128,
                                         .output_offset = -128,
                                         .stride = {1, 1},
                                         .padding = {1, 1},
                                         .dilation = {1, 1},
                                         .activation = {-128, 127}};
    const cmsis_nn_dims in = {1, 32, 32, 64}, filter = {64, 3, 3, 64}, biases = {1, 1, 1, 64};
    arm_convolve_s4(&context, &params, &scales, &in, input, &filter, weights, &biases, bias, &in, output);
}
CASE case_depthwise_s4(void)
{
    const cmsis_nn_dw_conv_params params = {.input_offset = 128,
                                            .output_offset = -128,
                                            .ch_mult = 1,
                                            .stride = {1, 1},
                                            .padding = {1, 1},
                                            .dilation = {1, 1},
                                            .activation = {-128, 127}};
    const cmsis_nn_dims in = {1, 32, 32, 64}, filter = {1, 3, 3, 64}, biases = {1, 1, 1, 64};
    arm_depthwise_conv_s4_opt(&context, &params, &scales, &in, input, &filter, weights, &biases, bias, &in, output);
}
CASE case_matmul_s4(void)
{
    arm_nn_mat_mult_nt_t_s4(input, weights, bias, output, multipliers, shifts, 64, 256, 512, 128, -128, -128, 127, 512);
}
CASE case_vector_s4(void)
{
    arm_nn_vec_mat_mult_t_s4(input, weights, bias, output, 128, -128, 1500000000, -8, 512, 256, -128, 127);
}
CASE case_vector_s8(void)
{
    arm_nn_vec_mat_mult_t_s8(input, weights, bias, bias, output, 128, -128, 1500000000, -8, 512, 256, -128, 127, 1, 0);
}
CASE case_vector_s16(void)
{
    arm_nn_vec_mat_mult_t_s16((const int16_t *)input, weights, wide_bias, (int16_t *)output, 1500000000, -8, 512, 256, -32768,
                              32767);
}
CASE case_conv_s16(void)
{
    const cmsis_nn_conv_params params = {
        .stride = {1, 1}, .padding = {1, 1}, .dilation = {1, 1}, .activation = {-32768, 32767}};
    const cmsis_nn_dims in = {1, 32, 32, 64}, filter = {64, 3, 3, 64}, biases = {1, 1, 1, 64};
    const cmsis_nn_bias_data given = {wide_bias, false};
    arm_convolve_s16(&context, &params, &scales, &in, (const int16_t *)input, &filter, weights, &biases, &given, &in,
                     (int16_t *)output);
}
CASE case_depthwise_s16(void)
{
    const cmsis_nn_dw_conv_params params = {
        .ch_mult = 1, .stride = {1, 1}, .padding = {1, 1}, .dilation = {1, 1}, .activation = {-32768, 32767}};
    const cmsis_nn_dims in = {1, 32, 32, 64}, filter = {1, 3, 3, 64}, biases = {1, 1, 1, 64};
    arm_depthwise_conv_fast_s16(&context, &params, &scales, &in, (const int16_t *)input, &filter, weights, &biases, wide_bias,
                                &in, (int16_t *)output);
}
CASE case_pool_s16(void)
{
    const cmsis_nn_pool_params params = {.stride = {1, 1}, .padding = {1, 1}, .activation = {-32768, 32767}};
    const cmsis_nn_dims in = {1, 32, 32, 64}, filter = {1, 3, 3, 1};
    arm_avgpool_s16(&context, &params, &in, (const int16_t *)input, &filter, &in, (int16_t *)output);
}
CASE case_add_s8(void)
{
    arm_elementwise_add_s8(input, input + 4096, 128, 1500000000, -1, 128, 1400000000, -1, 20, output, -128, 1600000000, -18,
                           -128, 127, 4096);
}
CASE case_mul_s8(void)
{
    arm_elementwise_mul_s8(input, input + 4096, 128, 128, output, -128, 1500000000, -8, -128, 127, 4096);
}
CASE case_add_s16(void)
{
    arm_elementwise_add_s16((const int16_t *)input, (const int16_t *)(input + 8192), 0, 1500000000, -1, 0, 1400000000, -1,
                            15, (int16_t *)output, 0, 1600000000, -13, -32768, 32767, 4096);
}
CASE case_mul_s16(void)
{
    arm_elementwise_mul_s16((const int16_t *)input, (const int16_t *)(input + 8192), 0, 0, (int16_t *)output, 0, 1500000000,
                            -14, -32768, 32767, 4096);
}

CASE case_mul_acc_s16(void)
{
    arm_elementwise_mul_acc_s16((const int16_t *)input, (const int16_t *)(input + 8192), 0, 0, (int16_t *)output, 0,
                                1500000000, -14, -32768, 32767, 4096);
}
CASE case_mul_s16_s8(void)
{
    arm_elementwise_mul_s16_s8((const int16_t *)input, (const int16_t *)(input + 8192), output, -128, 1500000000, -14, 4096,
                               1, 4096);
}
CASE case_mul_s16_batch(void)
{
    arm_elementwise_mul_s16_batch_offset((const int16_t *)input, (const int16_t *)(input + 8192), (int16_t *)output, 0,
                                         1500000000, -14, 4096, 1, 4096);
}

/* Kernels that only the fork has; the second operand is a scalar where the name says so. */
typedef arm_cmsis_nn_status sum(const int8_t *, const int8_t *, int32_t, int32_t, int32_t, int32_t, int32_t, int32_t, int32_t,
                                int8_t *, int32_t, int32_t, int32_t, int32_t, int32_t, int32_t);
typedef arm_cmsis_nn_status comparison(const cmsis_nn_context *, const void *, const cmsis_nn_dims *, const void *,
                                       const cmsis_nn_dims *, bool *, const cmsis_nn_dims *, int32_t, int32_t, int32_t,
                                       int32_t, int32_t, int32_t, int32_t, uint32_t);
__attribute__((weak)) sum arm_elementwise_sub_s8, arm_add_scalar_s8, arm_sub_scalar_s8;
__attribute__((weak)) comparison arm_comparison_s8, arm_comparison_s16;
__attribute__((weak)) arm_cmsis_nn_status arm_mul_scalar_s8(const int8_t *, const int8_t *, int32_t, int32_t, int8_t *, int32_t,
                                                            int32_t, int32_t, int32_t, int32_t, int32_t);
__attribute__((weak)) arm_cmsis_nn_status arm_mul_scalar_s16(const int16_t *, const int16_t *, int32_t, int32_t, int16_t *,
                                                             int32_t, int32_t, int32_t, int32_t, int32_t, int32_t);

static inline void add(sum *kernel)
{
    if (kernel != NULL) {
        kernel(input, input + 4096, 128, 1500000000, -1, 128, 1400000000, -1, 20, output, -128, 1600000000, -18, -128, 127,
               4096);
    }
}
static inline void compare(comparison *kernel)
{
    const cmsis_nn_dims every = {1, 1, 1, 4096};
    const uint32_t less = 4;
    if (kernel != NULL) {
        kernel(&context, input, &every, input + 8192, &every, (bool *)output, &every, 128, 1500000000, -1, 128, 1400000000, -1,
               8, less);
    }
}
CASE case_sub_s8(void)
{
    add(arm_elementwise_sub_s8);
}
CASE case_add_scalar_s8(void)
{
    add(arm_add_scalar_s8);
}
CASE case_sub_scalar_s8(void)
{
    add(arm_sub_scalar_s8);
}
CASE case_mul_scalar_s8(void)
{
    if (arm_mul_scalar_s8 != NULL) {
        arm_mul_scalar_s8(input, input + 4096, 128, 128, output, -128, 1500000000, -8, -128, 127, 4096);
    }
}
CASE case_mul_scalar_s16(void)
{
    if (arm_mul_scalar_s16 != NULL) {
        arm_mul_scalar_s16((const int16_t *)input, (const int16_t *)(input + 8192), 0, 0, (int16_t *)output, 0, 1500000000, -14,
                           -32768, 32767, 4096);
    }
}
CASE case_comparison_s8(void)
{
    compare(arm_comparison_s8);
}
CASE case_comparison_s16(void)
{
    compare(arm_comparison_s16);
}

/* MobileNetV2, 224 x 224. */
CASE case_v2_conv(void)
{
    convolve(&(struct window){224, 224, 3, 32, 3, 3, 2, 1, 1});
}
CASE case_v2_depthwise_32(void)
{
    depthwise(&(struct window){112, 112, 32, 32, 3, 3, 1, 1, 1});
}
CASE case_v2_pointwise_32_16(void)
{
    convolve(&(struct window){112, 112, 32, 16, 1, 1, 1, 0, 0});
}
CASE case_v2_pointwise_16_96(void)
{
    convolve(&(struct window){112, 112, 16, 96, 1, 1, 1, 0, 0});
}
CASE case_v2_depthwise_96(void)
{
    depthwise(&(struct window){112, 112, 96, 96, 3, 3, 2, 1, 1});
}
CASE case_v2_pointwise_96_24(void)
{
    convolve(&(struct window){56, 56, 96, 24, 1, 1, 1, 0, 0});
}
CASE case_v2_pointwise_24_144(void)
{
    convolve(&(struct window){56, 56, 24, 144, 1, 1, 1, 0, 0});
}
CASE case_v2_depthwise_144(void)
{
    depthwise(&(struct window){56, 56, 144, 144, 3, 3, 1, 1, 1});
}

static void run(void (*const *cases)(void), size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memset(context.buf, 0, SCRATCH); /* CMSIS-NN's convolutions of few channels expect it */
        between_cases();
        cases[i]();
        between_cases();
        cases[i]();
        between_cases();
    }
}

int main(void)
{
    static void (*const in_small[])(void) = {
        case_ds_conv,         case_ds_depthwise,    case_ds_pointwise,    case_ds_pool,         case_conv_3x3,
        case_conv_1x1,        case_depthwise_3x3,   case_matmul,          case_pool_3x3,        case_add_s8,
        case_mul_s8,          case_add_s16,         case_mul_s16,         case_conv_s4,         case_depthwise_s4,
        case_matmul_s4,       case_vector_s4,       case_vector_s8,       case_vector_s16,      case_conv_s16,
        case_depthwise_s16,   case_pool_s16,        case_mul_acc_s16,     case_mul_s16_s8,      case_mul_s16_batch,
        case_sub_s8,          case_add_scalar_s8,   case_sub_scalar_s8,   case_mul_scalar_s8,   case_mul_scalar_s16,
        case_comparison_s8,   case_comparison_s16,
    };
    static void (*const in_large[])(void) = {
        case_v2_conv,         case_v2_depthwise_32,    case_v2_pointwise_32_16,  case_v2_pointwise_16_96,
        case_v2_depthwise_96, case_v2_pointwise_96_24, case_v2_pointwise_24_144, case_v2_depthwise_144,
    };
    uint32_t bytes;
    int8_t *const large = (int8_t *)platform_image_buffer(&bytes);
    for (uint32_t i = 0; i < sizeof small_input; i++) {
        small_input[i] = drawn();
    }
    for (uint32_t i = 0; i < sizeof weights; i++) {
        weights[i] = drawn() / 2;
    }
    for (int32_t i = 0; i < 512; i++) {
        bias[i] = drawn() * 8;
        wide_bias[i] = bias[i];
        multipliers[i] = 1500000000 + drawn() * 1000000;
        shifts[i] = -8;
    }
    input = small_input;
    output = small_output;
    run(in_small, sizeof in_small / sizeof in_small[0]);
    if (bytes < 2u * LARGE + SCRATCH) {
        return 1;
    }
    input = large;
    output = large + LARGE;
    context.buf = large + 2 * LARGE;
    run(in_large, sizeof in_large / sizeof in_large[0]);
    return 0;
}

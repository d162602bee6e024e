/* What the convolution kernels share: dot products of 4 pixels by 2 channels, and the way from accumulators to int8.
 * Internal; the public face is ocrm55_kernels.h. */
#ifndef OCRM55_TILE_H
#define OCRM55_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ocrm55_kernels.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)
#define OCRM55_HELIUM 1
#include <arm_mve.h>
#else
#define OCRM55_HELIUM 0
#endif

#define TILE_PIXELS 4
#define TILE_BLOCK 16             /* channels that one vector holds */
#define TILE_CHUNK_BLOCKS 32      /* blocks that one pass of the core takes: 512 channels */
#define TILE_QUAD_ACCUMULATORS 16 /* int32 of 4 channels x 4 pixels */

static inline int32_t round_up(int32_t value, int32_t step) { return (value + step - 1) / step * step; }

/* acc[channels rounded up to 4][4 pixels] = bias + the whole dot product, for `channels` output channels from number
 * `first` on (a multiple of 4).
 *
 * rows: 4 pixels of `depth` int8 (a multiple of 16; more than 512 are taken in several passes), each 4-byte aligned.
 * weights: all of the layer's, in the order of packing.pointwise (see struct ocrm55_pointwise), 4-byte aligned. */
void tile_conv(const int8_t *weights, int32_t depth, int32_t channels_out, int32_t first, int32_t channels,
               const int8_t *const rows[TILE_PIXELS], int32_t *acc);

/* acc[channels rounded up to 4][4 pixels] -> y[pixel * stride + channel], through scale, activation, zero point and
 * limits of `epilogue`. `scale` points to the first of these channels. Of the 4 pixels the first `pixels` are stored; the
 * others must be copies of the last of them. */
void tile_store(const struct ocrm55_epilogue *epilogue, const float *scale, const int32_t *acc, int32_t channels,
                int32_t pixels, void *y, int32_t stride);

/* The same for one channel: acc[pixels], 64 bytes beyond the last may be read -> y[pixel * stride]. Not REAL. */
void tile_store_channel(const struct ocrm55_epilogue *epilogue, int32_t bias, float scale, const int32_t *acc,
                        int32_t pixels, int8_t *y, int32_t stride);

/* One sum on its way out, in portable C (all activations but REAL). */
int8_t tile_requantize(const struct ocrm55_epilogue *epilogue, float scale, int32_t sum);

/* Are these arguments fit for tile_store? */
enum ocrm55_status tile_check(const struct ocrm55_epilogue *epilogue, const void *y);

#endif

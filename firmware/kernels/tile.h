/* What the convolution kernels share: dot products of 4 pixels by 2 channels, and the way from accumulators to int8.
 * Internal; the public face is ocrm55_kernels.h. */
#ifndef OCRM55_TILE_H
#define OCRM55_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helium.h"
#include "ocrm55_kernels.h"

#define TILE_PIXELS 4
#define TILE_BLOCK 16             /* channels that one vector holds */
#define TILE_CHUNK_BLOCKS 32      /* blocks that one pass of the core takes: 512 channels */
#define TILE_QUAD_ACCUMULATORS 16 /* int32 of 4 channels x 4 pixels */

static inline int32_t round_up(int32_t value, int32_t step) { return (value + step - 1) / step * step; }

/* 4 pixels x many pairs of channels, over at most 512 input channels: acc[pair][2][4] = weights . x. */
struct tile_core_arguments {
    const int8_t *x[TILE_PIXELS]; /* 0: rows of blocks * 16 int8, each 4-byte aligned */
    const int8_t *weights;        /* 16: of the first pair, 4-byte aligned */
    int32_t *acc;                 /* 20 */
    const int8_t *weights_end;    /* 24: behind the last pair's */
    int32_t blocks;               /* 28: 1 to 32 */
};
/* _bias: the sums start from the bias that stands before each pair's weights. _sums: they go on from what acc holds. */
void ocrm55_tile_core_bias(const struct tile_core_arguments *arguments);
void ocrm55_tile_core_sums(const struct tile_core_arguments *arguments);

/* A convolution, once its windows are rows: y[pixel * y_stride + channel] for all pixels and channels. */
struct tile_layer {
    const int8_t *weights; /* all of them, in the order of packing.pointwise (see struct ocrm55_pointwise) */
    int32_t depth;         /* bytes of a row, a multiple of 16 */
    int32_t channels_out, y_stride;
    int32_t group;         /* channels that are worked on together, a multiple of 4 */
    const struct ocrm55_epilogue *epilogue;
    /* Where the rows of a tile are: with `rows` NULL at x + pixel * depth, else where rows() says. It fills in all 4;
     * those behind the last valid one repeat it. */
    const int8_t *x;
    void (*rows)(void *context, int32_t pixel, int32_t valid, const int8_t *row[TILE_PIXELS]);
    void *context;
};
/* acc: room for ocrm55_tile_sums_bytes. */
void ocrm55_tile_run(const struct tile_layer *layer, int32_t pixels, void *y, int32_t *acc);
int32_t ocrm55_tile_sums_bytes(int32_t channels_out, int32_t group);

/* acc[i][pixels], of which 32 bytes beyond the last may be read -> y[pixel * stride + i], for one channel or two. Not REAL.
 * bias: of the first. */
void ocrm55_tile_store_channels(const struct ocrm55_epilogue *epilogue, int32_t channel, int32_t channels,
                                const int32_t *bias, const int32_t *const acc[2], int32_t pixels, int8_t *y,
                                int32_t stride);

/* Does the epilogue need more than the common case of its activation: limits narrower than int8, a table a channel? */
static inline bool tile_special(const struct ocrm55_epilogue *e)
{
    return e->activation == OCRM55_TABLE16 ? e->table_stride != 0 : e->low > INT8_MIN || e->high < INT8_MAX;
}

/* One sum on its way out, in portable C (all activations but REAL). */
int8_t ocrm55_tile_requantize(const struct ocrm55_epilogue *epilogue, int32_t channel, int32_t sum);

/* Are these arguments valid for the functions above? */
enum ocrm55_status ocrm55_tile_check(const struct ocrm55_epilogue *epilogue, const void *y);

#endif

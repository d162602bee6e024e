/* Products of two activations, as in attention: see ocrm55_kernels.h.
 *
 * b is packed at run time into the order of packing.pointwise, a's zero point going into the bias; the rest is the 1x1
 * core. Packing costs a few instructions for 16 bytes of b and serves all rows of a. */

#include "tile.h"

#include <string.h>

#define GROUP_CHANNELS 256

static int32_t padded(const struct ocrm55_matmul *l) { return round_up(l->depth, TILE_BLOCK); }
static int32_t packed_bytes(const struct ocrm55_matmul *l) { return round_up(l->columns, 4) * (padded(l) + 16); }

size_t ocrm55_matmul_s8_workspace_bytes(const struct ocrm55_matmul *layer)
{
    const int32_t sums = ocrm55_tile_sums_bytes(layer->columns, GROUP_CHANNELS);
    return (size_t)(packed_bytes(layer) + TILE_PIXELS * padded(layer) + sums);
}

/* 16 values of one column of b, with 0 beyond its end; returns their sum. */
static int32_t pack_block(const struct ocrm55_matmul *l, const int8_t *b, int32_t left, int8_t *to)
{
#if OCRM55_HELIUM
    if (l->b_depth == 1) {
        const int8x16_t v = vldrbq_z_s8(b, vctp8q((uint32_t)left));
        vstrbq_s8(to, v);
        return vaddvq_s8(v);
    }
    if (l->b_depth <= UINT16_MAX / 15) {
        const uint16x8_t offset = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)l->b_depth);
        const uint16x8_t offset_2 = vaddq_n_u16(offset, (uint16_t)(8 * l->b_depth));
        const int16x8_t v = vldrbq_gather_offset_z_s16(b, offset, vctp16q((uint32_t)left));
        const int16x8_t w = vldrbq_gather_offset_z_s16(b, offset_2, vctp16q((uint32_t)(left > 8 ? left - 8 : 0)));
        vstrbq_s16(to, v);
        vstrbq_s16(to + 8, w);
        return vaddvaq_s16(vaddvq_s16(v), w);
    }
#endif
    int32_t sum = 0;
    for (int32_t i = 0; i < TILE_BLOCK; i++) {
        to[i] = i < left ? b[i * l->b_depth] : 0;
        sum += to[i];
    }
    return sum;
}

static void pack(const struct ocrm55_matmul *l, const int8_t *b, int8_t *to)
{
    const int32_t columns = round_up(l->columns, 4), pairs = columns / 2, blocks = padded(l) / TILE_BLOCK;
    for (int32_t column = 0; column < columns; column++) {
        int32_t sum = 0;
        int8_t *chunk = to; /* of 32 blocks for all columns; the first has the bias in front of each pair */
        int32_t *bias = NULL;
        for (int32_t first = 0; first < blocks; first += TILE_CHUNK_BLOCKS) {
            const int32_t rest = blocks - first, count = rest < TILE_CHUNK_BLOCKS ? rest : TILE_CHUNK_BLOCKS;
            const int32_t head = first == 0 ? 32 : 0, pair_bytes = count * 2 * TILE_BLOCK + head;
            int8_t *at = chunk + column / 2 * pair_bytes;
            if (first == 0) {
                bias = (int32_t *)(void *)at + column % 2 * 4;
            }
            at += head + column % 2 * TILE_BLOCK;
            for (int32_t block = first; block < first + count; block++, at += 2 * TILE_BLOCK) {
                const int32_t left = column < l->columns ? l->depth - block * TILE_BLOCK : 0;
                sum += pack_block(l, b + column * l->b_column + block * TILE_BLOCK * l->b_depth, left, at);
            }
            chunk += pairs * pair_bytes;
        }
        for (int32_t i = 0; i < 4; i++) {
            bias[i] = -l->zero_a * sum;
        }
    }
}

struct copies {
    const struct ocrm55_matmul *layer;
    const int8_t *a;
    int8_t *rows;
};

static void copied_rows(void *context, int32_t row, int32_t valid, const int8_t *to[TILE_PIXELS])
{
    const struct copies *c = context;
    const int32_t depth = padded(c->layer);
    for (int32_t i = 0; i < TILE_PIXELS; i++) {
        if (i < valid) {
            copy_bytes(c->rows + i * depth, c->a + (row + i) * c->layer->a_row, c->layer->depth);
        }
        to[i] = c->rows + (i < valid ? i : valid - 1) * depth;
    }
}

void ocrm55_matmul_s8(const struct ocrm55_matmul *layer, const int8_t *a, const int8_t *b, void *y, void *workspace)
{
    int8_t *packed = workspace;
    struct copies copies = {layer, a, packed + packed_bytes(layer)};
    int32_t *acc = (int32_t *)(void *)(copies.rows + TILE_PIXELS * padded(layer));
    const struct tile_layer l = {.weights = packed, .depth = padded(layer), .channels_out = layer->columns,
                                 .y_stride = layer->y_row, .group = GROUP_CHANNELS, .epilogue = &layer->epilogue,
                                 .rows = copied_rows, .context = &copies};
    const int32_t element = layer->epilogue.activation == OCRM55_REAL ? (int32_t)sizeof(float) : 1;
    for (int32_t batch = 0; batch < layer->batches; batch++, b += layer->b_batch, copies.a += layer->a_batch) {
        pack(layer, b, packed);
        ocrm55_tile_run(&l, layer->rows, (int8_t *)y + batch * layer->y_batch * element, acc);
    }
}

enum ocrm55_status ocrm55_matmul_s8_check(const struct ocrm55_matmul *l, const int8_t *a, const int8_t *b, const void *y)
{
    if (!l || !a || !b || !y) {
        return OCRM55_NULL;
    }
    if (l->batches < 1 || l->rows < 1 || l->columns < 1 || l->depth < 1 || l->a_row < 0 || l->b_column < 0 ||
        l->b_depth < 1 || l->y_row < l->columns) {
        return OCRM55_SHAPE;
    }
    if (l->zero_a < -128 || l->zero_a > 127) {
        return OCRM55_RANGE;
    }
    return ocrm55_tile_check(&l->epilogue, y);
}

/* 1x1 convolution and fully connected layers: see ocrm55_kernels.h. */

#include "tile.h"

/* Output channels go in groups whose weights fit half of a 32 KB cache, beside the pixels and the sums, and whose sums fit
 * the buffer. */
#define GROUP_WEIGHT_BYTES (16 * 1024)
#define GROUP_CHANNELS 256

static int32_t group_channels(int32_t channels_in)
{
    int32_t group = GROUP_WEIGHT_BYTES / round_up(channels_in, TILE_BLOCK) / 4 * 4;
    group = group < 4 ? 4 : group;
    return group < GROUP_CHANNELS ? group : GROUP_CHANNELS;
}

/* Rows of a length that is no multiple of 16 are copied, with room behind them that meets weights of zero. */
struct copies {
    const int8_t *x;
    int8_t *rows;
    int32_t channels, depth;
};

static void copied_rows(void *context, int32_t pixel, int32_t valid, const int8_t *row[TILE_PIXELS])
{
    const struct copies *c = context;
    for (int32_t i = 0; i < TILE_PIXELS; i++) {
        if (i < valid) {
            copy_bytes(c->rows + i * c->depth, c->x + (pixel + i) * c->channels, c->channels);
        }
        row[i] = c->rows + (i < valid ? i : valid - 1) * c->depth;
    }
}

size_t ocrm55_pointwise_s8_workspace_bytes(const struct ocrm55_pointwise *layer)
{
    const int32_t depth = round_up(layer->channels_in, TILE_BLOCK);
    const int32_t sums = ocrm55_tile_sums_bytes(layer->channels_out, group_channels(layer->channels_in));
    return (size_t)(sums + (depth == layer->channels_in ? 0 : TILE_PIXELS * depth));
}

void ocrm55_pointwise_s8(const struct ocrm55_pointwise *layer, const int8_t *x, void *y, int32_t pixels, void *workspace)
{
    struct tile_layer l = {.weights = layer->weights, .channels_out = layer->channels_out, .y_stride = layer->y_stride,
                           .epilogue = &layer->epilogue, .x = x};
    l.depth = round_up(layer->channels_in, TILE_BLOCK);
    l.group = group_channels(layer->channels_in);
    int8_t *rows = (int8_t *)workspace + ocrm55_tile_sums_bytes(l.channels_out, l.group);
    struct copies copies = {x, rows, layer->channels_in, l.depth};
    if (l.depth != layer->channels_in) {
        l.rows = copied_rows;
        l.context = &copies;
    }
    ocrm55_tile_run(&l, pixels, y, workspace);
}

enum ocrm55_status ocrm55_pointwise_s8_check(const struct ocrm55_pointwise *layer, const int8_t *x, const void *y,
                                             int32_t pixels)
{
    if (!layer || !x || !y || !layer->weights) {
        return OCRM55_NULL;
    }
    if (layer->channels_in < 1 || layer->channels_out < 1 || pixels < 1 || layer->y_stride < layer->channels_out) {
        return OCRM55_SHAPE;
    }
    if ((((uintptr_t)x | (uintptr_t)layer->weights) & 3u) != 0) {
        return OCRM55_ALIGNMENT;
    }
    return ocrm55_tile_check(&layer->epilogue, y);
}

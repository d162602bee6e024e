/* 1x1 convolution and fully connected layers: see ocrm55_kernels.h. */

#include "tile.h"

#include <string.h>

/* Output channels go in groups whose weights fit a 32 KB cache, and whose sums fit the buffer. */
#define GROUP_WEIGHT_BYTES (32 * 1024)
#define GROUP_CHANNELS 256

static int32_t group_channels(int32_t channels_in)
{
    int32_t group = GROUP_WEIGHT_BYTES / round_up(channels_in, TILE_BLOCK) / 4 * 4;
    group = group < 4 ? 4 : group;
    return group < GROUP_CHANNELS ? group : GROUP_CHANNELS;
}

static bool rows_in_place(const struct ocrm55_pointwise *layer) { return layer->channels_in % TILE_BLOCK == 0; }

static int32_t sums_bytes(const struct ocrm55_pointwise *layer)
{
    const int32_t channels = round_up(layer->channels_out, 4), group = group_channels(layer->channels_in);
    return (channels < group ? channels : group) * TILE_PIXELS * (int32_t)sizeof(int32_t);
}

size_t ocrm55_pointwise_s8_workspace_bytes(const struct ocrm55_pointwise *layer)
{
    const int32_t rows = rows_in_place(layer) ? 0 : TILE_PIXELS * round_up(layer->channels_in, TILE_BLOCK);
    return (size_t)(sums_bytes(layer) + rows);
}

void ocrm55_pointwise_s8(const struct ocrm55_pointwise *layer, const int8_t *x, void *y, int32_t pixels, void *workspace)
{
    const int32_t channels_in = layer->channels_in, padded = round_up(channels_in, TILE_BLOCK);
    const int32_t element = layer->epilogue.activation == OCRM55_REAL ? (int32_t)sizeof(float) : 1;
    const int32_t group = group_channels(channels_in);
    int32_t *acc = workspace;
    int8_t *rows = (int8_t *)workspace + sums_bytes(layer);
    for (int32_t channel = 0; channel < layer->channels_out; channel += group) {
        const int32_t left = layer->channels_out - channel;
        const int32_t channels = left < group ? left : group;
        for (int32_t pixel = 0; pixel < pixels; pixel += TILE_PIXELS) {
            const int32_t valid = pixels - pixel < TILE_PIXELS ? pixels - pixel : TILE_PIXELS;
            const int8_t *row[TILE_PIXELS];
            for (int32_t i = 0; i < TILE_PIXELS; i++) {
                row[i] = x + (pixel + (i < valid ? i : valid - 1)) * channels_in;
                if (padded != channels_in) {
                    row[i] = memcpy(rows + i * padded, row[i], (size_t)channels_in);
                }
            }
            tile_conv(layer->weights, padded, layer->channels_out, channel, channels, row, acc);
            tile_store(&layer->epilogue, layer->epilogue.scale + channel, acc, channels, valid,
                       (int8_t *)y + (pixel * layer->y_stride + channel) * element, layer->y_stride);
        }
    }
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
    return tile_check(&layer->epilogue, y);
}

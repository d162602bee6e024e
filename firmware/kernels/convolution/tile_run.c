/* Convolutions whose windows are rows: tiles of 4 pixels through the core, then sums to outputs.
 *
 * On the way out lanes are the 4 pixels of a tile, so that a channel's scale is one scalar. Four channels make 16 outputs:
 * narrowing with vqmovnb/vqmovnt interleaves them so that each 32-bit lane holds one pixel's 4 channels, and one scatter
 * stores all. 29 instructions for 16 outputs with TABLE16. */

#include "tile_epilogue.h"

#include <string.h>

int32_t ocrm55_tile_sums_bytes(int32_t channels_out, int32_t group)
{
    const int32_t channels = round_up(channels_out, 4);
    return (channels < group ? channels : group) * TILE_PIXELS * (int32_t)sizeof(int32_t);
}

static void find_rows(const struct tile_layer *l, int32_t pixel, int32_t valid, const int8_t *row[TILE_PIXELS])
{
    if (l->rows) {
        l->rows(l->context, pixel, valid, row);
        return;
    }
    const int32_t depth = l->depth;
    const int8_t *x = l->x + pixel * depth;
    row[0] = x;
    row[1] = valid > 1 ? x + depth : row[0];
    row[2] = valid > 2 ? x + 2 * depth : row[1];
    row[3] = valid > 3 ? x + 3 * depth : row[2];
}

/* The sums of one tile over the input channels behind the first 512: each 512 have weights of their own for all outputs. Not
 * in line, so that the loop over tiles keeps its registers. */
static __attribute__((noinline)) void sum_more(const struct tile_layer *l, const struct tile_core_arguments *first,
                                               int32_t channel)
{
    const int32_t first_pair_bytes = TILE_CHUNK_BLOCKS * 2 * TILE_BLOCK + 32;
    const int32_t pairs = (int32_t)(first->weights_end - first->weights) / first_pair_bytes;
    const int32_t all_pairs = round_up(l->channels_out, 4) / 2;
    struct tile_core_arguments more = *first;
    const int8_t *chunk = l->weights + all_pairs * first_pair_bytes;
    for (int32_t done = TILE_CHUNK_BLOCKS * TILE_BLOCK; done < l->depth; done += TILE_CHUNK_BLOCKS * TILE_BLOCK) {
        const int32_t left = (l->depth - done) / TILE_BLOCK;
        more.blocks = left < TILE_CHUNK_BLOCKS ? left : TILE_CHUNK_BLOCKS;
        const int32_t pair_bytes = more.blocks * 2 * TILE_BLOCK;
        more.weights = chunk + channel / 2 * pair_bytes;
        more.weights_end = more.weights + pairs * pair_bytes;
        for (int32_t i = 0; i < TILE_PIXELS; i++) {
            more.x[i] += TILE_CHUNK_BLOCKS * TILE_BLOCK;
        }
        ocrm55_tile_core_sums(&more);
        chunk += all_pairs * pair_bytes;
    }
}

#if OCRM55_HELIUM

/* y + 0, 1, 2, 3 pixels, less 4 for the first step of scatter_next; pixels beyond the last go where the last goes: they are
 * copies of it. */
static inline uint32x4_t places(uint8_t *y, uint32_t stride_bytes, uint32_t pixels)
{
    const uint32x4_t pixel = vminq_u32(vidupq_n_u32(0, 1), vdupq_n_u32(pixels - 1));
    return vaddq_n_u32(vmulq_n_u32(pixel, stride_bytes), (uint32_t)(uintptr_t)y - 4u);
}

/* Where 4 channels cannot be stored as one word: outputs or strides not aligned, or a rest of channels. */
static __attribute__((noinline)) void store_bytes(const struct ocrm55_epilogue *e, int32_t first, const int32_t *acc,
                                                  int32_t channels, int32_t pixels, uint8_t *y, int32_t stride)
{
    struct quad_cursor at = quad_start(e, first, acc);
    for (; channels > 0; channels -= 4, y += 4) {
        int8_t part[16];
        switch (e->activation) {
        case OCRM55_CLAMP:
            vst1q_s8(part, quad(e, OCRM55_CLAMP, true, &at));
            break;
        case OCRM55_HARD_SWISH:
            vst1q_s8(part, quad(e, OCRM55_HARD_SWISH, true, &at));
            break;
        default:
            vst1q_s8(part, quad(e, OCRM55_TABLE16, true, &at));
            break;
        }
        for (int32_t pixel = 0; pixel < pixels; pixel++) {
            for (int32_t i = 0; i < 4 && i < channels; i++) {
                y[pixel * stride + i] = (uint8_t)part[4 * pixel + i];
            }
        }
    }
}

static inline bool words_fit(const uint8_t *y, int32_t channels, int32_t stride)
{
    return (((uintptr_t)y | (uintptr_t)stride | (uintptr_t)channels) & 3u) == 0;
}

static inline void store_tile(const struct ocrm55_epilogue *e, enum ocrm55_activation activation, bool special,
                              int32_t first, const int32_t *acc, int32_t channels, int32_t pixels, uint8_t *y,
                              int32_t stride)
{
    struct quad_cursor at = quad_start(e, first, acc);
    if (activation == OCRM55_REAL) {
        uint32x4_t to = places(y, 4u * (uint32_t)stride, (uint32_t)pixels);
        for (; channels > 0; channels--, acc += 4) {
            scatter_next(&to, vreinterpretq_s32_f32(times(vldrwq_s32(acc), *at.scale++)));
        }
    } else {
        uint32x4_t to = places(y, (uint32_t)stride, (uint32_t)pixels);
        for (int32_t left = channels >> 2; left > 0; left--) {
            MARK_ACTIVATION(BEGIN, "tile_store", activation, special);
            scatter_next(&to, vreinterpretq_s32_s8(quad(e, activation, special, &at)));
            MARK_ACTIVATION(END, "tile_store", activation, special);
        }
    }
}

#else

/* One way fits all. */
static inline bool words_fit(const uint8_t *y, int32_t channels, int32_t stride)
{
    (void)y, (void)channels, (void)stride;
    return true;
}

static inline void store_tile(const struct ocrm55_epilogue *e, enum ocrm55_activation activation, bool special,
                              int32_t first, const int32_t *acc, int32_t channels, int32_t pixels, uint8_t *y,
                              int32_t stride)
{
    (void)special;
    for (int32_t channel = 0; channel < channels; channel++) {
        for (int32_t pixel = 0; pixel < pixels; pixel++) {
            const int32_t sum = acc[TILE_PIXELS * channel + pixel];
            if (activation == OCRM55_REAL) {
                const float v = (float)sum * e->scale[first + channel];
                memcpy(y + 4 * (pixel * stride + channel), &v, sizeof v);
            } else {
                y[pixel * stride + channel] = (uint8_t)ocrm55_tile_requantize(e, first + channel, sum);
            }
        }
    }
}

static inline void store_bytes(const struct ocrm55_epilogue *e, int32_t first, const int32_t *acc, int32_t channels,
                               int32_t pixels, uint8_t *y, int32_t stride)
{
    store_tile(e, (enum ocrm55_activation)e->activation, true, first, acc, channels, pixels, y, stride);
}

#endif

/* One copy of this for each activation: what the activation needs stays in registers over all tiles. */
static inline __attribute__((always_inline)) void run(const struct tile_layer *l, enum ocrm55_activation activation,
                                                      bool special, int32_t pixels, uint8_t *y, int32_t *acc)
{
    const struct ocrm55_epilogue e = *l->epilogue; /* a copy that no store can reach: it may stay in registers */
    const int32_t element = activation == OCRM55_REAL ? (int32_t)sizeof(float) : 1;
    const int32_t all_blocks = l->depth / TILE_BLOCK;
    struct tile_core_arguments a = {.acc = acc};
    a.blocks = all_blocks < TILE_CHUNK_BLOCKS ? all_blocks : TILE_CHUNK_BLOCKS;
    const int32_t pair_bytes = a.blocks * 2 * TILE_BLOCK + 32;
    for (int32_t channel = 0; channel < l->channels_out; channel += l->group) {
        const int32_t left = l->channels_out - channel, channels = left < l->group ? left : l->group;
        a.weights = l->weights + channel / 2 * pair_bytes;
        a.weights_end = a.weights + round_up(channels, 4) / 2 * pair_bytes;
        uint8_t *to = y + channel * element;
        for (int32_t pixel = 0; pixel < pixels; pixel += TILE_PIXELS, to += TILE_PIXELS * l->y_stride * element) {
            const int32_t valid = pixels - pixel < TILE_PIXELS ? pixels - pixel : TILE_PIXELS;
            find_rows(l, pixel, valid, a.x);
            ocrm55_tile_core_bias(&a);
            if (all_blocks > TILE_CHUNK_BLOCKS) {
                sum_more(l, &a, channel);
            }
            if (activation == OCRM55_REAL || words_fit(to, channels, l->y_stride)) {
                store_tile(&e, activation, special, channel, acc, channels, valid, to, l->y_stride);
            } else {
                store_bytes(l->epilogue, channel, acc, channels, valid, to, l->y_stride);
            }
        }
    }
}

void ocrm55_tile_run(const struct tile_layer *layer, int32_t pixels, void *y, int32_t *acc)
{
    const bool special = tile_special(layer->epilogue);
    switch (layer->epilogue->activation) {
    case OCRM55_CLAMP:
        special ? run(layer, OCRM55_CLAMP, true, pixels, y, acc) : run(layer, OCRM55_CLAMP, false, pixels, y, acc);
        break;
    case OCRM55_HARD_SWISH:
        special ? run(layer, OCRM55_HARD_SWISH, true, pixels, y, acc)
                : run(layer, OCRM55_HARD_SWISH, false, pixels, y, acc);
        break;
    case OCRM55_TABLE16:
        special ? run(layer, OCRM55_TABLE16, true, pixels, y, acc) : run(layer, OCRM55_TABLE16, false, pixels, y, acc);
        break;
    default:
        run(layer, OCRM55_REAL, false, pixels, y, acc);
        break;
    }
}

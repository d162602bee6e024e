/* Convolution with any window: see ocrm55_kernels.h. The windows of 4 outputs are laid out as rows for the 1x1 core. */

#include "tile.h"

#include <string.h>

#define GROUP_CHANNELS 256 /* output channels between two stores: bounds the buffer of sums */

static int32_t depth_of(const struct ocrm55_conv *l)
{
    return round_up(l->kernel_height * l->kernel_width * l->channels_in, TILE_BLOCK);
}

/* Windows whose rows are short are fetched byte by byte, 8 at a time: 3 instructions, where a copy of 9 bytes takes 10.
 * Offsets, rows and columns are 16 bits then, also of what lies around the image. */
static bool is_small(const struct ocrm55_conv *l)
{
    const int32_t row_bytes = l->width * l->channels_in, piece = l->kernel_width * l->channels_in;
    return piece < 48 && l->height + l->kernel_height <= UINT16_MAX && l->width + l->kernel_width <= UINT16_MAX &&
           (l->kernel_height - 1) * row_bytes + piece <= UINT16_MAX;
}

size_t ocrm55_conv_s8_workspace_bytes(const struct ocrm55_conv *layer)
{
    const int32_t depth = depth_of(layer);
    return (size_t)(ocrm55_tile_sums_bytes(layer->channels_out, GROUP_CHANNELS) + TILE_PIXELS * depth +
                    (is_small(layer) ? 3 * depth * (int32_t)sizeof(uint16_t) : 0));
}

static inline int8_t *fill(int8_t *to, int32_t value, int32_t bytes)
{
#if OCRM55_HELIUM
    for (int32_t left = bytes; left > 0; left -= 16, to += 16) {
        vstrbq_p_s8(to, vdupq_n_s8((int8_t)value), vctp8q((uint32_t)left));
    }
    return to + bytes - round_up(bytes, 16);
#else
    memset(to, value, (size_t)bytes);
    return to + bytes;
#endif
}

struct windows {
    const struct ocrm55_conv *layer;
    const int8_t *x;
    int8_t *rows; /* [4][depth] */
    int32_t depth;
    int32_t row, column;            /* output that comes next */
    const uint16_t *tables;         /* of small windows: offset, row and column of each byte, [3][depth] */
    int32_t safe_from, safe_until;  /* columns at which the windows of a whole tile lie between the left and right edge */
};

/* The window of one output as one row: in x itself, or laid out at `to`. */
static __attribute__((noinline)) const int8_t *window(const struct ocrm55_conv *l, const int8_t *x, int32_t top, int32_t left, int8_t *to)
{
    const int32_t channels = l->channels_in, row_bytes = l->width * channels;
    const int32_t from = left < 0 ? 0 : left;
    const int32_t right = left + l->kernel_width, until = right < l->width ? right : l->width;
    const int32_t before = (from - left) * channels, after = (right - until) * channels;
    const int8_t *source = x + top * row_bytes + from * channels;
    const bool inside = top >= 0 && top < l->height && before == 0 && after == 0;
    if (l->kernel_height == 1 && inside && (l->kernel_width * channels) % TILE_BLOCK == 0 && channels % 4 == 0) {
        return source;
    }
    int8_t *at = to;
    for (int32_t ky = 0; ky < l->kernel_height; ky++, source += row_bytes) {
        if (top + ky < 0 || top + ky >= l->height) {
            at = fill(at, l->zero_point_in, l->kernel_width * channels);
            continue;
        }
        at = fill(at, l->zero_point_in, before);
        at = copy_bytes(at, source, (until - from) * channels);
        at = fill(at, l->zero_point_in, after);
    }
    return to;
}

static void fill_tables(const struct ocrm55_conv *l, uint16_t *tables, int32_t depth)
{
    const int32_t row_bytes = l->width * l->channels_in, piece = l->kernel_width * l->channels_in;
    memset(tables, 0, (size_t)(3 * depth) * sizeof *tables); /* behind the window any byte: it meets zeros */
    for (int32_t i = 0; i < l->kernel_height * piece; i++) {
        tables[i] = (uint16_t)(i / piece * row_bytes + i % piece);
        tables[depth + i] = (uint16_t)(i / piece);
        tables[2 * depth + i] = (uint16_t)(i % piece / l->channels_in);
    }
}

/* Four small windows, `step` bytes apart in x, all inside. */
static inline void fetch_tile(const int8_t *from, int32_t step, const uint16_t *offsets, int8_t *to, int32_t depth)
{
#if OCRM55_HELIUM
    const int8_t *from_1 = from + step, *from_2 = from_1 + step, *from_3 = from_2 + step;
    int8_t *to_1 = to + depth, *to_2 = to_1 + depth, *to_3 = to_2 + depth;
    for (int32_t left = depth >> 3; left > 0; left--) {
        const uint16x8_t offset = vldrhq_u16(offsets);
        vstrbq_s16(to, vldrbq_gather_offset_s16(from, offset));
        vstrbq_s16(to_1, vldrbq_gather_offset_s16(from_1, offset));
        vstrbq_s16(to_2, vldrbq_gather_offset_s16(from_2, offset));
        vstrbq_s16(to_3, vldrbq_gather_offset_s16(from_3, offset));
        offsets += 8;
        to += 8;
        to_1 += 8;
        to_2 += 8;
        to_3 += 8;
    }
#else
    for (int32_t i = 0; i < TILE_PIXELS * depth; i++) {
        to[i] = from[i / depth * step + offsets[i % depth]];
    }
#endif
}

/* One small window that reaches over an edge. */
static void fetch_edge(const struct windows *w, int32_t top, int32_t left, int8_t *to)
{
    const struct ocrm55_conv *l = w->layer;
    const uint16_t *offset = w->tables, *row = offset + w->depth, *column = row + w->depth;
    const int32_t start = (top * l->width + left) * l->channels_in;
#if OCRM55_HELIUM
    const int8_t *from = (const int8_t *)((uintptr_t)w->x + (uintptr_t)start);
    const uint16x8_t height = vdupq_n_u16((uint16_t)l->height), width = vdupq_n_u16((uint16_t)l->width);
    const int16x8_t outside = vdupq_n_s16((int16_t)l->zero_point_in);
    for (int32_t i = 0; i < w->depth; i += 8) {
        mve_pred16_t in = vcmphiq_u16(height, vaddq_n_u16(vldrhq_u16(row + i), (uint16_t)top));
        in = vcmphiq_m_u16(width, vaddq_n_u16(vldrhq_u16(column + i), (uint16_t)left), in);
        vstrbq_s16(to + i, vpselq_s16(vldrbq_gather_offset_z_s16(from, vldrhq_u16(offset + i), in), outside, in));
    }
#else
    for (int32_t i = 0; i < w->depth; i++) {
        const int32_t y = top + row[i], x = left + column[i];
        const bool in = y >= 0 && y < l->height && x >= 0 && x < l->width;
        to[i] = in ? w->x[start + offset[i]] : (int8_t)l->zero_point_in;
    }
#endif
}

static void window_rows(void *context, int32_t pixel, int32_t valid, const int8_t *row[TILE_PIXELS])
{
    struct windows *w = context;
    const struct ocrm55_conv *l = w->layer;
    if (pixel == 0) { /* of every group of channels */
        w->row = 0;
        w->column = 0;
    }
    for (int32_t i = 0; i < valid; i++) {
        const int32_t top = w->row * l->stride_y - l->pad_top, left = w->column * l->stride_x - l->pad_left;
        row[i] = window(l, w->x, top, left, w->rows + i * w->depth);
        if (++w->column == l->width_out) {
            w->column = 0;
            w->row++;
        }
    }
    for (int32_t i = valid; i < TILE_PIXELS; i++) {
        row[i] = row[i - 1];
    }
}

static void small_window_rows(void *context, int32_t pixel, int32_t valid, const int8_t *row[TILE_PIXELS])
{
    struct windows *w = context;
    const struct ocrm55_conv *l = w->layer;
    if (pixel == 0) {
        w->row = 0;
        w->column = 0;
    }
    if (pixel == 0 || valid < TILE_PIXELS) {
        for (int32_t i = 0; i < TILE_PIXELS; i++) {
            row[i] = w->rows + (i < valid ? i : valid - 1) * w->depth;
        }
    }
    int32_t column = w->column;
    const int32_t top = w->row * l->stride_y - l->pad_top;
    if (column >= w->safe_from && column < w->safe_until && top >= 0 && top + l->kernel_height <= l->height) {
        const int32_t left = column * l->stride_x - l->pad_left;
        fetch_tile(w->x + (top * l->width + left) * l->channels_in, l->stride_x * l->channels_in, w->tables, w->rows,
                   w->depth);
        column += TILE_PIXELS;
        w->row += column == l->width_out;
        w->column = column == l->width_out ? 0 : column;
        return;
    }
    for (int32_t i = 0; i < valid; i++) {
        fetch_edge(w, w->row * l->stride_y - l->pad_top, w->column * l->stride_x - l->pad_left, w->rows + i * w->depth);
        if (++w->column == l->width_out) {
            w->column = 0;
            w->row++;
        }
    }
}

void ocrm55_conv_s8(const struct ocrm55_conv *layer, const int8_t *x, void *y, void *workspace)
{
    struct windows windows = {.layer = layer, .x = x, .depth = depth_of(layer)};
    windows.rows = (int8_t *)workspace + ocrm55_tile_sums_bytes(layer->channels_out, GROUP_CHANNELS);
    const bool small = is_small(layer);
    if (small) {
        uint16_t *tables = (uint16_t *)(void *)(windows.rows + TILE_PIXELS * windows.depth);
        fill_tables(layer, tables, windows.depth);
        windows.tables = tables;
        windows.safe_from = (layer->pad_left + layer->stride_x - 1) / layer->stride_x;
        /* the last column whose window lies inside, less the 3 others of its tile */
        const int32_t last = layer->width + layer->pad_left - layer->kernel_width;
        windows.safe_until = last < 0 ? 0 : last / layer->stride_x + 1 - (TILE_PIXELS - 1);
        if (windows.safe_until > layer->width_out - (TILE_PIXELS - 1)) {
            windows.safe_until = layer->width_out - (TILE_PIXELS - 1);
        }
    }
    const struct tile_layer l = {.weights = layer->weights, .depth = windows.depth, .channels_out = layer->channels_out,
                                 .y_stride = layer->y_stride, .group = GROUP_CHANNELS, .epilogue = &layer->epilogue,
                                 .rows = small ? small_window_rows : window_rows, .context = &windows};
    ocrm55_tile_run(&l, layer->height_out * layer->width_out, y, workspace);
}

enum ocrm55_status ocrm55_conv_s8_check(const struct ocrm55_conv *l, const int8_t *x, const void *y)
{
    if (!l || !x || !y || !l->weights) {
        return OCRM55_NULL;
    }
    if (l->channels_in < 1 || l->height < 1 || l->width < 1 || l->channels_out < 1 || l->height_out < 1 ||
        l->width_out < 1 || l->kernel_height < 1 || l->kernel_width < 1 || l->stride_y < 1 || l->stride_x < 1 ||
        l->pad_top < 0 || l->pad_left < 0 || l->pad_top >= l->kernel_height || l->pad_left >= l->kernel_width ||
        l->y_stride < l->channels_out) {
        return OCRM55_SHAPE;
    }
    /* Every window meets x somewhere. */
    if ((l->height_out - 1) * l->stride_y - l->pad_top >= l->height ||
        (l->width_out - 1) * l->stride_x - l->pad_left >= l->width) {
        return OCRM55_SHAPE;
    }
    if ((((uintptr_t)x | (uintptr_t)l->weights) & 3u) != 0) {
        return OCRM55_ALIGNMENT;
    }
    if (l->zero_point_in < -128 || l->zero_point_in > 127) {
        return OCRM55_RANGE;
    }
    return ocrm55_tile_check(&l->epilogue, y);
}

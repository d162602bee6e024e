/* A network that `ocrm55 compile` made. Each one is a constant of this type, which NAME.h declares:
 *
 *     static uint8_t arena[NAME_ARENA_BYTES] __attribute__((aligned(NAME_ARENA_ALIGN)));
 *
 *     NAME.set_image(arena, pixels, width);
 *     NAME.run(arena, NULL, NULL);
 *     const float *const output = NAME.output(arena);
 *
 * The arena holds all that is computed; nothing is allocated. Between runs it is the caller's: networks that run in turn
 * share one, as large as the largest needs. */
#ifndef OCRM55_NETWORK_H
#define OCRM55_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called after operator `op` when it is not NULL; after each of its stripes, where it runs in stripes of rows. */
typedef void (*ocrm55_hook)(void *context, unsigned op);

/* A picture row by row, for a program that has none in one piece: `read` writes the input_width pixels of a row, as
 * set_image takes them, to `bgr`. */
struct ocrm55_rows {
    void (*read)(void *context, int32_t row, uint8_t *bgr);
    void *context;
};

/* Whoever takes an output row by row: `rows` has `count` of them from row `first` on, and they last until `take`
 * returns. */
struct ocrm55_taker {
    void (*take)(void *context, uint32_t first, uint32_t count, const float *rows);
    void *context;
};

struct ocrm55_network {
    const char *name;      /* the model's */
    const char *precision; /* int8, float32 */

    /* An image: input_height rows of up to input_width pixels, input_channels bytes each (blue, green, red). */
    int32_t input_height, input_width, input_channels;
    uint32_t input_bytes; /* of the input tensor */

    uint32_t arena_bytes; /* that a run uses; NAME_ARENA_BYTES are whole units of arena_align */
    uint32_t arena_align;
    uint32_t weight_bytes;

    /* Widths of the input that the network runs at, narrowest first; the last is input_width. */
    uint32_t width_count;
    const int32_t *widths;

    /* The output at full width, slowest dimension first. */
    uint32_t output_dimensions;
    uint32_t output_shape[4];

    /* What a hook counts. */
    uint32_t operator_count;
    const char *const *operator_names;

    /* Write an image of `width` pixels into the input tensor, for the narrowest width that holds it, or for one of at
     * least `columns`. What is missing on the right is what the model pads with. A network that reads its picture in
     * stripes of rows only notes where it lies, and the next run reads it there. */
    void (*set_image)(uint8_t *arena, const uint8_t *bgr, int32_t width);
    void (*set_image_within)(uint8_t *arena, const uint8_t *bgr, int32_t width, int32_t columns);

    /* Compute the output from the input tensor; the hook may be NULL. */
    void (*run)(uint8_t *arena, ocrm55_hook hook, void *context);

    /* The same, handing on the rows of an output that is never there whole: from the first to the last, each once. `taker`
     * may be NULL, as it is for `run`. NULL in a network whose output is there whole. */
    void (*run_into)(uint8_t *arena, const struct ocrm55_taker *taker, ocrm55_hook hook, void *context);

    /* The same for a picture that comes row by row, without set_image. Rows are asked for from the top down, each once
     * or more; `row` is room for one. NULL in a network with several widths, or with run_into. */
    void (*run_rows)(uint8_t *arena, uint8_t *row, const struct ocrm55_rows *rows, ocrm55_hook hook, void *context);

    /* The same run in step_count steps, each an operator or a stripe of one: the caller counts them from 0 in their order,
     * behind set_image, and may stop for good behind any. Returns the operator; taker: as of run_into, where that is.
     * Nothing is kept but what lies in the arena. 0 and NULL in a network that was compiled without --stepwise. */
    uint32_t step_count;
    unsigned (*step)(uint8_t *arena, uint32_t step, const struct ocrm55_taker *taker);

    /* In place of set_image, before the first step: the picture comes row by row, as for run_rows. `row` and `rows` are
     * the network's until its last step. NULL where run_rows or step is. */
    void (*set_rows)(uint8_t *arena, uint8_t *row, const struct ocrm55_rows *rows);

    /* The output, valid until the next image; its steps (output_shape[output_dimensions - 2] at full width) and the
     * width at which this arena's image is read. */
    const float *(*output)(const uint8_t *arena); /* NULL where the output is int8, or comes by run_into */
    uint32_t (*steps)(const uint8_t *arena);
    int32_t (*width)(const uint8_t *arena);

    /* The output where it is int8, row by row as output_shape says: (q - output_zero) * output_scale is its value. NULL, 0
     * and 0 where it is float. */
    const int8_t *(*output_int8)(const uint8_t *arena);
    float output_scale;
    int32_t output_zero;

    /* The Ethos-U55 that computes some operators: its multiply-accumulates a cycle, 0 without one, and whether the core
     * computes them where the NPU is absent. Start it once before the first run. Both functions, NULL without an NPU,
     * give an ocrm55_npu_status (ocrm55_npu.h): of the start, or of the first run of a region that failed since. When
     * it is not OK and there is no fallback, a run ends at the region and there is no output. */
    uint32_t npu_macs;
    bool npu_fallback;
    int (*npu_start)(void);
    int (*npu_status)(void);
};

#ifdef __cplusplus
}
#endif

#endif

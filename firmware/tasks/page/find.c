/* The lines of text in a frame: the detector, and the boxes of its map. */
#include <stdbool.h>

#include "ocrm55_page.h"

static void tell(const struct ocrm55_page_watch *watch, enum ocrm55_page_phase phase)
{
    if (watch != NULL && watch->phase != NULL) {
        watch->phase(watch->context, phase);
    }
}

static enum ocrm55_page_outcome check(const struct ocrm55_network *network, const void *arena, size_t arena_bytes,
                                      const void *scratch, size_t scratch_bytes)
{
    const uint32_t dimensions = network->output_dimensions, align = network->arena_align;
    uint32_t maps = 1;
    for (uint32_t i = 0; i + 2 < dimensions; i++) {
        maps *= network->output_shape[i];
    }
    if (network->output_int8 != NULL && (network->output_scale != 1.0f / 256.0f || network->output_zero != -128)) {
        return OCRM55_PAGE_NETWORK;
    }
    if (network->run_rows == NULL || (network->output == NULL && network->output_int8 == NULL) || dimensions < 2 ||
        maps != 1 || network->output_shape[dimensions - 2] != (uint32_t)network->input_height ||
        network->output_shape[dimensions - 1] != (uint32_t)network->input_width ||
        network->input_height > OCRM55_PAGE_MAP_SIDE || network->input_width > OCRM55_PAGE_MAP_SIDE) {
        return OCRM55_PAGE_NETWORK;
    }
    if ((uintptr_t)arena % align != 0 || arena_bytes < (network->arena_bytes + align - 1) / align * align) {
        return OCRM55_PAGE_ARENA;
    }
    const size_t width = (size_t)network->input_width, height = (size_t)network->input_height;
    const bool fits = scratch_bytes >= OCRM55_PAGE_FIND_BYTES(width, height, 0u);
    return fits && (uintptr_t)scratch % OCRM55_PAGE_ALIGN == 0 ? OCRM55_PAGE_OK : OCRM55_PAGE_SCRATCH;
}

/* The map as bytes: of a network whose output is float, in its place. */
static const int8_t *map_of(const struct ocrm55_network *network, uint8_t *arena)
{
    if (network->output_int8 != NULL) {
        return network->output_int8(arena);
    }
    const float *const values = network->output(arena);
    int8_t *const bytes = (int8_t *)arena + ((const uint8_t *)values - arena);
    const int32_t count = network->input_height * network->input_width;
    for (int32_t i = 0; i < count; i++) {
        const float probability = values[i] > 0.0f ? values[i] : 0.0f; /* also of NaN */
        const int32_t level = (int32_t)((probability < 1.0f ? probability : 1.0f) * 256.0f + 0.5f);
        bytes[i] = (int8_t)((level < 255 ? level : 255) - 128);
    }
    return bytes;
}

/* Run the detector; false where the watch stops it. rows and row are there until it has run. */
static bool detect(const struct ocrm55_network *detector, uint8_t *arena, uint8_t *row, const struct ocrm55_rows *rows,
                   const struct ocrm55_page_watch *watch)
{
    static const struct ocrm55_page_watch nobody;
    watch = watch != NULL ? watch : &nobody;
    if (watch->goes_on == NULL || detector->set_rows == NULL) {
        if (watch->goes_on != NULL && !watch->goes_on(watch->context)) {
            return false;
        }
        detector->run_rows(arena, row, rows, watch->operator_done, watch->context);
        return true;
    }
    detector->set_rows(arena, row, rows);
    for (uint32_t step = 0; step < detector->step_count; step++) {
        const unsigned op = detector->step(arena, step, NULL);
        if (watch->operator_done != NULL) {
            watch->operator_done(watch->context, op);
        }
        if (!watch->goes_on(watch->context)) {
            return false;
        }
    }
    return true;
}

enum ocrm55_page_outcome ocrm55_page_find(const struct ocrm55_network *detector, void *arena, size_t arena_bytes,
                                          const struct ocrm55_frame *frame, const struct ocrm55_page_options *options,
                                          void *scratch, size_t scratch_bytes, struct ocrm55_box *boxes, uint32_t room,
                                          uint32_t *count, const struct ocrm55_page_watch *watch)
{
    if (detector == NULL || arena == NULL || options == NULL || scratch == NULL || count == NULL ||
        (boxes == NULL && room != 0)) {
        return OCRM55_PAGE_NO_POINTER;
    }
    *count = 0;
    enum ocrm55_page_outcome outcome = ocrm55_page_check(frame, NULL);
    if (outcome != OCRM55_PAGE_OK) {
        return outcome;
    }
    outcome = check(detector, arena, arena_bytes, scratch, scratch_bytes);
    if (outcome != OCRM55_PAGE_OK) {
        return outcome;
    }
    struct ocrm55_page_rows scaled =
        ocrm55_page_scaled(frame, options, detector->input_width, detector->input_height);
    const struct ocrm55_rows rows = {ocrm55_page_row, &scaled};
    tell(watch, OCRM55_PAGE_DETECTS);
    if (!detect(detector, arena, scratch, &rows, watch)) {
        return OCRM55_PAGE_STOPPED;
    }
    if (detector->npu_status != NULL && !detector->npu_fallback && detector->npu_status() != 0) {
        return OCRM55_PAGE_NPU;
    }
    tell(watch, OCRM55_PAGE_BOXES);
    outcome = ocrm55_page_boxes(map_of(detector, arena), detector->input_width, detector->input_height, frame, options,
                                scratch, scratch_bytes, boxes, room, count);
    tell(watch, OCRM55_PAGE_DONE);
    return outcome;
}

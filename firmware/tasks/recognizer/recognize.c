#include "ocrm55_recognize.h"

#include "reading.h"

static void run(const struct ocrm55_network *network, uint8_t *arena, struct growing *growing,
                const struct ocrm55_watch *watch)
{
    if (network->run_into == NULL) {
        network->run(arena, watch->operator_done, watch->context);
        return;
    }
    const struct ocrm55_taker taker = {take, growing};
    network->run_into(arena, &taker, watch->operator_done, watch->context);
}

enum ocrm55_outcome ocrm55_recognize(const struct ocrm55_recognizer *recognizer, void *arena, size_t arena_bytes,
                                     const uint8_t *bgr, int32_t width, struct ocrm55_reading *reading,
                                     const struct ocrm55_watch *watch)
{
    static const struct ocrm55_watch nobody;
    const struct ocrm55_network *const network = recognizer->network;
    const enum ocrm55_outcome outcome = check(network, arena, arena_bytes, bgr, width, reading);
    if (outcome != OCRM55_READ) {
        return outcome;
    }
    if (reading->allowed != NULL && recognizer->decode_within == NULL) {
        return OCRM55_UNRESTRICTED;
    }
    watch = watch != NULL ? watch : &nobody;
    const int32_t wanted = reading->columns < network->input_width ? reading->columns : network->input_width;
    int32_t columns = width, least = wanted > width ? wanted : width;
    for (;;) {
        tell(watch, OCRM55_PREPARES, columns);
        network->set_image_within(arena, bgr, width, least);
        const int32_t seen = network->width(arena);
        tell(watch, OCRM55_RUNS, seen);
        struct growing growing = {.classes = network->output_shape[network->output_dimensions - 1], .also = watch->rows};
        ocrm55_ctc_begin(&growing.text, reading->classes);
        run(network, arena, &growing, watch);
        tell(watch, OCRM55_DECODES, seen);
        if (network->npu_status != NULL && !network->npu_fallback && network->npu_status() != 0) {
            return OCRM55_NPU_FAILED;
        }
        const float lead = decode(recognizer, arena, &growing, reading);
        reading->width = seen;
        reading->lead = lead;
        tell(watch, OCRM55_HAS_DECODED, seen);
        if (stands(recognizer, arena, lead)) {
            break;
        }
        tell(watch, OCRM55_READS_AGAIN, seen);
        columns = least = network->input_width;
    }
    if (reading->text != NULL) {
        write_text(recognizer, reading, reading->text);
    }
    return OCRM55_READ;
}

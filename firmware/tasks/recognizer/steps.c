/* A reading step by step. */
#include "ocrm55_steps.h"

#include "reading.h"

_Static_assert(sizeof(struct growing) <= sizeof(((struct ocrm55_course *)0)->text), "a growing text is kept between steps");

static const struct ocrm55_watch *watch_of(const struct ocrm55_course *course)
{
    static const struct ocrm55_watch nobody;
    return course->watch != NULL ? course->watch : &nobody;
}

uint32_t ocrm55_steps_of(const struct ocrm55_network *network)
{
    return network->step_count + 2u;
}

/* Nothing is read yet. */
static void empty(struct ocrm55_reading *reading)
{
    reading->characters = 0u;
    reading->score = 0.0f;
    reading->fits = 1u;
    if (reading->text != NULL) {
        reading->text[0] = '\0';
    }
}

enum ocrm55_outcome ocrm55_begin(struct ocrm55_course *course, const struct ocrm55_recognizer *recognizer, void *arena,
                                 size_t arena_bytes, const uint8_t *bgr, int32_t width, struct ocrm55_reading *reading,
                                 const struct ocrm55_watch *watch)
{
    if (course == NULL || recognizer == NULL) {
        return OCRM55_NO_POINTER;
    }
    const struct ocrm55_network *const network = recognizer->network;
    const enum ocrm55_outcome outcome = check(network, arena, arena_bytes, bgr, width, reading);
    if (outcome != OCRM55_READ) {
        return outcome;
    }
    if (network->step == NULL) {
        return OCRM55_NOT_STEPWISE;
    }
    if (reading->allowed != NULL && recognizer->decode_within == NULL) {
        return OCRM55_UNRESTRICTED;
    }
    const int32_t wanted = reading->columns < network->input_width ? reading->columns : network->input_width;
    *course = (struct ocrm55_course){
        .recognizer = recognizer,
        .arena = arena,
        .bgr = bgr,
        .reading = reading,
        .watch = watch,
        .width = width,
        .columns = width,
        .least = wanted > width ? wanted : width,
    };
    empty(reading);
    return OCRM55_GOES_ON;
}

static void prepare(struct ocrm55_course *course)
{
    const struct ocrm55_network *const network = course->recognizer->network;
    const struct ocrm55_watch *const watch = watch_of(course);
    tell(watch, OCRM55_PREPARES, course->columns);
    network->set_image_within(course->arena, course->bgr, course->width, course->least);
    tell(watch, OCRM55_RUNS, network->width(course->arena));
    struct growing growing = {.classes = network->output_shape[network->output_dimensions - 1], .also = watch->rows};
    ocrm55_ctc_begin(&growing.text, course->reading->classes);
    memcpy(course->text, &growing, sizeof growing);
}

static void run_step(struct ocrm55_course *course, uint32_t step)
{
    const struct ocrm55_network *const network = course->recognizer->network;
    const struct ocrm55_watch *const watch = watch_of(course);
    struct growing growing;
    memcpy(&growing, course->text, sizeof growing);
    const struct ocrm55_taker taker = {take, &growing};
    const unsigned op = network->step(course->arena, step, network->run_into != NULL ? &taker : NULL);
    memcpy(course->text, &growing, sizeof growing);
    if (watch->operator_done != NULL) {
        watch->operator_done(watch->context, op);
    }
}

/* The text; or the start of a second pass at full width, where that is needed. */
static enum ocrm55_outcome finish(struct ocrm55_course *course)
{
    const struct ocrm55_recognizer *const recognizer = course->recognizer;
    const struct ocrm55_watch *const watch = watch_of(course);
    struct ocrm55_reading *const reading = course->reading;
    const int32_t seen = recognizer->network->width(course->arena);
    struct growing growing;
    memcpy(&growing, course->text, sizeof growing);
    tell(watch, OCRM55_DECODES, seen);
    const float lead = decode(recognizer, course->arena, &growing, reading);
    reading->width = seen;
    reading->lead = lead;
    tell(watch, OCRM55_HAS_DECODED, seen);
    if (!stands(recognizer, course->arena, lead)) {
        tell(watch, OCRM55_READS_AGAIN, seen);
        course->columns = course->least = recognizer->network->input_width;
        course->next = 0u;
        return OCRM55_GOES_ON;
    }
    if (reading->text != NULL) {
        write_text(recognizer, reading, reading->text);
    }
    return OCRM55_READ;
}

enum ocrm55_outcome ocrm55_step(struct ocrm55_course *course)
{
    const uint32_t step = course->next++;
    if (step == 0u) {
        prepare(course);
        return OCRM55_GOES_ON;
    }
    if (step <= course->recognizer->network->step_count) {
        run_step(course, step - 1u);
        return OCRM55_GOES_ON;
    }
    return finish(course);
}

enum ocrm55_outcome ocrm55_recognize_while(ocrm55_goes_on goes_on, void *context,
                                           const struct ocrm55_recognizer *recognizer, void *arena, size_t arena_bytes,
                                           const uint8_t *bgr, int32_t width, struct ocrm55_reading *reading,
                                           const struct ocrm55_watch *watch)
{
    struct ocrm55_course course;
    enum ocrm55_outcome outcome =
        ocrm55_begin(&course, recognizer, arena, arena_bytes, bgr, width, reading, watch);
    while (outcome == OCRM55_GOES_ON) {
        outcome = ocrm55_step(&course);
        if (outcome == OCRM55_GOES_ON && goes_on != NULL && !goes_on(context)) {
            empty(reading);
            outcome = OCRM55_STOPPED;
        }
    }
    return outcome;
}

bool ocrm55_run_while(ocrm55_goes_on goes_on, void *context, const struct ocrm55_network *network, uint8_t *arena)
{
    for (uint32_t step = 0; step < network->step_count; step++) {
        (void)network->step(arena, step, NULL);
        if (step + 1u < network->step_count && goes_on != NULL && !goes_on(context)) {
            return false;
        }
    }
    return network->step_count != 0u;
}

/* The text of a box: its crop, or windows of it, through the recognizer. */
/* The host computes the same scores to the last bit: no fused multiply-add, whatever the options are. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#include <stdbool.h>
#include <string.h>

#include "ocrm55_page.h"
#include "windows.h"

/* What reading a line needs; its memory lies in the scratch. */
struct reader {
    const struct ocrm55_recognizer *recognizer;
    const struct ocrm55_recognizer *of_windows; /* the same; it need not decode what is decoded when joined */
    uint8_t *arena;
    size_t arena_bytes;
    const struct ocrm55_frame *frame;
    const struct ocrm55_page_options *options;
    const struct ocrm55_page_watch *watch;
    struct page_windows windows;
    int32_t classes;
    uint8_t *pixels; /* [height][width][3], a window */
    float *kept;     /* [steps][classes], of the window before */
    uint16_t *found; /* [steps], of a part of a window */
    struct ocrm55_character *measured; /* [steps], or NULL */
};

/* A reading as it grows. */
struct text {
    uint16_t *classes;
    uint32_t room, count;
    float sum; /* of each character's part's score */
    float score;
    bool cut; /* there was more than room */
    bool sure; /* lead and likelihood are known */
    float lead, likelihood; /* the least of its parts' leads, and the product of their likelihoods */
};

static struct text empty_text(uint16_t *classes, uint32_t room)
{
    return (struct text){.classes = classes, .room = room, .sure = true, .lead = 1.0f, .likelihood = 1.0f};
}

static void tell(const struct reader *reader, enum ocrm55_page_phase phase)
{
    if (reader->watch != NULL && reader->watch->phase != NULL) {
        reader->watch->phase(reader->watch->context, phase);
    }
}

static void append(struct text *text, const uint16_t *classes, uint32_t count, float score)
{
    const uint32_t some = count < text->room - text->count ? count : text->room - text->count;
    memcpy(text->classes + text->count, classes, some * sizeof *classes);
    text->cut = text->cut || some < count;
    text->score = text->count == 0 ? score : text->score;
    text->sum += score * (float)some;
    text->count += some;
}

/* A likelihood that counts as none, because denormals are not the same on every core. */
#define NOTHING 0x1p-100f

/* How sure a part is: of these probabilities [steps][classes]. */
static void measure(const struct reader *reader, const float *probabilities, uint32_t steps,
                    const struct ocrm55_reading *part, struct text *text)
{
    if (reader->measured == NULL || steps == 0u) {
        return;
    }
    struct ocrm55_confidence confidence = {.characters = reader->measured};
    text->sure = text->sure && ocrm55_measure_steps(reader->recognizer, probabilities, steps, part, &confidence);
    if (text->sure) {
        text->lead = confidence.lead < text->lead ? confidence.lead : text->lead;
        const float likelihood = text->likelihood * confidence.likelihood;
        text->likelihood = likelihood < NOTHING ? 0.0f : likelihood;
    }
}

static enum ocrm55_page_outcome outcome_of(enum ocrm55_outcome outcome)
{
    switch (outcome) {
    case OCRM55_READ:
        return OCRM55_PAGE_OK;
    case OCRM55_NO_POINTER:
        return OCRM55_PAGE_NO_POINTER;
    case OCRM55_NPU_FAILED:
        return OCRM55_PAGE_NPU;
    case OCRM55_IMAGE_SIZE:
        return OCRM55_PAGE_NETWORK;
    case OCRM55_STOPPED:
        return OCRM55_PAGE_STOPPED;
    default:
        return OCRM55_PAGE_ARENA;
    }
}

/* Crop columns of a box and recognize them: `reading` says what is in reader->found. */
static enum ocrm55_page_outcome recognize(const struct reader *reader, const struct ocrm55_recognizer *recognizer,
                                          const struct ocrm55_box *box, int32_t whole, int32_t first, int32_t width,
                                          struct ocrm55_reading *reading)
{
    tell(reader, OCRM55_PAGE_CROPS);
    const int32_t height = recognizer->network->input_height;
    ocrm55_page_crop(reader->frame, box, whole, first, width, height, reader->pixels);
    tell(reader, OCRM55_PAGE_RECOGNIZES);
    *reading = (struct ocrm55_reading){.classes = reader->found, .columns = width + reader->windows.beyond};
    const struct ocrm55_watch *const watch = reader->watch != NULL ? reader->watch->recognition : NULL;
    const ocrm55_goes_on goes_on = reader->watch != NULL ? reader->watch->goes_on : NULL;
    if (goes_on != NULL && recognizer->network->step != NULL) {
        return outcome_of(ocrm55_recognize_while(goes_on, reader->watch->context, recognizer, reader->arena,
                                                 reader->arena_bytes, reader->pixels, width, reading, watch));
    }
    if (goes_on != NULL && !goes_on(reader->watch->context)) {
        return OCRM55_PAGE_STOPPED;
    }
    return outcome_of(ocrm55_recognize(recognizer, reader->arena, reader->arena_bytes, reader->pixels, width, reading,
                                       watch));
}

/* What decodes a window whose lead nobody asks for: nothing. */
static float leave(const float *probabilities, uint32_t steps, uint16_t *kept, uint32_t *count, float *lead)
{
    (void)probabilities;
    (void)steps;
    (void)kept;
    *count = 0;
    *lead = 1.0f;
    return 0.0f;
}

/* Append steps from .. to - 1 of a window's probabilities. */
static void decode(const struct reader *reader, const struct page_reading *window, int32_t from, int32_t to,
                   struct text *text)
{
    struct ocrm55_reading part = {.classes = reader->found, .fits = 1u};
    const float *const start = window->probabilities + (from - window->first) * reader->classes;
    const struct ocrm55_recognizer *const recognizer = reader->recognizer;
    const uint32_t steps = to > from ? (uint32_t)(to - from) : 0u;
    float score;
    if (recognizer->decode_within != NULL) {
        score = recognizer->decode_within(NULL, start, steps, reader->found, &part.characters, &part.lead);
        part.fits = score >= 0.0f ? 1u : 0u;
        score = score > 0.0f ? score : 0.0f;
    } else {
        score = recognizer->decode(start, steps, reader->found, &part.characters, &part.lead);
    }
    measure(reader, start, steps, &part, text);
    append(text, reader->found, part.characters, score);
}

/* Windows one after the other. The one before waits in reader->kept until it is known where the next takes over. */
static enum ocrm55_page_outcome read_windows(const struct reader *reader, const struct ocrm55_box *box, int32_t whole,
                                             int32_t count, struct text *text)
{
    const struct ocrm55_network *const network = reader->recognizer->network;
    struct page_reading before = {reader->kept, 0, 0};
    int32_t from = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t first = ocrm55_page_window_first(&reader->windows, network, whole, i);
        const int32_t rest = whole - first, width = rest < reader->windows.width ? rest : reader->windows.width;
        struct ocrm55_reading reading;
        const enum ocrm55_page_outcome outcome =
            recognize(reader, reader->of_windows, box, whole, first, width, &reading);
        if (outcome != OCRM55_PAGE_OK) {
            return outcome;
        }
        const struct page_reading window = {network->output(reader->arena), first / reader->windows.column_step,
                                            (int32_t)network->steps(reader->arena)};
        tell(reader, OCRM55_PAGE_JOINS);
        if (i > 0) {
            const int32_t join = ocrm55_page_join(&before, &window, reader->classes, from);
            decode(reader, &before, from, join, text);
            from = join;
        }
        before.first = window.first;
        before.steps = window.steps;
        memcpy(reader->kept, window.probabilities, (size_t)(window.steps * reader->classes) * sizeof *reader->kept);
    }
    decode(reader, &before, from, before.first + before.steps, text);
    text->score = text->count == 0 ? 0.0f : text->sum / (float)text->count;
    return OCRM55_PAGE_OK;
}

/* Read a box as it lies into `text`, and count the readings. */
static enum ocrm55_page_outcome read_once(const struct reader *reader, const struct ocrm55_box *box, struct text *text,
                                          uint32_t *readings)
{
    const struct ocrm55_network *const network = reader->recognizer->network;
    const int32_t whole =
        ocrm55_page_fitted(&reader->windows, network, ocrm55_page_columns(box, network->input_height),
                           reader->options->squeeze);
    if (whole <= network->input_width) {
        struct ocrm55_reading reading;
        const enum ocrm55_page_outcome outcome =
            recognize(reader, reader->recognizer, box, whole, 0, whole, &reading);
        if (outcome == OCRM55_PAGE_OK) {
            tell(reader, OCRM55_PAGE_JOINS);
            measure(reader, network->output(reader->arena), network->steps(reader->arena), &reading, text);
            append(text, reading.classes, reading.characters, reading.score);
            *readings += 1;
        }
        return outcome;
    }
    if (reader->windows.column_step == 0) {
        return OCRM55_PAGE_NETWORK;
    }
    if (reader->recognizer->decode_within != NULL && reader->recognizer->parts_fit == 0u) {
        return OCRM55_PAGE_OK; /* whether the parts' text fits is not known: none is said */
    }
    int32_t count = ocrm55_page_window_count(&reader->windows, whole);
    if (count > reader->options->windows) {
        count = reader->options->windows;
        text->cut = true;
    }
    *readings += (uint32_t)count;
    return read_windows(reader, box, whole, count, text);
}

static void write_text(const struct ocrm55_recognizer *recognizer, struct ocrm55_line *line, bool *cut)
{
    if (line->text == NULL || line->text_bytes == 0) {
        return;
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < line->characters; i++) {
        const char *const label = recognizer->labels[line->classes[i]];
        const size_t bytes = strlen(label);
        if (bytes >= line->text_bytes - used) {
            line->characters = i;
            *cut = true;
            break;
        }
        memcpy(line->text + used, label, bytes);
        used += (uint32_t)bytes;
    }
    line->text[used] = '\0';
}

/* The other way up has to score that much more. A text that is right and unsure often scores a little less than what is
 * read into it upside down: of 273 lines of receipts this loses none, where the surer text loses four. */
#define MARGIN 0.1f

/* Read one way up, and the other one too where that is unsure; keep the first text unless the other is much surer. */
static enum ocrm55_page_outcome read_line(const struct reader *reader, const struct ocrm55_box *box,
                                          struct ocrm55_line *line)
{
    struct text best = empty_text(line->classes, line->class_room);
    struct ocrm55_box turned = *box;
    ocrm55_page_turn(&turned, 1);
    const bool on_its_head = line->likely_upside_down != 0;
    enum ocrm55_page_outcome outcome = read_once(reader, on_its_head ? &turned : box, &best, &line->readings);
    if (outcome != OCRM55_PAGE_OK) {
        return outcome;
    }
    line->upside_down = on_its_head ? 1 : 0;
    if (best.score < (float)reader->options->sure / 65536.0f) {
        struct text other = empty_text(line->classes + best.count, line->class_room - best.count);
        outcome = read_once(reader, on_its_head ? box : &turned, &other, &line->readings);
        if (outcome != OCRM55_PAGE_OK) {
            return outcome;
        }
        if (other.count > 0 && other.score > best.score + MARGIN) {
            memmove(line->classes, other.classes, other.count * sizeof *line->classes);
            best = other;
            line->upside_down ^= 1;
        }
    }
    line->characters = best.count;
    line->score = best.score;
    if (reader->measured != NULL && best.sure) {
        line->right = ocrm55_calibrated(reader->recognizer, best.lead, best.likelihood);
    }
    write_text(reader->recognizer, line, &best.cut);
    return best.cut ? OCRM55_PAGE_LONG : OCRM55_PAGE_OK;
}

enum ocrm55_page_outcome ocrm55_page_read(const struct ocrm55_recognizer *recognizer, void *arena, size_t arena_bytes,
                                          const struct ocrm55_frame *frame, const struct ocrm55_box *box,
                                          const struct ocrm55_page_options *options, void *scratch,
                                          size_t scratch_bytes, struct ocrm55_line *line,
                                          const struct ocrm55_page_watch *watch)
{
    if (recognizer == NULL || arena == NULL || box == NULL || options == NULL || scratch == NULL || line == NULL ||
        line->classes == NULL) {
        return OCRM55_PAGE_NO_POINTER;
    }
    line->characters = line->readings = 0;
    line->upside_down = 0;
    line->score = 0.0f;
    line->right = -1.0f;
    if (line->text != NULL && line->text_bytes > 0) {
        line->text[0] = '\0';
    }
    const enum ocrm55_page_outcome valid = ocrm55_page_check(frame, box);
    if (valid != OCRM55_PAGE_OK) {
        return valid;
    }
    const struct ocrm55_network *const network = recognizer->network;
    if (network->output == NULL) {
        return OCRM55_PAGE_NETWORK;
    }
    const uint32_t steps = network->output_shape[network->output_dimensions - 2];
    const uint32_t classes = network->output_shape[network->output_dimensions - 1];
    const uint32_t height = (uint32_t)network->input_height, width = (uint32_t)network->input_width;
    if ((uintptr_t)scratch % OCRM55_PAGE_ALIGN != 0 ||
        scratch_bytes < OCRM55_PAGE_READ_BYTES(height, width, steps, classes)) {
        return OCRM55_PAGE_SCRATCH;
    }
    float *const kept = (float *)(void *)((uint8_t *)scratch + OCRM55_PAGE_READ_BYTES(height, width, 0u, classes));
    struct ocrm55_recognizer bold = *recognizer;
    const float lead = (float)options->lead / 65536.0f;
    bold.lead = lead < bold.lead ? lead : bold.lead;
    struct ocrm55_recognizer of_windows = bold;
    if (bold.lead <= 0.0f) {
        of_windows.decode = leave;
        of_windows.decode_within = NULL;
    }
    const struct reader reader = {
        &bold,
        &of_windows,
        arena,
        arena_bytes,
        frame,
        options,
        watch,
        ocrm55_page_windows_of(network, options->beyond),
        (int32_t)classes,
        scratch,
        kept,
        (uint16_t *)(void *)(kept + steps * classes),
        line->measured,
    };
    const enum ocrm55_page_outcome outcome = read_line(&reader, box, line);
    tell(&reader, OCRM55_PAGE_DONE);
    return outcome;
}

#include "uart_words.h"

#include <stddef.h>
#include <string.h>

#include "ocrm55_model.h"
#include "platform.h"
#include "print.h"

#ifndef OCRM55_VERSION
#define OCRM55_VERSION "unversioned"
#endif

/* Instructions when each phase of the last recognition began and when an operator last ended, and those of each operator,
 * which may run in stripes. */
static struct {
    bool counts;
    uint64_t phases[OCRM55_HAS_DECODED + 1];
    uint64_t last;
    uint64_t operators[OCRM55_OPERATOR_COUNT];
} cost;

/* The same in cycles, where the core counts them. */
static struct {
    bool counts;
    uint32_t phases[OCRM55_HAS_DECODED + 1];
    struct platform_cycles last, operators[OCRM55_OPERATOR_COUNT];
} measured;

void say_identity(void)
{
    print_text("ocrm55 " OCRM55_VERSION " " OCRM55_MODEL_NAME " " OCRM55_PRECISION " 1x");
    print_u32(OCRM55_INPUT_CHANNELS);
    print_text("x");
    print_u32(OCRM55_INPUT_HEIGHT);
    print_text("x");
    print_u32(OCRM55_INPUT_WIDTH);
    print_text(" arena ");
    print_u32(OCRM55_NETWORK.arena_bytes);
    print_text("\n");
}

void say_image(uint32_t number, uint32_t count)
{
    print_text("image ");
    print_u32(number);
    print_text("/");
    print_u32(count);
    print_text("\n");
}

/* A narrow reading that does not stand, and what it cost. */
static void say_unsure(int32_t width)
{
    print_text("unsure ");
    print_u32((uint32_t)width);
    print_text(" ");
    print_u64(cost.phases[OCRM55_HAS_DECODED] - cost.phases[OCRM55_PREPARES]);
    print_text("\n");
}

static void note_phase(void *context, enum ocrm55_phase phase, int32_t width)
{
    (void)context;
    if (phase == OCRM55_READS_AGAIN) {
        if (cost.counts) {
            say_unsure(width);
            memset(cost.operators, 0, sizeof cost.operators);
        }
        return;
    }
    if (cost.counts) {
        cost.phases[phase] = platform_instructions();
        cost.last = cost.phases[phase];
    }
    switch (phase) {
    case OCRM55_PREPARES:
        platform_activity("preprocessing", "");
        break;
    case OCRM55_RUNS:
        platform_activity("operator", OCRM55_NETWORK.operator_names[0]);
        break;
    default:
        platform_activity("decoding", "");
        break;
    }
}

/* After operator `op`: the next one is what a fault would be about. */
static void note_operator(void *context, unsigned op)
{
    (void)context;
    if (cost.counts) {
        const uint64_t now = platform_instructions();
        cost.operators[op] += now - cost.last;
        cost.last = now;
    }
    if (op + 1 < OCRM55_OPERATOR_COUNT) {
        platform_activity("operator", OCRM55_NETWORK.operator_names[op + 1]);
    }
}

/* Both counters are read at the same places. That of cycles is read last before an operator and first behind it. */
static void note_phase_in_cycles(void *context, enum ocrm55_phase phase, int32_t width)
{
    note_phase(context, phase, width);
    if (phase == OCRM55_READS_AGAIN) {
        memset(measured.operators, 0, sizeof measured.operators);
        return;
    }
    (void)platform_cycles(&measured.last);
    measured.phases[phase] = measured.last.cycles;
}

static void note_operator_in_cycles(void *context, unsigned op)
{
    struct platform_cycles now;
    (void)platform_cycles(&now);
    measured.operators[op].cycles += now.cycles - measured.last.cycles;
    for (int i = 0; i < PLATFORM_EVENTS; i++) {
        measured.operators[op].events[i] += now.events[i] - measured.last.events[i];
    }
    note_operator(context, op);
    (void)platform_cycles(&measured.last);
}

struct ocrm55_watch watch_for(bool stats)
{
    cost.counts = stats;
    measured.counts = stats && platform_cycles(&measured.last);
    if (measured.counts) {
        return (struct ocrm55_watch){.phase = note_phase_in_cycles, .operator_done = note_operator_in_cycles};
    }
    return (struct ocrm55_watch){.phase = note_phase, .operator_done = note_operator};
}

static void say_cycles(void)
{
    for (uint32_t op = 0; op < OCRM55_OPERATOR_COUNT; op++) {
        print_text("cycles ");
        print_u32(op);
        print_text(" ");
        print_u32(measured.operators[op].cycles);
        for (int i = 0; i < PLATFORM_EVENTS && measured.last.has_events; i++) {
            print_text(" ");
            print_text(platform_event_names[i]);
            print_text("=");
            print_u32(measured.operators[op].events[i]);
        }
        print_text("\n");
    }
    print_text("cycles preprocess=");
    print_u32(measured.phases[OCRM55_RUNS] - measured.phases[OCRM55_PREPARES]);
    print_text(" inference=");
    print_u32(measured.phases[OCRM55_DECODES] - measured.phases[OCRM55_RUNS]);
    print_text(" decode=");
    print_u32(measured.phases[OCRM55_HAS_DECODED] - measured.phases[OCRM55_DECODES]);
    print_text("\n");
}

static void say_cost(void)
{
    for (uint32_t op = 0; op < OCRM55_OPERATOR_COUNT; op++) {
        print_text("op ");
        print_u32(op);
        print_text(" ");
        print_u64(cost.operators[op]);
        print_text("\n");
    }
    print_text("instructions preprocess=");
    print_u64(cost.phases[OCRM55_RUNS] - cost.phases[OCRM55_PREPARES]);
    print_text(" inference=");
    print_u64(cost.phases[OCRM55_DECODES] - cost.phases[OCRM55_RUNS]);
    print_text(" decode=");
    print_u64(cost.phases[OCRM55_HAS_DECODED] - cost.phases[OCRM55_DECODES]);
    print_text("\n");
}

void say_reading(const struct ocrm55_reading *reading, bool stats)
{
    if (OCRM55_WIDTHS > 1) {
        print_text("width ");
        print_u32((uint32_t)reading->width);
        print_text("\n");
    }
    if (stats) {
        say_cost();
        memset(cost.operators, 0, sizeof cost.operators);
    }
    if (measured.counts) {
        say_cycles();
        memset(measured.operators, 0, sizeof measured.operators);
    }
    if (reading->fits == 0u) {
        print_text("nothing fits, seen: ");
        print_text(reading->seen);
        print_text(", score: ");
        print_float6(reading->seen_score);
        print_text("\n");
    }
    print_text("text: ");
    print_text(reading->text);
    print_text(", score: ");
    print_float6(reading->score);
    print_text("\n");
}

void say_confidence(const struct ocrm55_reading *reading, const struct ocrm55_confidence *confidence)
{
    for (uint32_t i = 0; i < reading->characters; i++) {
        const struct ocrm55_character *const character = &confidence->characters[i];
        print_text("character ");
        print_u32(reading->classes[i]);
        print_text(" ");
        print_float6(character->probability);
        print_text(" steps ");
        print_u32(character->first);
        print_text(" ");
        print_u32(character->last);
        print_text(" next ");
        print_u32(character->runner_up);
        print_text(" ");
        print_float6(character->runner_up_probability);
        print_text("\n");
    }
    const struct {
        const char *name;
        float value;
    } all[] = {{"confidence right=", confidence->right}, {" least=", confidence->least}, {" mean=", confidence->mean},
               {" lead=", confidence->lead}, {" likelihood=", confidence->likelihood}};
    for (uint32_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        print_text(all[i].name);
        print_float6(all[i].value);
    }
    print_text("\n");
}

void say_stack(void)
{
    uint32_t total;
    const uint32_t used = platform_stack_used(&total);
    print_text("stack ");
    print_u32(used);
    print_text(" of ");
    print_u32(total);
    print_text("\n");
}

enum status complain(enum status status, const char *what, const char *which)
{
    print_text("error: ");
    print_text(what);
    print_name(which);
    print_text("\n");
    return status;
}

/* The host computes the same to the last bit: no fused multiply-add, whatever the options are. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#include <string.h>

#include "ctc.h"
#include "ocrm55_recognize.h"

/* The most steps of an output; the states of a text are a blank before, between and behind its characters. */
enum { STEPS = 96, STATES = 2 * STEPS + 1, PER_BYTE = 4 };
/* What a path that the network excludes weighs at least, so that every text has places; the weights below which all are
 * raised; and the sum that counts as nothing, because denormals are not the same on every core. */
#define LEAST 0x1p-20f
#define LOW 0x1p-40f
#define RAISED 0x1p40f
#define NOTHING 0x1p-100f
#define DOUBT 0x1p-20f /* 1 minus a share counts as this much at least */
#define MOST_ODDS 30.0f

/* The ways to spread a text over the steps: the best one so far to each state, with its choices, and the sum of all. */
struct ways {
    float best[STATES], sum[STATES];
    uint8_t came[STEPS][(STATES + PER_BYTE - 1) / PER_BYTE]; /* from how many states before, two bits each */
};

static uint32_t class_of(const uint16_t *classes, uint32_t state)
{
    return state % 2u == 1u ? classes[state / 2u] : OCRM55_CTC_BLANK;
}

static float share(float value)
{
    return value > 0.0f ? (value < 1.0f ? value : 1.0f) : 0.0f; /* 0 for NaN */
}

/* A step more. From the last state on, because each state looks at those before it as they were. */
static void spread(struct ways *ways, const uint16_t *classes, uint32_t states, const float *frame, uint8_t *came)
{
    float most = 0.0f;
    memset(came, 0, sizeof ways->came[0]);
    for (uint32_t i = states; i-- > 0u;) {
        const float p = share(frame[class_of(classes, i)]);
        const bool skips = i % 2u == 1u && i >= 3u && classes[i / 2u] != classes[i / 2u - 1u];
        float best = ways->best[i], sum = ways->sum[i];
        uint32_t from = 0u;
        if (i >= 1u) {
            sum += ways->sum[i - 1u];
            if (ways->best[i - 1u] > best) {
                best = ways->best[i - 1u];
                from = 1u;
            }
        }
        if (skips) {
            sum += ways->sum[i - 2u];
            if (ways->best[i - 2u] > best) {
                best = ways->best[i - 2u];
                from = 2u;
            }
        }
        sum *= p;
        ways->sum[i] = sum < NOTHING ? 0.0f : sum;
        best *= p > LEAST ? p : LEAST;
        ways->best[i] = best < NOTHING ? 0.0f : best;
        most = best > most ? best : most;
        came[i / PER_BYTE] |= (uint8_t)(from << (i % PER_BYTE * 2u));
    }
    for (uint32_t i = 0; most < LOW && i < states; i++) {
        ways->best[i] *= RAISED;
    }
}

/* The first and the last step of each character, back from the state in which the best way ends. */
static void places(const struct ways *ways, uint32_t state, uint32_t steps, struct ocrm55_character *characters)
{
    for (uint32_t step = steps; step-- > 0u;) {
        if (state % 2u == 1u) {
            struct ocrm55_character *const character = &characters[state / 2u];
            character->last = character->first == UINT16_MAX ? (uint16_t)step : character->last;
            character->first = (uint16_t)step;
        }
        state -= ((uint32_t)ways->came[step][state / PER_BYTE] >> (state % PER_BYTE * 2u)) & 3u;
    }
}

/* The probabilities of a character and of the likeliest other one in its place. */
static void measure(struct ocrm55_character *character, uint32_t class, const float *probabilities, uint32_t classes)
{
    character->probability = character->runner_up_probability = 0.0f;
    character->runner_up = OCRM55_CTC_BLANK;
    for (uint32_t step = character->first; step <= character->last; step++) {
        const float *const frame = probabilities + step * classes;
        character->probability =
            share(frame[class]) > character->probability ? share(frame[class]) : character->probability;
        for (uint32_t other = OCRM55_CTC_BLANK + 1u; other < classes; other++) {
            if (frame[other] > character->runner_up_probability && other != class) {
                character->runner_up_probability = share(frame[other]);
                character->runner_up = (uint16_t)other;
            }
        }
    }
}

/* How many times a doubt halves certainty: the binary logarithm of 1 / (1 - value), straight between powers of two. */
static float halvings(float value)
{
    const float doubt = 1.0f - value > DOUBT ? 1.0f - value : DOUBT;
    int32_t bits;
    memcpy(&bits, &doubt, sizeof bits);
    return 127.0f - (float)bits * 0x1p-23f;
}

/* 1 / (1 + 2^-odds), with the power straight between whole numbers. */
static float share_of_odds(float odds)
{
    const float bounded = odds < MOST_ODDS ? (odds > -MOST_ODDS ? odds : -MOST_ODDS) : MOST_ODDS;
    const int32_t bits = (int32_t)((127.0f - bounded) * 0x1p23f);
    float against;
    memcpy(&against, &bits, sizeof against);
    return 1.0f / (1.0f + against);
}

float ocrm55_calibrated(const struct ocrm55_recognizer *recognizer, float lead, float likelihood)
{
    const struct ocrm55_calibration *const by = recognizer->calibration;
    if (by == NULL) {
        return -1.0f;
    }
    float odds = by->bias + by->lead * halvings(lead);
    odds += by->likelihood * halvings(likelihood);
    return share_of_odds(odds);
}

bool ocrm55_measure_confidence(const struct ocrm55_recognizer *recognizer, const void *arena,
                               const struct ocrm55_reading *reading, struct ocrm55_confidence *confidence)
{
    const struct ocrm55_network *const network = recognizer->network;
    return network->run_into == NULL && ocrm55_measure_steps(recognizer, network->output(arena), network->steps(arena),
                                                             reading, confidence);
}

bool ocrm55_measure_steps(const struct ocrm55_recognizer *recognizer, const float *probabilities, uint32_t steps,
                          const struct ocrm55_reading *reading, struct ocrm55_confidence *confidence)
{
    const struct ocrm55_network *const network = recognizer->network;
    const uint32_t count = reading->characters, states = 2u * count + 1u;
    const uint32_t classes = network->output_shape[network->output_dimensions - 1];
    if (steps < 1u || steps > STEPS || count > steps || reading->fits == 0u || confidence->characters == NULL) {
        return false;
    }
    struct ways ways;
    for (uint32_t i = 0; i < states; i++) {
        ways.best[i] = ways.sum[i] = i == 0u ? 1.0f : 0.0f;
    }
    for (uint32_t step = 0; step < steps; step++) {
        spread(&ways, reading->classes, states, probabilities + step * classes, ways.came[step]);
    }
    const bool ends_in_character = count > 0u && ways.best[states - 2u] > ways.best[states - 1u];
    for (uint32_t i = 0; i < count; i++) {
        confidence->characters[i] = (struct ocrm55_character){.first = UINT16_MAX};
    }
    places(&ways, ends_in_character ? states - 2u : states - 1u, steps, confidence->characters);
    float total = 0.0f;
    confidence->least = count > 0u ? 1.0f : 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        struct ocrm55_character *const character = &confidence->characters[i];
        if (character->first == UINT16_MAX) {
            return false; /* the steps do not hold this text */
        }
        measure(character, reading->classes[i], probabilities, classes);
        total += character->probability;
        confidence->least = character->probability < confidence->least ? character->probability : confidence->least;
    }
    confidence->mean = count > 0u ? total / (float)count : 0.0f;
    confidence->lead = share(reading->lead);
    confidence->likelihood = share(ways.sum[states - 1u] + (count > 0u ? ways.sum[states - 2u] : 0.0f));
    confidence->right = ocrm55_calibrated(recognizer, confidence->lead, confidence->likelihood);
    return true;
}

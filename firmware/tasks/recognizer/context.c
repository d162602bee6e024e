/* The host computes the same to the last bit: no fused multiply-add, whatever the options are. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#include "context.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "ctc.h"
#include "language.h"

/* The number of texts that are followed, the number of classes of a step that are tried, and their least probability. A
 * text below this share of the likeliest text's weight is given up. As in context.py. */
enum { WIDTH = 8, CHOICES = 5, REACHED = WIDTH * (CHOICES + 1) };
#define LEAST_PROBABILITY 0.001f
#define LEAST_SHARE 0x1p-20f
/* Least probability of blank and space together in each step of a gap, and of a space somewhere in it. As in
 * context.py. */
#define LEAST_IN_GAP 0.9f
#define LEAST_SPACE 0.5f

/* The best path that ends in a text: its weight, and the sum of the characters' probabilities along it. */
struct path {
    float weight, sum;
};

struct prefix {
    struct path blank, other; /* ends in a blank, in the text's last character */
    struct language language;
    uint32_t length;
    uint8_t text[OCRM55_CONTEXT_STEPS];
};

struct choice {
    uint32_t class;
    float probability;
};

/* Steps between two characters, up to `end`. If none of them is a space by itself and one of them is probably one, it
 * is at `peak`, and `none` is the probability that none is; otherwise `peak` is `end`. */
struct gap {
    uint32_t end, peak;
    float none;
};

static struct path better(const struct prefix *prefix)
{
    return prefix->blank.weight >= prefix->other.weight ? prefix->blank : prefix->other;
}

/* Add a path that leads here; only the best one counts. */
static void reach(struct path *path, float weight, float sum)
{
    if (weight > path->weight) {
        path->weight = weight;
        path->sum = sum;
    }
}

/* The likeliest classes of a step, the likeliest first; among equals the lower first; the blank if there is none. */
static uint32_t choose(const float *frame, uint32_t classes, struct choice *chosen)
{
    uint32_t count = 0;
    for (uint32_t class = 0; class < classes; class++) {
        const float p = frame[class];
        if (!(p >= LEAST_PROBABILITY)) { /* also true for NaN */
            continue;
        }
        uint32_t place = count < CHOICES ? count++ : CHOICES;
        while (place > 0 && p > chosen[place - 1].probability) {
            if (place < CHOICES) {
                chosen[place] = chosen[place - 1];
            }
            place--;
        }
        if (place < CHOICES) {
            chosen[place] = (struct choice){class, p};
        }
    }
    if (count == 0) {
        chosen[count++] = (struct choice){OCRM55_CTC_BLANK, 1.0f};
    }
    for (uint32_t i = 0; i < count; i++) {
        chosen[i].probability = chosen[i].probability < 1.0f ? chosen[i].probability : 1.0f;
    }
    return count;
}

/* The class of the space; the blank if there is none. */
static uint32_t space_of(const struct ocrm55_context *context)
{
    for (uint32_t class = 1; class < context->classes; class++) {
        if ((context->characters[class].flags & OCRM55_CONTEXT_SPACE) != 0) {
            return class;
        }
    }
    return OCRM55_CTC_BLANK;
}

/* The gap that begins at a step, of at least this step. */
static struct gap find_gap(const float *probabilities, uint32_t first, uint32_t steps, uint32_t classes, uint32_t space)
{
    struct gap gap = {first, 0u, 1.0f};
    uint32_t peak = first;
    bool is_undecided = space != OCRM55_CTC_BLANK && first > 0;
    for (; gap.end < steps; gap.end++) {
        const float *frame = probabilities + gap.end * classes;
        const float blank = frame[OCRM55_CTC_BLANK], both = blank + frame[space];
        if (!(both >= LEAST_IN_GAP)) { /* also true for NaN */
            break;
        }
        is_undecided = is_undecided && blank > frame[space];
        gap.none *= blank / both;
        peak = frame[space] > probabilities[peak * classes + space] ? gap.end : peak;
    }
    is_undecided = is_undecided && gap.end < steps && 1.0f - gap.none > LEAST_SPACE;
    gap.end = gap.end > first ? gap.end : first + 1;
    gap.peak = is_undecided ? peak : gap.end;
    return gap;
}

/* A space somewhere in the gap, or none. */
static uint32_t choose_space(const struct gap *gap, uint32_t space, struct choice *chosen)
{
    chosen[0] = (struct choice){space, 1.0f - gap->none};
    chosen[1] = (struct choice){OCRM55_CTC_BLANK, gap->none};
    return gap->none >= LEAST_PROBABILITY ? 2 : 1;
}

/* The texts to which a step leads. */
struct reached {
    uint32_t count;
    struct prefix prefixes[REACHED];
};

/* The text of `from`, and `class` behind it unless that is the blank; NULL when no path led there yet. */
static struct prefix *find(struct reached *reached, const struct prefix *from, uint32_t class)
{
    const uint32_t length = from->length + (class != OCRM55_CTC_BLANK);
    for (uint32_t i = 0; i < reached->count; i++) {
        struct prefix *prefix = &reached->prefixes[i];
        if (prefix->length == length && (class == OCRM55_CTC_BLANK || prefix->text[length - 1] == class) &&
            memcmp(prefix->text, from->text, from->length) == 0) {
            return prefix;
        }
    }
    return NULL;
}

/* The same text as `from`, or the text with a class behind it, as yet reached by no path. */
static struct prefix *add(struct reached *reached, const struct prefix *from)
{
    struct prefix *prefix = &reached->prefixes[reached->count++];
    prefix->blank = prefix->other = (struct path){0.0f, 0.0f};
    prefix->language = from->language;
    prefix->length = from->length;
    memcpy(prefix->text, from->text, from->length);
    return prefix;
}

static void extend(const struct ocrm55_context *context, struct reached *reached, const struct prefix *from,
                   struct choice choice)
{
    struct path source = better(from);
    const bool repeated = from->length > 0 && from->text[from->length - 1] == choice.class;
    if (choice.class == OCRM55_CTC_BLANK || repeated) {
        struct prefix *same = find(reached, from, OCRM55_CTC_BLANK);
        same = same != NULL ? same : add(reached, from);
        if (choice.class == OCRM55_CTC_BLANK) {
            reach(&same->blank, source.weight * choice.probability, source.sum);
            return;
        }
        reach(&same->other, from->other.weight * choice.probability, from->other.sum);
        source = from->blank; /* a second such character only follows a blank */
    }
    if (!(source.weight > 0.0f)) {
        return;
    }
    struct language language = from->language;
    const float factor = follow(context, &language, choice.class);
    struct prefix *longer = find(reached, from, choice.class);
    if (longer == NULL) {
        longer = add(reached, from);
        longer->language = language;
        longer->text[longer->length++] = (uint8_t)choice.class;
    }
    reach(&longer->other, source.weight * choice.probability * factor, source.sum + choice.probability);
}

/* The likeliest of the texts reached, the likeliest first, their weights over that one's. */
static uint32_t keep(struct reached *reached, struct prefix *prefixes)
{
    float most = 0.0f;
    uint32_t count = 0;
    while (count < WIDTH) {
        struct prefix *likeliest = NULL;
        for (uint32_t i = 0; i < reached->count; i++) {
            struct prefix *prefix = &reached->prefixes[i];
            if (better(prefix).weight > (likeliest != NULL ? better(likeliest).weight : 0.0f)) {
                likeliest = prefix;
            }
        }
        if (likeliest == NULL) {
            break;
        }
        most = count == 0 ? better(likeliest).weight : most;
        if (!(better(likeliest).weight >= most * LEAST_SHARE)) {
            break;
        }
        prefixes[count] = *likeliest;
        prefixes[count].blank.weight /= most;
        prefixes[count].other.weight /= most;
        count++;
        likeliest->blank.weight = likeliest->other.weight = 0.0f;
    }
    return count;
}

static float read_out(const struct ocrm55_context *context, const struct prefix *prefixes, uint32_t prefix_count,
                      uint16_t *kept, uint32_t *count, float *lead)
{
    const struct prefix *best = prefixes;
    float most = 0.0f, next = 0.0f;
    for (uint32_t i = 0; i < prefix_count; i++) {
        struct language language = prefixes[i].language;
        float weight = better(&prefixes[i]).weight;
        if (prefixes[i].length > 0) { /* the language model does not know whether there is a text */
            weight *= finish(context, &language, context->end);
        }
        if (weight > most) {
            next = most;
            most = weight;
            best = &prefixes[i];
        } else if (weight > next) {
            next = weight;
        }
    }
    for (uint32_t i = 0; i < best->length; i++) {
        kept[i] = best->text[i];
    }
    *count = best->length;
    if (lead != NULL) {
        *lead = 1.0f - next / most;
    }
    return best->length == 0 ? 0.0f : better(best).sum / (float)best->length;
}

float ocrm55_context_decode(const struct ocrm55_context *context, const float *probabilities, uint32_t steps,
                            uint16_t *kept, uint32_t *count, float *lead)
{
    if (steps > OCRM55_CONTEXT_STEPS) {
        if (lead != NULL) {
            *lead = 1.0f;
        }
        return ocrm55_ctc_decode(probabilities, steps, context->classes, kept, count);
    }
    struct prefix prefixes[WIDTH];
    struct reached reached;
    struct choice choices[CHOICES];
    uint32_t prefix_count = 1;
    memset(&prefixes[0], 0, sizeof prefixes[0]);
    prefixes[0].blank.weight = 1.0f;
    memcpy(prefixes[0].language.kinds, context->prior, sizeof context->prior);
    const uint32_t space = space_of(context);
    struct gap gap = {0u, 0u, 1.0f};
    for (uint32_t step = 0; step < steps; step++) {
        if (step >= gap.end) {
            gap = find_gap(probabilities, step, steps, context->classes, space);
        }
        const uint32_t choice_count =
            step == gap.peak ? choose_space(&gap, space, choices)
                             : choose(probabilities + step * context->classes, context->classes, choices);
        reached.count = 0;
        for (uint32_t i = 0; i < prefix_count; i++) {
            for (uint32_t j = 0; j < choice_count; j++) {
                extend(context, &reached, &prefixes[i], choices[j]);
            }
        }
        prefix_count = keep(&reached, prefixes);
    }
    return read_out(context, prefixes, prefix_count, kept, count, lead);
}

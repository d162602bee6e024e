/* The host computes the same to the last bit: no fused multiply-add, whatever the options are. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#include "restricted.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "ctc.h"
#include "language.h"

/* The paths that are followed, the classes of a step that are tried, their least probability, and the share of the
 * likeliest path's weight below which a path is given up. As in restricted.py. */
enum { WIDTH = 24, CHOICES = 8, REACHED = WIDTH * CHOICES };
#define LEAST_PROBABILITY 0.001f
#define LEAST_SHARE 0x1p-60f

/* The likeliest path to a future: state of the automaton and of the check digit, last character, blank behind it. */
struct path {
    float weight, sum;
    uint32_t state, check;
    uint16_t length;
    bool blank;
    struct language language;
    uint16_t text[OCRM55_RESTRICTED_STEPS];
};

/* A path a step further: that of `from`, and a character more unless `last` is the blank. */
struct step {
    float weight, sum;
    uint32_t state, check;
    uint16_t last; /* the character that it adds; the blank if it adds none */
    uint8_t from;
    bool blank;
};

struct choice {
    uint32_t class;
    float probability;
};

struct search {
    const struct ocrm55_restriction *restriction;
    const uint32_t *allowed; /* as well; or NULL */
    const struct ocrm55_context *context;
    uint32_t steps_left;
    uint32_t path_count, reached_count;
    struct path paths[WIDTH];
    struct step reached[REACHED];
};

static bool has(const uint32_t *set, uint32_t class)
{
    return (set[class / 32u] >> (class % 32u) & 1u) != 0u;
}

static bool is_allowed(const struct search *search, uint32_t class)
{
    return class == OCRM55_CTC_BLANK || (has(search->restriction->allowed, class) &&
                                         (search->allowed == NULL || has(search->allowed, class)));
}

/* The likeliest classes that are allowed or the blank, the likeliest first; among equals the lower first. The blank where
 * no class at all is likely. */
static uint32_t choose(const struct search *search, const float *frame, struct choice *chosen)
{
    uint32_t count = 0;
    bool any = false;
    for (uint32_t class = 0; class < search->restriction->classes; class++) {
        const float p = frame[class];
        if (!(p >= LEAST_PROBABILITY)) { /* also true for NaN */
            continue;
        }
        any = true;
        if (!is_allowed(search, class)) {
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
    if (!any) {
        chosen[count++] = (struct choice){OCRM55_CTC_BLANK, 1.0f};
    }
    for (uint32_t i = 0; i < count; i++) {
        chosen[i].probability = chosen[i].probability < 1.0f ? chosen[i].probability : 1.0f;
    }
    return count;
}

static uint16_t last_of(const struct path *path)
{
    return path->length > 0 ? path->text[path->length - 1] : OCRM55_CTC_BLANK;
}

/* The state after a class; false where no text goes on so. */
static bool follow_edge(const struct ocrm55_automaton *automaton, uint32_t class, uint32_t *state)
{
    uint32_t low = automaton->first[*state], high = automaton->first[*state + 1u];
    const uint32_t end = high;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2u;
        if (automaton->classes[middle] < class) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    if (low == end || automaton->classes[low] != class) {
        return false;
    }
    *state = automaton->targets[low];
    return true;
}

/* Whether two steps have the same future; where the language model weighs, the same text. */
static bool alike(const struct search *search, const struct step *left, const struct step *right)
{
    if (left->state != right->state || left->check != right->check || left->blank != right->blank) {
        return false;
    }
    const struct path *const a = &search->paths[left->from], *const b = &search->paths[right->from];
    const uint16_t end_a = left->last != OCRM55_CTC_BLANK ? left->last : last_of(a);
    const uint16_t end_b = right->last != OCRM55_CTC_BLANK ? right->last : last_of(b);
    if (end_a != end_b || search->context == NULL) {
        return end_a == end_b;
    }
    const uint32_t length = a->length + (left->last != OCRM55_CTC_BLANK);
    if (length != b->length + (uint32_t)(right->last != OCRM55_CTC_BLANK)) {
        return false;
    }
    const uint32_t before = length > 0u ? length - 1u : 0u; /* the last characters are equal */
    return memcmp(a->text, b->text, before * sizeof a->text[0]) == 0;
}

static void reach(struct search *search, const struct step *step)
{
    const struct ocrm55_automaton *const automaton = search->restriction->automaton;
    if (automaton != NULL && automaton->to_go[step->state] > search->steps_left) {
        return;
    }
    for (uint32_t i = 0; i < search->reached_count; i++) {
        struct step *const other = &search->reached[i];
        if (alike(search, step, other)) {
            if (step->weight > other->weight) {
                *other = *step;
            }
            return;
        }
    }
    search->reached[search->reached_count++] = *step;
}

static void extend(struct search *search, uint32_t from, struct choice choice)
{
    const struct ocrm55_restriction *const restriction = search->restriction;
    const struct path *const path = &search->paths[from];
    struct step step = {path->weight * choice.probability, path->sum, path->state, path->check,
                        OCRM55_CTC_BLANK, (uint8_t)from, choice.class == OCRM55_CTC_BLANK};
    if (choice.class == OCRM55_CTC_BLANK || (choice.class == last_of(path) && !path->blank)) {
        reach(search, &step);
        return;
    }
    if (restriction->automaton != NULL && !follow_edge(restriction->automaton, choice.class, &step.state)) {
        return;
    }
    if (restriction->check != OCRM55_CHECK_NONE) {
        step.check = ocrm55_check_follow(restriction->check, step.check, restriction->values[choice.class]);
        if (step.check == OCRM55_CHECK_REJECTS) {
            return;
        }
    }
    if (search->context != NULL) {
        struct language language = path->language;
        step.weight *= follow(search->context, &language, choice.class);
    }
    step.sum += choice.probability;
    step.last = (uint16_t)choice.class;
    reach(search, &step);
}

/* The path of a step, its weight over the likeliest one's. */
static void become(const struct search *search, const struct step *step, float most, struct path *path)
{
    *path = search->paths[step->from];
    path->weight = step->weight / most;
    path->sum = step->sum;
    path->state = step->state;
    path->check = step->check;
    path->blank = step->blank;
    if (step->last != OCRM55_CTC_BLANK) {
        if (search->context != NULL) {
            (void)follow(search->context, &path->language, step->last);
        }
        path->text[path->length++] = step->last;
    }
}

/* The likeliest of the steps become the paths, the likeliest first. */
static void keep(struct search *search)
{
    struct path kept[WIDTH];
    float most = 0.0f;
    uint32_t count = 0;
    while (count < WIDTH) {
        struct step *likeliest = NULL;
        for (uint32_t i = 0; i < search->reached_count; i++) {
            struct step *const step = &search->reached[i];
            if (step->weight > (likeliest != NULL ? likeliest->weight : 0.0f)) {
                likeliest = step;
            }
        }
        if (likeliest == NULL) {
            break;
        }
        most = count == 0 ? likeliest->weight : most;
        if (!(likeliest->weight >= most * LEAST_SHARE)) {
            break;
        }
        become(search, likeliest, most, &kept[count++]);
        likeliest->weight = 0.0f;
    }
    memcpy(search->paths, kept, count * sizeof kept[0]);
    search->path_count = count;
}

static bool same_text(const struct path *left, const struct path *right)
{
    return left->length == right->length && memcmp(left->text, right->text, left->length * sizeof left->text[0]) == 0;
}

static float read_out(const struct search *search, uint16_t *kept, uint32_t *count, float *lead)
{
    const struct ocrm55_restriction *const restriction = search->restriction;
    const struct path *best = NULL;
    float most = 0.0f, next = 0.0f;
    for (uint32_t i = 0; i < search->path_count; i++) {
        const struct path *const path = &search->paths[i];
        if ((restriction->automaton != NULL && restriction->automaton->to_go[path->state] != 0u) ||
            !ocrm55_check_accepts(restriction->check, path->check)) {
            continue;
        }
        float weight = path->weight;
        if (search->context != NULL && path->length > 0) {
            struct language language = path->language;
            weight *= finish(search->context, &language, search->context->end);
        }
        const bool same = best != NULL && same_text(best, path);
        if (weight > most) {
            next = same ? next : most;
            most = weight;
            best = path;
        } else if (weight > next && !same) {
            next = weight;
        }
    }
    *count = 0;
    *lead = 0.0f;
    if (best == NULL) {
        return OCRM55_NOTHING_FITS;
    }
    memcpy(kept, best->text, best->length * sizeof kept[0]);
    *count = best->length;
    *lead = 1.0f - next / most;
    return best->length == 0 ? 0.0f : best->sum / (float)best->length;
}

float ocrm55_restricted_decode(const struct ocrm55_restriction *restriction, const uint32_t *allowed,
                               const float *probabilities, uint32_t steps, uint16_t *kept, uint32_t *count, float *lead)
{
    struct search search;
    struct choice choices[CHOICES];
    const bool weighs = restriction->automaton == NULL && restriction->check == OCRM55_CHECK_NONE;
    search.restriction = restriction;
    search.allowed = allowed;
    search.context = weighs && steps <= OCRM55_CONTEXT_STEPS ? restriction->context : NULL;
    search.path_count = steps <= OCRM55_RESTRICTED_STEPS ? 1u : 0u;
    memset(&search.paths[0], 0, sizeof search.paths[0]);
    search.paths[0].weight = 1.0f;
    search.paths[0].blank = true;
    if (search.context != NULL) {
        memcpy(search.paths[0].language.kinds, search.context->prior, sizeof search.context->prior);
    }
    for (uint32_t step = 0; step < steps && search.path_count > 0u; step++) {
        const uint32_t choice_count = choose(&search, probabilities + step * restriction->classes, choices);
        search.steps_left = steps - 1u - step;
        search.reached_count = 0;
        for (uint32_t i = 0; i < search.path_count; i++) {
            for (uint32_t j = 0; j < choice_count; j++) {
                extend(&search, i, choices[j]);
            }
        }
        keep(&search);
    }
    return read_out(&search, kept, count, lead);
}

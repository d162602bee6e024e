#include "options.h"

#include <string.h>

/* The value of `name=value`, or NULL when `word` is something else. */
static const char *value_of(const char *word, const char *name)
{
    const size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length] == '=' && word[length + 1] != '\0' ? word + length + 1
                                                                                              : NULL;
}

/* `0` or `1` into *flag; false for anything else. */
static bool take_flag(const char *value, bool *flag)
{
    if ((value[0] != '0' && value[0] != '1') || value[1] != '\0') {
        return false;
    }
    *flag = value[0] == '1';
    return true;
}

static bool take(const char *word, struct options *options)
{
    const char *value;
    if ((value = value_of(word, "images"))) {
        options->images = value;
    } else if ((value = value_of(word, "probabilities"))) {
        options->probabilities = value;
    } else if ((value = value_of(word, "region"))) {
        options->region = value;
    } else if ((value = value_of(word, "polarity"))) {
        options->polarity = value;
    } else if ((value = value_of(word, "stats"))) {
        return take_flag(value, &options->stats);
    } else if ((value = value_of(word, "confidence"))) {
        return take_flag(value, &options->confidence);
    } else if ((value = value_of(word, "hashes"))) {
        return take_flag(value, &options->hashes);
    } else {
        return false;
    }
    return true;
}

const char *options_parse(char *line, struct options *options)
{
    *options = (struct options){0};
    bool first = true;
    char *at = line;
    for (;;) {
        at += strspn(at, " ");
        if (*at == '\0') {
            return NULL;
        }
        char *word = at;
        at += strcspn(at, " ");
        if (*at != '\0') {
            *at++ = '\0';
        }
        if (!first && !take(word, options)) {
            return word;
        }
        first = false;
    }
}

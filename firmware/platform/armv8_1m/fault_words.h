/* Fault status bits in words; no registers are touched here. */
#ifndef OCRM55_FAULT_WORDS_H
#define OCRM55_FAULT_WORDS_H

#include <stdint.h>

enum fault_register { FAULT_CFSR, FAULT_HFSR, FAULT_SFSR };

struct fault_word {
    enum fault_register where;
    uint32_t bit;
    const char *name;
    const char *meaning;
};

/* Every bit that can be set; in each register, causes come before consequences. */
extern const struct fault_word fault_words[];
extern const uint32_t fault_word_count;

/* Name of exception `number` of the IPSR; "interrupt" from 16 on. */
const char *fault_exception_name(uint32_t number);

#endif

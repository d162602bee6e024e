#include "stack.h"

#include <stdint.h>

#include "platform.h"

#define PATTERN 0xC5C5C5C5u
#define KEEP_BYTES 256u /* below the stack pointer: this function's own frame and those of its callees */

extern uint32_t _stack_limit[], _stack_top[];

void stack_paint(void)
{
    const uint32_t here = (uint32_t)__builtin_frame_address(0);
    for (uint32_t *word = _stack_limit; (uint32_t)word + KEEP_BYTES < here; word++) {
        *word = PATTERN;
    }
}

uint32_t platform_stack_used(uint32_t *total)
{
    const uint32_t *word = _stack_limit;
    while (word < _stack_top && *word == PATTERN) {
        word++;
    }
    *total = (uint32_t)_stack_top - (uint32_t)_stack_limit;
    return (uint32_t)_stack_top - (uint32_t)word;
}

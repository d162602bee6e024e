/* The smallest start-up that runs C on QEMU's mps3-an547. It copies and clears what CMSIS's tables name. */
#include <stdint.h>

#include "say.h"

struct copy {
    const uint32_t *from;
    uint32_t *to;
    uint32_t words;
};
struct zero {
    uint32_t *from;
    uint32_t words;
};
extern const struct copy __copy_table_start__[], __copy_table_end__[];
extern const struct zero __zero_table_start__[], __zero_table_end__[];
extern uint32_t __StackTop[];

int main(void);
void Reset_Handler(void);
void run(void);
static void stop(void);

__attribute__((section(".isr_vector"), used, aligned(128))) static const uintptr_t table[16] = {
    (uintptr_t)__StackTop, (uintptr_t)Reset_Handler, (uintptr_t)stop, (uintptr_t)stop, (uintptr_t)stop,
    (uintptr_t)stop, (uintptr_t)stop, (uintptr_t)stop,
};

static uint32_t host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(uint32_t status)
{
    const uint32_t block[2] = {0x20026, status};
    host(0x20, block);
    for (;;) {
    }
}

static void stop(void)
{
    leave(99);
}

/* For programs whose main is never left. */
void end_of_task(void);
void end_of_task(void)
{
    leave(0);
}

void say(const char *text)
{
    host(0x04, text);
}

/* CPACR first: compilers may use vectors anywhere. */
__attribute__((naked)) void Reset_Handler(void)
{
    __asm volatile("ldr r0, =0xE000ED88\n"
                   "ldr r1, [r0]\n"
                   "orr r1, r1, #0xF00000\n"
                   "str r1, [r0]\n"
                   "dsb\n"
                   "isb\n"
                   "b run\n");
}

__attribute__((used)) void run(void)
{
    for (const struct copy *each = __copy_table_start__; each < __copy_table_end__; each++) {
        for (uint32_t i = 0; i < each->words; i++) {
            each->to[i] = each->from[i];
        }
    }
    for (const struct zero *each = __zero_table_start__; each < __zero_table_end__; each++) {
        for (uint32_t i = 0; i < each->words; i++) {
            each->from[i] = 0;
        }
    }
    leave((uint32_t)main());
}

/* Start-up, UART, a counter of instructions and the way out, for the simulated Corstone-300 (-icount shift=5). */
#include "board.h"

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define CPACR REGISTER(0xE000ED88)
#define UART_DATA REGISTER(0x49303000)
#define UART_STATE REGISTER(0x49303004)
#define UART_CONTROL REGISTER(0x49303008)
#define UART_DIVIDER REGISTER(0x49303010)
#define COUNTER_CONTROL REGISTER(0x58100000)
#define COUNTER_LOW REGISTER(0x48101000)
#define COUNTER_HIGH REGISTER(0x48101004)

extern uint32_t bss_start, bss_end, stack_top;
int main(void);
int _write(int file, const char *data, int length);
void reset(void);
static void fault(void);

__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {
    (void (*)(void))&stack_top, reset, fault, fault, fault, fault, fault, fault, 0, 0, 0, fault, fault, 0, fault, fault,
};

void board_exit(int status) {
    const uint32_t block[2] = {0x20026, (uint32_t)status}; /* ADP_Stopped_ApplicationExit */
    register uint32_t operation __asm__("r0") = 0x20;      /* SYS_EXIT_EXTENDED */
    register const uint32_t *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(operation) : "r"(argument) : "memory");
    for (;;) {
    }
}

static void fault(void) { board_exit(70); }

/* No vector instruction before the coprocessors are on. */
__attribute__((target("general-regs-only"))) void reset(void) {
    CPACR |= 0xFu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
    for (uint32_t *word = &bss_start; word < &bss_end; ++word) {
        *word = 0;
    }
    UART_DIVIDER = 16;
    UART_CONTROL = 1;
    COUNTER_CONTROL = 1;
    board_exit(main());
}

/* 32 ns an instruction, 31.25 ns a tick. */
uint32_t board_instructions(void) {
    uint32_t high, low;
    do {
        high = COUNTER_HIGH;
        low = COUNTER_LOW;
    } while (high != COUNTER_HIGH);
    return (uint32_t)((((uint64_t)high << 32) | low) * 125 / 128);
}

int _write(int file, const char *data, int length) {
    (void)file;
    for (int i = 0; i < length; ++i) {
        while (UART_STATE & 1) {
        }
        UART_DATA = (uint8_t)data[i];
    }
    return length;
}

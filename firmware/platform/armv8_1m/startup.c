/* From reset to main: vector table, floating point and Helium, caches, stack guard, variables. */

#include <stdint.h>

#include "board.h"
#include "faults.h"
#include "platform.h"
#include "registers.h"
#include "stack.h"
#include "uart.h"

#define EXCEPTIONS 16

/* From the linker script. */
extern uint32_t _stack_top[], _data_load[], _data_start[], _data_end[], _bss_start[], _bss_end[];
extern uint32_t _code_start[], _code_end[];

int main(void);
void Reset_Handler(void);
void ocrm55_npu_interrupt(void); /* the driver's, else as any other */
void start(void);

/* Entry 0 is the stack pointer, so the table has addresses and not functions. Only the NPU's interrupt is used, if its
 * driver is linked. Any other interrupt is treated as a fault and reported by its number. */
__attribute__((section(".vectors"), used, aligned(512))) const uintptr_t vectors[EXCEPTIONS + INTERRUPTS] = {
    [0] = (uintptr_t)_stack_top,
    [1] = (uintptr_t)Reset_Handler,
#ifdef NPU_INTERRUPT
    [2 ... EXCEPTIONS + NPU_INTERRUPT - 1] = (uintptr_t)fault_entry,
    [EXCEPTIONS + NPU_INTERRUPT] = (uintptr_t)ocrm55_npu_interrupt,
    [EXCEPTIONS + NPU_INTERRUPT + 1 ... EXCEPTIONS + INTERRUPTS - 1] = (uintptr_t)fault_entry,
#else
    [2 ... EXCEPTIONS + INTERRUPTS - 1] = (uintptr_t)fault_entry,
#endif
};

/* The stack limit comes first, so that not even start-up can run off the stack. The coprocessor access bits for CP10 and
 * CP11 (CPACR, Arm-v8M D1.2) come before any C, because the compiler may use floating point or vector registers in any
 * function, to copy a structure for example. */
__attribute__((naked, noreturn)) void Reset_Handler(void)
{
    __asm volatile(
        "movw r0, #:lower16:_stack_limit\n"
        "movt r0, #:upper16:_stack_limit\n"
        "msr msplim, r0\n"
        "movw r0, #:lower16:_stack_top\n"
        "movt r0, #:upper16:_stack_top\n"
        "mov sp, r0\n"
        "movw r0, #0xED88\n" /* CPACR */
        "movt r0, #0xE000\n"
        "ldr r1, [r0]\n"
        "orr r1, r1, #0xF00000\n"
        "str r1, [r0]\n"
        "dsb\n"
        "isb\n"
        "b start\n");
}

static void power_up_vector_unit(void)
{
    /* CPPWR: CP10 and CP11 must not lose their state. CPDLPSTATE.ELPSTATE: the unit may gate its clock, not its power. */
    CORE_CPPWR &= ~(0xFu << 20);
    CORE_CPDLPSTATE = (CORE_CPDLPSTATE & ~(3u << 4)) | (1u << 4);
}

static void enable_caches(void)
{
    const uint32_t levels = CACHE_CLIDR;
    if (levels & 1u) { /* level 1 instruction cache present */
        CACHE_ICIALLU = 0;
        DATA_SYNCHRONISATION_BARRIER();
        INSTRUCTION_SYNCHRONISATION_BARRIER();
        SCB_CCR |= CCR_IC;
        DATA_SYNCHRONISATION_BARRIER();
        INSTRUCTION_SYNCHRONISATION_BARRIER();
    }
    if (levels & 2u) { /* level 1 data cache present; its lines are unknown at reset, so each of them is dropped */
        CACHE_CSSELR = 0;
        DATA_SYNCHRONISATION_BARRIER();
        const uint32_t geometry = CACHE_CCSIDR;
        const uint32_t last_set = (geometry >> 13) & 0x7FFFu;
        const uint32_t last_way = (geometry >> 3) & 0x3FFu;
        const uint32_t set_shift = (geometry & 7u) + 4u;
        const uint32_t way_shift = last_way ? (uint32_t)__builtin_clz(last_way) : 0u;
        for (uint32_t set = 0; set <= last_set; set++) {
            for (uint32_t way = 0; way <= last_way; way++) {
                CACHE_DCISW = (way << way_shift) | (set << set_shift);
            }
        }
        DATA_SYNCHRONISATION_BARRIER();
        SCB_CCR |= CCR_DC;
        DATA_SYNCHRONISATION_BARRIER();
        INSTRUCTION_SYNCHRONISATION_BARRIER();
    }
}

/* Code and constants become read-only, with the vector table at address 0. So a write through a null pointer faults at
 * once. Everything else keeps the default memory map (Arm-v8M B8, PMSAv8). */
static void protect_code(void)
{
    if (((MPU_TYPE >> 8) & 0xFFu) == 0) { /* DREGION: the unit is optional */
        return;
    }
    MPU_MAIR0 = 0xAAu; /* attribute 0: normal memory, write-through, as the default map has it below 0x20000000 */
    MPU_RNR = 0;
    MPU_RBAR = (uint32_t)_code_start | MPU_RBAR_READ_ONLY;
    MPU_RLAR = (((uint32_t)_code_end - 1u) & ~31u) | MPU_RLAR_ENABLE;
    MPU_CTRL = MPU_CTRL_PRIVDEFENA | MPU_CTRL_ENABLE;
    DATA_SYNCHRONISATION_BARRIER();
    INSTRUCTION_SYNCHRONISATION_BARRIER();
}

__attribute__((used, noreturn)) void start(void)
{
    SCB_VTOR = (uint32_t)vectors;
    SCB_CCR |= CCR_LOB | CCR_DIV_0_TRP; /* low-overhead branches; a division by zero is a fault */
    SCB_SHCSR |= SHCSR_MEMFAULTENA | SHCSR_BUSFAULTENA | SHCSR_USGFAULTENA | SHCSR_SECUREFAULTENA;
    DATA_SYNCHRONISATION_BARRIER();
    INSTRUCTION_SYNCHRONISATION_BARRIER();
    power_up_vector_unit();
    enable_caches();

    const uint32_t *from = _data_load;
    for (uint32_t *to = _data_start; to < _data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = _bss_start; to < _bss_end;) {
        *to++ = 0;
    }

    protect_code();
    stack_paint();
    uart_open();
    (void)platform_has_host(); /* asked now: it takes a breakpoint, which is not possible in a fault handler */
    platform_exit(main());
}

#include "faults.h"

#include <stddef.h>

#include "fault_words.h"
#include "platform.h"
#include "print.h"
#include "registers.h"

/* What the core pushes when it takes an exception (Arm-v8M B3.19, basic frame). */
struct frame {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
};

#define CFSR_STKOF (1u << 20)
#define CFSR_MMARVALID (1u << 7)
#define CFSR_BFARVALID (1u << 15)
#define SFSR_SFARVALID (1u << 6)
#define HFSR_FORCED (1u << 30)

/* The report has a stack of its own, because the program's stack may be broken. */
#define FAULT_STACK_BYTES 1024
__attribute__((used, aligned(8))) uint8_t fault_stack[FAULT_STACK_BYTES];

static volatile uint16_t expected_opcode;
static volatile bool expected_came;
static volatile bool reporting;
static const char *volatile activity_kind = "start-up";
static const char *volatile activity_name = "";

void platform_activity(const char *kind, const char *name)
{
    activity_kind = kind;
    activity_name = name;
}

void fault_expect_breakpoint(uint16_t opcode)
{
    expected_came = false;
    expected_opcode = opcode;
}

bool fault_expected_came(void)
{
    expected_opcode = 0;
    return expected_came;
}

/* r0: the frame; r1: EXC_RETURN; r2: the stack limit that held. The limit is lifted, because the
 * fault may be an overflow, and restored for the one fault that returns. r12 was stacked by the core, so it is free. */
__attribute__((naked)) void fault_entry(void)
{
    __asm volatile(
        "tst lr, #4\n" /* EXC_RETURN.SPSEL */
        "ite eq\n"
        "mrseq r0, msp\n"
        "mrsne r0, psp\n"
        "mov r1, lr\n"
        "mrs r2, msplim\n"
        "movs r3, #0\n"
        "msr msplim, r3\n"
        "mov r12, sp\n"
        "movw r3, #:lower16:fault_stack_top\n"
        "movt r3, #:upper16:fault_stack_top\n"
        "mov sp, r3\n"
        "push {r2, r3, r12, lr}\n"
        "bl fault_report\n"
        "pop {r2, r3, r12, lr}\n"
        "mov sp, r12\n"
        "msr msplim, r2\n"
        "bx lr\n"
        ".global fault_stack_top\n"
        ".set fault_stack_top, fault_stack + 1024\n");
}
/* The NPU's driver has a handler of its own, where it is linked. */
void ocrm55_npu_interrupt(void) __attribute__((weak, alias("fault_entry")));
_Static_assert(FAULT_STACK_BYTES == 1024, "fault_stack_top above counts on it");

static void print_register(const char *name, uint32_t value)
{
    print_text(name);
    print_text(" ");
    print_hex32(value);
}

/* The first bit that names a cause, in words; consequences (FORCED and the like) only as numbers below. */
static const struct fault_word *first_cause(uint32_t cfsr, uint32_t hfsr, uint32_t sfsr)
{
    for (uint32_t i = 0; i < fault_word_count; i++) {
        const struct fault_word *word = &fault_words[i];
        const uint32_t value = word->where == FAULT_CFSR ? cfsr : word->where == FAULT_HFSR ? hfsr : sfsr;
        if (value & word->bit) {
            return word;
        }
    }
    return NULL;
}

static bool is_breakpoint(uint16_t opcode)
{
    return opcode >> 8 == 0xBE; /* bkpt #n, encoding T1 */
}

/* `frame` is NULL when the core could not save it. */
static void print_cause(const struct frame *frame, uint32_t cfsr, uint32_t hfsr, uint32_t sfsr)
{
    static const char *const registers[] = {[FAULT_CFSR] = "CFSR", [FAULT_HFSR] = "HFSR", [FAULT_SFSR] = "SFSR"};
    const struct fault_word *cause = first_cause(cfsr, hfsr, sfsr);
    if (cause == NULL && frame != NULL && (hfsr & HFSR_FORCED) && is_breakpoint(*(const uint16_t *)frame->pc)) {
        /* QEMU escalates a breakpoint without setting HFSR.DEBUGEVT. */
        print_text("breakpoint with no debugger there");
    } else if (cause == NULL) {
        print_text("no cause is recorded");
    } else {
        print_text(cause->meaning);
        print_text(" (");
        print_text(registers[cause->where]);
        print_text(".");
        print_text(cause->name);
        print_text(")");
    }
    if (cfsr & CFSR_BFARVALID) {
        print_register(", address", SCB_BFAR);
    } else if (cfsr & CFSR_MMARVALID) {
        print_register(", address", SCB_MMFAR);
    } else if (sfsr & SFSR_SFARVALID) {
        print_register(", address", SCB_SFAR);
    }
}

/* Report and end; returns only from the breakpoint that semihosting.c expects. */
__attribute__((used)) void fault_report(struct frame *frame, uint32_t exc_return, uint32_t stack_limit)
{
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    const uint32_t cfsr = SCB_CFSR;
    const uint32_t hfsr = SCB_HFSR;
    const uint32_t sfsr = SCB_SFSR;

    if (expected_opcode != 0 && exception == 3 && *(const uint16_t *)frame->pc == expected_opcode) {
        expected_came = true;
        frame->pc += 2;
        frame->r0 = 0xFFFFFFFFu;
        SCB_HFSR = hfsr; /* write one to clear */
        return;
    }
    if (reporting) { /* a fault inside this report: print only that */
        platform_exit(FAULT_STATUS_BASE + 3);
    }
    reporting = true;

    /* When the stack is full the core cannot push the frame, leaves the stack pointer at the limit and forgets where it
     * was (Arm-v8M B3.21, stack limit checks: a derived exception on stacking). */
    const bool pushed = !((cfsr & CFSR_STKOF) && (uint32_t)frame <= stack_limit);

    print_text("\nfault: ");
    print_text(fault_exception_name(exception));
    if (exception >= 16) {
        print_text(" ");
        print_u32(exception - 16);
    }
    print_text(": ");
    if (exception >= 16) {
        print_text("nothing here enables or handles it");
    } else {
        print_cause(exception == 3 && pushed ? frame : NULL, cfsr, hfsr, sfsr);
    }
    print_text("\nfault: during ");
    print_text(activity_kind);
    print_text(" ");
    print_text(activity_name);

    print_text("\nfault: ");
    if (pushed) {
        print_register("pc", frame->pc);
        print_register(" lr", frame->lr);
        print_register(" r0", frame->r0);
        print_register(" r1", frame->r1);
        print_register(" r2", frame->r2);
        print_register(" r3", frame->r3);
        print_register(" r12", frame->r12);
        print_register(" xpsr", frame->xpsr);
    } else {
        print_text("pc unknown: the stack had no room left to save it");
    }
    print_register("\nfault: CFSR", cfsr);
    print_register(" HFSR", hfsr);
    print_register(" SFSR", sfsr);
    print_register(" sp", (uint32_t)frame);
    print_register(" limit", stack_limit);
    print_register(" EXC_RETURN", exc_return);
    print_text("\n");

    platform_exit(FAULT_STATUS_BASE + (int)(exception < 16 ? exception : 16));
}

#include "fault_words.h"

/* Armv8-M ARM (DDI 0553) D1.2: CFSR (MMFSR bits 0-7, BFSR 8-15, UFSR 16-31), HFSR, SFSR. */
const struct fault_word fault_words[] = {
    {FAULT_CFSR, 1u << 20, "STKOF", "stack overflow"},
    {FAULT_CFSR, 1u << 25, "DIVBYZERO", "division by zero"},
    {FAULT_CFSR, 1u << 16, "UNDEFINSTR", "undefined instruction"},
    {FAULT_CFSR, 1u << 17, "INVSTATE", "branch to an address without the Thumb bit, or a bad interworking state"},
    {FAULT_CFSR, 1u << 18, "INVPC", "bad return from an exception"},
    {FAULT_CFSR, 1u << 19, "NOCP", "floating point or Helium instruction while that unit is off"},
    {FAULT_CFSR, 1u << 24, "UNALIGNED", "unaligned access where none is allowed"},
    {FAULT_CFSR, 1u << 0, "IACCVIOL", "instruction fetch from memory that may not be executed"},
    {FAULT_CFSR, 1u << 1, "DACCVIOL", "data access that the memory protection forbids"},
    {FAULT_CFSR, 1u << 3, "MUNSTKERR", "memory protection forbade the return from an exception"},
    {FAULT_CFSR, 1u << 4, "MSTKERR", "memory protection forbade the entry to an exception"},
    {FAULT_CFSR, 1u << 5, "MLSPERR", "memory protection forbade saving the floating point registers"},
    {FAULT_CFSR, 1u << 8, "IBUSERR", "instruction fetch from an address where nothing answers"},
    {FAULT_CFSR, 1u << 9, "PRECISERR", "data access to an address where nothing answers"},
    {FAULT_CFSR, 1u << 10, "IMPRECISERR", "an earlier buffered write to an address where nothing answers"},
    {FAULT_CFSR, 1u << 11, "UNSTKERR", "bus error on the return from an exception"},
    {FAULT_CFSR, 1u << 12, "STKERR", "bus error on the entry to an exception"},
    {FAULT_CFSR, 1u << 13, "LSPERR", "bus error while saving the floating point registers"},
    {FAULT_SFSR, 1u << 0, "INVEP", "entry to secure code without a secure gateway"},
    {FAULT_SFSR, 1u << 1, "INVIS", "bad integrity signature of a secure exception frame"},
    {FAULT_SFSR, 1u << 2, "INVER", "bad security state in a return from an exception"},
    {FAULT_SFSR, 1u << 3, "AUVIOL", "access to secure memory from non-secure state"},
    {FAULT_SFSR, 1u << 4, "INVTRAN", "branch from secure to non-secure state without saying so"},
    {FAULT_SFSR, 1u << 5, "LSPERR", "security violation while saving the floating point registers"},
    {FAULT_SFSR, 1u << 7, "LSERR", "bad lazy floating point state"},
    {FAULT_HFSR, 1u << 1, "VECTTBL", "the vector table could not be read"},
    {FAULT_HFSR, 1u << 31, "DEBUGEVT", "breakpoint with no debugger there"},
};
const uint32_t fault_word_count = sizeof fault_words / sizeof fault_words[0];

const char *fault_exception_name(uint32_t number)
{
    static const char *const names[16] = {
        [0] = "no exception", [1] = "Reset",      [2] = "NMI",         [3] = "HardFault",     [4] = "MemManage fault",
        [5] = "BusFault",     [6] = "UsageFault", [7] = "SecureFault", [11] = "SVCall",       [12] = "DebugMonitor",
        [14] = "PendSV",      [15] = "SysTick",
    };
    if (number >= 16) {
        return "interrupt";
    }
    return names[number] ? names[number] : "reserved exception";
}

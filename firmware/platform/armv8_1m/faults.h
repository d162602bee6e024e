/* Faults and interrupts that nobody asked for: reported over the UART, then the end. */
#ifndef OCRM55_FAULTS_H
#define OCRM55_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses of faults: this plus the exception's number (3 HardFault .. 7 SecureFault), 16 for any interrupt. */
#define FAULT_STATUS_BASE 64

/* Where every vector but reset points to. */
void fault_entry(void);

/* The next HardFault by a breakpoint is expected when this 16-bit opcode caused it: it is stepped over and answered by
 * r0 = -1 (semihosting.c asks in this way whether a host is there). */
void fault_expect_breakpoint(uint16_t opcode);

/* True when the expected fault came; nothing is expected from now on. */
bool fault_expected_came(void);

#endif

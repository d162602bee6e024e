/* Faults and unexpected interrupts: report them over the UART, then end. */
#ifndef OCRM55_FAULTS_H
#define OCRM55_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses of faults: this plus the exception's number (3 HardFault .. 7 SecureFault), 16 for any interrupt. */
#define FAULT_STATUS_BASE 64

/* The handler of every vector but reset. */
void fault_entry(void);

/* Expect the next HardFault by a breakpoint with this 16-bit opcode: it is stepped over and answered by r0 = -1.
 * semihosting.c finds out in this way whether there is a host. */
void fault_expect_breakpoint(uint16_t opcode);

/* True if the expected fault came; from now on none is expected. */
bool fault_expected_came(void);

#endif

/* The Corstone-300's parts besides its core, each with the manual that describes it.
 *
 * SSE-300: Corstone SSE-300 Example Subsystem Technical Reference Manual (101773)
 * AN547:   Application Note 547, the MPS3 FPGA image that QEMU models
 */
#ifndef OCRM55_BOARD_H
#define OCRM55_BOARD_H

#include "registers.h"

#define INTERRUPTS 96 /* SSE-300, interrupt map */

/* UART0, the CMSDK APB UART of the FPGA image (AN547, memory map) */
#define UART0_DATA REGISTER(0x49303000u)
#define UART0_STATE REGISTER(0x49303004u)
#define UART0_CTRL REGISTER(0x49303008u)
#define UART0_BAUDDIV REGISTER(0x49303010u)
#define UART_STATE_TX_FULL (1u << 0)
#define UART_CTRL_TX_ENABLE (1u << 0)

/* System counter (SSE-300, system counter: control frame, secure only; read frame) */
#define COUNTER_CNTCR REGISTER(0x58100000u)
#define COUNTER_CNTCV_LOW REGISTER(0x48101000u)
#define COUNTER_CNTCV_HIGH REGISTER(0x48101004u)
#define CNTCR_EN (1u << 0)

/* Ethos-U55 (AN547 and the FVP, memory map and interrupt map) */
#define NPU_BASE 0x48102000u
#define NPU_INTERRUPT 56u

#endif

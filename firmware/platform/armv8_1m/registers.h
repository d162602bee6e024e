/* The registers of the core that the firmware touches, each with the manual that describes it; the board's are in board.h.
 *
 * Arm-v8M: Armv8-M Architecture Reference Manual (DDI 0553), register index D1.2
 * M55:     Cortex-M55 Technical Reference Manual (101051)
 */
#ifndef OCRM55_REGISTERS_H
#define OCRM55_REGISTERS_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* System control block (Arm-v8M D1.2) */
#define SCB_VTOR REGISTER(0xE000ED08u)
#define SCB_CCR REGISTER(0xE000ED14u)
#define SCB_SHCSR REGISTER(0xE000ED24u)
#define SCB_CFSR REGISTER(0xE000ED28u)
#define SCB_HFSR REGISTER(0xE000ED2Cu)
#define SCB_MMFAR REGISTER(0xE000ED34u)
#define SCB_BFAR REGISTER(0xE000ED38u)
#define SCB_SFSR REGISTER(0xE000EDE4u)
#define SCB_SFAR REGISTER(0xE000EDE8u)

#define CCR_DIV_0_TRP (1u << 4)
#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)
#define CCR_LOB (1u << 19)
#define SHCSR_MEMFAULTENA (1u << 16)
#define SHCSR_BUSFAULTENA (1u << 17)
#define SHCSR_USGFAULTENA (1u << 18)
#define SHCSR_SECUREFAULTENA (1u << 19)

/* Caches (Arm-v8M D1.2; maintenance by set and way: B9.5) */
#define CACHE_CLIDR REGISTER(0xE000ED78u)
#define CACHE_CCSIDR REGISTER(0xE000ED80u)
#define CACHE_CSSELR REGISTER(0xE000ED84u)
#define CACHE_ICIALLU REGISTER(0xE000EF50u)
#define CACHE_DCISW REGISTER(0xE000EF60u)
#define CACHE_DCCIMVAC REGISTER(0xE000EF70u) /* clean and invalidate the line of an address */
#define CACHE_DCCISW REGISTER(0xE000EF74u)   /* ... of a set and way */
#define CACHE_LINE_BYTES 32u                 /* M55, L1 memory system */

/* Interrupts (Arm-v8M D1.2, nested vectored interrupt controller): 32 a register */
#define NVIC_ISER(interrupt) REGISTER(0xE000E100u + 4u * ((interrupt) / 32u))
#define NVIC_ICER(interrupt) REGISTER(0xE000E180u + 4u * ((interrupt) / 32u))
#define NVIC_ICPR(interrupt) REGISTER(0xE000E280u + 4u * ((interrupt) / 32u))
#define NVIC_BIT(interrupt) (1u << ((interrupt) % 32u))

/* Power of the floating-point and vector unit */
#define CORE_CPPWR REGISTER(0xE000E00Cu)      /* Arm-v8M D1.2 */
#define CORE_CPDLPSTATE REGISTER(0xE001E300u) /* M55, power mode control */

/* Cycles: data watchpoint and trace, performance monitoring unit (Arm-v8M D1.2) */
#define CORE_DEMCR REGISTER(0xE000EDFCu)
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL REGISTER(0xE0001000u)
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_CTRL_NOCYCCNT (1u << 25)
#define DWT_CYCCNT REGISTER(0xE0001004u)
#define PMU_EVCNTR(n) REGISTER(0xE0003000u + 4u * (n))
#define PMU_EVTYPER(n) REGISTER(0xE0003400u + 4u * (n))
#define PMU_CNTENSET REGISTER(0xE0003C00u)
#define PMU_TYPE REGISTER(0xE0003E00u)
#define PMU_TYPE_COUNTERS 0xFFu
#define PMU_CTRL REGISTER(0xE0003E04u)
#define PMU_CTRL_ENABLE (1u << 0)
#define PMU_CTRL_RESET_EVENTS (1u << 1)
#define PMU_CHAIN 0x001Eu /* the event of a counter that counts how often the one before it ran over */

/* Memory protection unit (Arm-v8M D1.2, B8) */
#define MPU_TYPE REGISTER(0xE000ED90u)
#define MPU_CTRL REGISTER(0xE000ED94u)
#define MPU_RNR REGISTER(0xE000ED98u)
#define MPU_RBAR REGISTER(0xE000ED9Cu)
#define MPU_RLAR REGISTER(0xE000EDA0u)
#define MPU_MAIR0 REGISTER(0xE000EDC0u)
#define MPU_CTRL_ENABLE (1u << 0)
#define MPU_CTRL_PRIVDEFENA (1u << 2)
#define MPU_RBAR_READ_ONLY (2u << 1) /* AP: privileged code only, executable */
#define MPU_RLAR_ENABLE (1u << 0)

#define DATA_SYNCHRONISATION_BARRIER() __asm volatile("dsb" ::: "memory")
#define INSTRUCTION_SYNCHRONISATION_BARRIER() __asm volatile("isb" ::: "memory")

#endif

/* The two instructions that Arm's driver takes from CMSIS. CMSIS's own header is not needed. */
#ifndef OCRM55_CMSIS_COMPILER_H
#define OCRM55_CMSIS_COMPILER_H

#define __WFE() __asm volatile("wfe" ::: "memory")
#define __SEV() __asm volatile("sev" ::: "memory")

#endif

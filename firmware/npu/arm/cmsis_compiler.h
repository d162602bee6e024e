/* What Arm's driver takes from CMSIS: two instructions. Not CMSIS's own header, which is not needed here. */
#ifndef OCRM55_CMSIS_COMPILER_H
#define OCRM55_CMSIS_COMPILER_H

#define __WFE() __asm volatile("wfe" ::: "memory")
#define __SEV() __asm volatile("sev" ::: "memory")

#endif

/* What the program does about an NPU: nothing, unless the model was compiled for one (OCRM55_NPU_MACS in its headers). */
#ifndef OCRM55_NPU_USE_H
#define OCRM55_NPU_USE_H

#include "status.h"

/* Set the NPU up and print on the UART what it is, or what is wrong with it. Not OK if the model cannot run. With a
 * fall-back (OCRM55_NPU_FALLBACK), the CPU computes if the NPU is missing or does not suit. */
enum status npu_begin(void);

/* After a run of the model: OK, or the NPU's failure, which has been printed on the UART. With a fall-back the result is
 * OK too, because the CPU has computed the NPU's part. */
enum status npu_check(void);

#endif

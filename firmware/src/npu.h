/* What the program does about an NPU: nothing, unless the model was compiled for one (OCRM55_NPU_MACS in its headers). */
#ifndef OCRM55_NPU_USE_H
#define OCRM55_NPU_USE_H

#include "status.h"

/* Set the NPU up and say over the UART what it is, or what is wrong with it. Not OK where the model cannot run: with a
 * fall-back (OCRM55_NPU_FALLBACK) the CPU computes instead of an NPU that is not there or does not suit. */
enum status npu_begin(void);

/* After a run of the model: OK, or what went wrong on the NPU, which has been said over the UART. With a fall-back that is
 * OK too: the CPU has computed what the NPU did not. */
enum status npu_check(void);

#endif

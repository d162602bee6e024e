/* Requests to the host through the debugger's breakpoint ("Semihosting for AArch32 and AArch64", Arm IHI 0100). */
#ifndef OCRM55_SEMIHOSTING_H
#define OCRM55_SEMIHOSTING_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_FLEN = 0x0C,
    SYS_ERRNO = 0x13,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
};

#define ADP_STOPPED_APPLICATION_EXIT 0x20026u
#define ADP_STOPPED_RUN_TIME_ERROR 0x20023u

/* One request; `block` is what the request's chapter says, mostly an array of words. Returns r0. */
int32_t semihosting_request(int32_t request, const void *block);

#endif

/* The end of a run: print the status, then stop the simulator in every possible way. */

#include "platform.h"
#include "print.h"
#include "registers.h"
#include "semihosting.h"

_Noreturn void platform_exit(int status)
{
    print_text("exit status ");
    print_i32(status);
    print_text("\n");

    /* Semihosting first: only this way carries the status to the host's process. */
    if (platform_has_host()) {
        const uint32_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)status};
        (void)semihosting_request(SYS_EXIT_EXTENDED, block);
        const uint32_t reason = status == 0 ? ADP_STOPPED_APPLICATION_EXIT : ADP_STOPPED_RUN_TIME_ERROR;
        (void)semihosting_request(SYS_EXIT, (const void *)reason);
    }

    /* The FVP without semihosting: uart0.shutdown_tag, or the EOT character with uart0.shutdown_on_eot. */
    print_text("EXITTHESIM\n\004");

    /* On a board, there is nobody left to tell. */
    for (;;) {
        __asm volatile("wfi");
    }
}

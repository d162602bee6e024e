#include "semihosting.h"

#include <string.h>

#include "faults.h"
#include "platform.h"

#define BREAKPOINT_SEMIHOSTING 0xBEABu /* bkpt 0xAB */

__attribute__((noinline)) int32_t semihosting_request(int32_t request, const void *block)
{
    register int32_t r0 __asm("r0") = request;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* Without a host, the breakpoint escalates to a HardFault with HFSR.DEBUGEVT. The fault handler expects it and steps over
 * the instruction. This is asked once, because a debugger does not come and go. */
bool platform_has_host(void)
{
    static enum { UNKNOWN, ABSENT, PRESENT } host = UNKNOWN;
    if (host == UNKNOWN) {
        fault_expect_breakpoint(BREAKPOINT_SEMIHOSTING);
        (void)semihosting_request(SYS_ERRNO, NULL);
        host = fault_expected_came() ? ABSENT : PRESENT;
    }
    return host == PRESENT;
}

bool platform_command_line(char *text, uint32_t size)
{
    if (!platform_has_host() || size == 0) {
        return false;
    }
    uint32_t block[2] = {(uint32_t)text, size};
    const bool known = semihosting_request(SYS_GET_CMDLINE, block) == 0;
    text[known ? size - 1 : 0] = '\0';
    return known;
}

int32_t platform_file_open(const char *name, enum platform_file_mode mode)
{
    if (!platform_has_host()) {
        return -1;
    }
    /* The modes are those of fopen, by their place in a table: 1 is "rb", 5 is "wb" (SYS_OPEN). */
    const uint32_t block[3] = {(uint32_t)name, mode == PLATFORM_FILE_WRITE ? 5u : 1u, strlen(name)};
    return semihosting_request(SYS_OPEN, block);
}

int64_t platform_file_size(int32_t file)
{
    const uint32_t block[1] = {(uint32_t)file};
    const int32_t bytes = semihosting_request(SYS_FLEN, block);
    return bytes == -1 ? -1 : (int64_t)(uint32_t)bytes;
}

/* SYS_READ and SYS_WRITE answer with the bytes that they did NOT transfer. */
uint32_t platform_file_read(int32_t file, void *to, uint32_t bytes)
{
    const uint32_t block[3] = {(uint32_t)file, (uint32_t)to, bytes};
    const uint32_t left = (uint32_t)semihosting_request(SYS_READ, block);
    return left > bytes ? 0 : bytes - left;
}

uint32_t platform_file_write(int32_t file, const void *from, uint32_t bytes)
{
    const uint32_t block[3] = {(uint32_t)file, (uint32_t)from, bytes};
    const uint32_t left = (uint32_t)semihosting_request(SYS_WRITE, block);
    return left > bytes ? 0 : bytes - left;
}

bool platform_file_close(int32_t file)
{
    const uint32_t block[1] = {(uint32_t)file};
    return semihosting_request(SYS_CLOSE, block) == 0;
}

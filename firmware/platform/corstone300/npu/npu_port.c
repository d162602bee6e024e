/* The Corstone-300's part of the NPU driver's port (ocrm55_npu_port.h): the NPU's address and the memories that it
 * reaches. */

#include "ocrm55_npu_port.h"

#include "board.h"

/* The system counter's rate on AN547 and on QEMU. The FVP's differs by a small factor, and with it the time limit. */
#define TICKS_PER_MILLISECOND 32000u

struct range {
    uint32_t start, end;
};

uintptr_t ocrm55_npu_port_base(void)
{
    return NPU_BASE;
}

/* Only the core reaches the tightly coupled memories; both aliases of each (SSE-300, memory map). */
bool ocrm55_npu_port_reaches(const void *address, uint32_t bytes)
{
    static const struct range tightly_coupled[] = {
        {0x00000000u, 0x01000000u}, {0x10000000u, 0x11000000u}, {0x20000000u, 0x21000000u}, {0x30000000u, 0x31000000u}};
    const uint32_t start = (uint32_t)address;
    if (bytes > UINT32_MAX - start) {
        return false;
    }
    for (uint32_t i = 0; i < sizeof tightly_coupled / sizeof tightly_coupled[0]; i++) {
        if (start < tightly_coupled[i].end && start + bytes > tightly_coupled[i].start) {
            return false;
        }
    }
    return true;
}

uint32_t ocrm55_npu_port_milliseconds(void)
{
    COUNTER_CNTCR = CNTCR_EN;
    uint32_t high, low;
    do {
        high = COUNTER_CNTCV_HIGH;
        low = COUNTER_CNTCV_LOW;
    } while (high != COUNTER_CNTCV_HIGH);
    return (uint32_t)((((uint64_t)high << 32) | low) / TICKS_PER_MILLISECOND);
}

/* The only two places where the NPU's registers are touched. A host that plays the NPU (docs/ethos_u.md) needs their
 * names, their arguments, and real calls. So keep them apart from the code that calls them. */

#include "ocrm55_npu_port.h"
#include "ocrm55_npu.h"

__attribute__((noinline, used)) uint32_t ocrm55_npu_read(uint32_t offset)
{
    return *(volatile const uint32_t *)(ocrm55_npu_port_base() + offset);
}

__attribute__((noinline, used)) void ocrm55_npu_write(uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(ocrm55_npu_port_base() + offset) = value;
}

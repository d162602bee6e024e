/* The core's part of the NPU driver's port (ocrm55_npu_port.h): interrupt and caches, the same on every board. */

#include "ocrm55_npu_port.h"

#include "board.h"
#include "npu_registers.h"

/* Above this many bytes, walking the whole cache is cheaper than walking the addresses. The M55's cache has at most 64 KB. */
#define WHOLE_CACHE_BYTES 65536u

uint32_t ocrm55_npu_port_level(void)
{
    return LEVEL_PRIVILEGED; /* and secure, like the core, which never leaves its reset state */
}

bool ocrm55_npu_port_enable_interrupt(void)
{
#if OCRM55_NPU_POLL
    return false;
#else
    NVIC_ICPR(NPU_INTERRUPT) = NVIC_BIT(NPU_INTERRUPT);
    NVIC_ISER(NPU_INTERRUPT) = NVIC_BIT(NPU_INTERRUPT);
    return true;
#endif
}

void ocrm55_npu_port_disable_interrupt(void)
{
    NVIC_ICER(NPU_INTERRUPT) = NVIC_BIT(NPU_INTERRUPT);
    DATA_SYNCHRONISATION_BARRIER();
    INSTRUCTION_SYNCHRONISATION_BARRIER();
}

static void clean_and_invalidate_all(void)
{
    CACHE_CSSELR = 0;
    DATA_SYNCHRONISATION_BARRIER();
    const uint32_t geometry = CACHE_CCSIDR;
    const uint32_t last_set = (geometry >> 13) & 0x7FFFu;
    const uint32_t last_way = (geometry >> 3) & 0x3FFu;
    const uint32_t set_shift = (geometry & 7u) + 4u;
    const uint32_t way_shift = last_way ? (uint32_t)__builtin_clz(last_way) : 0u;
    for (uint32_t set = 0; set <= last_set; set++) {
        for (uint32_t way = 0; way <= last_way; way++) {
            CACHE_DCCISW = (way << way_shift) | (set << set_shift);
        }
    }
}

/* Both directions clean and invalidate. After a run nothing is dirty there, because the core has waited. So lines are only
 * dropped. If a neighbour shares the last line, its bytes are not lost. */
static void synchronise(const void *address, uint32_t bytes)
{
    DATA_SYNCHRONISATION_BARRIER();
    if (SCB_CCR & CCR_DC) {
        if (bytes >= WHOLE_CACHE_BYTES) {
            clean_and_invalidate_all();
        } else {
            const uint32_t start = (uint32_t)address & ~(CACHE_LINE_BYTES - 1u);
            for (uint32_t line = start; line < (uint32_t)address + bytes; line += CACHE_LINE_BYTES) {
                CACHE_DCCIMVAC = line;
            }
        }
        DATA_SYNCHRONISATION_BARRIER();
        INSTRUCTION_SYNCHRONISATION_BARRIER();
    }
}

void ocrm55_npu_port_clean(const void *address, uint32_t bytes)
{
    synchronise(address, bytes);
}

void ocrm55_npu_port_invalidate(void *address, uint32_t bytes)
{
    synchronise(address, bytes);
}

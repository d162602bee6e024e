/* Cycles and stalls, by the core's own counters: DWT_CYCCNT, and the PMU where the core has one.
 *
 * QEMU models neither: its registers read as zero, so the counter does not move and nothing is counted. Each event takes
 * two counters of 16 bits, the second of which counts how often the first ran over.
 *
 * Arm-v8M: Armv8-M Architecture Reference Manual (DDI 0553), D1.2: DWT, PMU; B14: the PMU's events
 * M55:     Cortex-M55 Technical Reference Manual (101051), performance monitoring unit */

#include "platform.h"
#include "registers.h"

#define COUNTERS (2u * PLATFORM_EVENTS)

const char *const platform_event_names[PLATFORM_EVENTS] = {"retired", "refills", "stalls", "vector-stalls"};
/* Instructions; lines that the data cache fetched; cycles without an instruction for want of the back end; the same of
 * vectors (Arm-v8M B14.8, M55). */
static const uint32_t events[PLATFORM_EVENTS] = {0x0008u, 0x0003u, 0x0024u, 0x02CCu};

static enum { UNKNOWN, ABSENT, CYCLES_ALONE, EVENTS_TOO } there;

static void start_events(void)
{
    for (uint32_t i = 0; i < PLATFORM_EVENTS; i++) {
        PMU_EVTYPER(2u * i) = events[i];
        PMU_EVTYPER(2u * i + 1u) = PMU_CHAIN;
    }
    PMU_CNTENSET = (1u << COUNTERS) - 1u;
    PMU_CTRL = PMU_CTRL_ENABLE | PMU_CTRL_RESET_EVENTS;
}

static void start(void)
{
    there = ABSENT;
    CORE_DEMCR |= DEMCR_TRCENA;
    if ((DWT_CTRL & DWT_CTRL_NOCYCCNT) != 0u) {
        return;
    }
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    const uint32_t before = DWT_CYCCNT;
    INSTRUCTION_SYNCHRONISATION_BARRIER();
    if (DWT_CYCCNT == before) {
        return;
    }
    there = CYCLES_ALONE;
    if ((PMU_TYPE & PMU_TYPE_COUNTERS) >= COUNTERS) {
        start_events();
        there = EVENTS_TOO;
    }
}

static uint32_t event(uint32_t i)
{
    uint32_t high, low;
    do {
        high = PMU_EVCNTR(2u * i + 1u);
        low = PMU_EVCNTR(2u * i);
    } while (high != PMU_EVCNTR(2u * i + 1u));
    return (high << 16) | (low & 0xFFFFu);
}

bool platform_cycles(struct platform_cycles *now)
{
    if (there == UNKNOWN) {
        start();
    }
    *now = (struct platform_cycles){.has_events = there == EVENTS_TOO};
    if (there == ABSENT) {
        return false;
    }
    now->cycles = DWT_CYCCNT;
    for (uint32_t i = 0; i < PLATFORM_EVENTS && now->has_events; i++) {
        now->events[i] = event(i);
    }
    return true;
}

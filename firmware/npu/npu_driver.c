/* Drives the NPU: wake it, check it, give it a command stream, wait, report how it ended. */

#include <stddef.h>

#include "npu_checks.h"
#include "ocrm55_npu_port.h"
#include "npu_registers.h"
#include "ocrm55_npu.h"

/* The longest that a region may take. A whole network of 600 M MACs takes an ethos-u55-32 at 32 MHz about a second. */
#ifndef OCRM55_NPU_TIMEOUT_MS
#define OCRM55_NPU_TIMEOUT_MS 5000u
#endif

/* A reset takes a few cycles. An operating system may let another thread run between two reads, and its clock may
 * advance by 10 ms at a time: so time alone proves nothing. */
#define RESET_MS 1u
#define RESET_READS 16u

static bool ready;
static bool interrupt_works;
static ocrm55_npu_status failure;
static ocrm55_npu_details last;

static volatile bool finished;
static volatile uint32_t status_at_end;

static bool is_reset(void)
{
    const uint32_t start = ocrm55_npu_port_milliseconds();
    for (uint32_t reads = 1; ocrm55_npu_read(NPU_STATUS) & STATUS_IN_RESET; reads++) {
        if (reads >= RESET_READS && ocrm55_npu_port_milliseconds() - start > RESET_MS) {
            return false;
        }
    }
    return true;
}

/* Reset and set up. Every run begins with this, because a sleeping NPU forgets its registers. After the reset the NPU
 * stays awake until CMD is written. Then CMD's two gates decide: 0 keeps both clock and power. */
static ocrm55_npu_status wake(void)
{
    const uint32_t level = ocrm55_npu_port_level() & LEVEL_MASK;
    ocrm55_npu_write(NPU_RESET, level);
    if (!is_reset() || (ocrm55_npu_read(NPU_PROT) & LEVEL_MASK) != level) {
        return OCRM55_NPU_NO_RESET;
    }
    ocrm55_npu_write(NPU_CMD, 0);
    ocrm55_npu_write(NPU_QCONFIG, COUNTER_COMMANDS);
    ocrm55_npu_write(NPU_REGIONCFG, (COUNTER_WEIGHTS << 0) | (COUNTER_ARENA << 2) | (COUNTER_FAST << 4));
    for (uint32_t counter = 0; counter < 4; counter++) {
        ocrm55_npu_write(NPU_AXI_LIMIT(counter), AXI_LIMIT_VALUE);
    }
    return OCRM55_NPU_OK;
}

static void let_sleep(void)
{
    ocrm55_npu_write(NPU_CMD, CMD_MAY_GATE_CLOCK | CMD_MAY_GATE_POWER);
}

ocrm55_npu_status ocrm55_npu_init(uint32_t macs_per_cycle)
{
    last = (ocrm55_npu_details){.region = "", .wanted_macs_per_cycle = macs_per_cycle};
    ready = false;
    failure = OCRM55_NPU_OK;
    ocrm55_npu_port_disable_interrupt();
    ocrm55_npu_status status = npu_identify(ocrm55_npu_read, &last);
    if (status == OCRM55_NPU_OK) {
        status = wake();
    }
    if (status != OCRM55_NPU_OK) {
        return status;
    }
    let_sleep();
    interrupt_works = ocrm55_npu_port_enable_interrupt();
    ready = true;
    return OCRM55_NPU_OK;
}

bool ocrm55_npu_ready(void)
{
    return ready;
}

ocrm55_npu_status ocrm55_npu_failure(void)
{
    return failure;
}

ocrm55_npu_details ocrm55_npu_last(void)
{
    return last;
}

/* The line stays up until the NPU is told. The NPU must stay awake until then. */
static void take_end(void)
{
    status_at_end = ocrm55_npu_read(NPU_STATUS);
    ocrm55_npu_write(NPU_CMD, CMD_CLEAR_IRQ);
    finished = true;
}

void ocrm55_npu_interrupt(void)
{
    take_end();
}

/* Without an interrupt: has the NPU raised its line? */
static void poll(void)
{
    if (ocrm55_npu_read(NPU_STATUS) & STATUS_IRQ_RAISED) {
        take_end();
    }
}

/* True if the NPU has ended within the time limit. If the interrupt never comes, the result is not lost: STATUS is read
 * a last time, and from then on always. */
static bool wait(void)
{
    const uint32_t start = ocrm55_npu_port_milliseconds();
    uint32_t asked = start - 1;
    while (!finished) {
        const uint32_t now = ocrm55_npu_port_milliseconds();
        if (now - start > OCRM55_NPU_TIMEOUT_MS && interrupt_works) {
            ocrm55_npu_port_disable_interrupt();
            interrupt_works = false;
            asked = now - 1;
        }
        if (!interrupt_works && !finished && now != asked) { /* once a millisecond, because reading takes the bus */
            asked = now;
            poll();
            if (!finished && now - start > OCRM55_NPU_TIMEOUT_MS) {
                return false;
            }
        }
    }
    return true;
}

static ocrm55_npu_status meaning(uint32_t status)
{
    const ocrm55_npu_status named = npu_failure_named(status);
    if (named != OCRM55_NPU_OK) {
        return named;
    }
    return (status & STATUS_END_REACHED) && !(status & STATUS_RUNNING) ? OCRM55_NPU_OK : OCRM55_NPU_FAULT;
}

static bool is_fit(const ocrm55_npu_region *region, const uint8_t *arena)
{
    return region->command_bytes != 0 && region->command_bytes % 4 == 0 &&
           npu_may_be_given(region->commands, region->command_bytes) && npu_may_be_given(arena, region->arena_bytes) &&
           (region->weight_bytes == 0 || npu_may_be_given(region->weights, region->weight_bytes));
}

static void set_base(uint32_t region, const void *address)
{
    ocrm55_npu_write(NPU_BASEP_LOW(region), (uint32_t)(uintptr_t)address);
    ocrm55_npu_write(NPU_BASEP_HIGH(region), 0);
}

/* Vela's numbers of the base pointers: 0 the constants, 1 the arena, 2 a fast scratch; here that is the arena too. */
static ocrm55_npu_status execute(const ocrm55_npu_region *region, uint8_t *arena)
{
    set_base(0, region->weights);
    set_base(1, arena);
    set_base(2, arena);
    ocrm55_npu_write(NPU_QBASE0, (uint32_t)(uintptr_t)region->commands);
    ocrm55_npu_write(NPU_QBASE1, 0);
    ocrm55_npu_write(NPU_QSIZE, region->command_bytes);
    finished = false;
    ocrm55_npu_write(NPU_CMD, CMD_RUN);
    if (!wait()) {
        last.status = ocrm55_npu_read(NPU_STATUS);
        last.queue_at = ocrm55_npu_read(NPU_QREAD);
        return OCRM55_NPU_TIMEOUT;
    }
    last.status = status_at_end;
    last.queue_at = ocrm55_npu_read(NPU_QREAD);
    return meaning(last.status);
}

ocrm55_npu_status ocrm55_npu_run(const ocrm55_npu_region *region, uint8_t *arena)
{
    if (failure != OCRM55_NPU_OK) {
        return failure;
    }
    last.region = region->name;
    failure = ready ? OCRM55_NPU_OK : OCRM55_NPU_NOT_READY;
    if (failure == OCRM55_NPU_OK && !is_fit(region, arena)) {
        failure = OCRM55_NPU_BAD_REGION;
    }
    if (failure != OCRM55_NPU_OK) {
        return failure;
    }
    ocrm55_npu_port_clean(region->commands, region->command_bytes);
    if (region->weight_bytes != 0) {
        ocrm55_npu_port_clean(region->weights, region->weight_bytes);
    }
    ocrm55_npu_port_clean(arena, region->arena_bytes);
    failure = wake();
    if (failure == OCRM55_NPU_OK) {
        failure = execute(region, arena);
    }
    if (failure == OCRM55_NPU_OK) {
        let_sleep();
        ocrm55_npu_port_invalidate(arena, region->arena_bytes); /* also lines that were read ahead in the meantime */
    } else {
        /* Stop the NPU, because it must not write into memory that others use. */
        ocrm55_npu_port_disable_interrupt();
        ready = false;
        if (wake() == OCRM55_NPU_OK) {
            let_sleep();
        }
    }
    return failure;
}

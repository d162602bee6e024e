/* The same interface on top of Arm's own driver (ethos-u-core-driver), for those who want or need that one. This
 * repository has no part of it; OCRM55_ETHOSU_DRIVER names a copy. It gets Vela's whole payload, and reads and checks the
 * payload's header. */

#include <stddef.h>
#include <string.h>

#include <ethosu_driver.h>

#include "npu_checks.h"
#include "ocrm55_npu_port.h"
#include "npu_registers.h"
#include "ocrm55_npu.h"

#ifndef OCRM55_NPU_TIMEOUT_MS
#define OCRM55_NPU_TIMEOUT_MS 5000u
#endif

#define BASES 3 /* constants, arena, and the arena again as the fast scratch */

static struct ethosu_driver driver;
static bool ready;
static bool interrupt_works;
static bool late;
static ocrm55_npu_status failure;
static ocrm55_npu_details last;

static uint32_t read_register(uint32_t offset)
{
    return *(volatile const uint32_t *)(ocrm55_npu_port_base() + offset);
}

/* Arm's driver waits for a semaphore that its interrupt handler gives; it leaves the means to the program. */
static volatile uint32_t given[2];
static uint32_t created;

void *ethosu_semaphore_create(void)
{
    given[created % 2] = 0;
    return (void *)&given[created++ % 2];
}

void ethosu_semaphore_destroy(void *semaphore)
{
    (void)semaphore;
}

int ethosu_semaphore_give(void *semaphore)
{
    ++*(volatile uint32_t *)semaphore;
    return 0;
}

/* Without an interrupt, this calls the handler when STATUS shows that the NPU has news. */
int ethosu_semaphore_take(void *semaphore, uint64_t timeout)
{
    (void)timeout;
    const uint32_t start = ocrm55_npu_port_milliseconds();
    while (*(volatile uint32_t *)semaphore == 0) {
        const uint32_t now = ocrm55_npu_port_milliseconds();
        late = now - start > OCRM55_NPU_TIMEOUT_MS;
        if (late && interrupt_works) {
            ocrm55_npu_port_disable_interrupt();
            interrupt_works = false;
        }
        if (!interrupt_works && (read_register(NPU_STATUS) & STATUS_IRQ_RAISED)) {
            late = false;
            ethosu_irq_handler(&driver);
        } else if (late) {
            return -1;
        }
    }
    --*(volatile uint32_t *)semaphore;
    return 0;
}

/* At the end of an inference, before Arm's driver resets the NPU after an error: keep the NPU's state. */
void ethosu_inference_end(struct ethosu_driver *which, void *argument)
{
    (void)which;
    (void)argument;
    last.status = read_register(NPU_STATUS);
    last.queue_at = read_register(NPU_QREAD);
}

void ocrm55_npu_interrupt(void)
{
    ethosu_irq_handler(&driver);
}

ocrm55_npu_status ocrm55_npu_init(uint32_t macs_per_cycle)
{
    last = (ocrm55_npu_details){.region = "", .wanted_macs_per_cycle = macs_per_cycle};
    ready = false;
    failure = OCRM55_NPU_OK;
    ocrm55_npu_port_disable_interrupt();
    const ocrm55_npu_status status = npu_identify(read_register, &last);
    if (status != OCRM55_NPU_OK) {
        return status;
    }
    const uint32_t level = ocrm55_npu_port_level();
    memset(&driver, 0, sizeof driver);
    if (ethosu_init(&driver, (void *)ocrm55_npu_port_base(), NULL, 0, !(level & LEVEL_NON_SECURE),
                    (level & LEVEL_PRIVILEGED) != 0) != 0) {
        return OCRM55_NPU_NO_RESET;
    }
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

static ocrm55_npu_status meaning(void)
{
    const ocrm55_npu_status named = npu_failure_named(last.status);
    return late ? OCRM55_NPU_TIMEOUT : named != OCRM55_NPU_OK ? named : OCRM55_NPU_FAULT;
}

ocrm55_npu_status ocrm55_npu_run(const ocrm55_npu_region *region, uint8_t *arena)
{
    if (failure != OCRM55_NPU_OK) {
        return failure;
    }
    last.region = region->name;
    if (!ready) {
        return failure = OCRM55_NPU_NOT_READY;
    }
    const uint8_t *payload = region->commands - OCRM55_NPU_PAYLOAD_HEADER;
    const uint32_t payload_bytes = region->command_bytes + OCRM55_NPU_PAYLOAD_HEADER;
    if (memcmp(payload, "COP1", 4) != 0 || !npu_may_be_given(payload, payload_bytes) ||
        !npu_may_be_given(arena, region->arena_bytes) ||
        (region->weight_bytes != 0 && !npu_may_be_given(region->weights, region->weight_bytes))) {
        return failure = OCRM55_NPU_BAD_REGION;
    }
    uint64_t bases[BASES] = {(uintptr_t)region->weights, (uintptr_t)arena, (uintptr_t)arena};
    const size_t sizes[BASES] = {region->weight_bytes, region->arena_bytes, region->arena_bytes};
    ocrm55_npu_port_clean(payload, payload_bytes);
    if (region->weight_bytes != 0) {
        ocrm55_npu_port_clean(region->weights, region->weight_bytes);
    }
    ocrm55_npu_port_clean(arena, region->arena_bytes);
    late = false;
    if (ethosu_invoke_v3(&driver, payload, (int)payload_bytes, bases, sizes, BASES, NULL) != 0) {
        ocrm55_npu_port_disable_interrupt();
        ready = false;
        return failure = meaning();
    }
    ocrm55_npu_port_invalidate(arena, region->arena_bytes);
    return OCRM55_NPU_OK;
}

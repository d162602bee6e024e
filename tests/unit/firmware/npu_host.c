/* The NPU driver on the host: a register file that plays scenarios, and a board that notes what it is asked.
 *
 *     npu_host SCENARIO    prints every call of the board and every write of a register, and what init and run return
 */
#include <stdio.h>
#include <string.h>

#include "ocrm55_npu_port.h"
#include "npu_registers.h"
#include "ocrm55_npu.h"

static const char *scenario;
static uint32_t words[64];
static uint32_t status;
static uint32_t reset_reads;
static uint32_t looks_at_the_clock;

static int is(const char *name)
{
    return strcmp(scenario, name) == 0;
}

uintptr_t ocrm55_npu_port_base(void)
{
    return 0;
}

uint32_t ocrm55_npu_port_level(void)
{
    return is("non-secure") ? LEVEL_PRIVILEGED | LEVEL_NON_SECURE : LEVEL_PRIVILEGED;
}

bool ocrm55_npu_port_enable_interrupt(void)
{
    printf("interrupt on\n");
    return !is("poll") && !is("poll-hang");
}

void ocrm55_npu_port_disable_interrupt(void)
{
    printf("interrupt off\n");
}

bool ocrm55_npu_port_reaches(const void *address, uint32_t bytes)
{
    (void)address;
    return bytes != 77u * 32u; /* a size that the test uses for memory out of reach */
}

void ocrm55_npu_port_clean(const void *address, uint32_t bytes)
{
    (void)address;
    printf("clean %u\n", bytes);
}

void ocrm55_npu_port_invalidate(void *address, uint32_t bytes)
{
    (void)address;
    printf("invalidate %u\n", bytes);
}

uint32_t ocrm55_npu_port_milliseconds(void)
{
    return is("coarse-clock") ? 10 * looks_at_the_clock++ : looks_at_the_clock++ / 8;
}

static uint32_t end_of_run(void)
{
    if (is("bus-error")) {
        return STATUS_BUS_ERROR | (1u << 11) | (2u << 12);
    }
    if (is("stream-error")) {
        return STATUS_PARSE_ERROR;
    }
    if (is("weight-error")) {
        return STATUS_WEIGHT_FAULT;
    }
    if (is("ecc-error")) {
        return STATUS_ECC_FAULT;
    }
    return is("fault") ? 0 : STATUS_END_REACHED;
}

uint32_t ocrm55_npu_read(uint32_t offset)
{
    if (is("absent") || is("ones")) {
        return is("ones") ? 0xFFFFFFFFu : 0;
    }
    switch (offset) {
    case NPU_ID:
        return is("u85") ? 0x20106000u : 0x10104201u;
    case NPU_CONFIG:
        return is("u65") ? 0x10003008u : is("other-size") ? 0x00003008u : 0x00001807u;
    case NPU_PROT:
        return is("no-level") ? 0u : ocrm55_npu_port_level();
    case NPU_STATUS:
        if (reset_reads > 0 && !is("no-reset")) {
            reset_reads--;
        }
        return reset_reads > 0 ? STATUS_IN_RESET : status;
    default:
        return words[offset / 4];
    }
}

void ocrm55_npu_write(uint32_t offset, uint32_t value)
{
    const int is_address = offset == NPU_QBASE0 || (offset >= NPU_BASEP_LOW(0) && value != 0);
    printf(is_address ? "%03x address\n" : "%03x %08x\n", offset, value);
    words[offset / 4] = value;
    if (offset == NPU_RESET) {
        reset_reads = 3;
        status = 0;
    } else if (offset == NPU_CMD && (value & CMD_CLEAR_IRQ)) {
        status &= ~STATUS_IRQ_RAISED;
    } else if (offset == NPU_CMD && (value & CMD_RUN)) {
        if (is("hang") || is("poll-hang")) {
            status = STATUS_RUNNING;
        } else {
            status = STATUS_IRQ_RAISED | end_of_run();
            if (!is("poll") && !is("lost-interrupt")) {
                ocrm55_npu_interrupt();
            }
        }
    }
}

int main(int count, char **arguments)
{
    static uint8_t arena[64 * 32] __attribute__((aligned(32)));
    static const uint8_t commands[64] __attribute__((aligned(32))) = {0};
    static const uint8_t weights[32] __attribute__((aligned(32))) = {0};
    scenario = count > 1 ? arguments[1] : "ok";
    ocrm55_npu_region region = {.name = "r", .commands = commands, .command_bytes = sizeof commands,
                                .weights = weights, .weight_bytes = sizeof weights, .arena_bytes = sizeof arena};
    uint8_t *place = arena;
    if (is("misaligned")) {
        place++;
    } else if (is("out-of-reach")) {
        region.arena_bytes = 77u * 32u;
    } else if (is("no-commands")) {
        region.command_bytes = 0;
    } else if (is("no-weights")) {
        region.weights = NULL;
        region.weight_bytes = 0;
    }
    const int runs = is("twice") || is("bus-error") ? 2 : 1;
    const ocrm55_npu_status begun = is("no-init") ? OCRM55_NPU_NOT_READY : ocrm55_npu_init(128);
    printf("init %d ready %d: %s\n", (int)begun, ocrm55_npu_ready(), ocrm55_npu_message(begun));
    for (int i = 0; i < runs; i++) {
        const ocrm55_npu_status ended = ocrm55_npu_run(&region, place);
        const ocrm55_npu_details last = ocrm55_npu_last();
        printf("run %d failure %d status %08x region %s: %s\n", (int)ended, (int)ocrm55_npu_failure(), last.status,
               last.region, ocrm55_npu_message(ended));
    }
    return 0;
}

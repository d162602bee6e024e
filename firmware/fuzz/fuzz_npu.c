/* The NPU's driver against an NPU and a board that may answer anything: it ends, within its time, with a status that has
 * words, and calls a run good only when the NPU said so.
 *
 * Input: a byte a question. Below 128 the answer is what a working NPU would give; from 128 on it is the next four bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "ocrm55_npu_port.h"
#include "npu_registers.h"
#include "ocrm55_npu.h"

#define MACS 128u
#define BYTES 256u
#define LONGEST_QUESTIONS 5000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t left;
static uint32_t now, questions;
static bool interrupt_enabled;
static uint8_t region_memory[BYTES] __attribute__((aligned(OCRM55_NPU_ALIGN)));
static uint8_t arena[BYTES] __attribute__((aligned(OCRM55_NPU_ALIGN)));

static uint8_t next(void)
{
    if (left == 0) {
        return 0;
    }
    left--;
    return *input++;
}

static uint32_t answer(uint32_t usual)
{
    if (++questions > LONGEST_QUESTIONS) {
        abort(); /* it does not end */
    }
    if (next() < 128u) {
        return usual;
    }
    uint32_t word = next();
    word |= (uint32_t)next() << 8;
    word |= (uint32_t)next() << 16;
    return word | (uint32_t)next() << 24;
}

uint32_t ocrm55_npu_read(uint32_t offset)
{
    switch (offset) {
    case NPU_ID:
        return answer(0x10104021u);
    case NPU_CONFIG:
        return answer(0x00000007u); /* 2^7 MACs a cycle */
    case NPU_STATUS:
        /* Not in reset, at rest, at the end of its stream, its line raised. */
        return answer(STATUS_IRQ_RAISED | STATUS_END_REACHED);
    case NPU_PROT:
        return answer(ocrm55_npu_port_level());
    case NPU_QREAD:
        return answer(0);
    default:
        abort(); /* it has no business there */
    }
}

void ocrm55_npu_write(uint32_t offset, uint32_t value)
{
    (void)value;
    if (offset % 4u != 0 || offset >= 0x1000u) {
        abort();
    }
}

uintptr_t ocrm55_npu_port_base(void)
{
    return 0;
}

uint32_t ocrm55_npu_port_level(void)
{
    return 0;
}

bool ocrm55_npu_port_enable_interrupt(void)
{
    return interrupt_enabled = !(next() & 1u);
}

void ocrm55_npu_port_disable_interrupt(void)
{
    interrupt_enabled = false;
}

bool ocrm55_npu_port_reaches(const void *address, uint32_t bytes)
{
    (void)bytes;
    return address != NULL && next() < 250u;
}

static void touch(const void *address, uint32_t bytes)
{
    static volatile uint8_t sum;
    for (uint32_t i = 0; i < bytes; i++) {
        sum ^= ((const uint8_t *)address)[i];
    }
}

void ocrm55_npu_port_clean(const void *address, uint32_t bytes)
{
    touch(address, bytes);
}

void ocrm55_npu_port_invalidate(void *address, uint32_t bytes)
{
    touch(address, bytes);
}

uint32_t ocrm55_npu_port_milliseconds(void)
{
    const uint8_t step = next();
    now += step < 200u ? step + 1u : 100000u; /* it may wrap */
    if (interrupt_enabled && step % 2u == 0) {
        ocrm55_npu_interrupt();
    }
    return now;
}

static void check(ocrm55_npu_status status)
{
    if ((unsigned)status >= OCRM55_NPU_STATUS_COUNT || ocrm55_npu_message(status)[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    left = size;
    questions = 0;
    now = 0xFFFFFF00u;
    interrupt_enabled = false;
    const ocrm55_npu_region region = {
        .name = "region",
        .commands = region_memory + next() % 40u / 39u, /* seldom misaligned */
        .command_bytes = BYTES / 2u - next() % 40u / 39u,
        .weights = region_memory,
        .weight_bytes = next() % 4u * 16u,
        .arena_bytes = BYTES,
    };
    const ocrm55_npu_status begun = ocrm55_npu_init(MACS);
    check(begun);
    if (ocrm55_npu_ready() != (begun == OCRM55_NPU_OK)) {
        abort();
    }
    for (int run = 0; run < 3; run++) {
        const ocrm55_npu_status before = ocrm55_npu_failure();
        const ocrm55_npu_status status = ocrm55_npu_run(&region, arena);
        check(status);
        if (before != OCRM55_NPU_OK && status != before) {
            abort(); /* a failure stays until the next init */
        }
        if (status == OCRM55_NPU_OK) {
            const uint32_t said = ocrm55_npu_last().status;
            const bool fit = (uintptr_t)region.commands % OCRM55_NPU_ALIGN == 0 && region.command_bytes % 4u == 0;
            if (begun != OCRM55_NPU_OK || !fit || !(said & STATUS_END_REACHED)) {
                abort();
            }
        }
    }
    return 0;
}

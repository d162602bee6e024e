#include "npu.h"

#include "ocrm55_model.h"

#ifndef OCRM55_NPU_MACS

enum status npu_begin(void)
{
    return STATUS_OK;
}

enum status npu_check(void)
{
    return STATUS_OK;
}

#else

#include <stddef.h>

#include "npu_registers.h"
#include "ocrm55_npu.h"
#include "print.h"

static void print_size(uint32_t macs)
{
    print_text("ethos-u55-");
    print_u32(macs);
}

static void print_identity(const ocrm55_npu_details *npu)
{
    print_size(npu->macs_per_cycle);
    print_text(", architecture ");
    print_u32(ID_ARCH_MAJOR(npu->id));
    print_text(".");
    print_u32(ID_ARCH_MINOR(npu->id));
    print_text(".");
    print_u32(ID_ARCH_PATCH(npu->id));
}

/* The reason why the NPU cannot be used, after the sentence of its status. */
static void print_misfit(ocrm55_npu_status status, const ocrm55_npu_details *npu)
{
    if (status == OCRM55_NPU_OTHER_SIZE) {
        print_text(": ");
        print_size(npu->macs_per_cycle);
        print_text(" is there, ");
        print_size(npu->wanted_macs_per_cycle);
        print_text(" is wanted");
    } else {
        print_text(": ID ");
        print_hex32(npu->id);
        print_text(", CONFIG ");
        print_hex32(npu->config);
    }
}

/* A failure is printed once: as an error, or as a note that the CPU's kernels take over, if the model has them. */
static enum status say_end(ocrm55_npu_status status)
{
    print_text(OCRM55_NPU_FALLBACK ? "; the CPU computes instead\n" : "\n");
    return OCRM55_NPU_FALLBACK ? STATUS_OK : (enum status)(STATUS_NPU + (int)status);
}

static void say_begin(ocrm55_npu_status status)
{
    print_text(OCRM55_NPU_FALLBACK ? "npu: " : "error: ");
    print_text(ocrm55_npu_message(status));
}

static bool said;

enum status npu_begin(void)
{
    const ocrm55_npu_status status = (ocrm55_npu_status)OCRM55_NETWORK.npu_start();
    const ocrm55_npu_details npu = ocrm55_npu_last();
    if (status == OCRM55_NPU_OK) {
        print_text("npu: ");
        print_identity(&npu);
        print_text("\n");
        return STATUS_OK;
    }
    said = true;
    say_begin(status);
    print_misfit(status, &npu);
    return say_end(status);
}

/* Which of the NPU's accesses met the error: STATUS's two fields (ethosu55_interface.h). */
static void print_bus_fault(uint32_t status)
{
    static const char *const channels[16] = {
        [0] = "reading commands",       [1] = "reading a feature map", [2] = "reading weights",
        [3] = "reading scales",         [4] = "reading for a copy",    [8] = "writing a feature map",
        [9] = "writing for a copy",
    };
    const char *channel = channels[STATUS_FAULT_CHANNEL(status)];
    print_text(", ");
    print_text(channel != NULL ? channel : "doing something unknown");
    print_text(" through port M");
    print_u32(STATUS_FAULT_INTERFACE(status));
}

enum status npu_check(void)
{
    const ocrm55_npu_status status = (ocrm55_npu_status)OCRM55_NETWORK.npu_status();
    if (status == OCRM55_NPU_OK || said) {
        return STATUS_OK;
    }
    said = true;
    const ocrm55_npu_details npu = ocrm55_npu_last();
    say_begin(status);
    if (status == OCRM55_NPU_BUS_ERROR) {
        print_bus_fault(npu.status);
    }
    print_text(" (region ");
    print_text(npu.region);
    print_text(", STATUS ");
    print_hex32(npu.status);
    print_text(", QREAD ");
    print_u32(npu.queue_at);
    print_text(")");
    return say_end(status);
}

#endif

/* Checks that both drivers share: is this the NPU for which the model was compiled, may it get these bytes, and what does
 * its STATUS mean? */
#ifndef OCRM55_NPU_CHECKS_H
#define OCRM55_NPU_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#include "ocrm55_npu_port.h"
#include "npu_registers.h"
#include "ocrm55_npu.h"

/* Reads ID and CONFIG into `found`, and says whether they are those of an Ethos-U55 with as many
 * MACs a cycle as found->wanted_macs_per_cycle. `read` reads the register at an offset in bytes. */
static inline ocrm55_npu_status npu_identify(uint32_t (*read)(uint32_t offset), ocrm55_npu_details *found)
{
    found->id = read(NPU_ID);
    found->config = read(NPU_CONFIG);
    /* Without an NPU, registers read as zeros or ones. CONFIG alone is not enough, because 0 there is a U55. */
    if (found->id == 0 || found->id == 0xFFFFFFFFu) {
        return OCRM55_NPU_ABSENT;
    }
    if (ID_ARCH_MAJOR(found->id) != ARCH_MAJOR_U55 || CONFIG_PRODUCT(found->config) != PRODUCT_U55) {
        return OCRM55_NPU_OTHER_PRODUCT;
    }
    found->macs_per_cycle = CONFIG_MACS_PER_CC(found->config);
    return found->macs_per_cycle == found->wanted_macs_per_cycle ? OCRM55_NPU_OK : OCRM55_NPU_OTHER_SIZE;
}

/* The failure in STATUS, the most specific first; OCRM55_NPU_OK if there is none. */
static inline ocrm55_npu_status npu_failure_named(uint32_t status)
{
    if (status & STATUS_BUS_ERROR) {
        return OCRM55_NPU_BUS_ERROR;
    }
    if (status & STATUS_PARSE_ERROR) {
        return OCRM55_NPU_STREAM_ERROR;
    }
    if (status & STATUS_ECC_FAULT) {
        return OCRM55_NPU_ECC_ERROR;
    }
    return status & STATUS_WEIGHT_FAULT ? OCRM55_NPU_WEIGHT_ERROR : OCRM55_NPU_OK;
}

static inline bool npu_may_be_given(const void *address, uint32_t bytes)
{
    return (uintptr_t)address % OCRM55_NPU_ALIGN == 0 && ocrm55_npu_port_reaches(address, bytes);
}

#endif

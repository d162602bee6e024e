#include "ocrm55_npu.h"

const char *ocrm55_npu_message(ocrm55_npu_status status)
{
    static const char *const messages[OCRM55_NPU_STATUS_COUNT] = {
        [OCRM55_NPU_OK] = "the NPU has done it",
        [OCRM55_NPU_NOT_READY] = "the NPU was not set up",
        [OCRM55_NPU_ABSENT] = "there is no NPU",
        [OCRM55_NPU_OTHER_PRODUCT] = "the NPU is no Ethos-U55",
        [OCRM55_NPU_OTHER_SIZE] = "the NPU is of another size than the network was compiled for",
        [OCRM55_NPU_NO_RESET] = "the NPU does not come out of its reset",
        [OCRM55_NPU_BAD_REGION] = "the NPU cannot be given this region: it is not aligned, or in memory that it does not reach",
        [OCRM55_NPU_TIMEOUT] = "the NPU did not end within its time limit",
        [OCRM55_NPU_BUS_ERROR] = "the NPU met a bus error",
        [OCRM55_NPU_STREAM_ERROR] = "the NPU refused a command",
        [OCRM55_NPU_WEIGHT_ERROR] = "the NPU could not decode the weights",
        [OCRM55_NPU_ECC_ERROR] = "the NPU's memory has an error that it cannot correct",
        [OCRM55_NPU_FAULT] = "the NPU stopped before the end of its commands and does not say why",
    };
    return (unsigned)status < OCRM55_NPU_STATUS_COUNT ? messages[status] : "the NPU ended in a way that is not known";
}

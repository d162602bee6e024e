/* Ethos-U55: run regions of a network that Vela compiled.
 *
 *     if (ocrm55_npu_init(128) == OCRM55_NPU_OK) { ocrm55_npu_run(&region, arena); }
 *
 * One core, one NPU, one region at a time: a run returns when its results are in the arena, or when the NPU has failed.
 * What a board must provide is in ocrm55_npu_port.h.
 */
#ifndef OCRM55_NPU_H
#define OCRM55_NPU_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Alignment of commands, weights and arena. It is a multiple of the NPU's address units and of the caches' lines. */
#define OCRM55_NPU_ALIGN 32

/* Bytes of Vela's driver payload (COP1) in front of a command stream: `commands` points behind them. Our driver does not
 * read them; Arm's driver does. */
#define OCRM55_NPU_PAYLOAD_HEADER 32

/* One region of the graph, as Vela compiled it. Neither the constants nor the arena may lie in the tightly coupled
 * memories, which the NPU does not reach. */
typedef struct {
    const char *name;
    const uint8_t *commands; /* the bare command stream, behind OCRM55_NPU_PAYLOAD_HEADER bytes of the same array */
    uint32_t command_bytes;  /* of the bare stream */
    const uint8_t *weights; /* region 0 of the stream, read only; NULL where there is none */
    uint32_t weight_bytes;
    uint32_t arena_bytes; /* region 1 of the stream: inputs, outputs, the tensors between; run gets its base */
} ocrm55_npu_region;

typedef enum {
    OCRM55_NPU_OK = 0,
    OCRM55_NPU_NOT_READY,     /* there was no init, or it failed */
    OCRM55_NPU_ABSENT,        /* nothing that looks like an Ethos-U answers */
    OCRM55_NPU_OTHER_PRODUCT, /* an Ethos-U, but no U55 */
    OCRM55_NPU_OTHER_SIZE,    /* a U55 with another number of MACs a cycle than the streams were compiled for */
    OCRM55_NPU_NO_RESET,      /* it does not come out of reset, or not in the wanted security state */
    OCRM55_NPU_BAD_REGION,    /* a region that the NPU cannot take: alignment, size, memory that it does not reach */
    OCRM55_NPU_TIMEOUT,
    OCRM55_NPU_BUS_ERROR,
    OCRM55_NPU_STREAM_ERROR, /* the NPU refuses a command */
    OCRM55_NPU_WEIGHT_ERROR, /* the weight decoder does */
    OCRM55_NPU_ECC_ERROR,
    OCRM55_NPU_FAULT, /* it stopped before the end of the stream, without a reason */
    OCRM55_NPU_STATUS_COUNT
} ocrm55_npu_status;

/* Power up, reset, and check that this is the NPU for which the streams were compiled. macs_per_cycle: 32, 64, 128 or 256. */
ocrm55_npu_status ocrm55_npu_init(uint32_t macs_per_cycle);

/* True after an init that returned OK. If false, a build with a fall-back takes the CPU's kernels. */
bool ocrm55_npu_ready(void);

/* Run a region in `arena` (aligned to OCRM55_NPU_ALIGN, region->arena_bytes or more) and wait for its end. After a
 * failure the contents of the arena are undefined, and every later run returns the same status until the next init. */
ocrm55_npu_status ocrm55_npu_run(const ocrm55_npu_region *region, uint8_t *arena);

/* The failure of a run since the last init; OK if there was none. */
ocrm55_npu_status ocrm55_npu_failure(void);

/* What a status means: one sentence without its full stop. */
const char *ocrm55_npu_message(ocrm55_npu_status status);

/* The NPU's registers behind the last status other than OK, for the report of it. */
typedef struct {
    const char *region;  /* name of the region that ran, or "" */
    uint32_t id, config; /* as init read them */
    uint32_t status;     /* STATUS when the run ended */
    uint32_t queue_at;   /* QREAD: bytes of the stream that were taken */
    uint32_t macs_per_cycle, wanted_macs_per_cycle;
} ocrm55_npu_details;
ocrm55_npu_details ocrm55_npu_last(void);

/* Every access to the NPU's registers goes through these two functions, which are never inlined. On a simulator without
 * an NPU, the host stops at them and answers. `offset` is in bytes from the NPU's base. */
uint32_t ocrm55_npu_read(uint32_t offset);
void ocrm55_npu_write(uint32_t offset, uint32_t value);

#ifdef __cplusplus
}
#endif

#endif

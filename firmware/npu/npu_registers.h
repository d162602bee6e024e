/* The registers of the Ethos-U55 that the driver touches.
 *
 * Sources: Arm's public interface header of the NPU (ethosu55_interface.h, the comment of each register) and the register
 * definitions that Vela brings (ethos_u55_regs.py, architecture 1.0.6); they agree. Offsets are in bytes from the base.
 */
#ifndef OCRM55_NPU_REGISTERS_H
#define OCRM55_NPU_REGISTERS_H

#define NPU_ID 0x000u
#define NPU_STATUS 0x004u
#define NPU_CMD 0x008u
#define NPU_RESET 0x00Cu
#define NPU_QBASE0 0x010u
#define NPU_QBASE1 0x014u
#define NPU_QREAD 0x018u
#define NPU_QCONFIG 0x01Cu
#define NPU_QSIZE 0x020u
#define NPU_PROT 0x024u
#define NPU_CONFIG 0x028u
#define NPU_REGIONCFG 0x03Cu
#define NPU_AXI_LIMIT(counter) (0x040u + 4u * (counter)) /* 0..3 */
#define NPU_BASEP_LOW(region) (0x080u + 8u * (region))   /* 0..7 */
#define NPU_BASEP_HIGH(region) (0x084u + 8u * (region))

/* ID: architecture major.minor.patch in the upper half, product and release in the lower one */
#define ID_ARCH_MAJOR(id) ((id) >> 28)
#define ID_ARCH_MINOR(id) (((id) >> 20) & 0xFFu)
#define ID_ARCH_PATCH(id) (((id) >> 16) & 0xFu)

/* CONFIG */
#define CONFIG_MACS_PER_CC(config) (1u << ((config) & 0xFu)) /* the field is its logarithm */
#define CONFIG_PRODUCT(config) ((config) >> 28)
#define PRODUCT_U55 0u
#define ARCH_MAJOR_U55 1u

/* STATUS */
#define STATUS_RUNNING (1u << 0)
#define STATUS_IRQ_RAISED (1u << 1)
#define STATUS_BUS_ERROR (1u << 2) /* only a reset clears it and the other errors */
#define STATUS_IN_RESET (1u << 3)  /* all other registers read 0 and ignore writes */
#define STATUS_PARSE_ERROR (1u << 4)
#define STATUS_END_REACHED (1u << 5)
#define STATUS_WEIGHT_FAULT (1u << 7)
#define STATUS_ECC_FAULT (1u << 8)
#define STATUS_FAULT_INTERFACE(status) (((status) >> 11) & 1u)
#define STATUS_FAULT_CHANNEL(status) (((status) >> 12) & 0xFu)

/* CMD: a bit that is not written as 1 has no effect, except the two gates: they hold the last written value */
#define CMD_RUN (1u << 0)
#define CMD_CLEAR_IRQ (1u << 1)
#define CMD_MAY_GATE_CLOCK (1u << 2)
#define CMD_MAY_GATE_POWER (1u << 3)

/* RESET (writing starts one) and PROT: the level at which the NPU's accesses are made from then on */
#define LEVEL_PRIVILEGED (1u << 0)
#define LEVEL_NON_SECURE (1u << 1)
#define LEVEL_MASK 3u

/* The counter of an access (AXI_LIMIT0..3): 0 and 1 are port M0, 2 and 3 are port M1, which only reads. The stream and
 * the constants take M1, and maps take M0. This is Arm's own choice, and the meaning of "Axi0" and "Axi1" in Vela's
 * memory modes. */
#define COUNTER_COMMANDS 2u
#define COUNTER_WEIGHTS 3u
#define COUNTER_ARENA 0u
#define COUNTER_FAST 1u

/* AXI_LIMIT: bursts of at most 64 bytes, memory type device non-bufferable, a number of transfers under way at a time.
 * The hardware limits values that it cannot do. */
#define OUTSTANDING_READS 32u
#define OUTSTANDING_WRITES 16u
#define AXI_LIMIT_VALUE (((OUTSTANDING_WRITES - 1u) << 24) | ((OUTSTANDING_READS - 1u) << 16))

#endif

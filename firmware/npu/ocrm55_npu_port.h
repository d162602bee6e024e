/* What a board provides for the NPU: its place, its interrupt, a clock, the caches. platform/<board>/npu/npu_port.c.
 */
#ifndef OCRM55_NPU_PORT_H
#define OCRM55_NPU_PORT_H

#include <stdbool.h>
#include <stdint.h>

/* Address of the NPU's registers, as the core sees it. */
uintptr_t ocrm55_npu_port_base(void);

/* The level at which the NPU shall make its accesses: LEVEL_* of npu_registers.h. */
uint32_t ocrm55_npu_port_level(void);

/* Make the NPU's interrupt call ocrm55_npu_interrupt; false if it is not wired or not wanted: then the driver polls. */
bool ocrm55_npu_port_enable_interrupt(void);
void ocrm55_npu_port_disable_interrupt(void);

/* True if the NPU reaches all of these bytes. */
bool ocrm55_npu_port_reaches(const void *address, uint32_t bytes);

/* Before a run, the NPU must see what the core has written, and no line of `bytes` may be written back later. After the
 * run, the core must see what the NPU has written. Addresses are aligned to OCRM55_NPU_ALIGN. Without a cache there is
 * nothing to do. */
void ocrm55_npu_port_clean(const void *address, uint32_t bytes);
void ocrm55_npu_port_invalidate(void *address, uint32_t bytes);

/* Milliseconds since some moment in the past; only differences mean anything. */
uint32_t ocrm55_npu_port_milliseconds(void);

/* The driver's side of the interrupt. */
void ocrm55_npu_interrupt(void);

#endif

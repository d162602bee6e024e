#include "ethosu_driver.h"

#define REGISTER(drv, offset) (*(volatile uint32_t *)((drv)->base + (offset)))
#define STATUS 0x04u
#define CMD 0x08u
#define STOPPED_WELL 0x20u /* cmd_end_reached */

static int reset(struct ethosu_driver *drv, uint32_t level)
{
    REGISTER(drv, 0x0C) = level;
    while (REGISTER(drv, STATUS) & 8u) {
    }
    return (REGISTER(drv, 0x24) & 3u) == level ? 0 : -1;
}

int ethosu_init(struct ethosu_driver *drv, void *const base_address, const void *fast_memory,
                const size_t fast_memory_size, uint32_t secure_enable, uint32_t privilege_enable)
{
    (void)fast_memory;
    (void)fast_memory_size;
    drv->base = (uintptr_t)base_address;
    drv->semaphore = ethosu_semaphore_create();
    return reset(drv, (privilege_enable ? 1u : 0u) | (secure_enable ? 0u : 2u));
}

/* The payload's actions: 1 configuration with two words, 2 stream with its length in words, 5 nothing. */
int ethosu_invoke_v3(struct ethosu_driver *drv, const void *custom_data_ptr, const int custom_data_size,
                     uint64_t *const base_addr, const size_t *base_addr_size, const int num_base_addr, void *user_arg)
{
    const uint32_t *word = custom_data_ptr;
    const uint32_t *const end = word + custom_data_size / 4;
    (void)base_addr_size;
    if (*word++ != 0x31504F43u) {
        return -1;
    }
    for (; word < end && (*word & 0xFFu) != 2u; word += (*word & 0xFFu) == 1u ? 3 : 1) {
    }
    if (word >= end || reset(drv, 1u) != 0) {
        return -1;
    }
    REGISTER(drv, CMD) = 0;
    for (int i = 0; i < num_base_addr; i++) {
        REGISTER(drv, 0x80u + 8u * (unsigned)i) = (uint32_t)base_addr[i];
    }
    REGISTER(drv, 0x10) = (uint32_t)(uintptr_t)(word + 1);
    REGISTER(drv, 0x20) = 4u * ((*word >> 16) | (*word & 0xFF00u) << 8);
    REGISTER(drv, CMD) = 1;
    const int taken = ethosu_semaphore_take(drv->semaphore, 0);
    ethosu_inference_end(drv, user_arg);
    return taken == 0 && !drv->failed ? 0 : -1;
}

void ethosu_irq_handler(struct ethosu_driver *drv)
{
    REGISTER(drv, CMD) = 2;
    drv->failed = !(REGISTER(drv, STATUS) & STOPPED_WELL);
    ethosu_semaphore_give(drv->semaphore);
}

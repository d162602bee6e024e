/* Stands in for Arm's ethos-u-core-driver where that cannot be had: the functions that firmware/npu/npu_arm_driver.c calls
 * or brings, with the same names and arguments, and behind them a driver that does no more than a run needs. */
#ifndef ETHOSU_DRIVER_H
#define ETHOSU_DRIVER_H

#include <stddef.h>
#include <stdint.h>

struct ethosu_driver {
    uintptr_t base;
    void *semaphore;
    int failed;
};

int ethosu_init(struct ethosu_driver *drv, void *const base_address, const void *fast_memory,
                const size_t fast_memory_size, uint32_t secure_enable, uint32_t privilege_enable);
int ethosu_invoke_v3(struct ethosu_driver *drv, const void *custom_data_ptr, const int custom_data_size,
                     uint64_t *const base_addr, const size_t *base_addr_size, const int num_base_addr, void *user_arg);
void ethosu_irq_handler(struct ethosu_driver *drv);

void *ethosu_semaphore_create(void);
void ethosu_semaphore_destroy(void *sem);
int ethosu_semaphore_take(void *sem, uint64_t timeout);
int ethosu_semaphore_give(void *sem);
void ethosu_inference_end(struct ethosu_driver *drv, void *user_arg);

#endif

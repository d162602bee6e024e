/* A firmware that has nothing of ocrm55: it hands a network of Vela to a driver with the interface of Arm's, and compares
 * the output with what it should be. network.h is written by the test. */
#include <stdint.h>
#include <string.h>

#include <ethosu_driver.h>

#include "network.h"

#define NPU ((void *)0x48102000u)
#define NPU_INTERRUPT 56

extern uint32_t __StackTop[];
void Reset_Handler(void);
void start(void);

static struct ethosu_driver driver;
static unsigned char arena[ARENA_BYTES] __attribute__((aligned(16)));

static uint32_t host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(uint32_t status)
{
    const uint32_t block[2] = {0x20026, status};
    host(0x20, block);
    for (;;) {
    }
}

static void fault(void)
{
    host(4, "fault\n");
    leave(99);
}

static void npu_handler(void)
{
    ethosu_irq_handler(&driver);
}

__attribute__((section(".isr_vector"), used, aligned(512))) static const uintptr_t table[16 + NPU_INTERRUPT + 1] = {
    (uintptr_t)__StackTop,
    (uintptr_t)Reset_Handler,
    [2 ... 16 + NPU_INTERRUPT - 1] = (uintptr_t)fault,
    [16 + NPU_INTERRUPT] = (uintptr_t)npu_handler,
};

#ifdef OWN_SEMAPHORES /* Arm's driver has some of its own */
static volatile uint32_t given;

void *ethosu_semaphore_create(void)
{
    return (void *)&given;
}

int ethosu_semaphore_give(void *semaphore)
{
    (void)semaphore;
    given = 1;
    return 0;
}

int ethosu_semaphore_take(void *semaphore, uint64_t timeout)
{
    (void)semaphore;
    (void)timeout;
    while (given == 0) {
    }
    given = 0;
    return 0;
}

void ethosu_inference_end(struct ethosu_driver *which, void *argument)
{
    (void)which;
    (void)argument;
}
#endif

static uint32_t run(void)
{
    *(volatile uint32_t *)(0xE000E100u + 4 * (NPU_INTERRUPT / 32)) = 1u << NPU_INTERRUPT % 32;
    if (ethosu_init(&driver, NPU, NULL, 0, 1, 1) != 0) {
        host(4, "ethosu_init failed\n");
        return 1;
    }
    memset(arena, 0xA5, sizeof arena);
    memcpy(arena + INPUT_AT, input, sizeof input);
    uint64_t bases[3] = {(uintptr_t)weights, (uintptr_t)arena, (uintptr_t)arena};
    const size_t sizes[3] = {sizeof weights, sizeof arena, sizeof arena};
    if (ethosu_invoke_v3(&driver, payload, sizeof payload, bases, sizes, 3, NULL) != 0) {
        host(4, "ethosu_invoke_v3 failed\n");
        return 2;
    }
    const int same = memcmp(arena + OUTPUT_AT, expected, sizeof expected) == 0;
    host(4, same ? "the values are LiteRT's\n" : "the values are not LiteRT's\n");
    return same ? 0 : 3;
}

void start(void)
{
    leave(run());
}

/* CPACR first: compilers may use vectors anywhere. */
__attribute__((naked)) void Reset_Handler(void)
{
    __asm volatile("ldr r0, =0xE000ED88\n"
                   "ldr r1, [r0]\n"
                   "orr r1, r1, #0xF00000\n"
                   "str r1, [r0]\n"
                   "dsb\n"
                   "isb\n"
                   "b start\n");
}

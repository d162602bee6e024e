/* UART0 of QEMU's mps3-an547, with its interrupts, for examples/uart.c. */
#include <stdint.h>

void board_start_uart(void);
void board_send(void);
void board_sleep(void);
void uart_received(uint8_t byte);
int uart_to_send(void);

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define DATA REGISTER(0x49303000u)
#define STATE REGISTER(0x49303004u)
#define CTRL REGISTER(0x49303008u)
#define INTERRUPTS REGISTER(0x4930300Cu)
#define BAUDDIV REGISTER(0x49303010u)
#define VTOR REGISTER(0xE000ED08u)
#define NVIC_ENABLE REGISTER(0xE000E104u) /* of interrupts 32 to 63 */

enum { FIRST = 16, RECEIVED = 33, SENT = 34, VECTORS = 64 };
enum { TX_FULL = 1, RX_FULL = 2, TX = 1, RX = 2, TX_ON = 1, RX_ON = 2, TX_INTERRUPT = 4, RX_INTERRUPT = 8 };

static uintptr_t vectors[VECTORS] __attribute__((aligned(256)));

static void received(void)
{
    INTERRUPTS = RX;
    while ((STATE & RX_FULL) != 0u) {
        uart_received((uint8_t)DATA);
    }
}

static void send_next(void)
{
    const int byte = uart_to_send();
    if (byte >= 0) {
        DATA = (uint32_t)byte;
    } else {
        CTRL &= ~(uint32_t)TX_INTERRUPT;
    }
}

static void was_sent(void)
{
    INTERRUPTS = TX;
    send_next();
}

void board_start_uart(void)
{
    const uintptr_t *const before = (const uintptr_t *)(uintptr_t)VTOR;
    for (int i = 0; i < FIRST; i++) {
        vectors[i] = before[i];
    }
    vectors[FIRST + SENT] = (uintptr_t)was_sent;
    vectors[FIRST + RECEIVED] = (uintptr_t)received;
    VTOR = (uint32_t)(uintptr_t)vectors;
    __asm volatile("dsb\nisb" ::: "memory");
    BAUDDIV = 16;
    CTRL = TX_ON | RX_ON | RX_INTERRUPT;
    NVIC_ENABLE = 1u << (SENT - 32) | 1u << (RECEIVED - 32);
    __asm volatile("cpsie i" ::: "memory");
}

void board_send(void)
{
    CTRL |= TX_INTERRUPT;
    send_next(); /* the first byte; the interrupt asks for the others */
}

void board_sleep(void) { __asm volatile("wfe" ::: "memory"); }

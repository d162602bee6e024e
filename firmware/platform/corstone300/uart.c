#include "uart.h"

#include "board.h"
#include "platform.h"

#define UART_CLOCK_HZ 25000000u
#define UART_BAUD 115200u

void uart_open(void)
{
    UART0_BAUDDIV = UART_CLOCK_HZ / UART_BAUD;
    UART0_CTRL = UART_CTRL_TX_ENABLE;
}

void platform_write(const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        while (UART0_STATE & UART_STATE_TX_FULL) {
        }
        UART0_DATA = (uint8_t)text[i];
    }
}

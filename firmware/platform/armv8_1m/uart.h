/* UART0: the only way out that needs no host. Polled, so that a fault handler can use it too. */
#ifndef OCRM55_UART_H
#define OCRM55_UART_H

void uart_open(void);

#endif

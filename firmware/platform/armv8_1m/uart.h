/* UART0: the only output that needs no host. It is polled, so a fault handler can use it too. */
#ifndef OCRM55_UART_H
#define OCRM55_UART_H

void uart_open(void);

#endif

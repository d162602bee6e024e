#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

void board_exit(int status) __attribute__((noreturn));
uint32_t board_instructions(void);

#endif

/* Text and numbers to the UART. There are no format strings, because printf would bring a heap and 20 KB. */
#ifndef OCRM55_PRINT_H
#define OCRM55_PRINT_H

#include <stdint.h>

void print_text(const char *text);
void print_name(const char *name); /* a name from the host; a line break in it does not end our line */
void print_u32(uint32_t value);
void print_u64(uint64_t value);
void print_i32(int32_t value);
void print_hex32(uint32_t value); /* 0x, eight digits */
void print_float6(float value);   /* six digits after the point, see float_text.h */

#endif

#include "print.h"

#include <stdbool.h>
#include <string.h>

#include "float_text.h"
#include "platform.h"

void print_text(const char *text)
{
    platform_write(text, (uint32_t)strlen(text));
}

void print_name(const char *name)
{
    for (; *name != '\0'; name++) {
        const bool control = (unsigned char)*name < ' ' || *name == 0x7F;
        platform_write(control ? "?" : name, 1);
    }
}

void print_u64(uint64_t value)
{
    char digits[20];
    uint32_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    platform_write(digits + at, (uint32_t)sizeof digits - at);
}

void print_u32(uint32_t value)
{
    print_u64(value);
}

void print_i32(int32_t value)
{
    if (value < 0) {
        print_text("-");
    }
    print_u32(value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
}

void print_hex32(uint32_t value)
{
    char digits[10] = "0x";
    for (int i = 0; i < 8; i++) {
        digits[2 + i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15u];
    }
    platform_write(digits, sizeof digits);
}

void print_float6(float value)
{
    char text[FLOAT_TEXT_BYTES];
    float_text(value, text);
    print_text(text);
}

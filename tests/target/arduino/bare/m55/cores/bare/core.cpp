/* A core for QEMU's mps3-an547: Serial is UART0, and a program ends after two rounds of its loop. */
#include "Arduino.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define DATA REGISTER(0x49303000u)
#define STATE REGISTER(0x49303004u)
#define CTRL REGISTER(0x49303008u)
#define BAUDDIV REGISTER(0x49303010u)

enum { TX_FULL = 1, TX_ON = 1, ROUNDS = 2 };

UartOfBoard Serial;

static void send(char letter)
{
    while ((STATE & TX_FULL) != 0u) {
    }
    DATA = (uint8_t)letter;
}

static void send_number(uint32_t number, int digits)
{
    char reversed[10];
    int count = 0;
    for (; number != 0u || count < digits; number /= 10u) {
        reversed[count++] = (char)('0' + number % 10u);
    }
    while (count > 0) {
        send(reversed[--count]);
    }
}

void UartOfBoard::begin(unsigned long)
{
    BAUDDIV = 16;
    CTRL = TX_ON;
}

void UartOfBoard::print(const char *text)
{
    while (*text != '\0') {
        send(*text++);
    }
}

void UartOfBoard::println(int number)
{
    send_number((uint32_t)number, 1);
    print("\r\n");
}

/* Positive numbers, at most nine digits behind the point. */
void UartOfBoard::println(double number, int digits)
{
    uint32_t scale = 1;
    for (int i = 0; i < digits; i++) {
        scale *= 10u;
    }
    const uint64_t all = (uint64_t)(number * scale + 0.5);
    send_number((uint32_t)(all / scale), 1);
    send('.');
    send_number((uint32_t)(all % scale), digits);
    print("\r\n");
}

void delay(unsigned long)
{
}

int main()
{
    setup();
    for (int round = 0; round < ROUNDS; round++) {
        loop();
    }
    return 0;
}

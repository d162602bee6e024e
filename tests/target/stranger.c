/* Firmware of a stranger: asks the host, by semihosting, for what it has no business with, and says what it got.
 * SECRET is a file to read, OUTSIDE one to write, COMMAND a program to start. */
#include <stdint.h>
#include <string.h>

static volatile uint32_t *const uart = (volatile uint32_t *)0x49303000u; /* CMSDK UART0: data, state, control */

static int32_t ask(int32_t request, const void *block)
{
    register int32_t r0 __asm("r0") = request;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void say(const char *text)
{
    for (; *text != '\0'; ++text) {
        uart[0] = (uint8_t)*text;
    }
}

static int32_t open_file(const char *name, uint32_t mode)
{
    const uint32_t block[3] = {(uint32_t)name, mode, strlen(name)};
    return ask(0x01, block);
}

static void start(void)
{
    static char text[64];
    uart[2] = 1;
    const int32_t secret = open_file(SECRET, 0);
    if (secret >= 0) {
        const uint32_t block[3] = {(uint32_t)secret, (uint32_t)text, sizeof text - 1};
        (void)ask(0x06, block);
        say("secret: ");
        say(text);
    }
    say(open_file(OUTSIDE, 4) >= 0 ? "written " : "not written ");
    say(open_file("within.txt", 4) >= 0 ? "within " : "not within ");
    const uint32_t command[2] = {(uint32_t)COMMAND, strlen(COMMAND)};
    (void)ask(0x12, command);
    say("end\n");
    const uint32_t end[2] = {0x20026, 0};
    (void)ask(0x20, end);
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {(const void *)0x20010000u,
                                                                                 (const void *)start};

/* Instructions, counted on QEMU by the clock of its board.
 *
 * QEMU models neither DWT.CYCCNT nor the PMU. Under `-icount shift=5` its virtual time moves on by 2^5 = 32 ns an
 * instruction, and the SSE-300's system counter ticks at 32 MHz of that time: instructions = ticks * 31.25 / 32 =
 * ticks * 125 / 128, exact within 2. Without -icount, and on the FVP,
 * the counter is a clock and says nothing about instructions. The host drops the figures then.
 */

#include "board.h"
#include "platform.h"

uint64_t platform_instructions(void)
{
    COUNTER_CNTCR = CNTCR_EN; /* stays on; writing it again changes nothing */
    uint32_t high, low;
    do {
        high = COUNTER_CNTCV_HIGH;
        low = COUNTER_CNTCV_LOW;
    } while (high != COUNTER_CNTCV_HIGH);
    const uint64_t ticks = ((uint64_t)high << 32) | low;
    return (ticks * 125u) >> 7;
}
